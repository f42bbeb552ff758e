"""Joined files that come or change later, and records that say that something is gone, night by night."""

from __future__ import annotations

import shutil
from datetime import datetime
from typing import TYPE_CHECKING

import duckdb
import pytest

from ingestion import pipeline, retract
from ingestion.settings import Settings
from ingestion.warehouse import engines, models, snapshots
from tests.gates import open_gate

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

pytestmark = pytest.mark.slow

SOURCE = """
timezone = "UTC"
id_pattern = '[A-Z0-9]+'
ignore_files = ['notes\\.csv']
[feeds.tickets.datasets.tickets]
gone_when = '''"@deleted" = 'yes' '''
[[feeds.tickets.joins]]
file = 'agents(-.*)?\\.csv'
on = "by"
key = "id"
prefix = "agent."
[feeds.customers.datasets.customers]
[feeds.removed.datasets.tickets]
gone_when = "true"
"""
TICKETS = """their_heading,our_column
id,ticket_id
customer,customer_id
opened,created_at
changed,updated_at
state,status
agent.team,team
by,
"""
FILES = {
    "source.toml": SOURCE,
    "tickets.csv": TICKETS,
    "customers.csv": "their_heading,our_column\nid,customer_id\ntier,tier\nchanged,updated_at\n",
    "removed.csv": "their_heading,our_column\nid,ticket_id\nat,updated_at\n",
}
HEAD = "id,customer,opened,changed,state,by,deleted\n"
FIRST = HEAD + "".join(
    f"T{day:03d},C1,2025-06-{day:02d} 09:00:00,2025-06-{day:02d} 12:00:00,open,{day % 2},\n" for day in range(1, 11)
)


MODELS = {
    "core/fct_tickets.sql": """-- One row per ticket.
-- grain: ticket_key
select ticket_key, ticket_id, coalesce(team, 'unknown') as team, cast(created_at as date) as created_date
from staging.stg_tickets
""",
    "marts/mart_tickets_daily.sql": """-- Tickets a day.
-- grain: date
-- access: region
select created_date as date, 'unknown' as region, count(*) as ticket_count from core.fct_tickets group by 1
""",
}


class Desk:
    """A home, and the exports of one source."""

    def __init__(self, root: Path) -> None:
        self.settings = Settings(home=root / "home", settle_seconds=0)
        self.exports = root / "exports"
        for name, text in FILES.items():
            self._write(self.settings.home / "mappings" / "desk" / name, text)

    def _write(self, path: Path, text: str) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")

    def bring(self, **files: str) -> pipeline.Outcome:
        """A night over everything so far and these files, names without their .csv."""
        for name, text in files.items():
            self._write(self.exports / "desk" / f"{name.replace('_', '-')}.csv", text)
        return pipeline.run(self.exports, self.settings)

    def asked(self, sql: str) -> list[tuple[object, ...]]:
        published = snapshots.published(self.settings.home)
        assert published is not None
        with engines.open_reader(published.file) as con:
            return con.execute(sql).fetchall()

    def loads(self, columns: str = "file, rows_read, rows_loaded, rows_duplicate") -> list[tuple[object, ...]]:
        return self.warehouse(f"select {columns} from meta.loads order by load_seq")

    def warehouse(self, sql: str) -> list[tuple[object, ...]]:
        with engines.open_reader(self.settings.home / "warehouse.duckdb") as con:
            return con.execute(sql).fetchall()

    def tickets(self) -> set[object]:
        return {row[0] for row in self.asked("select ticket_id from core.fct_tickets")}


@pytest.fixture
def checked(tmp_path: Path) -> Desk:
    """Judged by the real gate, which takes its time."""
    return Desk(tmp_path)


@pytest.fixture
def desk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Desk]:
    """Judged by a gate that lets everything pass; beyond staging, which decides what is gone, two small models."""
    for folder in ("staging", "policies", "targets", "calendars"):
        shutil.copytree(models.SQL_DIR / folder, tmp_path / "sql" / folder)
    for name, text in MODELS.items():
        file = tmp_path / "sql" / name
        file.parent.mkdir()
        file.write_text(text, encoding="utf-8")
    monkeypatch.setattr(models, "SQL_DIR", tmp_path / "sql")
    with open_gate():
        yield Desk(tmp_path)


def codes(outcome: pipeline.Outcome) -> set[str]:
    return {finding.code for _, finding in outcome.findings}


TEAMS = "select team, count(*) from core.fct_tickets group by all order by all"


