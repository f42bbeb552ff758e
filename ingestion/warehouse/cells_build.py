"""Building the cells of a night, at the end of publishing's build, whichever engine built the facts."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import groupby
from typing import TYPE_CHECKING

from ingestion.warehouse import cells, cells_grow
from ingestion.warehouse.cells import (
    AXES,
    LEAST_ROWS,
    SCHEMA,
    SHORT,
    UNIT_COUNT,
    UNITS_A_CELL,
    cell_column,
    column,
    event_column,
)
from ingestion.warehouse.cells_sql import added, date_of

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Mapping, Sequence

    import duckdb

    from ingestion.warehouse.cells import Kind, Step, Subject
    from ingestion.warehouse.differences import Differences
    from ingestion.warehouse.kpis import Kpi

_REGISTRY = """create table if not exists cells.tables (name varchar, model varchar, time varchar, step varchar,
    kind varchar, dimensions varchar[], measures varchar[], row_count bigint, model_rows bigint)"""
_CODED = "temp.coded"
_GATHERED = "temp.gathered"


def build(
    con: duckdb.DuckDBPyConnection,
    kpis: Mapping[str, Kpi],
    only: Collection[str] | None = None,
    differences: Differences | None = None,
) -> None:
    """Build the cells of every fact, or of those in `only`, and write down in cells.tables what they hold.

    Args:
        differences: how tonight's facts differ from those whose cells are there; None: that is not known.
    """
    con.execute(f"create schema if not exists {SCHEMA}")
    con.execute(_REGISTRY)
    columns = _columns(con)
    for subject in (*cells.subjects(kpis, columns), *cells.marts(columns)):
        is_told_otherwise = only is not None and _is_told_otherwise(con, subject)
        if only is not None and not is_told_otherwise and subject.model not in only:
            continue
        is_grown = differences is not None and not is_told_otherwise and cells_grow.grow(con, subject, differences)
        if not is_grown:
            _forget(con, subject)
            _Builder(con, subject).build()
    _write_first_dates(con, kpis, columns, differences)


def _columns(con: duckdb.DuckDBPyConnection) -> dict[str, list[str]]:
    rows = con.execute(
        """select schema_name || '.' || table_name, list(column_name) from duckdb_columns()
        where database_name = current_database() and schema_name in ('core', 'marts') group by all order by all"""
    ).fetchall()
    return dict(rows)


def _write_first_dates(
    con: duckdb.DuckDBPyConnection,
    kpis: Mapping[str, Kpi],
    columns: Mapping[str, Collection[str]],
    differences: Differences | None,
) -> None:
    """cells.first_dates: the first day that has a unit of the KPI, so that no page looks for it in the fact."""
    con.execute(f"create table if not exists {cells.FIRST_DATES} (kpi varchar, version varchar, first_date date)")
    held = {(kpi, version): day for kpi, version, day in con.execute(f"from {cells.FIRST_DATES}").fetchall()}
    con.execute(f"delete from {cells.FIRST_DATES}")

    def model(kpi: Kpi) -> str:
        return kpi.rows

    for name, shared in groupby(sorted((kpi for kpi in kpis.values() if kpi.rows in columns), key=model), model):
        entries = list(shared)
        grown = None
        if differences is not None:
            known = {kpi.id: held[kpi.id, kpi.version] for kpi in entries if (kpi.id, kpi.version) in held}
            grown = cells_grow.grow_first_dates(con, entries, differences, known)
        if grown is None:
            first = ", ".join(f"min(case when {_counts(kpi)} then {kpi.time} end)" for kpi in entries)
            found = con.execute(f"select {first} from {name}").fetchall()[0]
            grown = {kpi.id: day for kpi, day in zip(entries, found, strict=True)}
        # One statement: a statement a row takes longer than the rest.
        con.execute(
            f"insert into {cells.FIRST_DATES} select unnest(?::varchar[]), unnest(?::varchar[]), unnest(?::date[])",
            [[kpi.id for kpi in entries], [kpi.version for kpi in entries], [grown[kpi.id] for kpi in entries]],
        )


def _counts(kpi: Kpi) -> str:
    return f"cast({kpi.denominator} as boolean)"


def _is_told_otherwise(con: duckdb.DuckDBPyConnection, subject: Subject) -> bool:
    """Whether cells from an earlier night hold what nobody asks for any more."""
    sql = "select distinct unnest(measures) from cells.tables where model = ? and time = ?"
    held = {measure for (measure,) in con.execute(sql, [subject.model, subject.time]).fetchall()}
    return not held.issubset({*subject.sums, *(timed.sql for timed in subject.durations)})


def _forget(con: duckdb.DuckDBPyConnection, subject: Subject) -> None:
    key = [subject.model, subject.time]
    for (name,) in con.execute("select name from cells.tables where model = ? and time = ?", key).fetchall():
        con.execute(f"drop table {name}")
    con.execute("delete from cells.tables where model = ? and time = ?", key)


@dataclass(frozen=True)
class _Table:
    """A table of cells to build; `told` is the step a reader may count on."""

    name: str
    kind: Kind
    step: Step
    told: Step
    axes: tuple[str, ...]
    dimensions: tuple[str, ...]

    def follows_from(self, other: _Table) -> bool:
        """Whether its rows can be added up from those of the other."""
        is_finer = other.step in ("day", self.step)
        return self.kind == other.kind and is_finer and set(self.dimensions) <= set(other.dimensions)


class _Builder:
    """The cells of one fact by one of its dates."""

    def __init__(self, con: duckdb.DuckDBPyConnection, subject: Subject) -> None:
        self.con = con
        self.subject = subject
        finest = ", ".join((subject.time, *subject.dimensions(AXES)))
        # A fact by month has one date a month: its month cells are its day cells.
        found = con.execute(
            f"""select count({subject.time}), bool_and({subject.time} = date_trunc('month', {subject.time})),
            approx_count_distinct(hash({finest})) from {subject.model}"""
        ).fetchall()[0]
        self.rows, self.is_monthly, self.slices = int(found[0]), bool(found[1]), int(found[2])
        self.made: dict[_Table, int] = {}
        self.is_gathered = False

    def build(self) -> None:
        if self.rows < LEAST_ROWS:
            return
        if self.subject.sums and self.slices * UNITS_A_CELL <= self.rows:
            self._gather()
        for table in self._tables("sums"):
            if self._is_wanted(table) and self._sums(table):
                self._note(table, self.subject.sums)
        if self.subject.durations:
            self._timed()
        if self.is_gathered:
            self.con.execute(f"drop table {_GATHERED}")

    def _gather(self) -> None:
        """temp.gathered: the sums by date and every slice. What it is read from may be a view of far more rows than
        it stores, which each table of cells, and each guess of how long it would be, would have to unroll again."""
        subject = self.subject
        sums = [f"{added(sql, sql)} as {column(place)}" for place, sql in enumerate(subject.sums)]
        dimensions = subject.dimensions(AXES)
        self.con.execute(
            f"""create temp table gathered as select {", ".join((f"{subject.time} as date", *dimensions, *sums))},
            count(*) as {UNIT_COUNT} from {subject.model} where {subject.time} is not null group by all"""
        )
        self.is_gathered = True

    def _tables(self, kind: Kind) -> list[_Table]:
        subject = self.subject
        found: dict[tuple[Step, tuple[str, ...]], _Table] = {}
        for step, axes in subject.grains(kind):
            told: Step = "day" if self.is_monthly else step
            if step == "day" or kind == "durations" or not subject.is_by_day:
                name = self._name(kind, len(found))
                found.setdefault((told, axes), _Table(name, kind, step, told, axes, subject.dimensions(axes)))
        return list(found.values())

    def _name(self, kind: Kind, number: int) -> str:
        return f"{SCHEMA}.{self.subject.model.partition('.')[2]}_{self.subject.time}_{kind}_{number}"

    def _is_wanted(self, table: _Table) -> bool:
        return not any(count <= SHORT and table.follows_from(one) for one, count in self.made.items())

    def _note(self, table: _Table, measures: Iterable[str]) -> None:
        count = self._number(f"select count(*) from {table.name}")
        self.made[table] = count
        self.con.execute(
            "insert into cells.tables values (?, ?, ?, ?, ?, ?, ?, ?, ?)",
            [
                *(table.name, self.subject.model, self.subject.time, table.told, table.kind),
                *(list(table.dimensions), list(measures), count, self.rows),
            ],
        )

    def _sums(self, table: _Table) -> bool:
        subject = self.subject
        # The last one built that these can be added up from: each is shorter than the one before it.
        finer = [_GATHERED] if self.is_gathered else []
        finer += [one.name for one in self.made if table.follows_from(one)]
        source, time = (finer[-1], "date") if finer else (subject.model, subject.time)
        date, sliced = date_of(time, table.step), ", ".join((date_of(time, table.step), "0", *table.dimensions))
        if not self._pays(f"select approx_count_distinct(hash({sliced})) from {source}", self.rows):
            return False
        sums = [
            f"{added(column(place) if finer else sql, sql)} as {column(place)}"
            for place, sql in enumerate(subject.sums)
        ]
        units = f"cast({f'sum({UNIT_COUNT})' if finer else 'count(*)'} as integer) as {UNIT_COUNT}"
        self.con.execute(
            f"""create table {table.name} as select {", ".join((f"{date} as date", *table.dimensions, *sums, units))}
            from {source} where {time} is not null group by all order by date"""
        )
        return True

    def _timed(self) -> None:
        """The units with their cells, by date; and of them those histograms that are short enough."""
        subject = self.subject
        axes = [axis for axis in AXES if axis in subject.columns]
        self._code(axes)
        if not self.is_monthly:
            self._units(axes)
        for table in self._tables("durations"):
            if self._is_wanted(table):
                self._histograms(table)
        for name in (_CODED, *(f"temp.axis_{axis}" for axis in axes)):
            self.con.execute(f"drop table {name}")

    def _code(self, axes: Sequence[str]) -> None:
        """temp.coded: every unit as small numbers, since names are slow to group by; for a units table by date."""
        subject, joins = self.subject, []
        source, in_order = (
            _GATHERED if self.is_gathered else subject.model,
            "" if self.is_monthly else "order by date",
        )
        for axis in axes:
            names = subject.dimensions([axis])
            listed = ", ".join(names)
            self.con.execute(
                f"""create temp table axis_{axis} as
                select cast(row_number() over (order by {listed}) as integer) as code, {listed}
                from (select distinct {listed} from {source}) as found"""
            )
            same = " and ".join(f"units.{name} is not distinct from axis_{axis}.{name}" for name in names)
            joins.append(f"inner join axis_{axis} on {same}")
        codes = [f"axis_{axis}.code as {_code(axis)}" for axis in axes]
        timed = [
            f"cast(case when {timed.condition} then {timed.cell} end as bigint) as {cell_column(place)},"
            f" {timed.event} as {event_column(place)}"
            for place, timed in enumerate(subject.durations)
        ]
        self.con.execute(
            f"""create temp table coded as select units.{subject.time} as date, {", ".join((*codes, *timed))}
            from {subject.model} as units {" ".join(joins)} where units.{subject.time} is not null {in_order}"""
        )

    def _units(self, axes: Sequence[str]) -> None:
        places = range(len(self.subject.durations))
        table = _Table(self._name("units", 0), "units", "day", "day", tuple(axes), self.subject.dimensions(axes))
        columns = (*table.dimensions, *map(cell_column, places), *map(event_column, places))
        self.con.execute(
            f"create table {table.name} as select date, {', '.join(columns)} from coded {self._named(axes)}"
        )
        self._note(table, [timed.sql for timed in self.subject.durations])

    def _named(self, axes: Iterable[str]) -> str:
        """The joins that give codes their names back."""
        return " ".join(f"inner join axis_{axis} on coded.{_code(axis)} = axis_{axis}.code" for axis in axes)

    def _histograms(self, table: _Table) -> None:
        chosen: list[str] = []
        date = date_of("date", table.step)
        for place, timed in enumerate(self.subject.durations):
            cell = cell_column(place)
            codes = [_code(axis) for axis in table.axes]
            key = ", ".join((date, cell, *codes))
            count = f"select approx_count_distinct(hash({key})) from coded where {cell} is not null"
            units = self._number(f"select count({cell}) from coded")
            if units < LEAST_ROWS or not self._pays(count, units):
                continue
            counted = f"""select {date} as date, {"".join(f"{code}, " for code in codes)}{cell} as cell,
                cast(count(*) filter (where {event_column(place)}) as integer) as events,
                cast(count(*) as integer) as leaving
                from coded where {cell} is not null group by all"""
            select = f"""select cast({len(chosen)} as smallint) as measure, date,
                {"".join(f"{name}, " for name in table.dimensions)}cell, events, leaving
                from ({counted}) as coded {self._named(table.axes)} order by date"""
            self.con.execute(
                f"insert into {table.name} {select}" if chosen else f"create table {table.name} as {select}"
            )
            chosen.append(timed.sql)
        if chosen:
            self._note(table, chosen)

    def _pays(self, count: str, units: int) -> bool:
        """Whether cells are few enough; their number is estimated, within some percent, in one scan."""
        return self._number(count) * UNITS_A_CELL <= units

    def _number(self, sql: str) -> int:
        return int(self.con.execute(sql).fetchall()[0][0] or 0)


def _code(axis: str) -> str:
    return f"code_{axis}"
