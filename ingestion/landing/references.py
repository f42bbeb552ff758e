"""Judge references once all of tonight's files are in: a row that points at nobody is held back.

Holding a row back can leave others without what they point at, so judging goes on until nothing changes.
Rows whose reference is missing keep their typed shape in `<load_id>__waiting__<dataset>`, so that a later night
can release them when the customer arrives.
"""

from __future__ import annotations

from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

from data_checks.contract import KEYS, ORPHAN_CODES, REFERENCES
from ingestion.errors import IngestionError
from ingestion.landing.joins import identity, read_records
from ingestion.landing.land import temporary_tables
from ingestion.landing.write import MOST_ORIGINALS, landing_table, with_texts
from ingestion.mapping import load_sources
from ingestion.sqltext import literal, quoted

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from duckdb import DuckDBPyConnection

    from ingestion.landing.accounting import Landed

ORPHANS = "aftercare_orphans"


def judge_references(
    con: DuckDBPyConnection,
    catalog: str,
    landed: Sequence[Landed],
    raw_catalog: str | None,
    *,
    namespaces: Mapping[str, str] | None = None,
) -> None:
    """Move the records of orphaned rows from the landing tables to the held ones, and correct the counts.

    Customers are looked for among all sources that share the customer_namespace, everything else within the
    source; in tonight's landing tables and in `raw_catalog`.raw. A reference is judged only if the dataset
    it points into has any row there: where nobody exports customers, nobody is unknown.

    Args:
        namespaces: source -> customer_namespace for rows already in raw; by default as the shipped mappings
            say, and a source's own name where they say nothing.
    """
    if namespaces is None:
        namespaces = {name: source.customer_namespace for name, source in load_sources().items()}
    spaces = {**namespaces, **{one.source: one.customer_namespace for one in landed}}
    moved: set[str] = set()
    while True:
        found = [one for one in landed if _move_orphans(con, catalog, one, landed, raw_catalog, spaces)]
        moved |= {one.load_id for one in found}
        if not found:
            break
    for one in landed:
        if one.load_id in moved:
            one.judge_accuracy()
            _add_originals(con, catalog, one)


def _move_orphans(
    con: DuckDBPyConnection,
    catalog: str,
    one: Landed,
    landed: Sequence[Landed],
    raw_catalog: str | None,
    spaces: Mapping[str, str],
) -> int:
    """Hold back the records of one file that point at nothing; returns how many."""
    con.execute(
        f"create or replace temp table {ORPHANS} "
        "(_row BIGINT, dataset VARCHAR, column_name VARCHAR, code VARCHAR, key VARCHAR)"
    )
    for (dataset, column), target in REFERENCES.items():
        known = _known(con, catalog, target, one, landed, raw_catalog, spaces) if dataset in one.datasets else ""
        if known:
            table = landing_table(catalog, one.table(dataset))
            con.execute(
                f"insert into {ORPHANS} select source_row, ?, ?, ?, {_key(one, dataset)} from {table} as rows "
                # What says that a key is gone speaks of nothing else.
                f"where {quoted(column)} is not null and not rows.is_gone "
                f"and not exists (from ({known}) as known where known.id = rows.{quoted(column)})",
                [dataset, column, ORPHAN_CODES[target]],
            )
    row = con.execute(f"select count(distinct _row) from {ORPHANS}").fetchone()
    if row and row[0]:
        _hold(con, catalog, one)
        one.rows_quarantined += row[0]
        one.rows_loaded -= row[0]
        one.balance()
    con.execute(f"drop table {ORPHANS}")
    return row[0] if row else 0


def _key(one: Landed, dataset: str) -> str:
    """The key of a row for the report. Parts that are headings of theirs did not land and are left out."""
    declared = next(map for map in one.settings.datasets if map.name == dataset)
    parts = [f"coalesce(cast({quoted(part)} as varchar), '')" for part in declared.key if not part.startswith("@")]
    return f"concat_ws('|', {', '.join(parts)})" if parts else "''"


def _known(
    con: DuckDBPyConnection,
    catalog: str,
    target: str,
    one: Landed,
    landed: Sequence[Landed],
    raw_catalog: str | None,
    spaces: Mapping[str, str],
) -> str:
    """SQL for the ids that exist in the target dataset, or '' where there are none at all."""
    key = quoted(KEYS[target][0])
    sources = {one.source}
    if target == "customers":
        sources |= {name for name, space in spaces.items() if space == one.customer_namespace}
    tables = [
        f"select {key} as id from {landing_table(catalog, other.table(target))}"
        for other in landed
        if target in other.datasets and other.source in sources
    ]
    if raw_catalog:
        listed = ", ".join(literal(name) for name in sorted(sources))
        raw = f"{quoted(raw_catalog)}.raw.{quoted(target)}"
        tables.append(f"select {key} as id from {raw} where source in ({listed})")
    known = " union all ".join(tables)
    return known if known and con.execute(f"select 1 from ({known}) limit 1").fetchone() else ""


def _hold(con: DuckDBPyConnection, catalog: str, one: Landed) -> None:
    """Move the orphans: a record goes as a whole, whichever of its rows points at nothing."""
    held = landing_table(catalog, f"{one.load_id}__held")
    con.execute(
        f"insert into {held} select dataset, _row, key, column_name, code, null from {ORPHANS} order by _row, dataset"
    )
    rows = f"source_row in (select _row from {ORPHANS})"
    for dataset in one.datasets:
        table = landing_table(catalog, one.table(dataset))
        waiting = landing_table(catalog, f"{one.load_id}__waiting__{dataset}")
        con.execute(f"create table if not exists {waiting} as from {table} limit 0")
        con.execute(f"insert into {waiting} from {table} where {rows}")
        con.execute(f"delete from {table} where {rows}")
        row = con.execute(f"select count(*) from {table}").fetchone()
        one.datasets[dataset] = row[0] if row else 0


def _add_originals(con: DuckDBPyConnection, catalog: str, one: Landed) -> None:
    """Fetch the text of the records held back here from the file, which is read once more for it.

    Keeping the text of every record that might turn out an orphan would double what a night writes. A file
    that is gone or changed since leaves the text of these lines empty; their typed rows wait all the same.
    """
    held = landing_table(catalog, f"{one.load_id}__held")
    limit = MOST_ORIGINALS if one.faults else 1 << 62
    rows = con.execute(
        f"select distinct source_row from {held} where original is null order by 1 limit {limit}"
    ).fetchall()
    with TemporaryDirectory(prefix="aftercare-") as folder, temporary_tables(con):
        try:
            if identity(one.path, one.settings) != one.sha256:
                return
            records = read_records(con, one.path, one.settings, Path(folder))
        except IngestionError:
            return
        with_texts(con, records.originals([row[0] for row in rows]))
        con.execute(
            f"update {held} set original = text from aftercare_texts "
            "where source_row = aftercare_texts._row and original is null"
        )
