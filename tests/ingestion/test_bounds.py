"""Nights that hold rows back: what the bounds say, when the gate stops, and that a clean night says nothing."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING

import pytest

from dashboard.metrics import bounds as reading
from dashboard.metrics.access import Scope
from dashboard.metrics.query import open_snapshot
from ingestion import pipeline
from ingestion.warehouse import kpi_bounds, kpis
from ingestion.warehouse.kpis import Filter
from tests.ingestion.desk import Desk, desk_of

if TYPE_CHECKING:
    from collections.abc import Iterator

    from ingestion.warehouse.kpi_bounds import Bound
    from tests.ingestion.conftest import Shop

pytestmark = pytest.mark.slow

AS_OF = datetime(2025, 6, 4)
RULES = """
[kpis.in_time]
unit = "ticket"
own = "tickets"
dated = "period"
sliced = ["channel"]
{more}
[kpis.tickets]
unit = "ticket"
own = "tickets"
dated = "period"
sliced = ["channel"]

[kpis.time_to_solve]
unit = "ticket"
own = "tickets"
dated = "period"
sliced = ["channel"]
"""
TARGETS = (
    "kpi,scope_dimension,scope_value,stage,kind,value,operator,due_month,valid_from,valid_to\n"
    "in_time,,,,absolute,{value},>=,,2000-01-01,\n"
)
# A and B in time, C late, D held back for its date.
GOOD = ("A 05-02T00:00 05-03T00:00", "B 05-03T00:00 05-04T00:00", "C 05-04T00:00 05-09T00:00")
BAD = "D 05-99T00:00 05-06T00:00 - chat"


@pytest.fixture
def desk(shop: Shop) -> Iterator[Desk]:
    desk = desk_of(shop)
    rules(desk)
    targets(desk, 0.6)
    yield desk
    kpis.load_kpis.cache_clear()
    kpi_bounds.forget()


def rules(desk: Desk, more: str = "") -> None:
    (desk.shop.sql / "bounds.toml").write_text(RULES.format(more=more), encoding="utf-8")
    kpi_bounds.forget()


def targets(desk: Desk, value: float) -> None:
    (desk.shop.sql / "targets" / "targets.csv").write_text(TARGETS.format(value=value), encoding="utf-8")


def intervals(desk: Desk) -> dict[object, tuple[object, ...]]:
    rows = desk.shop.asked("select kpi, lower, upper, held_count, is_crossing from meta.kpi_bounds")
    return {row[0]: row[1:] for row in rows}


def run(desk: Desk) -> pipeline.Outcome:
    return pipeline.run(desk.shop.exports, desk.shop.settings(business_timezone="UTC"), as_of=AS_OF)


def told(outcome: pipeline.Outcome) -> list[tuple[str, str]]:
    return [(severity, str(finding.fields.get("check", finding.code))) for severity, finding in outcome.findings]


def test_a_night_that_holds_nothing_back_has_no_bounds(desk: Desk) -> None:
    desk.export("01", *GOOD)
    desk.night(AS_OF)
    assert intervals(desk) == {}
    assert desk.shop.asked("select count(*) from meta.held_units") == [(0,)]


def test_a_row_without_a_date_may_count_or_not_and_the_card_of_another_channel_knows_nothing_of_it(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    desk.export("01", *GOOD, BAD)
    outcome = run(desk)
    assert outcome.verdict == "published"
    # 2 of 3; D might be a third in time, or late: 2/4 to 3/4, on both sides of 60 %.
    assert intervals(desk)["in_time"] == (0.5, 0.75, 1, True)
    assert intervals(desk)["tickets"] == (3.0, 4.0, 1, None)
    # A and B after a day, C after five: with D at once half are done within a day, with D never still.
    assert intervals(desk)["time_to_solve"] == (86_400.0, 86_400.0, 1, None)
    assert ("warn", "bound_crosses_target") in told(outcome)
    crossing = next(one for _, one in outcome.findings if one.fields.get("check") == "bound_crosses_target")
    assert "50.00 % 至 75.00 %" in str(crossing.fields["zh"])
    assert "50.00 % to 75.00 %" in str(crossing.fields["en"])
    assert "D" not in str(desk.shop.asked("from meta.held_units"))

    snapshot = open_snapshot(desk.shop.home)
    assert snapshot is not None
    folder = desk.shop.sql
    in_time = kpis.load_kpis(folder / "kpis")["in_time"]
    rule = kpi_bounds.rule_of(in_time, folder)
    monkeypatch.setattr(kpi_bounds, "rule_of", lambda _: rule)

    def read(sums: tuple[int, int], **where: tuple[str, ...]) -> Bound | None:
        return reading.bound(snapshot, Scope.everything(), in_time, Filter(where=where), sums)

    assert read((2, 3)) == kpi_bounds.Bound(0.5, 0.75, 1)
    assert read((0, 0), channel=("chat",)) == kpi_bounds.Bound(0.0, 1.0, 1)
    assert read((2, 3), channel=("phone",)) is None
    # Nobody knows of what tier D's customer is.
    assert read((0, 0), tier=("gold",)) == kpi_bounds.Bound(0.0, 1.0, 1)


def test_a_newer_version_held_back_replaces_its_ticket_and_adds_none(desk: Desk) -> None:
    desk.export("01", *GOOD)
    desk.night(datetime(2025, 6, 3))
    desk.export("03", "C 05-99T00:00 05-05T00:00 - phone", "E 05-10T00:00 05-11T00:00", "F 05-10T00:00 05-11T00:00")
    run(desk)
    # A, B, E and F of 5 in time; C, which is late today, might be in time. It cannot get worse than late.
    assert intervals(desk)["in_time"] == (0.8, 1.0, 1, False)
    assert intervals(desk)["tickets"] == (4.0, 5.0, 1, None)


def test_a_corrected_row_is_bounded_no_more(desk: Desk) -> None:
    other = "G 05-99T00:00 05-06T00:00 - chat"
    desk.export("01", *GOOD, BAD, other)
    run(desk)
    assert intervals(desk)["tickets"] == (3.0, 5.0, 2, None)
    desk.export("03", "D 05-05T00:00 05-06T00:00 - chat")
    run(desk)
    assert intervals(desk)["tickets"] == (4.0, 5.0, 1, None)


@pytest.mark.parametrize(("target", "verdict"), [(0.6, "stopped"), (0.75, "stopped"), (0.5, "published")])
def test_the_rule_stops_the_night_exactly_where_the_target_is_met_and_missed(
    desk: Desk, target: float, verdict: str
) -> None:
    rules(desk, 'on_crossing = "stop"')
    targets(desk, target)
    desk.export("01", *GOOD, BAD)
    outcome = run(desk)
    assert outcome.verdict == verdict
    assert (("stop", "bound_crosses_target") in told(outcome)) is (verdict == "stopped")


def many(count: int, bad: int, offset: int) -> list[str]:
    good = [f"N{offset + each} 05-02T00:00 05-03T00:00" for each in range(count - bad)]
    return [*good, *(f"X{offset + each} 05-99T00:00 05-03T00:00" for each in range(bad))]


@pytest.mark.parametrize(("bad", "verdict"), [(9, "stopped"), (1, "published")])
def test_many_small_files_under_the_target_of_accuracy_stop_together(desk: Desk, bad: int, verdict: str) -> None:
    for part in range(3):
        desk.export(f"01-{part}", *many(300, bad, 1_000 * part))
    outcome = run(desk)
    assert outcome.verdict == verdict
    assert (("stop", "table_accuracy_below_target") in told(outcome)) is (verdict == "stopped")


def test_a_large_file_with_three_percent_broken_rows_stops_by_itself(desk: Desk) -> None:
    desk.export("01", *many(600, 18, 0))
    assert told(run(desk)) == [("stop", "accuracy_below_target")]
