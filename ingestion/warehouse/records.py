"""What the ledger says, for people: last runs, files, checks, rows held back. Reading only.

While a run is going on the warehouse file is its alone; then the published snapshot, which carries the same
tables, answers as of its own night.
"""

from __future__ import annotations

import json
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import duckdb

from data_checks.gist import gist
from ingestion.warehouse import engines, migrations, serving
from ingestion.warehouse.errors import WarehouseDamaged
from ingestion.warehouse.ledger import fetch
from ingestion.warehouse.places import Places

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

RUNS_SHOWN = 20
QUARANTINE_COLUMNS = (
    *("source", "feed", "file", "dataset", "source_row", "key", "column_name", "code", "original"),
    *("released_at", "released_load"),
)


@dataclass(frozen=True)
class Records:
    """Rows as dictionaries, newest runs first; `is_running` says that they come from the snapshot."""

    is_running: bool
    runs: list[dict[str, Any]]
    files: list[dict[str, Any]]
    checks: list[dict[str, Any]]
    findings: list[dict[str, Any]]
    # Failed checks that somebody accepted, the newest first.
    overrides: list[dict[str, Any]]


def read(home: Path) -> Records:
    """Everything `aftercare status` tells about runs."""
    with _ledger(home) as (con, is_running):
        if con is None:
            return Records(is_running, [], [], [], [], [])
        return Records(
            is_running,
            runs=fetch(
                con,
                "select run_id, started_at, ended_at, verdict, as_of, message_code "
                f"from meta.runs order by run_id desc limit {RUNS_SHOWN}",
            ),
            files=fetch(
                con,
                "select source, feed, file, sha256, bytes, rows_read, rows_loaded, rows_quarantined, "
                "rows_duplicate, data_through, loaded_at, run_id, state, because from meta.loads order by load_seq",
            ),
            checks=fetch(
                con,
                "select run_id, stage, suite, expectation, column_name, code, severity, success, unexpected_count, "
                "element_count, reason_zh, reason_en from meta.checks "
                "where run_id = (select max(run_id) from meta.checks)",
            ),
            findings=_findings(con),
            overrides=_overrides(con),
        )


def _overrides(con: duckdb.DuckDBPyConnection) -> list[dict[str, Any]]:
    """None where an older version wrote the ledger: the next night brings the table."""
    if not con.execute(
        "select 1 from duckdb_tables() where schema_name = 'meta' and table_name = 'overrides'"
    ).fetchone():
        return []
    return fetch(
        con,
        "select run_id, code, subject, because, accepted_by, accepted_at from meta.overrides "
        f"order by accepted_at desc, code, subject limit {RUNS_SHOWN}",
    )


def _findings(con: duckdb.DuckDBPyConnection) -> list[dict[str, Any]]:
    """What the last run that did something found worth stopping or warning for; a night without news says nothing."""
    rows = fetch(
        con,
        """select run_id, severity, code, fields from meta.findings where severity in ('stop', 'warn') and run_id =
        (select max(run_id) from meta.runs where coalesce(verdict, 'published') <> 'nothing_new')
        order by severity, code, fields""",
    )
    return [{**row, "fields": json.loads(row["fields"] or "{}")} for row in rows]


def quarantine(home: Path, *, also_released: bool = False) -> list[dict[str, Any]]:
    """Every row held back, with the record as it was found.

    Args:
        also_released: those too whose key came later, or whose reference did: released_at is when, released_load
            the load that brought the key.
    """
    # Every column: a home that no night has touched since an older version lacks what tells of releases.
    every = "select * from {schema}.quarantine order by load_id, source_row, dataset, column_name"
    with _ledger(home) as (con, is_running):
        rows = fetch(con, every.format(schema="meta")) if con is not None and not is_running else None
    served = serving.serve(home) if rows is None else None
    if served is not None:
        # Keys and texts are personal, so of a snapshot's files only this one has them.
        with engines.open_reader(served.snapshot.people_file) as people:
            rows = fetch(people, every.format(schema="people"))
    return [
        {column: row.get(column) for column in QUARANTINE_COLUMNS}
        for row in rows or []
        if also_released or (row.get("released_by") is None and row.get("released_at") is None)
    ]


def sources(home: Path) -> set[str]:
    """Every source that was ever loaded."""
    with _ledger(home) as (con, _):
        return {row["source"] for row in fetch(con, "select distinct source from meta.loads")} if con else set()


@contextmanager
def _ledger(home: Path) -> Iterator[tuple[duckdb.DuckDBPyConnection | None, bool]]:
    """A reading connection to the ledger, or to the snapshot while a run holds it; None where there is neither."""
    con, is_running = _open(home)
    try:
        if con is not None and not is_running:
            migrations.refuse_newer(migrations.version(con), Places(home).warehouse.name)
        yield con, is_running
    finally:
        if con is not None:
            con.close()


def _open(home: Path) -> tuple[duckdb.DuckDBPyConnection | None, bool]:
    warehouse = Places(home).warehouse
    if not warehouse.exists():
        return None, False
    try:
        return engines.open_reader(warehouse), False
    except duckdb.Error as error:
        if engines.is_damaged(error):
            raise WarehouseDamaged(file=warehouse.name, reason=gist(error)) from error
        if not engines.is_busy(error):
            raise
        served = serving.serve(home)
        return (engines.open_reader(served.snapshot.file) if served else None), True
