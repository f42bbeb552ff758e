"""Land a file written in the test, by a source declared in the test."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

import duckdb
import pytest

from ingestion.landing import Landed, land_file
from ingestion.mapping import ExportFile, load_source
from ingestion.warehouse.engines import open_memory

NOW = datetime(2025, 7, 1)

TICKETS = """
[feeds.tickets.datasets.tickets]
"""
TICKET_COLUMNS = {
    "number": "ticket_id",
    "opened": "created_at",
    "closed": "closed_at",
    "state": "status",
    "topic": "category",
    "score": "csat_score",
    "deleted": "is_deleted",
    "moves": "reassign_count",
}


@dataclass
class Result:
    """What landed, and where to look at it."""

    con: duckdb.DuckDBPyConnection
    landed: Landed

    def rows(self, select: str = "ticket_id", dataset: str = "tickets") -> list[tuple[object, ...]]:
        table = f'memory.landing."{self.landed.load_id}__{dataset}"'
        return self.con.execute(f"select {select} from {table} order by source_row").fetchall()

    @property
    def held(self) -> list[tuple[int, str, str]]:
        """Record number, column and code of everything held back."""
        table = f'memory.landing."{self.landed.load_id}__held"'
        return self.con.execute(f"select source_row, column_name, code from {table} order by all").fetchall()

    @property
    def originals(self) -> dict[int, str]:
        table = f'memory.landing."{self.landed.load_id}__held"'
        return dict(self.con.execute(f"select source_row, original from {table}").fetchall())

    @property
    def counts(self) -> tuple[int, int, int, int]:
        one = self.landed
        return one.rows_read, one.rows_loaded, one.rows_quarantined, one.rows_duplicate

    @property
    def codes(self) -> set[str]:
        return {finding.code for finding in [*self.landed.warnings, *self.landed.faults]}


Land = Callable[..., Result]


def mapping_text(columns: dict[str, str]) -> str:
    return "\n".join(["their_heading,our_column,required,note", *(f"{a},{b},," for a, b in columns.items())])


@pytest.fixture
def con() -> Iterator[duckdb.DuckDBPyConnection]:
    with open_memory() as connection:
        yield connection


@pytest.fixture
def declare(tmp_path: Path) -> Callable[..., Path]:
    """Write a source: source.toml and its mapping files, {file name: content or {their heading: ours}}."""

    def write(toml: str, files: dict[str, str | dict[str, str]], name: str = "desk") -> Path:
        folder = tmp_path / "mappings" / name
        for file, content in {"source.toml": toml, **files}.items():
            path = folder / file
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(content if isinstance(content, str) else mapping_text(content), encoding="utf-8")
        return folder

    return write


@pytest.fixture
def land(tmp_path: Path, con: duckdb.DuckDBPyConnection, declare: Callable[..., Path]) -> Land:
    """Land one file of tickets: land(text or bytes, settings="timezone = 'UTC'", columns={...}).

    The file has the headings of TICKET_COLUMNS unless columns say otherwise.
    """
    made = 0

    def run(
        content: str | bytes | Path,
        settings: str = "",
        *,
        file: str = "tickets.csv",
        feeds: str = TICKETS,
        columns: dict[str, str] | None = None,
        files: dict[str, str | dict[str, str]] | None = None,
        now: datetime = NOW,
    ) -> Result:
        nonlocal made
        made += 1
        mapped = {"tickets.csv": columns or TICKET_COLUMNS, **(files or {})}
        feed = next(iter(load_source(declare(f"{settings}\n{feeds}", mapped, f"desk{made}")).feeds.values()))
        path = content if isinstance(content, Path) else tmp_path / f"{made}" / file
        if not isinstance(content, Path):
            path.parent.mkdir()
            path.write_bytes(content.encode() if isinstance(content, str) else content)
        landed = land_file(con, "memory", ExportFile(path, feed.source, feed.name), feed, f"L{made}", now=now)
        landed.balance()
        return Result(con, landed)

    return run
