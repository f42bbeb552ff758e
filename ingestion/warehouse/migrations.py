"""Which shape the warehouse file has, and the steps that bring an older one forward.

The file outlives the program: raw rows and the ledger are years of history that no export brings again. Its version
stands in `meta.warehouse_version`; one transaction takes a file through every step it lacks, so that it is never
between two versions. A step is never edited once released. What needs none: a new table (ledger.TABLES), and a new
column of a dataset, which follows the contract (raw.create_tables).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import duckdb

from ingestion.steps import reached
from ingestion.warehouse.errors import WarehouseNewer

if TYPE_CHECKING:
    from collections.abc import Sequence

VERSION_TABLE = "meta.warehouse_version"


@dataclass(frozen=True)
class Step:
    """From `to` - 1 to `to`. Statements name tables without a catalog: it is the one in use."""

    to: int
    why: str
    statements: Sequence[str]


STEPS = (
    Step(
        1,
        "homes of before versions were counted: no feed was complete, no row held back released by a later file",
        (
            "alter table meta.loads add column if not exists is_full BOOLEAN",
            "alter table meta.quarantine add column if not exists released_by VARCHAR",
            "alter table meta.quarantine add column if not exists released_load VARCHAR",
            "alter table meta.quarantine add column if not exists released_at TIMESTAMP",
        ),
    ),
)
VERSION = STEPS[-1].to


def bring_forward(con: duckdb.DuckDBPyConnection, catalog: str, file: str, steps: Sequence[Step] = STEPS) -> int:
    """Take the attached file to this program's version; returns the one it had. A new file begins with the newest.

    Raises:
        WarehouseNewer: a newer program wrote it; nothing is changed.
    """
    found, newest = version(con, catalog), steps[-1].to
    refuse_newer(found, file, newest)
    if found == newest:
        return found
    con.execute("begin")
    try:
        if _has_ledger(con, catalog):
            for step in steps:
                for statement in step.statements if step.to > found else ():
                    con.execute(_in_catalog(statement, catalog))
                reached("step_migrated")
        con.execute(f"create schema if not exists {catalog}.meta")
        con.execute(f"create table if not exists {catalog}.{VERSION_TABLE} (version INTEGER, reached_at TIMESTAMP)")
        con.execute(f"insert into {catalog}.{VERSION_TABLE} values (?, now()::timestamp)", [newest])
        con.execute("commit")
    except BaseException:
        con.execute("rollback")
        raise
    return found


def refuse_newer(found: int, file: str, known: int = VERSION) -> None:
    """Raises WarehouseNewer for a file that a newer program wrote: this one would misread or break it."""
    if found > known:
        raise WarehouseNewer(file=file, found=found, known=known)


def version(con: duckdb.DuckDBPyConnection, catalog: str | None = None) -> int:
    """The version of the file, 0 for one of before versions were counted."""
    table = f"{catalog}.{VERSION_TABLE}" if catalog else VERSION_TABLE
    try:
        row = con.execute(f"select max(version) from {table}").fetchone()
    except duckdb.CatalogException:
        return 0
    return int(row[0]) if row and row[0] is not None else 0


def _has_ledger(con: duckdb.DuckDBPyConnection, catalog: str) -> bool:
    return bool(
        con.execute(
            "select 1 from duckdb_tables() where database_name = ? and schema_name = 'meta' and table_name = 'runs'",
            [catalog],
        ).fetchone()
    )


def _in_catalog(statement: str, catalog: str) -> str:
    return statement.replace(" meta.", f" {catalog}.meta.").replace(" raw.", f" {catalog}.raw.")
