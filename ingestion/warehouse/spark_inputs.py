"""What the models read, handed to Spark as Parquet: raw rows one file a load, and what only this run says.

A file of raw is named after its load and its content, so that a name says whether it is still true: a load that was
retracted, or of which rows began or ceased to wait (waiting.py), has another name or none, and the old file goes.
Released lines of corrections.py change no row of raw. Nested columns (flags, original) stay behind: no model reads
them.
"""

from __future__ import annotations

import hashlib
import re
from typing import TYPE_CHECKING, Any

from data_checks.contract import datasets
from ingestion.sqltext import literal, quoted
from ingestion.warehouse import spark_sql
from ingestion.warehouse.spark_storage import RAW

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from pathlib import Path

    import duckdb

    from ingestion.warehouse.spark_storage import Storage

_NESTED = re.compile(r"\[\]$|^STRUCT")


def hand_over(
    con: duckdb.DuckDBPyConnection,
    session: Any,
    storage: Storage,
    run: str,
    tables: Iterable[str],
    catalog_of: Callable[[str], str],
) -> None:
    """Make every table of `tables` (raw.<name>) one that Spark can read."""
    session.sql("create database if not exists raw")
    for table in tables:
        source, name = f"{catalog_of(table)}.{table}".lstrip("."), table.partition(".")[2]
        columns = _columns(con, source)
        if name in datasets():
            folder = f"{RAW}/{name}"
            _keep(con, storage, folder, source, columns)
        else:
            folder = f"{run}/inputs/{name}"
            storage.put(_copying(con, _select(source, columns)), folder, "rows.parquet")
        _declare(session, table, storage.spark_name(folder), columns)


def _columns(con: duckdb.DuckDBPyConnection, source: str) -> dict[str, str]:
    described = con.execute(f"describe {source}").fetchall()
    return {row[0]: row[1] for row in described if not _NESTED.search(row[1])}


def _keep(
    con: duckdb.DuckDBPyConnection, storage: Storage, folder: str, source: str, columns: dict[str, str]
) -> None:
    """Bring the files of one dataset up to what raw holds: what is there already is not written again."""
    storage.make(folder)
    wanted = _loads(con, source, columns)
    present = storage.names(folder)
    for name in sorted(present - wanted.keys()):
        storage.remove(f"{folder}/{name}")
    for name in sorted(wanted.keys() - present):
        select = f"{_select(source, columns)} where load_id = {literal(wanted[name])}"
        storage.put(_copying(con, select), folder, name)


def _loads(con: duckdb.DuckDBPyConnection, source: str, columns: dict[str, str]) -> dict[str, str]:
    """File -> load. A record is kept or held back as a whole, so which of its file's are there tells its content."""
    rows = con.execute(
        f"""select load_id, any_value(loads.sha256), any_value(rows.load_seq), count(*), sum(hash(source_row))
        from {source} as rows left join warehouse.meta.loads as loads using (load_id) group by load_id"""
    ).fetchall()
    return {f"{row[0]}-{_digest((*row, *columns.items()))}.parquet": row[0] for row in rows}


def _digest(told: object) -> str:
    return hashlib.sha256(repr(told).encode()).hexdigest()[:16]


def _select(source: str, columns: dict[str, str]) -> str:
    return f"select {', '.join(map(quoted, columns))} from {source}"


def _copying(con: duckdb.DuckDBPyConnection, select: str) -> Callable[[Path], None]:
    def write(file: Path) -> None:
        con.execute(f"copy ({select}) to {literal(str(file))} (format parquet)")

    return write


def _declare(session: Any, table: str, place: str, columns: dict[str, str]) -> None:
    """Told the types, Spark need not start a job a table to find them out."""
    listed = ", ".join(f"`{name}` {spark_sql.column_type(data_type)}" for name, data_type in columns.items())
    session.sql(f"create table {table} ({listed}) using parquet location {spark_sql.literal(place)}")
