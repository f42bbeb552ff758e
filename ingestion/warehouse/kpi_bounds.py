"""In which interval a KPI would lie if the rows held back were counted: worst and best case. Pure: no connection.

Held-back rows are gathered by the unit they are about (meta.held_units), and what their units count for today stands
beside (meta.held_now). Under a question each such unit is one of five (Held): it may come in, may change or may leave
what is counted, may be anybody's (its number cannot be read), or may turn another unit. From these counts alone the
extremes follow; a test finds the same by trying every membership and outcome.
"""

from __future__ import annotations

import tomllib
from dataclasses import dataclass, replace
from datetime import timedelta
from functools import lru_cache
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Final

from ingestion.sqltext import literal
from ingestion.warehouse import kpi_sql
from ingestion.warehouse.entries import KpiEntryInvalid
from ingestion.warehouse.kpi_question import Question, conditions_of, counted_dates, spelt
from ingestion.warehouse.kpis import SQL_DIR, Filter, Kpi, Query

if TYPE_CHECKING:
    from collections.abc import Mapping

FILE: Final = "bounds.toml"
SLICES: Final = ("region", "tier", "channel", "customer_type", "product")
"""What is known of the units that are there: the slices of the filter bar."""
OWN_SLICES: Final = ("region", "channel")
"""Those of them that a row itself may tell."""
SUMS: Final = ("ratio", "nps", "count", "stock")
KINDS: Final = (*SUMS, "km_time", "km_share")
_DATED: Final = ("period", "until", "any")
_CROSSING: Final = ("warn", "stop")
_NEVER: Final = 10**12
"""Seconds; longer than anything that is observed."""


@dataclass(frozen=True)
class Rule:
    """One entry of sql/bounds.toml; `reads` are the datasets of the KPI's exports."""

    unit: str
    own: str
    reads: tuple[str, ...]
    dated: str = "any"
    sliced: tuple[str, ...] = ()
    others: int = 0
    on_crossing: str = "warn"

    @property
    def key(self) -> str:
        return f"{self.unit}_key"


@dataclass(frozen=True)
class Held:
    """The units about which rows are held back, under one question; values are what they add to the numerator.

    new: not counted today, and may be. changed: counted today, and may come to count otherwise, or not at all.
    leaving: counted today; what is held back lies elsewhere, so it stays or goes. unknown: may be a unit of its own
    or any other. turning: units that may decide about another one, besides what they are themselves.
    """

    new: int = 0
    changed: int = 0
    changed_value: int = 0
    leaving: int = 0
    leaving_value: int = 0
    unknown: int = 0
    turning: int = 0

    @property
    def count(self) -> int:
        """How many units it is about."""
        return max(self.new + self.changed + self.leaving + self.unknown, self.turning)

    @property
    def anybody(self) -> int:
        """Units of today, nobody knows which, that may come to count otherwise."""
        return self.unknown + self.turning


@dataclass(frozen=True)
class Bound:
    """The interval. An end that is None is open: a time that may never be reached."""

    lower: float | None
    upper: float | None
    held: int


def load(folder: Path = SQL_DIR) -> Mapping[str, Rule]:
    """The rules by KPI; none where the folder has no such file. Raises KpiEntryInvalid."""
    return _load(folder / FILE)


@lru_cache(maxsize=4)
def _load(file: Path) -> Mapping[str, Rule]:
    if not file.exists():
        return MappingProxyType({})
    found = tomllib.loads(file.read_text(encoding="utf-8"))
    return MappingProxyType({kpi_id: _rule(kpi_id, entry) for kpi_id, entry in found.get("kpis", {}).items()})


def _rule(kpi_id: str, entry: dict[str, Any]) -> Rule:
    try:
        rule = Rule(**{**entry, "reads": (), "sliced": tuple(entry.get("sliced", ()))})
    except TypeError as error:
        raise KpiEntryInvalid(f"{FILE} [{kpi_id}]: {error}") from error
    if rule.dated not in _DATED or rule.on_crossing not in _CROSSING or not set(rule.sliced) <= set(OWN_SLICES):
        raise KpiEntryInvalid(f"{FILE} [{kpi_id}]: dated, sliced or on_crossing is none of the known ones")
    return rule


@lru_cache(maxsize=4)
def _words(file: Path) -> Mapping[str, tuple[str, ...]]:
    found = tomllib.loads(file.read_text(encoding="utf-8")) if file.exists() else {}
    return MappingProxyType({word: tuple(names) for word, names in found.get("reads", {}).items()})


def forget() -> None:
    """Read the file again where it is asked next."""
    _load.cache_clear()
    _words.cache_clear()


