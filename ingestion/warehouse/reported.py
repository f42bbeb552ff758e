"""What a night reports: every KPI by month, whole and by the standard slices -> SQL text. No connection.

All sums of the KPIs of one fact come from one scan of it; the other kinds are asked one by one, whole and slices
together, by the KPI's own value SQL over units that are repeated for each slice they belong to.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import date, timedelta
from itertools import groupby
from typing import TYPE_CHECKING

from ingestion.sqltext import literal
from ingestion.warehouse import kpi_sql
from ingestion.warehouse.kpis import Filter, Kpi, Query

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

SLICES = ("area", "tier", "channel")
WHOLE = "whole"
FULL_MONTHS = 13
SUM_KINDS = kpi_sql.SUM_KINDS

CELL = ("kpi", "slice_dimension", "slice_value", "period")
PARTS = (
    "kpi varchar, step integer, area varchar, tier varchar, channel varchar, period date, "
    "numerator decimal(38, 4), denominator decimal(38, 4), n hugeint, pending hugeint"
)
VALUES = (
    "kpi varchar, definition_version varchar, slice_dimension varchar, slice_value varchar, period date, "
    "value double, numerator double, denominator double, n bigint, state varchar"
)


@dataclass(frozen=True)
class Window:
    """The days reported: 13 full months and the running one up to `last`, the last complete business day."""

    first: date
    last: date

    @classmethod
    def until(cls, last: date) -> Window:
        running = (last + timedelta(days=1)).replace(day=1)
        months = running.year * 12 + running.month - 1 - FULL_MONTHS
        return cls(date(months // 12, months % 12 + 1, 1), last)

    @property
    def running(self) -> date:
        """First day of the month that is not over; months before it are full."""
        return (self.last + timedelta(days=1)).replace(day=1)

    @property
    def months(self) -> tuple[date, ...]:
        """First days of the months reported."""
        first, last = (day.year * 12 + day.month - 1 for day in (self.first, self.last))
        return tuple(date(number // 12, number % 12 + 1, 1) for number in range(first, last + 1))

    def condition(self, kpi: Kpi) -> str:
        """Which units the KPI counts, month by month, as SQL."""
        between = f"{kpi.time} between {_day(self.first)} and {_day(self.last)}"
        days = kpi_sql.counted_dates(kpi, self.question(()))
        if days is None:
            return between
        return f"{between} and {kpi.time} in ({', '.join(map(_day, days)) or 'null'})"

    def question(self, by: tuple[str, ...]) -> kpi_sql.Question:
        return kpi_sql.Question(Filter(self.first, self.last), by, "month", self.last)


def _day(day: date) -> str:
    return f"date {literal(day.isoformat())}"


def slices_of(kpi: Kpi) -> tuple[str, ...]:
    """The standard slices that the KPI knows."""
    return tuple(name for name in SLICES if name in kpi.dimensions)


def in_months(time: str, months: Iterable[date]) -> str:
    """A condition on a date: it lies in one of the months. The bounds let what lies outside of them go unread."""
    ordered = sorted(months)
    if not ordered:
        return "false"
    after = (ordered[-1] + timedelta(days=31)).replace(day=1)
    days = ", ".join(map(_day, ordered))
    within = f"{time} >= {_day(ordered[0])} and {time} < {_day(after)}"
    return f"({within} and cast(date_trunc('month', {time}) as date) in ({days}))"


def grouped(kpis: Iterable[Kpi]) -> list[list[Kpi]]:
    """Sum kinds that one scan answers: same fact, same date, same slices."""

    def scan(kpi: Kpi) -> tuple[str, ...]:
        return (kpi.rows, kpi.time, kpi.over_time, *slices_of(kpi))

    chosen = sorted((kpi for kpi in kpis if kpi.kind in SUM_KINDS), key=scan)
    return [list(group) for _, group in groupby(chosen, scan)]


def parts(
    kpis: Sequence[Kpi], source: str, window: Window, *, weight: str = "", step: str = "0", months: str = "true"
) -> str:
    """The sums of KPIs that share a scan, by month and every combination of slices: the columns of PARTS.

    Args:
        source: the fact, or a derived table with its columns.
        weight: factor of every unit, to add some and take others away.
        step: what to group by besides.
        months: condition on the units' date that keeps the months wanted.
    """
    one, known = kpis[0], slices_of(kpis[0])
    slices = ", ".join(f"cast({name if name in known else 'null'} as varchar) as {name}" for name in SLICES)
    columns: dict[str, str] = {}
    told = ", ".join(_told(kpi, columns, weight) for kpi in kpis)
    added = ",\n        ".join(f"{sql} as {name}" for sql, name in columns.items())
    return f"""
