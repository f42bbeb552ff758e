"""A report of which most is taken over from the last one is the report that asks everything again."""

from __future__ import annotations

import shutil
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from ingestion import restatements, splits
from ingestion.moves import Moves
from ingestion.warehouse import snapshots
from ingestion.warehouse.marks import Fact, Lead
from tests.ingestion.changing_nights import Changes, leave_out_what_is_tested_elsewhere, run_night

if TYPE_CHECKING:
    import duckdb

    from dashboard.metrics.query import Snapshot

RECORD, TAKE_VALUES, TAKE_STEPS = restatements.record, restatements._take_values, splits.take_steps


def differing(con: duckdb.DuckDBPyConnection, one: str, other: str) -> int:
    """Rows that only one of two tables has; what is added up in another order may differ in the last digits."""
    rounded = "select * replace (round(value, 9) as value) from {}"
    first, second = rounded.format(one), rounded.format(other)
    row = con.execute(
        f"select (select count(*) from ({first} except all {second})) "
        f"+ (select count(*) from ({second} except all {first}))"
    ).fetchone()
    return int(row[0]) if row else -1


@pytest.mark.slow
def test_a_report_asked_in_part_reads_as_one_asked_in_full(
    full_snapshot: Snapshot, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    home = Path(shutil.copytree(full_snapshot.file.parents[1], tmp_path / "home"))
    leave_out_what_is_tested_elsewhere(monkeypatch)
    monkeypatch.setattr(restatements, "record", RECORD)
    wrong: dict[str, int] = {}
    asked: list[int] = []

    def take_values(con: Any, kpis: Any, window: Any, moves: Any) -> None:
        TAKE_VALUES(con, kpis, window, None)
        con.execute("alter table temp.tonight rename to asked_in_full")
        TAKE_VALUES(con, kpis, window, moves)
        wrong["values"] = differing(con, "temp.asked_in_full", "temp.tonight")
        months = restatements._asked_months(con, kpis, window, moves)
        asked.extend((sum(map(len, months.values())), len(months) * len(window.months)))
        con.execute("drop table temp.asked_in_full")

    def take_steps(con: Any, kpis: Any, moves: Any, known_at: Any, zone: Any) -> None:
        TAKE_STEPS(con, kpis, Moves(con, moves.known, None), known_at, zone)
        con.execute("create temp table steps_in_full as from temp.steps")
        con.execute("create temp table causes_in_full as select *, 0.0 as value from temp.residuals")
        con.execute("delete from temp.steps")
        con.execute("delete from temp.residuals")
        TAKE_STEPS(con, kpis, moves, known_at, zone)
        con.execute("create temp table causes as select *, 0.0 as value from temp.residuals")
        wrong["steps"] = differing(con, "temp.steps_in_full", "temp.steps")
        wrong["causes"] = differing(con, "temp.causes_in_full", "temp.causes")

    monkeypatch.setattr(restatements, "_take_values", take_values)
    monkeypatch.setattr(splits, "take_steps", take_steps)
    pointer = snapshots.published(home)
    assert pointer is not None
    as_of = pointer.as_of + timedelta(hours=24)
    tonight, _ = run_night(home, as_of, Changes(11, as_of), is_compared=False)
    assert tonight.changed_tables is not None
    assert wrong == {"values": 0, "steps": 0, "causes": 0}
    assert 0 < asked[0] < asked[1]


def test_a_lead_that_is_defined_otherwise_now_is_not_looked_for_in_the_last_report() -> None:
    fact = Fact("core.fct_surveys", (), ("ticket_key",), {}, Lead("core.fct_tickets", "ticket_key", ("created_at",)))
    assert splits._led_as_before(fact, set()).lead == fact.lead
    assert splits._led_as_before(fact, {"core.fct_surveys"}).lead == fact.lead
    for changed in ("core.fct_tickets", "core.fct_ticket_facts"):
        assert splits._led_as_before(fact, {changed}).lead is None
