"""What was reported before, what is reported now, and what moved it: the read side of ingestion/restatements."""

from __future__ import annotations

from typing import TYPE_CHECKING

import polars as pl

from ingestion.warehouse.kpis import Query
from ingestion.warehouse.reported import WHOLE, slices_of

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from datetime import date

    from dashboard.metrics.access import Scope
    from dashboard.metrics.query import Snapshot
    from ingestion.warehouse.kpis import Kpi

CAUSES = ("late", "corrected", "definition", "maturity", "unexplained")

_COLUMNS: dict[str, pl.DataType | type[pl.DataType]] = {
    "kpi": pl.String,
    "slice_dimension": pl.String,
    "slice_value": pl.String,
    "period": pl.Date,
    "reported_run_id": pl.String,
    "reported_as_of": pl.Datetime("us"),
    "reported_value": pl.Float64,
    "value": pl.Float64,
    "move": pl.Float64,
    **dict.fromkeys(CAUSES, pl.Float64),
}

_SQL = """
with told as (
    select * from meta.reported
    where kpi = ? and slice_dimension = ? and slice_value = ? and (?::date is null or period = ?)
),
-- A month is first reported by the night that knows its last day; before that it was still growing.
firsts as (
    select period, coalesce(
        min(run_id) filter (where cast(as_of at time zone 'UTC' at time zone ? as date)
            >= cast(period + interval 1 month as date)),
        min(run_id)) as run_id
    from told group by period
),
cells as (
    select firsts.period, firsts.run_id as reported_run_id, first.as_of as reported_as_of,
        first.value as reported_value,
        (select arg_max(struct_pack(value := value), run_id).value from told where period = firsts.period) as value
    from firsts inner join told as first on firsts.period = first.period and firsts.run_id = first.run_id
),
causes as (
    select moves.period, {sums}
    from meta.restatements as moves inner join firsts
        on moves.period = firsts.period and moves.run_id > firsts.run_id
    where kpi = ? and slice_dimension = ? and slice_value = ?
    group by moves.period
)
select cells.period, reported_run_id, reported_as_of, reported_value, value, value - reported_value as move,
    {causes}
from cells left join causes using (period)
order by period"""


def cell_of(kpi: Kpi, where: Mapping[str, Sequence[str]]) -> tuple[str, str] | None:
    """The slice that a filter asks for, as it is reported every night; None where none is just that."""
    if not where:
        return WHOLE, ""
    [(name, values), *others] = where.items()
    return (name, values[0]) if not others and len(values) == 1 and name in slices_of(kpi) else None


def restated(
    snapshot: Snapshot,
    scope: Scope,
    kpi: Kpi,
    period: date | None = None,
    slice_dimension: str = WHOLE,
    slice_value: str = "",
) -> pl.DataFrame:
    """A row for each month (or `period` alone): first reported in full when, the value then and now, the causes.

    The causes add up to the move. Reports are of the whole company: who may see some regions only gets no row, and
    neither does anybody where the snapshot was written before reports were kept.
    """
    empty = pl.DataFrame(schema=_COLUMNS)
    if scope.regions is not None or "meta.reported" not in snapshot.columns:
        return empty
    known = [cause for cause in CAUSES if cause != "unexplained"]
    sums = ", ".join(f"sum(move) filter (where cause = '{cause}') as {cause}" for cause in CAUSES)
    told = ", ".join(f"coalesce(causes.{cause}, 0.0) as {cause}" for cause in known)
    # Also what no night could split: a value that was missing for a while, a night without the snapshot before it.
    rest = " - ".join(f"coalesce(causes.{cause}, 0.0)" for cause in known)
    sql = _SQL.format(sums=sums, causes=f"{told}, value - reported_value - {rest} as unexplained")
    cell = (kpi.id, slice_dimension, slice_value)
    found = snapshot.run(Query(sql, (*cell, period, period, snapshot.business_timezone, *cell)))
    if found.is_empty():
        return empty
    # What is left of sums of doubles is no cause.
    tiny = pl.col("unexplained").abs() <= 1e-9 * pl.max_horizontal(pl.lit(1.0), pl.col("value").abs())
    return found.select(
        pl.lit(kpi.id).alias("kpi"),
        pl.lit(slice_dimension).alias("slice_dimension"),
        pl.lit(slice_value).alias("slice_value"),
        *(name for name in _COLUMNS if name in found.columns and name != "unexplained"),
        pl.when(tiny).then(0.0).otherwise("unexplained").alias("unexplained"),
    )
