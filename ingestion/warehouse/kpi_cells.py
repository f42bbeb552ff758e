"""A question -> what answers it fastest: cells where a table has every slice it touches, else the fact itself.

A question is read in stretches of days, added up in one query: whole months from month cells, the days at either
end from day cells or from the fact. Cells that would give another answer are never read: a column is found by the
very SQL that filled it. Pure: no connection.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import date, timedelta
from typing import TYPE_CHECKING, Any, Final

from ingestion.warehouse import cells, kpi_km, kpi_sql
from ingestion.warehouse.kpi_question import DECIMAL, conditions_of, counted_dates, period_column, slices_of
from ingestion.warehouse.kpis import Kpi, Query

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from ingestion.warehouse.cells import Durations
    from ingestion.warehouse.kpi_question import Question


@dataclass(frozen=True)
class Table:
    """A row of cells.tables."""

    name: str
    model: str
    time: str
    step: str
    kind: str
    dimensions: tuple[str, ...]
    measures: tuple[str, ...]
    row_count: int
    model_rows: int

    @classmethod
    def of(cls, row: Mapping[str, Any]) -> Table:
        lists = {name: tuple(row[name]) for name in ("dimensions", "measures")}
        return cls(**{**row, **lists})

    def covers(self, model: str, time: str, kind: str, touched: set[str], measures: Sequence[str]) -> bool:
        return (
            (self.model, self.time, self.kind) == (model, time, kind)
            and touched.issubset(self.dimensions)
            and set(self.measures).issuperset(measures)
        )


@dataclass(frozen=True)
class Stretch:
    """Days that are read from one table; None: from the fact."""

    table: Table | None
    first: date
    last: date

    def within(self, question: Question) -> Question:
        """The question about no other days."""
        return replace(question, filter=replace(question.filter, date_from=self.first, date_to=self.last))


Plan = tuple[Stretch, ...]
TIMED: Final = ("durations", "units")


def sums_plan(kpi: Kpi, question: Question, tables: Sequence[Table]) -> Plan:
    """Where the sums of a KPI are read from."""
    wanted = list(named([kpi]))
    return _plan_of(kpi, question, [one for one in tables if fits(one, kpi, question, "sums", wanted)])


def durations_plan(kpi: Kpi, question: Question, durations: Durations, tables: Sequence[Table]) -> Plan:
    """Where the durations of a Kaplan-Meier KPI are read from."""
    wanted = [durations.sql]
    fitting = [one for one in tables for kind in TIMED if fits(one, kpi, question, kind, wanted)]
    return _plan_of(kpi, question, fitting)


def is_straight(plan: Plan) -> bool:
    """Whether nothing is read from cells."""
    return all(stretch.table is None for stretch in plan)


def fits(table: Table, kpi: Kpi, question: Question, kind: str, measures: Sequence[str]) -> bool:
    """Whether a table holds the measures by every slice that the question touches."""
    touched = {*question.by, *question.filter.where}
    if question.regions is not None and "region" in kpi.dimensions:
        touched.add("region")
    return table.covers(kpi.rows, kpi.time, kind, touched, measures)


def _plan_of(kpi: Kpi, question: Question, tables: Sequence[Table]) -> Plan:
    first, last = question.dates
    is_by_day = question.period in ("day", "week") or counted_dates(kpi, question) is not None
    return _plan(first, last, tables, is_by_day=is_by_day)


LATEST: Final = date(9999, 11, 30)


def _plan(first: date, last: date, tables: Sequence[Table], *, is_by_day: bool) -> Plan:
    """The shortest tables that cover the days: months where months will do, days at the edges."""
    # Python knows no day after the year 9999, and no unit lies there.
    first, last = min(first, LATEST), min(last, LATEST)
    daily, monthly = shortest(tables, "day"), shortest(tables, "month")
    everything = (Stretch(daily, first, last),)
    if monthly is None or is_by_day or (daily and daily.row_count <= monthly.row_count):
        return everything
    begin, end = _first_month(first), _last_month(last)
    if end < begin:
        return everything
    edges = ((first, begin - timedelta(days=1)), (end + timedelta(days=1), last))
    return (Stretch(monthly, begin, end), *(Stretch(daily, since, to) for since, to in edges if since <= to))


def shortest(tables: Sequence[Table], step: str) -> Table | None:
    """The table of a step that has the fewest rows."""
    return min((one for one in tables if one.step == step), key=lambda one: one.row_count, default=None)


def _first_month(day: date) -> date:
    """First day of the first month that begins on the day or later."""
    return day if day.day == 1 else (day.replace(day=1) + timedelta(days=32)).replace(day=1)


def _last_month(day: date) -> date:
    """Last day of the last month that ends on the day or earlier."""
    after = day + timedelta(days=1)
    return day if after.day == 1 else day.replace(day=1) - timedelta(days=1)


def sums_query(kpis: Sequence[Kpi], question: Question, plan: Plan) -> Query:
    """The sums of KPIs of one fact, date and plan, in one scan: period, the dimensions and the columns of `named`."""
    names = named(kpis)
    dimensions = "".join(f"{name}, " for name in question.by)
    parts: list[str] = []
    binds: list[object] = []
    for stretch in plan:
        part, bound = _sums_part(kpis[0], question, stretch, names)
        parts.append(part)
        binds += bound
    added = ", ".join(
        f"cast(sum({name}) as {'double' if DECIMAL in sql else 'bigint'}) as {name}" for sql, name in names.items()
    )
    sql = f"select period, {dimensions}{added}\nfrom ({' union all '.join(parts)}\n) as units group by all"
    return Query(sql, tuple(binds))


def named(kpis: Sequence[Kpi]) -> dict[str, str]:
    """The columns of sums_query: what a unit adds, and the name of its sum."""
    added = (sql for kpi in kpis for sql in kpi_sql.sums_of(kpi).values() if sql != kpi_sql.NOTHING)
    return {sql: f"added_{place}" for place, sql in enumerate(dict.fromkeys(added))}


def _sums_part(kpi: Kpi, question: Question, stretch: Stretch, names: Mapping[str, str]) -> tuple[str, list[object]]:
    model, time, columns = sums_columns(kpi, stretch, names)
    conditions, binds = conditions_of(kpi, stretch.within(question), time)
    chosen = ", ".join((*question.by, *(f"{sql} as {name}" for name, sql in columns.items())))
    sql = f"""
    select {period_column(question, time)} as period, {chosen}
    from {model} where {" and ".join(conditions)}"""
    return sql, binds


def sums_columns(kpi: Kpi, stretch: Stretch, names: Mapping[str, str]) -> tuple[str, str, dict[str, str]]:
    """What to read for a stretch: table, column of dates, and for each name of `names` what is added up."""
    table = stretch.table
    if table is None:
        return kpi.rows, kpi.time, {name: sql for sql, name in names.items()}
    return table.name, "date", {name: cells.column(table.measures.index(sql)) for sql, name in names.items()}


def value_query(kpi: Kpi, question: Question, plan: Plan) -> Query:
    """kpi_sql.value_query of a KPI that adds up, by the plan: the exact intervals of rates are DuckDB's."""
    found, names = sums_query([kpi], question, plan), named([kpi])
    dimensions = "".join(f"{name}, " for name in question.by)
    sums = ", ".join(f"{names.get(sql, sql)} as {name}" for name, sql in kpi_sql.sums_of(kpi).items())
    added = f"select period, {dimensions}{sums} from ({found.sql}) as added"
    return Query(f"select period, {dimensions}{kpi_sql.sum_columns(kpi)}\nfrom ({added}) as sums", found.binds)