def datasets_of(kpi: Kpi, folder: Path = SQL_DIR) -> tuple[str, ...]:
    """The exports that a KPI counts on: what only some sources say (replies) is said by rows of others."""
    words = _words(folder / FILE)
    return tuple(dict.fromkeys(name for word in kpi.datasets for name in words.get(word, (word,))))


def rule_of(kpi: Kpi, folder: Path = SQL_DIR) -> Rule | None:
    """How the KPI is bounded; None where nothing bounds it."""
    rule = load(folder).get(kpi.id)
    if rule is None or kpi.kind not in KINDS or kpi.limit:
        return None
    return replace(rule, reads=tuple(dict.fromkeys((rule.own, *datasets_of(kpi, folder)))))


def is_bounded(kpi: Kpi) -> bool:
    return rule_of(kpi) is not None


def held_query(kpi: Kpi, rule: Rule, question: Question) -> Query:
    """One row with the columns of Held."""
    fits, fit_binds = _fits(rule, question)
    inside, inside_binds = _inside(kpi, question)
    stays = "now.is_inside" if rule.dated == "period" else "true"
    near, near_binds = _near(rule, question)
    turning = "count(*) filter (where has_own and is_near) + (select count(*) from nameless where is_near)"
    sql = f"""
with held as (
    select unit_no, row_no, dataset = {literal(rule.own)} as is_own, {fits} as is_fitting,
        {near} as is_near
    from meta.held_units
    where unit = {literal(rule.unit)} and list_contains(?::varchar[], dataset)
),
nameless as (select distinct row_no, is_fitting, is_near from held where unit_no is null),
known as (
    select unit_no, bool_or(is_own) as has_own, bool_or(is_own and is_fitting) as is_fitting,
        bool_or(is_own and is_near) as is_near
    from held where unit_no is not null group by unit_no
),
now as (
    select unit_no, bool_or(is_inside) as is_inside, bool_or(is_inside and counts) as is_counted,
        coalesce(sum(value) filter (where is_inside and counts), 0) as value
    from (select *, {inside} as is_inside from meta.held_now where kpi = {literal(kpi.id)}) as units
    group by unit_no
),
placed as (
    select has_own, is_near, coalesce(now.is_counted, false) as is_counted, coalesce(now.value, 0) as value,
        -- A row that only tells more of a unit leaves it where it is.
        case when has_own then is_fitting when now.unit_no is null then true else {stays} end as is_fitting
    from known left join now using (unit_no)
)
select
    count(*) filter (where is_fitting and not is_counted) as new,
    count(*) filter (where is_fitting and is_counted) as changed,
    cast(coalesce(sum(value) filter (where is_fitting and is_counted), 0) as bigint) as changed_value,
    count(*) filter (where not is_fitting and is_counted) as leaving,
    cast(coalesce(sum(value) filter (where not is_fitting and is_counted), 0) as bigint) as leaving_value,
    (select count(*) from nameless where is_fitting) as unknown,
    {turning} as turning
from placed"""
    return Query(sql, (*fit_binds, *near_binds, list(rule.reads), *inside_binds))


def _days(rule: Rule, question: Question) -> tuple[str, tuple[object, ...]]:
    first, last = question.dates
    match rule.dated:
        case "period":
            return "(day is null or day between ? and ?)", (first, last)
        case "until":
            return "(day is null or day <= ?)", (min(last, question.last_date),)
        case _:
            return "true", ()


def _fits(rule: Rule, question: Question) -> tuple[str, tuple[object, ...]]:
    """Whether a held-back row may lie in the slice and the period: what it does not tell may be anything."""
    condition, binds = _days(rule, question)
    conditions = [condition]
    for name, values in _slices(question).items():
        if name in rule.sliced:
            conditions.append(f"({name} is null or list_contains(?::varchar[], {name}))")
            binds = (*binds, values)
    return " and ".join(conditions), binds


def _near(rule: Rule, question: Question) -> tuple[str, tuple[object, ...]]:
    """Whether a held-back row may lie so near that it decides about a unit of the period, in whatever slice."""
    if not rule.others:
        return "false", ()
    first, last = question.dates
    span = timedelta(days=rule.others)
    return "(day is null or day between ? and ?)", (first - span, last + span)


def _inside(kpi: Kpi, question: Question) -> tuple[str, tuple[object, ...]]:
    """Whether a unit of today lies in the slice and the period."""
    days = counted_dates(kpi, question)
    conditions = ["day between ? and ?"]
    binds: list[object] = list(question.dates)
    if days is not None:
        conditions.append("list_contains(?::date[], day)")
        binds.append(days)
    for name, values in _slices(question).items():
        conditions.append(f"coalesce(list_contains(?::varchar[], {name}), false)")
        binds.append(values)
    return " and ".join(conditions), tuple(binds)


