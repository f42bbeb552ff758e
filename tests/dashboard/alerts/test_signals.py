"""Which values are worth a message: limits worked out by hand, targets missed in a row, and what is not judged."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from datetime import date, timedelta
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import duckdb
import polars as pl
import pytest

from dashboard.alerts import signals
from dashboard.alerts.rules import KpiRule
from dashboard.metrics import query
from dashboard.metrics.access import Scope
from dashboard.periods import shift_months
from ingestion.warehouse.kpis import Filter, Kpi, Query, load_kpi

if TYPE_CHECKING:
    from pathlib import Path

RULE = KpiRule(("sla_response_met",), "month", limits=True, baseline=8, target_periods=2)
# Mean 0.8, moving ranges 0.02 throughout: limits 0.8 ± 2.66 × 0.02 = 0.7468 and 0.8532.
CALM = [0.79, 0.81] * 4
TARGET = {"kpi": "sla_response_met", "kind": "absolute", "value": "0.80", "operator": ">="}


@dataclass
class Snapshot:
    """Values of one KPI month by month, up to and including `last_date`."""

    course: list[float | None]
    states: dict[int, str] = field(default_factory=dict)
    targets: list[dict[str, Any]] = field(default_factory=lambda: [TARGET])
    last_date: date = date(2025, 6, 29)
    began: date | None = date(2020, 1, 1)
    is_missing: bool = False

    def run(self, asked: Query) -> pl.DataFrame:
        with duckdb.connect() as con:
            found = con.execute(asked.sql, list(asked.binds))
            names = [one[0] for one in found.description or ()]
            return pl.DataFrame(found.fetchall(), schema=names, orient="row")

    def values(self, first: date, last: date) -> pl.DataFrame:
        """The last of the course is May 2025."""
        starts = [shift_months(date(2025, 5, 1), -back) for back in range(len(self.course))][::-1]
        rows = [
            {
                "period": start, "value": value, "n": 100, "numerator": 1, "denominator": 100, "lower": None,
                "upper": None, "kpi": "k", "state": self.states.get(number - len(self.course), "ok"),
            }
            for number, (start, value) in enumerate(zip(starts, self.course, strict=True))
            if first <= start <= last
        ]  # fmt: skip
        schema = {"period": pl.Date, "value": pl.Float64}
        return pl.DataFrame(rows, schema_overrides=schema)


@pytest.fixture(autouse=True)
def asked(monkeypatch: pytest.MonkeyPatch) -> None:
    def values(snapshot: Snapshot, scope: Scope, kpi: Kpi, wanted: Filter, period: str) -> pl.DataFrame:
        assert scope == Scope.everything()
        assert wanted.date_from is not None
        assert wanted.date_to is not None
        return snapshot.values(wanted.date_from, wanted.date_to)

    monkeypatch.setattr(query, "values", values)
    monkeypatch.setattr(query, "missing", lambda snapshot, kpi: ["x"] if snapshot.is_missing else [])
    monkeypatch.setattr(query, "first_date", lambda snapshot, scope, kpi: snapshot.began)
    columns = ("scope_dimension", "scope_value", "valid_from", "valid_to", "document")
    monkeypatch.setattr(
        query,
        "meta",
        lambda snapshot, name: pl.DataFrame(
            [{**dict.fromkeys(columns), **one} for one in snapshot.targets],
            schema=["kpi", "kind", "value", "operator", *columns],
        ),
    )


def found(snapshot: Snapshot, rule: KpiRule = RULE) -> list[signals.Signal]:
    return signals.of(snapshot, [rule])  # type: ignore[arg-type]


def beyond(snapshot: Snapshot, rule: KpiRule = RULE) -> signals.BeyondLimits | None:
    (one,) = [each for each in found(snapshot, rule) if isinstance(each, signals.BeyondLimits)] or [None]
    return one


@pytest.mark.parametrize(
    ("value", "limit"),
    [(0.854, 0.8532), (0.853, None), (0.80, None), (0.747, None), (0.745, 0.7468)],
)
def test_beyond_the_limits_of_earlier_months(value: float, limit: float | None) -> None:
    told = beyond(Snapshot([*CALM, value], targets=[]))
    if limit is None:
        assert told is None
        return
    assert told is not None
    assert (told.start, told.value, told.count) == (date(2025, 5, 1), value, 8)
    assert (told.centre, told.limit) == pytest.approx((0.8, limit))
    assert told.is_above == (value > 0.8)


def test_the_newest_month_does_not_widen_its_own_limits() -> None:
    assert beyond(Snapshot([*CALM, 0.1], targets=[])) is not None


def test_only_as_many_months_as_the_baseline_count() -> None:
    wild = [0.1, 0.9] * 3
    assert beyond(Snapshot([*wild, *CALM, 0.9], targets=[])) is not None
    assert beyond(Snapshot([*wild, *CALM, 0.9], targets=[]), replace(RULE, baseline=14)) is None


def test_under_eight_earlier_months_nothing_is_said() -> None:
    assert beyond(Snapshot([*CALM[1:], 0.1], targets=[])) is None


def test_what_no_reader_could_see_is_no_signal() -> None:
    assert beyond(Snapshot([0.9] * 8 + [0.9 + 1e-15], targets=[])) is None
    assert beyond(Snapshot([0.9] * 8 + [0.91], targets=[])) is not None


def test_months_that_ripen_or_hold_too_few_cases_are_not_judged() -> None:
    for state in ("provisional", "small_n", "empty", "not_reached"):
        assert found(Snapshot([*CALM, 0.1], states={-1: state}, targets=[])) == []


def test_the_month_in_which_the_data_begin_is_no_earlier_value() -> None:
    began = date(2024, 9, 20)
    assert beyond(Snapshot([*CALM, 0.1], targets=[], began=began)) is None
    assert beyond(Snapshot([*CALM, 0.1], targets=[], began=date(2024, 9, 1))) is not None


def test_a_target_missed_two_months_in_a_row() -> None:
    (told,) = found(Snapshot([0.81, 0.78, 0.79]))
    assert isinstance(told, signals.TargetMissed)
    assert (told.since, told.start, told.count) == (date(2025, 4, 1), date(2025, 5, 1), 2)
    assert (told.value, told.target, told.or_longer) == (0.79, 0.80, False)


def test_since_when_goes_back_beyond_what_the_rule_asks_for() -> None:
    (told,) = found(Snapshot([0.81, 0.75, 0.76, 0.75, 0.74]))
    assert isinstance(told, signals.TargetMissed)
    assert (told.since, told.count, told.or_longer) == (date(2025, 2, 1), 4, False)
    (longer,) = found(Snapshot([0.75, 0.76, 0.75]))
    assert isinstance(longer, signals.TargetMissed)
    assert longer.or_longer


@pytest.mark.parametrize(
    "course", [[0.78, 0.80], [0.78, 0.81, 0.79], [0.78, None, 0.79], [0.79]], ids=["met", "between", "gap", "one"]
)
def test_a_target_not_missed_in_a_row(course: list[float | None]) -> None:
    assert found(Snapshot(course)) == []


def test_a_month_before_the_target_held_is_not_missed() -> None:
    assert found(Snapshot([0.78, 0.79], targets=[{**TARGET, "valid_from": date(2025, 5, 1)}])) == []


def test_targets_of_slices_and_relative_ones_say_nothing_of_the_whole() -> None:
    sliced = {**TARGET, "scope_dimension": "channel", "scope_value": "chat"}
    assert found(Snapshot([0.1, 0.1], targets=[sliced, {**TARGET, "kind": "relative"}])) == []


def test_what_is_off_or_not_connected_is_not_told() -> None:
    bad = [*CALM[:-1], 0.7, 0.1]
    assert len(found(Snapshot(bad))) == 2
    assert len(found(Snapshot(bad), replace(RULE, limits=False))) == 1
    assert len(found(Snapshot(bad), replace(RULE, target_periods=0))) == 1
    assert found(Snapshot(bad, is_missing=True)) == []


def test_a_signal_is_named_by_what_it_is_of() -> None:
    told = {one.key for one in found(Snapshot([*CALM[:-1], 0.7, 0.1]))}
    assert told == {
        "BeyondLimits:sla_response_met:month:2025-05-01",
        "TargetMissed:sla_response_met:month:2025-05-01",
    }


@pytest.mark.parametrize("period", ["week", "month"])
def test_on_a_real_snapshot_points_are_what_pages_show(
    home: Path, monkeypatch: pytest.MonkeyPatch, period: str
) -> None:
    monkeypatch.undo()
    snapshot = query.open_snapshot(home)
    kpi = load_kpi("ticket_volume")
    assert snapshot is not None
    assert kpi is not None
    rule = KpiRule(("ticket_volume",), period, limits=True, baseline=8, target_periods=1)
    known = signals.points(snapshot, kpi, rule)
    assert len(known) >= 9
    length = 7 if period == "week" else 31
    assert known[-1].start + timedelta(days=length) <= snapshot.last_date + timedelta(days=1)
    for point in known[-3:]:
        last = signals.period_end(point.start, period)
        shown = query.values(snapshot, Scope.everything(), kpi, Filter(point.start, last))
        assert shown["value"].item() == point.value
    *base, newest = [point.value for point in known[-9:]]
    mean = sum(base) / 8
    reach = 2.66 * sum(abs(b - a) for a, b in pairwise(base)) / 7
    told = signals.beyond_limits(snapshot, kpi, rule, known)
    assert (told is not None) == (abs(newest - mean) > reach)
    signals.of(snapshot, [rule])
