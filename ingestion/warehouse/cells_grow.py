"""Cells of tonight from last night's: what the rows that differ add is added, what they took is taken away.

Everything in cells adds up, so the rows that came and went say all that is needed; the facts are not read. Which
tables there are stays as it was when they were last built whole. A unit's row in a units table is found by all its
columns, since it has no key there; where one is missed, the fact's cells are built anew.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from ingestion.warehouse import cells
from ingestion.warehouse.cells import UNIT_COUNT, cell_column, column, event_column
from ingestion.warehouse.cells_sql import added, date_of
from ingestion.warehouse.differences import SIGN
from ingestion.warehouse.keying import words

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from datetime import date

    import duckdb

    from ingestion.warehouse.cells import Kind, Step, Subject
    from ingestion.warehouse.differences import Differences
    from ingestion.warehouse.kpis import Kpi

GROWN_AT_MOST = 0.3
"""From this share of a fact's rows on, building its cells anew costs less."""
_MOVED, _DELTA, _GONE = "temp.cells_moved", "temp.cells_delta", "temp.cells_gone"


@dataclass(frozen=True)
class _Table:
    """A row of cells.tables, as far as growing needs it."""

    name: str
    step: Step
    kind: Kind
    dimensions: tuple[str, ...]
    measures: tuple[str, ...]
    model_rows: int


def grow(con: duckdb.DuckDBPyConnection, subject: Subject, differences: Differences) -> bool:
    """Bring the cells of one subject to tonight's state; False where they are to be built anew."""
    if not differences.is_told(subject.model):
        return False
    changed = differences.rows(subject.model, _used(subject, differences))
    if changed is None:
        return True
    tables = _tables(con, subject)
    if not tables or not _is_held(tables, subject):
        return False
    (count,) = con.execute(f"select count(*) from {changed}").fetchone() or (0,)
    if count > GROWN_AT_MOST * tables[0].model_rows:
        return False
    _move(con, subject, changed)
    is_whole = all(_grow_one(con, subject, table) for table in tables)
    con.execute(f"drop table {_MOVED}")
    return is_whole


def _used(subject: Subject, differences: Differences) -> tuple[str, ...]:
    """The columns of the fact that its cells are made of."""
    told = (subject.time, *subject.dimensions(cells.AXES), *subject.sums, *(timed.sql for timed in subject.durations))
    named = words(" ".join(told))
    return tuple(name for name in differences.columns(subject.model) if name.lower() in named)


def _tables(con: duckdb.DuckDBPyConnection, subject: Subject) -> list[_Table]:
    rows = con.execute(
        f"select name, step, kind, dimensions, measures, model_rows from {cells.REGISTRY} "
        "where model = ? and time = ? order by name",
        [subject.model, subject.time],
    ).fetchall()
    return [
        _Table(name, step, kind, tuple(dimensions), tuple(measures), model_rows)
        for name, step, kind, dimensions, measures, model_rows in rows
    ]


def _is_held(tables: Sequence[_Table], subject: Subject) -> bool:
    """Whether the tables hold just what is asked for: else a column would be added to another."""
    timed = [one.sql for one in subject.durations]
    return all(
        table.measures == subject.sums if table.kind == "sums" else set(table.measures) <= set(timed)
        for table in tables
    )


def _move(con: duckdb.DuckDBPyConnection, subject: Subject, changed: str) -> None:
    """_MOVED: every row that came (unit_sign 1) or went (-1), with what it adds or takes, expressions worked out."""
    signed = [
        f"case when unit_sign > 0 then {sql} else -({sql}) end as {column(place)}"
        for place, sql in enumerate(subject.sums)
    ]
    timed = [
        f"cast(case when {one.condition} then {one.cell} end as bigint) as {cell_column(place)}, "
        f"{one.event} as {event_column(place)}"
        for place, one in enumerate(subject.durations)
    ]
    chosen = ", ".join((f"{subject.time} as date", *subject.dimensions(cells.AXES), *signed, *timed))
    con.execute(
        f"""create or replace temp table cells_moved as select unit_sign, {chosen} from (
            select * exclude ({SIGN}), cast(sign({SIGN}) as integer) as unit_sign,
                unnest(range(cast(abs({SIGN}) as bigint))) as copy
            from {changed} where {subject.time} is not null
        ) as units"""
    )


def _grow_one(con: duckdb.DuckDBPyConnection, subject: Subject, table: _Table) -> bool:
    match table.kind:
        case "sums":
            _grow_sums(con, subject, table)
        case "durations":
            for number, measure in enumerate(table.measures):
                _grow_histogram(con, table, number, _place(subject, measure))
        case "units":
            if not _grow_units(con, table, [_place(subject, measure) for measure in table.measures]):
                return False
    con.execute(
        f"""update {cells.REGISTRY} set row_count = (select count(*) from {table.name}),
            model_rows = model_rows + (select coalesce(sum(unit_sign), 0) from {_MOVED}) where name = ?""",
        [table.name],
    )
    return True


def _place(subject: Subject, measure: str) -> int:
    return next(place for place, timed in enumerate(subject.durations) if timed.sql == measure)


