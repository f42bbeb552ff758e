"""The benchmarks run, and their figures come from real work. How fast it is, no test says: machines differ."""

from __future__ import annotations

import json
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from dashboard.metrics import query
from dashboard.metrics.access import Scope
from ingestion.warehouse import cells_build
from ingestion.warehouse.kpis import Filter, load_kpis
from tests.benchmarks import cli, crowd, measuring, page, scale

if TYPE_CHECKING:
    from dashboard.metrics.query import Snapshot

GROWN = ("core.fct_ticket_facts",)


@pytest.fixture(scope="module")
def home(sample_snapshot: Snapshot) -> Path:
    return sample_snapshot.file.parents[1]


@pytest.fixture(scope="module")
def big(home: Path, tmp_path_factory: pytest.TempPathFactory) -> Snapshot:
    """Three times the tickets, with cells as a large snapshot has them."""
    folder = tmp_path_factory.mktemp("big")
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(cells_build, "LEAST_ROWS", 10_000)
        patched.setattr(cells_build, "UNITS_A_CELL", 0)
        patched.setattr(scale, "ROWS_AT_ONCE", 10_000)
        scale.grow(home, folder, 18_000, GROWN)
    snapshot = query.open_snapshot(folder)
    assert snapshot is not None
    return snapshot


def test_a_process_is_timed_and_a_failing_one_is_no_figure() -> None:
    took = measuring.process((sys.executable, "-c", "print(sum(range(3_000_000)))"))
    assert took.out.strip() == b"4499998500000"
    assert took.cpu > 0
    assert took.wall > 0.01
    with pytest.raises(Exception, match="exit status 3"):
        measuring.process((sys.executable, "-c", "raise SystemExit(3)"))


def test_percentiles_are_values_that_were_measured() -> None:
    assert measuring.percentile([3.0, 1.0, 2.0], 0.5) == 2.0
    assert measuring.percentile(list(range(1, 101)), 0.95) == 95
    assert measuring.percentile([7.0], 0.95) == 7.0


def test_the_table_and_the_json_say_the_same(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    rows = [{"page": "response", "seconds": 0.1234}, {"page": "overview", "queries": 3}]
    measuring.show(rows, tmp_path / "found.json")
    assert json.loads((tmp_path / "found.json").read_text("utf-8")) == rows
    assert capsys.readouterr().err.split() == ["page", "seconds", "queries", "response", "0.123", "overview", "3"]


@pytest.mark.soak
def test_commands_are_timed_beside_the_imports(home: Path) -> None:
    assert {"kpi (json)", "status (table)", "run --help"} <= set(cli.asked(home, home))
    line = cli._line("kpi", ("kpi", "ticket_volume", "--home", str(home), "--format", "json"), 1)
    assert float(str(line["seconds"])) > 0.1
    assert float(str(line["imports_seconds"])) > 0.05


@pytest.mark.slow
def test_a_grown_snapshot_keeps_proportions_and_grains(home: Path, big: Snapshot) -> None:
    small = query.open_snapshot(home)
    assert small is not None

    def counted(snapshot: Snapshot, sql: str) -> list[tuple[object, ...]]:
        return snapshot.run(query.Query(sql, ())).rows()

    sizes = "select count(*), count(distinct ticket_key) from core.fct_tickets"
    ((tickets, keys),) = counted(small, sizes)
    assert (tickets, keys) != (0, 0)
    assert counted(big, sizes) == [(3 * int(str(tickets)), 3 * int(str(keys)))]
    channels = "select channel, count(*) * {} from core.fct_tickets group by all order by all"
    assert counted(big, channels.format(1)) == counted(small, channels.format(3))
    # A slice is drawn apart from the others: combinations that the small one does not have are there.
    slices = (
        "select count(*) from (select distinct region, tier, channel, product, customer_type from core.fct_tickets)"
    )
    assert counted(big, slices) > counted(small, slices)
    weekdays = "select isodow(created_date), count(*) * {} from core.fct_tickets group by all order by all"
    assert counted(big, weekdays.format(1)) == counted(small, weekdays.format(3))
    # Marts are those of the grown fact, and what is not grown is as it was.
    summed = "select sum(ticket_count) * {} from marts.mart_tickets_daily"
    assert counted(big, summed.format(1)) == counted(small, summed.format(3))
    orders = "select count(*) from core.fct_orders"
    assert counted(big, orders) == counted(small, orders)


@pytest.mark.slow
def test_a_grown_snapshot_answers_from_its_cells_as_from_its_facts(
    big: Snapshot, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert {table.model for table in big.cells} >= {"core.fct_tickets"}
    kpi = load_kpis()["sla_response_met"]
    columns = ["period", "channel", "value", "numerator", "n", "state"]
    told = query.values(big, Scope.everything(), kpi, Filter(), ["channel"], "month")
    monkeypatch.setattr(query.Snapshot, "cells", ())
    straight = query.values(big, Scope.everything(), kpi, Filter(), ["channel"], "month")
    assert told.select(columns).equals(straight.select(columns))


@pytest.mark.soak
def test_a_page_is_measured_on_three_routes(big: Snapshot) -> None:
    first, filtered, repeated = page.over(big.file.parents[1], ("response",), 1)
    assert [one["step"] for one in (first, filtered, repeated)] == list(page.STEPS)
    assert {one["tickets"] for one in (first, filtered, repeated)} == {18_000}
    for one in (first, filtered):
        assert int(str(one["queries"])) > 3
        assert float(str(one["fact_query_seconds"])) > float(str(one["query_seconds"])) * 0.01 > 0
    assert repeated["queries"] == 0


def test_constants_answer_what_was_asked_before_and_nothing_else(big: Snapshot) -> None:
    reads, everything = page.Reads(), Scope.everything()
    with page.reading(reads, "cells"):
        asked = query.dimension_values(big, everything, "channel")
    with page.reading(reads, "constants"):
        assert query.dimension_values(big, everything, "channel") == asked
        with pytest.raises(page.QuestionUnknown, match="region"):
            query.dimension_values(big, everything, "region")
        with pytest.raises(page.QuestionUnknown, match="select 1"):
            big.run(query.Query("select 1", ()))


@pytest.mark.slow
def test_a_crowd_runs_the_script_for_each_of_its_sessions(home: Path) -> None:
    # In a thread of its own: a browser test before this one may have left its event loop running.
    with ThreadPoolExecutor(1) as thread:
        measured = thread.submit(crowd.measure, home, sessions=2, clicks=2, think=0.2).result()
    lines = {line["interaction"]: line for line in measured}
    assert lines["all"]["count"] == 6
    assert lines["open"]["count"] == 2
    assert lines["all"]["errors"] == 0
    # A page is dozens of elements; a run that stopped at the frame draws a handful.
    assert int(str(lines["all"]["least_drawn"])) > 30
    assert int(str(lines["all"]["alone_mb"])) > 50