select step, {", ".join(SLICES)}, period, unnest([{told}], recursive := true)
from (
    select {step} as step, {slices}, cast(date_trunc('month', {one.time}) as date) as period,
        {added}
    from {source}
    where {window.condition(one)} and ({months})
    group by all
) as added"""


def rolled_up(table: str, window: Window) -> str:
    """PARTS -> step, cell, numerator, denominator, n, pending: whole, and by each slice in full months."""
    is_slice = " ".join(f"when grouping({name}) = 0 then '{name}'" for name in SLICES)
    values = " ".join(f"when grouping({name}) = 0 then {name}" for name in SLICES)
    sets = ", ".join(f"(kpi, step, period{part})" for part in ("", *(f", {name}" for name in SLICES)))
    sums = ", ".join(f"sum({name}) as {name}" for name in ("numerator", "denominator", "n", "pending"))
    return f"""
select * from (
    select kpi, step, period, case {is_slice} else '{WHOLE}' end as slice_dimension,
        case {values} else '' end as slice_value, {sums}
    from {table}
    group by grouping sets ({sets})
) as rolled
where slice_dimension = '{WHOLE}' or (slice_value is not null and period < {_day(window.running)})"""


def _told(kpi: Kpi, columns: dict[str, str], weight: str) -> str:
    """The sums of one KPI as a struct; `columns` gets what is not yet added up: SQL -> name."""
    contribution, counted, unit_count = kpi_sql.counted_by(kpi)
    pending = f"cast(coalesce({kpi.pending}, false) as integer)" if kpi.pending else None
    exact = {"numerator": contribution, "denominator": counted}
    whole = {"n": unit_count, "pending": pending}

    def column(expression: str) -> str:
        summed = f"sum({f'{weight} * ' if weight else ''}({expression}))"
        return columns.setdefault(summed, f"sum_{len(columns)}")

    fields = [f"'{name}': cast({column(sql)} as decimal(38, 4))" for name, sql in exact.items()]
    fields += [f"'{name}': {f'cast({column(sql)} as bigint)' if sql else '0'}" for name, sql in whole.items()]
    return f"{{'kpi': {literal(kpi.id)}, {', '.join(fields)}}}"


def entries(kpis: Iterable[Kpi]) -> str:
    """What judging needs to know of each KPI, as a table: kpi, kind, per, minimum_n, version."""
    rows = ", ".join(
        f"({literal(kpi.id)}, {literal(kpi.kind)}, {int(kpi.per)}, {int(kpi.minimum_n)}, {literal(kpi.version)})"
        for kpi in kpis
    )
    return f"(values {rows}) as entries(kpi, kind, per, minimum_n, version)"


VALUE = """case entries.kind
        when 'count' then cast(numerator as double)
        when 'stock' then cast(numerator as double)
        when 'nps' then 100 * (cast(numerator as double) / nullif(cast(denominator as double), 0))
        when 'rate' then per * (cast(numerator as double) / nullif(cast(denominator as double), 0))
        else cast(numerator as double) / nullif(cast(denominator as double), 0)
    end"""
"""The value from its sums, as kpi_sql has it; a test compares the two for every KPI."""


def judged(kpis: Sequence[Kpi], sums_table: str) -> str:
    """Values and states from long sums: the columns of VALUES."""
    return f"""
with told as (
    select sums.*, kind, minimum_n, version, {VALUE} as value, kind in ('count', 'stock') as is_count
    from {sums_table} as sums inner join {entries(kpis)} on sums.kpi = entries.kpi
)
select kpi, version as definition_version, slice_dimension, slice_value, period, value,
    cast(numerator as double) as numerator,
    case when not is_count then cast(denominator as double) end as denominator,
    cast(case when is_count then numerator else n end as bigint) as n,
    case
        when is_count then 'ok'
        when value is null then 'not_reached'
        when n < minimum_n then 'small_n'
        when pending > 0 then 'provisional'
        else 'ok'
    end as state
from told
where case when is_count then numerator else n end <> 0"""


def whole_and_slices(kpi: Kpi, source: str, window: Window, *, also: str = "", months: str = "true") -> Query:
    """The values of a KPI that is no sum, whole and by slice: slice_dimension, slice_value and value_query's columns.

    Args:
        also: a further column of `source` to group by.
        months: condition on the units' date that keeps the months wanted.
    """
    items = ", ".join(
        f"{{'slice_dimension': {literal(name)}, 'slice_value': {value}}}"
        for name, value in [(WHOLE, "''"), *((name, f"cast({name} as varchar)") for name in slices_of(kpi))]
    )
    rows = f"""(
    select * from (
        select *, unnest([{items}], recursive := true) from {source} where {window.condition(kpi)} and ({months})
    ) as repeated
    where slice_dimension = '{WHOLE}' or {kpi.time} < {_day(window.running)}
) as sliced"""
    by = (*([also] if also else []), "slice_dimension", "slice_value")
    asked = replace(kpi, rows=rows, mart=None, dimensions=(*kpi.dimensions, *by))
    found = kpi_sql.value_query(asked, window.question(by))
    numbers = "value, cast(numerator as double) as numerator, cast(denominator as double) as denominator, n, state"
    told = f"{literal(kpi.id)} as kpi, {literal(kpi.version)} as definition_version"
    cell = ", ".join((*by, "period"))
    return Query(f"select {told}, {cell}, {numbers} from ({found.sql}) as answers", found.binds)