def _grow_sums(con: duckdb.DuckDBPyConnection, subject: Subject, table: _Table) -> None:
    names = [column(place) for place in range(len(subject.sums))]
    sums = [f"{added(name, sql)} as {name}" for name, sql in zip(names, subject.sums, strict=True)]
    keys = ("date", *table.dimensions)
    chosen = ", ".join((f"{date_of('date', table.step)} as date", *table.dimensions, *sums))
    some = " or ".join(f"{name} <> 0" for name in (UNIT_COUNT, *names))
    con.execute(
        f"""create or replace temp table cells_delta as select * from (
            select {chosen}, cast(sum(unit_sign) as integer) as {UNIT_COUNT} from {_MOVED} group by all
        ) as found where {some}"""
    )
    _merge(con, table.name, keys, (*names, UNIT_COUNT), UNIT_COUNT)


def _grow_histogram(con: duckdb.DuckDBPyConnection, table: _Table, number: int, place: int) -> None:
    cell, is_event = cell_column(place), event_column(place)
    keys = ("measure", "date", *table.dimensions, "cell")
    dimensions = "".join(f"{name}, " for name in table.dimensions)
    con.execute(
        f"""create or replace temp table cells_delta as select * from (
            select cast({number} as smallint) as measure, {date_of("date", table.step)} as date,
                {dimensions}{cell} as cell,
                cast(coalesce(sum(unit_sign) filter ({is_event}), 0) as integer) as events,
                cast(sum(unit_sign) as integer) as leaving
            from {_MOVED} where {cell} is not null group by all
        ) as found where events <> 0 or leaving <> 0"""
    )
    _merge(con, table.name, keys, ("events", "leaving"), "leaving")


def _merge(con: duckdb.DuckDBPyConnection, name: str, keys: Sequence[str], sums: Sequence[str], counted: str) -> None:
    """Add _DELTA to a table of cells; one that stands for no unit any more goes."""
    same = " and ".join(f"held.{key} is not distinct from delta.{key}" for key in keys)
    added_up = ", ".join(f"{sum_} = held.{sum_} + delta.{sum_}" for sum_ in sums)
    columns = (*keys, *sums)
    con.execute(
        f"""merge into {name} as held using {_DELTA} as delta on {same}
        when matched and held.{counted} + delta.{counted} = 0 then delete
        when matched then update set {added_up}
        when not matched then insert ({", ".join(columns)})
            values ({", ".join(f"delta.{each}" for each in columns)})"""
    )


def _grow_units(con: duckdb.DuckDBPyConnection, table: _Table, places: Sequence[int]) -> bool:
    """Take away the rows that went and add those that came; False where one that went is not there."""
    now = [(cell_column(number), cell_column(place)) for number, place in enumerate(places)]
    now += [(event_column(number), event_column(place)) for number, place in enumerate(places)]
    names = ("date", *table.dimensions, *(name for name, _ in now))
    chosen = ", ".join(("date", *table.dimensions, *(f"{moved} as {name}" for name, moved in now)))
    con.execute(
        f"""create or replace temp table cells_delta as
        select *, row_number() over () as place from (
            select {chosen}, sum(unit_sign) as copies from {_MOVED} group by all having sum(unit_sign) <> 0
        ) as found"""
    )
    same = " and ".join(f"held.{name} is not distinct from delta.{name}" for name in names)
    con.execute(
        f"""create or replace temp table cells_gone as
        select row_id from (
            select held.rowid as row_id, delta.copies, row_number() over (partition by delta.place) as number
            from {table.name} as held inner join {_DELTA} as delta on {same} where delta.copies < 0
        ) as found where number <= -copies"""
    )
    missed = con.execute(
        f"select (select coalesce(-sum(copies), 0) from {_DELTA} where copies < 0) - (select count(*) from {_GONE})"
    ).fetchone()
    if missed != (0,):
        return False
    con.execute(f"delete from {table.name} where rowid in (select row_id from {_GONE})")
    con.execute(
        f"""insert into {table.name} ({", ".join(names)}) select {", ".join(names)} from (
            select *, unnest(range(cast(copies as bigint))) as copy from {_DELTA} where copies > 0
        ) as came order by date"""
    )
    return True


def grow_first_dates(
    con: duckdb.DuckDBPyConnection, kpis: Sequence[Kpi], differences: Differences, held: Mapping[str, date | None]
) -> dict[str, date | None] | None:
    """The first days of the KPIs of one fact from last night's and the rows that differ; None: ask the fact.

    Args:
        held: last night's first day by KPI.
    """
    model = kpis[0].rows
    if not differences.is_told(model) or any(kpi.id not in held for kpi in kpis):
        return None
    named = words(" ".join(f"{kpi.time} {kpi.denominator}" for kpi in kpis))
    used = tuple(name for name in differences.columns(model) if name.lower() in named)
    changed = differences.rows(model, used)
    if changed is None:
        return {kpi.id: held[kpi.id] for kpi in kpis}
    asked = ", ".join(
        f"min(case when {SIGN} {sign} 0 and cast({kpi.denominator} as boolean) then {kpi.time} end)"
        for kpi in kpis
        for sign in (">", "<")
    )
    found = con.execute(f"select {asked} from {changed}").fetchall()[0]
    first: dict[str, date | None] = {}
    for kpi, came, went in zip(kpis, found[::2], found[1::2], strict=True):
        known = held[kpi.id]
        if went is not None and (known is None or went <= known):
            # The first unit may be gone: only the fact knows which is the first now.
            first[kpi.id] = _asked(con, kpi)
        else:
            first[kpi.id] = min((day for day in (known, came) if day is not None), default=None)
    return first


def _asked(con: duckdb.DuckDBPyConnection, kpi: Kpi) -> date | None:
    sql = f"select min(case when cast({kpi.denominator} as boolean) then {kpi.time} end) from {kpi.rows}"
    row = con.execute(sql).fetchone()
    return row[0] if row else None
