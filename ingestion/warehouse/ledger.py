"""The run ledger, schema `meta` of the warehouse file: what came in, what was held back, what was judged.

A run writes its row when it starts and its verdict when it ends. A run without a verdict was cut off: the
next run settles it by published.json, which alone says what readers were shown (see `unfinished`).
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from itertools import takewhile
from typing import TYPE_CHECKING, Any

from data_checks.contract import datasets
from ingestion.warehouse import raw, waiting
from ingestion.warehouse.errors import LedgerBroken, NoSuchLoad

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from datetime import datetime

    import duckdb

TOLD = {
    "happened_at": "TIMESTAMP",
    **dict.fromkeys(("region", "channel", "ticket_id", "order_id"), "VARCHAR"),
    **dict.fromkeys(("survey_id", "complaint_id", "customer_id"), "VARCHAR"),
}
"""What is kept of a record that was held back, as far as it could be read."""
_HAPPENED = {"tickets": "created_at", "orders": "ordered_at", "complaints": "received_at", "surveys": "sent_at"}
TABLES = {
    "runs": """run_id VARCHAR primary key, started_at TIMESTAMP, ended_at TIMESTAMP, verdict VARCHAR,
        as_of TIMESTAMP, message_code VARCHAR, definitions VARCHAR, state VARCHAR""",
    "loads": """load_id VARCHAR, load_seq BIGINT, run_id VARCHAR, source VARCHAR, feed VARCHAR, file VARCHAR,
        sha256 VARCHAR, bytes BIGINT, rows_read BIGINT, rows_loaded BIGINT, rows_quarantined BIGINT,
        rows_duplicate BIGINT, data_through TIMESTAMP, loaded_at TIMESTAMP, state VARCHAR, because VARCHAR,
        is_full BOOLEAN""",
    "quarantine": """load_id VARCHAR, source VARCHAR, feed VARCHAR, file VARCHAR, dataset VARCHAR,
        source_row BIGINT, key VARCHAR, column_name VARCHAR, code VARCHAR, original VARCHAR,
        released_by VARCHAR, released_load VARCHAR, released_at TIMESTAMP""",
    "told": f"""load_id VARCHAR, dataset VARCHAR, source_row BIGINT,
        {", ".join(f"{name} {type}" for name, type in TOLD.items())}""",
    # The headings of every file, so that the next of its feed can be compared.
    "load_columns": "load_id VARCHAR, position BIGINT, heading VARCHAR",
    "checks": """run_id VARCHAR, load_id VARCHAR, code VARCHAR, stage VARCHAR, suite VARCHAR,
        expectation VARCHAR, column_name VARCHAR, severity VARCHAR, success BOOLEAN,
        unexpected_count BIGINT, element_count BIGINT, reason_zh VARCHAR, reason_en VARCHAR""",
    # Failed checks that did not stop a run because somebody accepted them; what a stopped run accepted stays too.
    "overrides": """run_id VARCHAR, load_id VARCHAR, code VARCHAR, subject VARCHAR, because VARCHAR,
        accepted_by VARCHAR, accepted_at TIMESTAMP""",
    "volumes": "run_id VARCHAR, model VARCHAR, row_count BIGINT",
    # What each night reported, where it differed from the report before, and what moved it (ingestion/restatements).
    "reported": """run_id VARCHAR, as_of TIMESTAMP, kpi VARCHAR, definition_version VARCHAR, slice_dimension VARCHAR,
        slice_value VARCHAR, period DATE, value DOUBLE, numerator DOUBLE, denominator DOUBLE, n BIGINT,
        state VARCHAR""",
    "restatements": """run_id VARCHAR, previous_run_id VARCHAR, kpi VARCHAR, slice_dimension VARCHAR,
        slice_value VARCHAR, period DATE, cause VARCHAR, move DOUBLE""",
    "findings": "run_id VARCHAR, load_id VARCHAR, code VARCHAR, severity VARCHAR, fields JSON",
}


@dataclass(frozen=True)
class Load:
    """One file that was loaded: every record is loaded, quarantined or a duplicate."""

    load_id: str
    load_seq: int
    run_id: str
    source: str
    feed: str
    file: str
    sha256: str
    bytes: int
    rows_read: int
    rows_loaded: int
    rows_quarantined: int
    rows_duplicate: int
    data_through: datetime | None
    loaded_at: datetime
    state: str = "loaded"
    because: str | None = None
    # The source says that its files of this feed are complete: what they no longer name is gone.
    is_full: bool | None = False

    def __post_init__(self) -> None:
        if self.rows_read != self.rows_loaded + self.rows_quarantined + self.rows_duplicate:
            raise LedgerBroken(
                file=self.file,
                rows_read=self.rows_read,
                rows_loaded=self.rows_loaded,
                rows_quarantined=self.rows_quarantined,
                rows_duplicate=self.rows_duplicate,
            )


def create(con: duckdb.DuckDBPyConnection, catalog: str) -> None:
    """Create the ledger and the raw tables where they are missing."""
    con.execute(f"create schema if not exists {catalog}.meta")
    for table, columns in TABLES.items():
        con.execute(f"create table if not exists {catalog}.meta.{table} ({columns})")
    raw.create_tables(con, catalog)


def insert(con: duckdb.DuckDBPyConnection, table: str, values: dict[str, Any]) -> None:
    """Insert one row, by column name, into a table of the ledger."""
    insert_all(con, table, [values])


def insert_all(con: duckdb.DuckDBPyConnection, table: str, rows: Sequence[dict[str, Any]]) -> None:
    """Insert rows that name the same columns, in one statement."""
    if rows:
        marks = f"({', '.join('?' for _ in rows[0])})"
        con.execute(
            f"insert into warehouse.meta.{table} ({', '.join(rows[0])}) values {', '.join(marks for _ in rows)}",
            [value for row in rows for value in row.values()],
        )


def fetch(con: duckdb.DuckDBPyConnection, sql: str, binds: Sequence[object] = ()) -> list[dict[str, Any]]:
    """Rows as dictionaries."""
    found = con.execute(sql, list(binds))
    names = [column[0] for column in found.description or ()]
    return [dict(zip(names, row, strict=True)) for row in found.fetchall()]


def begin_run(con: duckdb.DuckDBPyConnection, run_id: str, started_at: datetime) -> None:
    insert(con, "runs", {"run_id": run_id, "started_at": started_at})


def end_run(
    con: duckdb.DuckDBPyConnection,
    run_id: str,
    *,
    verdict: str,
    ended_at: datetime,
    as_of: datetime | None = None,
    message_code: str | None = None,
    definitions: str | None = None,
    state: str | None = None,
) -> None:
    """Write the verdict: published, held, nothing_new, stopped or failed."""
    con.execute(
        """update warehouse.meta.runs
        set verdict = ?, ended_at = ?, as_of = ?, message_code = ?, definitions = ?, state = ?
        where run_id = ?""",
        [verdict, ended_at, as_of, message_code, definitions, state, run_id],
    )


def forget_idle(con: duckdb.DuckDBPyConnection, run_id: str) -> list[str]:
    """Of the runs in a row, up to this one, that found nothing new, keep the last and those that told of a file;
    returns the others.

    Runs may be called every minute: their lines would drown those of the nights that did something. Of a copy one is
    told once (`known_names`): whoever looks later has to find it.
    """
    rows = con.execute(
        """select run_id from warehouse.meta.runs where verdict = 'nothing_new' and run_id < $this and run_id > (
            select coalesce(max(run_id), '') from warehouse.meta.runs
            where run_id < $this and verdict is distinct from 'nothing_new')
        and run_id not in (select run_id from warehouse.meta.findings where code = 'same_content')""",
        {"this": run_id},
    ).fetchall()
    return _forget(con, [row[0] for row in rows])


def forget_repeats(con: duckdb.DuckDBPyConnection) -> list[str]:
    """Of the newest runs in a row that stopped on the very same, keep the first and the last; returns the others.

    The file that stops a run stops each one until it is put right: called every ten minutes, they would push what
    other nights told out of the lists of recent runs. A run in which somebody accepted a check is kept.
    """
    rows = con.execute(
        """with told as (
            select run_id, list_sort(list(distinct concat_ws(' ', severity, code, fields))) as story
            from warehouse.meta.findings group by run_id
        )
        select run_id, verdict, story from warehouse.meta.runs left join told using (run_id) order by run_id desc"""
    ).fetchall()
    alike = takewhile(lambda row: row[1:] == ("stopped", rows[0][2]), rows)
    repeats = {row[0] for row in list(alike)[1:-1]}
    accepted = {row[0] for row in con.execute("select distinct run_id from warehouse.meta.overrides").fetchall()}
    return _forget(con, sorted(repeats - accepted))


def _forget(con: duckdb.DuckDBPyConnection, run_ids: list[str]) -> list[str]:
    """Take runs that brought nothing out of the ledger."""
    for table in ("findings", "checks", "runs") if run_ids else ():
        con.execute(f"delete from warehouse.meta.{table} where list_contains(?::varchar[], run_id)", [run_ids])
    return run_ids


def unfinished(con: duckdb.DuckDBPyConnection) -> list[str]:
    """Runs that wrote no verdict: they were killed."""
    rows = con.execute("select run_id from warehouse.meta.runs where verdict is null order by run_id").fetchall()
    return [row[0] for row in rows]


def undo_run(con: duckdb.DuckDBPyConnection, run_id: str) -> None:
    """Remove what a run brought in, so that the warehouse is as it was before it."""
    loads = con.execute("select load_id from warehouse.meta.loads where run_id = ?", [run_id]).fetchall()
    con.execute("begin")
    waiting.undo(con, run_id)
    for (load_id,) in loads:
        raw.delete_load(con, "warehouse", load_id)
        for table in ("quarantine", "told", "load_columns"):
            con.execute(f"delete from warehouse.meta.{table} where load_id = ?", [load_id])
    for table in ("loads", "volumes", "reported", "restatements"):
        con.execute(f"delete from warehouse.meta.{table} where run_id = ?", [run_id])
    con.execute("commit")


def record_quarantine(con: duckdb.DuckDBPyConnection, load: Load, held_table: str) -> None:
    """Keep the rows held back of one load, with their reasons and the record as it was found."""
    con.execute(
        f"""insert into warehouse.meta.quarantine by name
        select ? as load_id, ? as source, ? as feed, ? as file,
               dataset, source_row, key, column_name, code, original
        from {held_table}""",
        [load.load_id, load.source, load.feed, load.file],
    )


def told_columns(dataset: str) -> dict[str, str | None]:
    """What of TOLD a row of the dataset can say, by the column that says it."""
    own = set(datasets()[dataset].column_names)
    columns = {name: _HAPPENED.get(dataset) if name == "happened_at" else name for name in TOLD}
    return {name: column if column in own else None for name, column in columns.items()}


def record_told(con: duckdb.DuckDBPyConnection, load_id: str, told_table: str) -> None:
    """Keep what the rows held back of one load tell of themselves."""
    con.execute(f"insert into warehouse.meta.told by name select ? as load_id, * from {told_table}", [load_id])


def record_load(con: duckdb.DuckDBPyConnection, load: Load, headings: Sequence[str] = ()) -> None:
    insert(con, "loads", vars(load))
    places = enumerate(headings, start=1)
    rows = [{"load_id": load.load_id, "position": position, "heading": heading} for position, heading in places]
    insert_all(con, "load_columns", rows)


def last_headings(con: duckdb.DuckDBPyConnection, source: str, feed: str) -> list[str]:
    """The headings of the file of a feed that was loaded last; none where there was none, or none were kept."""
    rows = con.execute(
        """select heading from warehouse.meta.load_columns where load_id = (
            select arg_max(load_id, load_seq) from warehouse.meta.loads
            where source = ? and feed = ? and state = 'loaded'
        ) order by position""",
        [source, feed],
    ).fetchall()
    return [heading for (heading,) in rows]


def newest(con: duckdb.DuckDBPyConnection, source: str, feed: str) -> datetime | None:
    """How far the files of a feed go; None where none was loaded that says so."""
    row = con.execute(
        "select max(data_through) from warehouse.meta.loads where source = ? and feed = ? and state = 'loaded'",
        [source, feed],
    ).fetchone()
    return row[0] if row else None


def record_finding(
    con: duckdb.DuckDBPyConnection, run_id: str, load_id: str | None, code: str, severity: str, fields: object
) -> None:
    text = json.dumps(fields, ensure_ascii=False, default=str)
    values = {"run_id": run_id, "load_id": load_id, "code": code, "severity": severity, "fields": text}
    insert(con, "findings", values)


def record_checks(
    con: duckdb.DuckDBPyConnection, run_id: str, load_id: str | None, checks: Iterable[dict[str, Any]]
) -> None:
    """Keep the outcome of every check; `column` is a word SQL keeps for itself."""
    rows = [{"run_id": run_id, "load_id": load_id, "column_name": check.pop("column"), **check} for check in checks]
    insert_all(con, "checks", rows)


def known_files(con: duckdb.DuckDBPyConnection) -> dict[tuple[str, str, str, datetime | None], str]:
    """(source, feed, sha256, how far it goes) -> loaded or retracted, of every file ever taken in.

    Neither is loaded again. Each stands there a second time with None, for what its content alone tells apart.
    """
    rows = con.execute(
        "select source, feed, sha256, data_through, state from warehouse.meta.loads order by load_seq"
    ).fetchall()
    return {(*file, end): state for *file, through, state in rows for end in (None, through)}


def known_names(con: duckdb.DuckDBPyConnection) -> dict[tuple[str, str, str], list[str]]:
    """(source, feed, sha256) -> names of files with that content: as first taken in, later ones, those warned of.

    Who was warned of a copy once is not warned again every night that it lies there.
    """
    rows = con.execute(
        """with told as (
            select fields ->> 'other' as loaded_as, fields ->> 'file' as file
            from warehouse.meta.findings where code = 'same_content'
        )
        select source, feed, sha256, [any_value(loads.file order by load_seq)]
            || list(loads.file order by load_seq) || coalesce(list(told.file) filter (told.file is not null), [])
        from warehouse.meta.loads as loads left join told
            on told.loaded_as = loads.file or ends_with(told.loaded_as, '/' || loads.file)
        group by source, feed, sha256"""
    ).fetchall()
    return {tuple(file): names for *file, names in rows}


def next_load_seq(con: duckdb.DuckDBPyConnection) -> int:
    row = con.execute("select coalesce(max(load_seq), 0) + 1 from warehouse.meta.loads").fetchone()
    return int(row[0]) if row else 1


def retract(con: duckdb.DuckDBPyConnection, sha256: str, because: str, namespaces: Mapping[str, str]) -> list[Load]:
    """Withdraw every load with that content: its rows go, its line in the ledger stays and says why.

    Args:
        namespaces: source -> customer_namespace, to know whose records pointed into it.

    Raises:
        NoSuchLoad: nothing loaded has that hash.
    """
    loaded = "select * from warehouse.meta.loads where sha256 = ? and state = 'loaded' order by load_seq"
    loads = [Load(**row) for row in fetch(con, loaded, [sha256.lower()])]
    if not loads:
        raise NoSuchLoad(sha256=sha256)
    con.execute("begin")
    for load in loads:
        waiting.withdraw(con, load.load_id, namespaces)
        con.execute(
            "update warehouse.meta.loads set state = 'retracted', because = ? where load_id = ?",
            [because, load.load_id],
        )
    con.execute("commit")
    return loads


def as_of(con: duckdb.DuckDBPyConnection) -> datetime | None:
    """How far the sources of a night go: the earliest of them, each as far as its newest file by then.

    Of all nights the latest such instant: a source that lags behind does not take readers back in time. One
    source's export is one act, so a feed without recent events (products) does not hold its source back.
    """
    row = con.execute(
        """
        with loaded as (select * from warehouse.meta.loads where state = 'loaded'),
        nights as (select distinct run_id, source from loaded),
        reached as (
            select nights.run_id, nights.source, max(loaded.data_through) as through
            from nights inner join loaded on nights.source = loaded.source and loaded.run_id <= nights.run_id
            group by nights.run_id, nights.source
        )
        select max(through) from (select min(through) as through from reached group by run_id)
        """
    ).fetchone()
    return row[0] if row else None


def reach_of_sources(con: duckdb.DuckDBPyConnection, run_id: str) -> dict[str, datetime]:
    """How far each source of a run goes, by the newest of all its files."""
    rows = con.execute(
        """select source, max(data_through) as through from warehouse.meta.loads
        where state = 'loaded' and source in (select source from warehouse.meta.loads where run_id = ?)
        group by source having through is not null order by through""",
        [run_id],
    ).fetchall()
    return dict(rows)


def rows_after(con: duckdb.DuckDBPyConnection, as_of: datetime) -> dict[str, int]:
    """How many tickets and orders are kept that began after as_of, and so are not counted yet."""
    row = con.execute(
        """select
            (select count(distinct (source, ticket_id)) from warehouse.raw.tickets where created_at > $1),
            (select count(distinct (source, order_id)) from warehouse.raw.orders where ordered_at > $1)""",
        [as_of],
    ).fetchone()
    tickets, orders = row or (0, 0)
    return {"tickets_after": tickets, "orders_after": orders}


def loads_state(con: duckdb.DuckDBPyConnection, until: str | None = None) -> str:
    """What is loaded (by run `until` at the latest), in loading order, as one text: equal text, equal raw tables."""
    row = con.execute(
        """select coalesce(string_agg(load_seq || ':' || sha256, ',' order by load_seq), '')
        from warehouse.meta.loads where state = 'loaded' and run_id <= coalesce(?, run_id)""",
        [until],
    ).fetchone()
    return row[0] if row else ""


def is_retracted_after(con: duckdb.DuckDBPyConnection, run_id: str) -> bool:
    """Whether a load that came after a run was withdrawn: rows of older loads may wait again for what it brought."""
    found = con.execute(
        "select 1 from warehouse.meta.loads where state = 'retracted' and run_id > ? limit 1", [run_id]
    ).fetchone()
    return found is not None