def _slices(question: Question) -> dict[str, list[str]]:
    """The values wanted by slice, and the regions that may be seen at all."""
    wanted = {name: spelt(name, values) for name, values in question.filter.where.items()}
    if question.regions is not None:
        seen = [name for name in wanted.get("region", question.regions) if name in question.regions]
        wanted["region"] = seen
    return wanted


def answers(question: Question) -> bool:
    """Whether the question asks for no more than slices that are known of held-back units."""
    return not question.by and question.period == "total" and set(question.filter.where) <= set(SLICES)


def of_sums(kpi: Kpi, numerator: int, denominator: int, held: Held) -> Bound | None:
    """The interval of a KPI that is a sum or a quotient of sums; None where nothing would be counted."""
    if kpi.kind in ("count", "stock"):
        return Bound(*_count(numerator, held), held.count)
    ends = _share(numerator, denominator, held) if kpi.kind == "ratio" else _score(numerator, denominator, held)
    if ends is None:
        return None
    factor = 100 if kpi.kind == "nps" else 1
    return Bound(factor * ends[0], factor * ends[1], held.count)


def _count(units: int, held: Held) -> tuple[float, float]:
    most = held.changed_value + held.leaving_value + held.anybody
    return float(max(units - most, 0)), float(units + held.new + held.unknown + held.turning)


def _share(met: int, units: int, held: Held) -> tuple[float, float] | None:
    """Every unit that may turn turns the same way; a unit that would stand against it leaves, if it may."""
    missed = units - met
    lower = _worst(met, missed, held.changed_value, held.leaving_value, held)
    upper = _worst(missed, met, held.changed - held.changed_value, held.leaving - held.leaving_value, held)
    return None if lower is None or upper is None else (lower, 1 - upper)


def _worst(good: int, bad: int, changed: int, leaving: int, held: Held) -> float | None:
    """The smallest share of good units: `changed` and `leaving` are those of the good ones that may turn or go."""
    units = good + bad
    if not units + held.new:
        return 0.0 if held.anybody else None
    left = units + held.new - leaving
    if not left:
        # All that is counted is good and may go: the last one stays, or there is no share at all.
        return 0.0 if held.anybody else 1.0
    return max(good - changed - leaving - held.anybody, 0) / left


def _score(points: int, units: int, held: Held) -> tuple[float, float] | None:
    """A mean of -1, 0 and 1. What may leave may as well turn here: a little wider, and never too narrow."""
    total = units + held.new
    if not total:
        return (-1.0, 1.0) if held.anybody else None
    turning, value = held.changed + held.leaving, held.changed_value + held.leaving_value
    fixed, anybody = points - value, 2 * held.anybody
    moving = turning + held.new
    return max((fixed - moving - anybody) / total, -1.0), min((fixed + moving + anybody) / total, 1.0)


def duration_query(kpi: Kpi, rule: Rule, question: Question, held: Held, *, at_once: bool) -> Query:
    """The KPI's value if all that is held back had its event at once, or never.

    Where every unit was seen to its end, these are the extremes: any other outcome lies between, also that a unit is
    not counted. Where some were lost sight of, an event after that weighs a little more than one at once. A row whose
    number cannot be read is a unit of its own here.
    """
    inside, binds = _inside(kpi, question)
    conditions, fact_binds = conditions_of(kpi, question, kpi.time)
    days = counted_dates(kpi, question)
    day = days[0] if days else question.dates[0]
    counted = f"({kpi.denominator}) and {kpi.duration} is not null"
    seconds, event = (0, "true") if at_once else (_NEVER, "false")
    rows = f"""(
    select {kpi.time} as held_day, {kpi.duration} as held_seconds, {kpi.event} as held_event, true as held_counts
    from {kpi.rows}
    where {" and ".join(conditions)} and {counted} and {rule.key} not in (
        select unit_key from meta.held_now where kpi = {literal(kpi.id)} and counts and {inside}
    )
    union all
    select ?::date, {seconds}, {event}, true from range(?)
) as bounded"""
    count = held.new + held.changed + held.leaving + held.unknown
    bounded = replace(
        kpi,
        rows=rows,
        time="held_day",
        denominator="held_counts",
        duration="held_seconds",
        event="held_event",
        dimensions=(),
    )
    asked = replace(question, filter=Filter(*question.dates), regions=None)
    found = kpi_sql.value_query(bounded, asked)
    return Query(found.sql, (*fact_binds, *binds, day, count, *found.binds))


def of_durations(kpi: Kpi, at_once: float | None, never: float | None, held: Held) -> Bound | None:
    """A time is shortest with all events at once; a share of those who had it is largest then.

    None: the time is not reached even with all of them at once, whatever was held back.
    """
    if at_once is None and never is None:
        return None
    if kpi.kind == "km_time":
        return Bound(at_once, never, held.count)
    return Bound(never, at_once, held.count)
