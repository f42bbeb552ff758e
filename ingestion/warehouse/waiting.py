"""Records held back because what they point at is missing: judged again every night.

They wait in `waiting.<dataset>`, typed, in the shape of raw. When everything a record points at has come, all
of its rows move to raw, and its lines in meta.quarantine say by which run (released_by), so that a run that
does not publish can put them back. When a file is retracted, the records that pointed into it come here. A record
whose key came again meanwhile (corrections.py) waits no longer.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from data_checks.contract import KEYS, ORPHAN_CODES, REFERENCES, datasets
from ingestion.sqltext import literal, quoted
from ingestion.warehouse import corrections, raw

if TYPE_CHECKING:
    from collections.abc import Mapping

    import duckdb

    from ingestion.mapping import Source

ORPHANS, MOVED, GONE = "aftercare_waiting_orphans", "aftercare_waiting_moved", "aftercare_waiting_gone"


def namespaces_of(sources: Mapping[str, Source]) -> dict[str, str]:
    """Source -> customer_namespace: within one, a customer is the same whichever source names it."""
    return {source.name: source.customer_namespace for source in sources.values()}


def tables(con: duckdb.DuckDBPyConnection, load_id: str) -> list[str]:
    """The datasets of which a load has waiting rows in scratch.landing."""
    prefix = f"{load_id}__waiting__"
    rows = con.execute(
        """select table_name from duckdb_tables()
        where database_name = 'scratch' and schema_name = 'landing' and starts_with(table_name, ?)""",
        [prefix],
    ).fetchall()
    return sorted(name.removeprefix(prefix) for (name,) in rows)


def release(con: duckdb.DuckDBPyConnection, run_id: str, namespaces: Mapping[str, str]) -> None:
    """Move every waiting record that points at nothing missing to raw.

    It may be what another one waits for, so judging goes on until nothing changes.
    """
    while waiting := [name for name in datasets() if _has_rows(con, f"warehouse.waiting.{quoted(name)}")]:
        _find_orphans(con, "waiting", waiting, namespaces)
        each = " union ".join(f"select load_id, source_row from warehouse.waiting.{quoted(name)}" for name in waiting)
        corrected = "select load_id, source_row from warehouse.meta.quarantine where released_load is not null"
        con.execute(
            f"create or replace temp table {MOVED} as "
            f"({each}) except (select load_id, source_row from {ORPHANS}) except ({corrected})"
        )
        if not _has_rows(con, MOVED):
            break
        con.execute("begin")
        _move(con, "waiting", "raw")
        con.execute(
            f"update warehouse.meta.quarantine set released_by = ?, released_at = "
            f"(select started_at from warehouse.meta.runs where run_id = ?) where {_has_moved('quarantine')}",
            [run_id, run_id],
        )
        con.execute("commit")


def undo(con: duckdb.DuckDBPyConnection, run_id: str) -> None:
    """Put back what a run released. To be called within a transaction of the warehouse."""
    con.execute(
        f"create or replace temp table {MOVED} as "
        "select distinct load_id, source_row from warehouse.meta.quarantine "
        "where released_by = ? and released_load is null",
        [run_id],
    )
    if _has_rows(con, MOVED):
        _move(con, "raw", "waiting")
    con.execute(
        "update warehouse.meta.quarantine set released_by = null, released_load = null, released_at = null "
        "where released_by = ?",
        [run_id],
    )


def withdraw(con: duckdb.DuckDBPyConnection, load_id: str, namespaces: Mapping[str, str]) -> None:
    """Remove the rows of one load, and hold back the records that pointed at them and now point nowhere.

    Only those: rows that came when nobody exported customers were never judged, and are not judged now. To be
    called within a transaction of the warehouse.
    """
    con.execute(f"create or replace temp table {GONE} (target varchar, space varchar, id varchar)")
    _remember_ids(con, f"load_id = {literal(load_id)}", namespaces)
    raw.delete_load(con, "warehouse", load_id)
    for table in ("quarantine", "told"):
        con.execute(f"delete from warehouse.meta.{table} where load_id = ?", [load_id])
    corrections.reopen(con, load_id)
    while True:
        _find_orphans(con, "raw", list(datasets()), namespaces, only_gone=True)
        con.execute(f"create or replace temp table {MOVED} as select distinct load_id, source_row from {ORPHANS}")
        if not _has_rows(con, MOVED):
            break
        _remember_ids(con, _has_moved("rows"), namespaces)
        _move(con, "raw", "waiting")
        con.execute(f"delete from warehouse.meta.quarantine where {_has_moved('quarantine')}")
        con.execute(
            f"""insert into warehouse.meta.quarantine by name
            select orphans.*, source, feed, file
            from {ORPHANS} as orphans join warehouse.meta.loads using (load_id)"""
        )


def _remember_ids(con: duckdb.DuckDBPyConnection, condition: str, namespaces: Mapping[str, str]) -> None:
    """Add to GONE what rows of raw that are about to leave can be pointed at by."""
    for target in sorted(set(REFERENCES.values())):
        con.execute(
            f"insert into {GONE} select ?, {_space('source', target, namespaces)}, {quoted(KEYS[target][0])} "
            f"from warehouse.raw.{quoted(target)} as rows where {condition}",
            [target],
        )


def _find_orphans(
    con: duckdb.DuckDBPyConnection,
    schema: str,
    among: list[str],
    namespaces: Mapping[str, str],
    *,
    only_gone: bool = False,
) -> None:
    """Fill ORPHANS with a line for every reference into nowhere (`only_gone`: to what is in GONE).

    As at landing: where a source's space has no row at all of what is pointed at, nobody is unknown.
    """
    con.execute(
        f"create or replace temp table {ORPHANS} (load_id varchar, source_row bigint, dataset varchar, "
        "column_name varchar, code varchar, key varchar)"
    )
    for (dataset, column), target in REFERENCES.items():
        if dataset not in among:
            continue
        key = " || '|' || ".join(f"coalesce(cast({quoted(part)} as varchar), '')" for part in KEYS[dataset])
        known = (
            f"select {quoted(KEYS[target][0])} as id, {_space('source', target, namespaces)} as space "
            f"from warehouse.raw.{quoted(target)}"
        )
        gone = f"and (space, {quoted(column)}) in (select (space, id) from {GONE} where target = {literal(target)})"
        con.execute(
            f"""insert into {ORPHANS}
            with known as ({known}),
            pointing as (
                select *, {_space("source", target, namespaces)} as space
                from warehouse.{schema}.{quoted(dataset)}
                where {quoted(column)} is not null and not coalesce(is_gone, false)
            )
            select load_id, source_row, ?, ?, ?, {key}
            from pointing anti join known on known.space = pointing.space and known.id = pointing.{quoted(column)}
            where space in (select space from known) {gone if only_gone else ""}""",
            [dataset, column, ORPHAN_CODES[target]],
        )


def _move(con: duckdb.DuckDBPyConnection, origin: str, target: str) -> None:
    """Move all rows of the records in MOVED, and keep rows read = loaded + quarantined + duplicates."""
    for name in datasets():
        rows = f"warehouse.{origin}.{quoted(name)}"
        con.execute(
            f"insert into warehouse.{target}.{quoted(name)} by name from {rows} as rows where {_has_moved('rows')}"
        )
        con.execute(f"delete from {rows} as rows where {_has_moved('rows')}")
    gained, lost = ("rows_loaded", "rows_quarantined") if target == "raw" else ("rows_quarantined", "rows_loaded")
    con.execute(
        f"""update warehouse.meta.loads as loads
        set {gained} = {gained} + moved.records, {lost} = {lost} - moved.records
        from (select load_id, count(*) as records from {MOVED} group by load_id) as moved
        where moved.load_id = loads.load_id"""
    )


def _has_moved(rows: str) -> str:
    return f"exists (from {MOVED} as m where m.load_id = {rows}.load_id and m.source_row = {rows}.source_row)"


def _space(source: str, target: str, namespaces: Mapping[str, str]) -> str:
    """Customers are shared by all sources of a customer_namespace, everything else belongs to its source."""
    if target != "customers" or not namespaces:
        return source
    named = " ".join(f"when {literal(name)} then {literal(space)}" for name, space in namespaces.items())
    return f"case {source} {named} else {source} end"


def _has_rows(con: duckdb.DuckDBPyConnection, table: str) -> bool:
    return con.execute(f"select 1 from {table} limit 1").fetchone() is not None
