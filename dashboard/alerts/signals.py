"""What KPIs have to say: a value beyond its control limits, a target missed for several periods in a row.

Only periods that are over and whose units all count (`ok`) are judged: a month that still ripens, or one of few
cases, would be told today and taken back tomorrow.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, Final

from dashboard import formats, readings, targets
from dashboard.alerts.rules import FEWEST_POINTS
from dashboard.metrics import query
from dashboard.metrics.access import Scope
from dashboard.periods import Period, shift_months
from ingestion.warehouse.kpis import Filter, Query, load_kpi, period_end, period_start
from ingestion.warehouse.statistics_effects import xmr

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import date

    from dashboard.alerts.rules import KpiRule
    from dashboard.metrics.query import Snapshot
    from dashboard.readings import Reading, Target
    from ingestion.warehouse.kpis import Kpi

_DAYS: Final = {"week": 7, "month": 28}


@dataclass(frozen=True)
class Point:
    """A KPI over one complete period."""

    start: date
    reading: Reading

    @property
    def value(self) -> float:
        return self.reading.value or 0.0


@dataclass(frozen=True)
class Signal:
    """One KPI of which something is to be told. key: what was told once is not told again."""

    kpi: Kpi
    period: str
    start: date
    value: float

    @property
    def key(self) -> str:
        return f"{type(self).__name__}:{self.kpi.id}:{self.period}:{self.start}"


@dataclass(frozen=True)
class BeyondLimits(Signal):
    """The newest value lies outside what earlier periods let expect (XmR)."""

    centre: float
    limit: float
    count: int

    @property
    def is_above(self) -> bool:
        return self.value > self.limit


@dataclass(frozen=True)
class TargetMissed(Signal):
    """The newest values all miss their target, `count` of them since `since`, or longer: nothing older was read."""

    target: float
    since: date
    count: int
    or_longer: bool


def of(snapshot: Snapshot, rules: Sequence[KpiRule]) -> list[Signal]:
    """Everything the rules ask to be told of this snapshot, in their order. Raises KpiQuestionInvalid."""
    found: dict[str, Signal] = {}
    for rule in rules:
        for kpi in filter(None, (load_kpi(one) for one in rule.kpis)):
            for signal in _signals(snapshot, kpi, rule):
                found.setdefault(signal.key, signal)
    return list(found.values())


def _signals(snapshot: Snapshot, kpi: Kpi, rule: KpiRule) -> list[Signal]:
    if query.missing(snapshot, kpi):
        return []
    known = points(snapshot, kpi, rule)
    beyond = beyond_limits(snapshot, kpi, rule, known) if rule.limits else None
    missed = target_missed(snapshot, kpi, rule, known) if rule.target_periods else None
    return [signal for signal in (beyond, missed) if signal]


def points(snapshot: Snapshot, kpi: Kpi, rule: KpiRule) -> list[Point]:
    """The newest complete periods that may be judged, oldest first."""
    following = period_start(snapshot.last_date + timedelta(days=1), rule.period)
    began = query.first_date(snapshot, Scope.everything(), kpi)
    if following is None or began is None:
        return []
    last = following - timedelta(days=1)
    wanted = max(rule.baseline + 1, rule.target_periods) + kpi.maturity_days // _DAYS[rule.period] + 1
    months = wanted if rule.period == "month" else 0
    first = shift_months(following, -months) if months else following - timedelta(days=7 * wanted)
    frame = query.values(snapshot, Scope.everything(), kpi, Filter(first, last), period=rule.period)
    found = [Point(row["period"], readings.Reading.of(row)) for row in frame.sort("period").iter_rows(named=True)]
    return [one for one in found if one.reading.state == "ok" and _is_whole(one, rule.period, began)]


def _is_whole(point: Point, period: str, began: date) -> bool:
    """Whether the data tell of the whole period: one in which they begin is no earlier value to compare with."""
    span = Period(point.start, period_end(point.start, period))
    return point.reading.value is not None and readings.reaches(began, span, None, is_count=True)


def beyond_limits(snapshot: Snapshot, kpi: Kpi, rule: KpiRule, known: Sequence[Point]) -> BeyondLimits | None:
    """The newest point, where it lies outside the limits of those before it."""
    if len(known) <= FEWEST_POINTS:
        return None
    *earlier, newest = known[-rule.baseline - 1 :]
    rows = [(number, one.value, one is not newest) for number, one in enumerate([*earlier, newest])]
    places = ", ".join("(?::integer, ?::double, ?::boolean)" for _ in rows)
    limits = xmr("points", (), "position", "is_earlier")
    sql = (
        f"with points(position, y, is_earlier) as (values {places}),{limits} "
        "select centre, lower, upper from xmr_points where not is_earlier and is_signal"
    )
    found = snapshot.run(Query(sql, tuple(value for row in rows for value in row)))
    if found.is_empty():
        return None
    centre, lower, upper = found.row(0)
    limit = upper if newest.value > upper else lower
    if formats.value(newest.value, kpi.unit, "en") == formats.value(limit, kpi.unit, "en"):
        return None  # nobody could see the difference; equal values also differ in their last bit
    return BeyondLimits(kpi, rule.period, newest.start, newest.value, centre, limit, len(earlier))


def target_missed(snapshot: Snapshot, kpi: Kpi, rule: KpiRule, known: Sequence[Point]) -> TargetMissed | None:
    """The newest points, where as many as the rule asks for follow on each other and miss their own day's target."""
    published = targets.by_kpi(query.meta(snapshot, "targets"))
    missed: list[Point] = []
    aim: Target | None = None
    for point in reversed(known):
        is_next = not missed or period_end(point.start, rule.period) + timedelta(days=1) == missed[-1].start
        target = targets.absolute(published, kpi.id, {}, period_end(point.start, rule.period))
        if not is_next or target is None or target.is_met(point.reading, kpi.better) is not False:
            break
        aim = aim or target
        missed.append(point)
    if aim is None or len(missed) < rule.target_periods:
        return None
    newest, since, count = missed[0], missed[-1].start, len(missed)
    is_all = count == len(known)
    return TargetMissed(kpi, rule.period, newest.start, newest.value, aim.value, since, count, is_all)