def durations_query(kpi: Kpi, question: Question, durations: Durations, plan: Plan) -> Query:
    """What Kaplan-Meier needs: period, the dimensions, cell, events and leaving (all that left), in order."""
    parts: list[str] = []
    binds: list[object] = []
    keys = "".join(f"{name}, " for name in ("period", *question.by))
    for stretch in plan:
        table, time = stretch.table, "date" if stretch.table else kpi.time
        conditions, bound = conditions_of(kpi, stretch.within(question), time)
        counts, counted = counts_of(durations, table)
        conditions.append(counted)
        chosen = "".join(f"{name}, " for name in question.by)
        parts.append(f"""
    select {period_column(question, time)} as period, {chosen}{counts}
    from {table.name if table else kpi.rows} where {" and ".join(conditions)} group by all""")
        binds += bound
    return Query(
        f"""
select {keys}cell, cast(sum(events) as bigint) as events, cast(sum(leaving) as bigint) as leaving
from ({" union all ".join(parts)}
) as counted
group by all
order by {keys}cell""",
        tuple(binds),
    )


def counts_of(durations: Durations, table: Table | None) -> tuple[str, str]:
    """Cell, events and leaving of a duration in a table of cells, or in the fact, and which rows of it count."""
    if table is not None and table.kind == "durations":
        counted = f"measure = {table.measures.index(durations.sql)}"
        return "cell, cast(sum(events) as bigint) as events, cast(sum(leaving) as bigint) as leaving", counted
    cell, is_event, counted = durations.cell, durations.event, durations.condition
    if table is not None:
        place = table.measures.index(durations.sql)
        cell, is_event = cells.cell_column(place), cells.event_column(place)
        counted = f"{cell} is not null"
    return f"{cell} as cell, count(*) filter (where {is_event}) as events, count(*) as leaving", counted


def mart_query(mart: str, counts: Sequence[str], question: Question, tables: Sequence[Table]) -> Query:
    """The counts of a mart, added up by `by` and period; the caller has checked the names."""
    touched = {*question.by, *question.filter.where, *(["region"] if question.regions is not None else [])}
    first, last = question.dates
    fitting = [one for one in tables if one.covers(mart, "date", "sums", touched, counts)]
    plan = _plan(first, last, fitting, is_by_day=question.period in ("day", "week"))
    groups = (*(["period"] if question.period != "total" else []), *question.by)
    parts: list[str] = []
    binds: list[object] = []
    for stretch in plan:
        conditions, bound = slices_of(stretch.within(question), "date", has_region=True)
        added = counts
        if stretch.table is not None:
            measures = stretch.table.measures
            added = [f"{cells.column(measures.index(name))} as {name}" for name in counts]
        source = stretch.table.name if stretch.table else mart
        chosen = ", ".join((f"{period_column(question, 'date')} as period", *question.by, *added))
        parts.append(f"select {chosen} from {source} where {' and '.join(conditions)}")
        binds += bound
    sums = ", ".join((*groups, *(f"cast(coalesce(sum({name}), 0) as bigint) as {name}" for name in counts)))
    tail = f" group by {', '.join(groups)} order by {', '.join(groups)}" if groups else ""
    return Query(f"select {sums} from ({' union all '.join(parts)}) as counted{tail}", tuple(binds))


def exact_durations_query(kpi: Kpi, question: Question) -> Query:
    """The same straight from the fact, to the second (or share of the limit), for facts that are short."""
    units, binds = kpi_km.units_of(kpi, question)
    keys = ", ".join(("period", *question.by))
    return Query(
        f"""
select {keys}, cast(duration as double) as cell, count(*) filter (where is_event) as events, count(*) as leaving
from ({units}
) as units
group by all
order by {keys}, cell""",
        tuple(binds),
    )
