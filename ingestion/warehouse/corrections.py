"""Rows held back whose key came after all: a corrected file, or a later night, brought what was held back.

Their lines in meta.quarantine stay and say which load brought the key (released_load) and in which run, so that a
run that does not publish, and a retraction of that load, open them again. Nothing else changes: the row itself was
never fit to be taken in, and its load counts it as held back.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from data_checks.contract import datasets
from ingestion.sqltext import quoted

if TYPE_CHECKING:
    from collections.abc import Mapping

    import duckdb

    from ingestion.mapping import Source

CAME = "aftercare_came_after_all"
OPEN = "released_by is null"
"""What makes a line of meta.quarantine one that still asks to be corrected."""


def release(con: duckdb.DuckDBPyConnection, run_id: str, sources: Mapping[str, Source]) -> None:
    """Mark every open line whose key a load after its own has brought."""
    con.execute(
        f"create or replace temp table {CAME} (load_id varchar, dataset varchar, key varchar, by_load varchar)"
    )
    feeds = con.execute(
        f"select distinct source, feed, dataset from warehouse.meta.quarantine where {OPEN}"
    ).fetchall()
    for source, feed, dataset in feeds:
        key = _key(sources, source, feed, dataset)
        if key:
            _find(con, source, feed, dataset, key)
    con.execute(
        f"""update warehouse.meta.quarantine as held
        set released_by = ?, released_load = came.by_load,
            released_at = (select started_at from warehouse.meta.runs where run_id = ?)
        from {CAME} as came
        where held.{OPEN} and held.load_id = came.load_id and held.dataset = came.dataset and held.key = came.key""",
        [run_id, run_id],
    )
    con.execute(f"drop table {CAME}")


def _key(sources: Mapping[str, Source], source: str, feed: str, dataset: str) -> str:
    """SQL for the key of a raw row as reports write it, '' where raw does not hold all of it (see judge.key_text)."""
    declared = sources[source].feeds.get(feed) if source in sources else None
    maps = [each for each in declared.datasets if each.name == dataset] if declared else []
    if not maps or any(part.startswith("@") for part in maps[0].key):
        return ""
    contract = datasets()[dataset]
    parts = []
    for part in maps[0].key:
        value = f"cast(rows.{quoted(part)} as varchar)"
        is_kept = contract.column(part).type in ("id", "text")
        parts.append(f"coalesce({value if is_kept else f'rows.original.{quoted(part)}, {value}'}, '')")
    return f"concat_ws('|', {', '.join(parts)})"


def _find(con: duckdb.DuckDBPyConnection, source: str, feed: str, dataset: str, key: str) -> None:
    """Add to CAME the open lines of one feed whose key lies in raw, and the first load that brought it.

    A row that only waits for what it points at may be newer than what came since: then it goes on waiting.
    """
    con.execute(
        f"""insert into {CAME}
        with held as (
            select distinct quarantine.load_id, quarantine.key, loads.load_seq, waiting.version_key
            from warehouse.meta.quarantine as quarantine
            inner join warehouse.meta.loads as loads using (load_id)
            left join warehouse.waiting.{quoted(dataset)} as waiting
                on quarantine.load_id = waiting.load_id and quarantine.source_row = waiting.source_row
            where quarantine.{OPEN} and quarantine.source = $source and quarantine.feed = $feed
                and quarantine.dataset = $dataset and replace(quarantine.key, '|', '') <> ''
        ),
        came as (
            select {key} as key, rows.load_id, rows.load_seq, rows.version_key
            from warehouse.raw.{quoted(dataset)} as rows
            where rows.source = $source and rows.load_seq > (select min(load_seq) from held)
        )
        select held.load_id, $dataset, held.key, arg_min(came.load_id, came.load_seq)
        from held inner join came on held.key = came.key and came.load_seq > held.load_seq
        where held.version_key is null or came.version_key >= held.version_key
        group by all""",
        {"source": source, "feed": feed, "dataset": dataset},
    )


def reopen(con: duckdb.DuckDBPyConnection, load_id: str) -> None:
    """Open the lines again that a load released which is withdrawn. Within a transaction of the warehouse."""
    con.execute(
        """update warehouse.meta.quarantine set released_by = null, released_load = null, released_at = null
        where released_load = ?""",
        [load_id],
    )