def test_a_file_is_taken_in_again_whenever_what_is_joined_to_it_changes(desk: Desk) -> None:
    first = desk.bring(tickets=FIRST, notes="nobody,reads,this\n")
    assert first.verdict == "published"
    assert "joined_file_missing" in codes(first)
    assert not {"unmatched_file", "unmapped_column"} & codes(first)
    assert desk.asked(TEAMS) == [("unknown", 10)]

    second = desk.bring(agents_1="id,team\n0,North\n1,South\n")
    assert (second.verdict, "unmatched_file" in codes(second)) == ("published", False)
    assert desk.asked(TEAMS) == [("North", 5), ("South", 5)]
    assert desk.loads() == [("tickets.csv", 10, 10, 0)] * 2

    assert desk.bring().verdict == "nothing_new"
    assert desk.bring(agents_2="id,team\n0,East\n1,South\n").verdict == "published"
    assert desk.asked(TEAMS) == [("East", 5), ("South", 5)]
    assert len(desk.tickets()) == 10


def test_an_older_edition_of_the_joined_file_does_not_bring_back_what_was_loaded(desk: Desk) -> None:
    desk.bring(tickets=FIRST, agents="id,team\n0,North\n1,South\n")
    (before,) = desk.loads("sha256")
    desk.bring(agents="id,team\n0,East\n1,West\n")
    (now,) = desk.loads("sha256")[1:]
    assert before != now
    # Withdrawn by the identity that the ledger tells, the edition before it counts again.
    retract.retract(desk.settings.home, str(now[0]), "wrong teams")
    assert desk.bring().verdict == "published"
    assert desk.asked(TEAMS) == [("North", 5), ("South", 5)]


def test_what_is_gone_leaves_the_facts_and_the_rows_add_up(desk: Desk) -> None:
    gone_leaves_and_rows_add_up(desk)


@pytest.mark.soak
def test_the_gate_finds_no_row_lost_where_some_are_gone(checked: Desk) -> None:
    gone_leaves_and_rows_add_up(checked)


def gone_leaves_and_rows_add_up(checked: Desk) -> None:
    checked.bring(tickets=FIRST, customers="id,tier,changed\nC1,vip,2025-06-01 00:00:00\n", agents="id,team\n0,A\n")
    assert len(checked.tickets()) == 10
    second = checked.bring(
        tickets_2=HEAD + "T001,,,2025-06-11 08:00:00,,,yes\n"
        "T002,C9,2025-06-02 09:00:00,2025-06-11 08:00:00,open,0,yes\n"
        "T003,C1,2025-06-03 09:00:00,2025-06-01 08:00:00,open,0,yes\n"
        "T011,C1,2025-06-11 09:00:00,2025-06-11 09:00:00,open,0,\n"
        "T099,,,2025-06-11 08:00:00,,,yes\n"
        "T012,C9,2025-06-11 09:00:00,2025-06-11 09:00:00,open,0,\n",
        removed="id,at\nT004,2025-06-11 08:30:00\n",
    )
    assert second.verdict == "published", second.findings
    # T003 was spoken of again after it was deleted; a reference of T002's into nowhere keeps nobody alive.
    assert checked.tickets() == {"T003", *(f"T{day:03d}" for day in range(5, 12))}
    assert [load[1:] for load in checked.loads()[-2:]] == [(1, 1, 0), (6, 5, 0)]
    held = checked.warehouse("select key, column_name, original from meta.quarantine")
    assert held == [("T012", "customer_id", "T012,C9,2025-06-11 09:00:00,2025-06-11 09:00:00,open,0,")]


def test_a_deletion_counts_from_its_version_on(desk: Desk) -> None:
    desk.bring(tickets=FIRST, removed="id,at\nT004,2025-06-11 08:30:00\n")
    assert "T004" not in desk.tickets()
    pipeline.run(desk.exports, desk.settings, as_of=datetime(2025, 6, 11))
    assert "T004" in desk.tickets()
    desk.bring(tickets_3=HEAD + "T004,C1,2025-06-04 09:00:00,2025-06-12 08:00:00,open,0,\n")
    assert "T004" in desk.tickets()


def test_a_home_from_before_there_were_tombstones_gains_the_mark(desk: Desk) -> None:
    desk.bring(tickets=FIRST)
    warehouse = desk.settings.home / "warehouse.duckdb"
    with duckdb.connect(warehouse) as con:
        for schema in ("raw", "waiting"):
            con.execute(f"alter table {schema}.tickets drop column is_gone")
    assert desk.bring(removed="id,at\nT004,2025-06-11 08:30:00\n").verdict == "published"
    assert len(desk.tickets()) == 9
