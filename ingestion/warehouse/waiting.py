"""Records held back because what they point at was missing: judged again every night.

They wait in `waiting.<dataset>`, typed, in the shape of raw. When everything a record points at has come, all
of its rows move to raw, and its lines in meta.quarantine say by which run. A run that does not publish puts
them back.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from data_checks.contract import KEYS, REFERENCES, datasets
from ingestion.sqltext import literal, quoted

if TYPE_CHECKING:
    from collections.abc import Mapping

    import duckdb

ORPHANS, FREED = "aftercare_waiting_orphans", "aftercare_waiting_freed"


def tables(con: duckdb.DuckDBPyConnection, load_id: str) -> list[str]:
    """The datasets of which a load has waiting rows in scratch.landing."""
    prefix = f"{load_id}__waiting__"
    rows = con.execute(
        """select table_name from duckdb_tables()
        where database_name = 'scratch' and schema_name = 'landing' and starts_with(table_name, ?)""",
        [prefix],
    ).fetchall()
    return sorted(name.removeprefix(prefix) for (name,) in rows)


def release(con: duckdb.DuckDBPyConnection, run_id: str, namespaces: Mapping[str, str]) -> int:
    """Move every waiting record whose references now exist to raw; returns how many records.

    A released record may be what another one waits for, so judging goes on until nothing changes.
    """
    released = 0
    while freed := _release_once(con, run_id, namespaces):
        released += freed
    return released


def _release_once(con: duckdb.DuckDBPyConnection, run_id: str, namespaces: Mapping[str, str]) -> int:
    waiting = [name for name in datasets() if _has_rows(con, f"warehouse.waiting.{quoted(name)}")]
    if not waiting:
        return 0
    con.execute(f"create or replace temp table {ORPHANS} (load_id varchar, source_row bigint)")
    for (dataset, column), target in REFERENCES.items():
        if dataset in waiting and _has_rows(con, f"warehouse.raw.{quoted(target)}"):
            space = _space("rows.source", target, namespaces)
            con.execute(
                f"insert into {ORPHANS} select load_id, source_row from warehouse.waiting.{quoted(dataset)} as rows "
                f"where {quoted(column)} is not null and not exists (from ({_known(target, namespaces)}) as known "
                f"where known.id = rows.{quoted(column)} and known.space = {space})"
            )
    each = " union ".join(f"select load_id, source_row from warehouse.waiting.{quoted(name)}" for name in waiting)
    con.execute(f"create or replace temp table {FREED} as ({each}) except (from {ORPHANS})")
    row = con.execute(f"select count(*) from {FREED}").fetchone()
    if row and row[0]:
        con.execute("begin")
        _move(con, "waiting", "raw")
        con.execute(f"update warehouse.meta.quarantine set released_by = ? where {_is_freed('quarantine')}", [run_id])
        _correct_counts(con, "+")
        con.execute("commit")
    return int(row[0]) if row else 0


def undo(con: duckdb.DuckDBPyConnection, run_id: str) -> None:
    """Put back what a run released. To be called within a transaction of the warehouse."""
    con.execute(
        f"create or replace temp table {FREED} as "
        "select distinct load_id, source_row from warehouse.meta.quarantine where released_by = ?",
        [run_id],
    )
    if _has_rows(con, FREED):
        _move(con, "raw", "waiting")
        _correct_counts(con, "-")
        con.execute("update warehouse.meta.quarantine set released_by = null where released_by = ?", [run_id])


def _move(con: duckdb.DuckDBPyConnection, origin: str, target: str) -> None:
    for name in datasets():
        rows = f"warehouse.{origin}.{quoted(name)}"
        con.execute(
            f"insert into warehouse.{target}.{quoted(name)} by name from {rows} as rows where {_is_freed('rows')}"
        )
        con.execute(f"delete from {rows} as rows where {_is_freed('rows')}")


def _is_freed(rows: str) -> str:
    return f"exists (from {FREED} as f where f.load_id = {rows}.load_id and f.source_row = {rows}.source_row)"


def _correct_counts(con: duckdb.DuckDBPyConnection, sign: str) -> None:
    """Keep rows read = loaded + quarantined + duplicates."""
    opposite = "-" if sign == "+" else "+"
    con.execute(
        f"""update warehouse.meta.loads as loads
        set rows_loaded = rows_loaded {sign} freed.records,
            rows_quarantined = rows_quarantined {opposite} freed.records
        from (select load_id, count(*) as records from {FREED} group by load_id) as freed
        where freed.load_id = loads.load_id"""
    )


def _known(target: str, namespaces: Mapping[str, str]) -> str:
    """SQL for the ids that exist in raw, each with the space in which it is known."""
    key = quoted(KEYS[target][0])
    return f"select {key} as id, {_space('source', target, namespaces)} as space from warehouse.raw.{quoted(target)}"


def _space(source: str, target: str, namespaces: Mapping[str, str]) -> str:
    """Customers are shared by all sources of a customer_namespace, everything else belongs to its source."""
    if target != "customers":
        return source
    named = " ".join(f"when {literal(name)} then {literal(space)}" for name, space in namespaces.items())
    return f"case {source} {named} else {source} end"


def _has_rows(con: duckdb.DuckDBPyConnection, table: str) -> bool:
    return con.execute(f"select 1 from {table} limit 1").fetchone() is not None
