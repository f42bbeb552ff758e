"""A KPI and a question about it -> SQL text and bound values. Pure: no connection.

Names (models, columns, dimensions) come from the entries of sql/kpis alone; everything a person typed is
bound as a value.
"""

from __future__ import annotations

from collections.abc import Sequence

from ingestion.warehouse import kpi_difference, kpi_km, statistics, statistics_exact
from ingestion.warehouse.kpi_km import curve_query as curve_query
from ingestion.warehouse.kpi_question import (
    DECIMAL,
    conditions_of,
    has_duration,
    measure,
    period_column,
    state_of,
)
from ingestion.warehouse.kpi_question import Question as Question
from ingestion.warehouse.kpi_question import check_dates as check_dates
from ingestion.warehouse.kpi_question import check_question as check_question
from ingestion.warehouse.kpi_question import counted_dates as counted_dates
from ingestion.warehouse.kpis import Kpi, Query

NOTHING = "0"
"""What a unit adds where a KPI has no such sum."""
SUM_KINDS = ("ratio", "rate", "count", "stock", "mean", "nps")


def reads_mart(kpi: Kpi, question: Question, mart_columns: Sequence[str]) -> bool:
    """Whether the KPI's mart carries every column that the question touches."""
    if kpi.mart is None or kpi.kind in ("mean", "nps"):
        return False
    touched = {*question.by, *question.filter.where, *(["region"] if question.regions is not None else [])}
    return touched <= set(mart_columns)


def value_query(kpi: Kpi, question: Question, mart_columns: Sequence[str] = ()) -> Query:
    """The KPI's values: period, the dimensions asked for, value, numerator, denominator, n, lower, upper, state.

    One row for each combination that has units; combinations without any are the caller's to fill in.
    `mart_columns` are the columns of the KPI's mart, () to read the facts.
    """
    check_question(kpi, question)
    if kpi.kind == "km_time":
        return kpi_km.time_query(kpi, question)
    if kpi.kind == "km_share":
        return kpi_km.share_query(kpi, question)
    if kpi.kind == "difference":
        return kpi_difference.query(kpi, question)
    return _sums_query(kpi, question, reads_mart(kpi, question, mart_columns))


def _sums_query(kpi: Kpi, question: Question, from_mart: bool) -> Query:
    mart = kpi.mart if from_mart else None
    dimensions = "".join(f"{name}, " for name in question.by)
    if mart is not None:
        source, time = mart.model, "date"
        contribution, counted = mart.numerator, mart.denominator or mart.numerator
        pending, unit_count = mart.pending or "0", counted
    else:
        source, time = kpi.rows, kpi.time
        contribution, counted, unit_count = counted_by(kpi)
        pending = f"cast(coalesce({kpi.pending}, false) as integer)" if kpi.pending else "0"
    conditions, binds = conditions_of(kpi, question, time)
    sql = f"""
with units as (
    select {period_column(question, time)} as period, {dimensions}
        {contribution} as contribution, {counted} as counted, {unit_count} as unit_count, {pending} as still_open
    from {source}
    where {" and ".join(conditions)}
),
sums as (
    select period, {dimensions}
        sum(contribution) as numerator, sum(counted) as denominator, cast(sum(unit_count) as bigint) as n,
        cast(sum(still_open) as bigint) as pending,
        -- Squares carry the spread of means and of NPS; only facts hold single values, so those skip the mart.
        sum(contribution * contribution) as squares
    from units
    group by all
)
select period, {dimensions}{sum_columns(kpi)}
from sums"""
    return Query(sql, tuple(binds))


def counted_by(kpi: Kpi) -> tuple[str, str, str]:
    """What a unit adds to the numerator, to the denominator, and whether it counts at all."""
    if kpi.kind == "rate":
        exposure = f"coalesce(cast({kpi.denominator} as {DECIMAL}), 0)"
        return f"coalesce(cast({kpi.numerator} as {measure(kpi)}), 0)", exposure, f"cast({exposure} <> 0 as integer)"
    counts = f"coalesce({kpi.denominator}, false)"
    counted = f"cast({counts} as integer)"
    return (
        f"case when {counts} then coalesce(cast({kpi.numerator} as {measure(kpi)}), 0) else 0 end",
        counted,
        counted,
    )


def sums_of(kpi: Kpi) -> dict[str, str]:
    """What a unit adds to each of the KPI's sums, in a type that adds up exactly."""
    contribution, counted, unit_count = counted_by(kpi)
    sums = {"numerator": contribution, "denominator": counted, "n": unit_count}
    sums["pending"] = f"cast(coalesce({kpi.pending}, false) as integer)" if kpi.pending else NOTHING
    # Squares carry the spread of means and of NPS.
    sums["squares"] = f"{contribution} * ({contribution})" if kpi.kind in ("mean", "nps") else NOTHING
    return sums


def sum_columns(kpi: Kpi) -> str:
    """value, numerator, denominator, n, lower, upper and state from the columns of sums_of."""
    share = "cast(numerator as double) / nullif(cast(denominator as double), 0)"
    nothing = "cast(null as double)"
    match kpi.kind:
        case "count" | "stock":
            value, (lower, upper) = "cast(numerator as double)", (nothing, nothing)
        case "mean":
            value, (lower, upper) = share, statistics.mean_interval("numerator", "squares", "denominator")
        case "nps":
            value = f"100 * {share}"
            lower, upper = statistics.nps_interval("numerator", "squares", "denominator")
        case "rate":
            value = f"{kpi.per} * {share}"
            lower, upper = (
                f"{kpi.per} * {end}" if kpi.is_count else nothing
                for end in statistics_exact.poisson_interval("numerator", "cast(denominator as double)")
            )
        case _:
            value, (lower, upper) = share, statistics.wilson("numerator", "denominator")
    n = "numerator" if kpi.kind in ("count", "stock") else "n"
    denominator = {
        "count": "cast(null as bigint)",
        "stock": "cast(null as bigint)",
        "rate": "cast(denominator as double)",
    }.get(kpi.kind, "cast(denominator as bigint)")
    state = (
        f"case when {n} = 0 then 'empty' else 'ok' end"
        if kpi.kind in ("count", "stock")
        else state_of(kpi, value, n, "pending")
    )
    return f"""
    {value} as value, cast(numerator as {"double" if kpi.is_decimal else "bigint"}) as numerator,
    {denominator} as denominator, cast({n} as bigint) as n, {lower} as lower, {upper} as upper, {state} as state"""


def rows_query(kpi: Kpi, question: Question, part: str, limit: int | None = None) -> Query:
    """The units behind a value: part `denominator` lists all that count, `numerator` those that contribute."""
    check_question(kpi, question)
    conditions, binds = conditions_of(kpi, question, kpi.time)
    if kpi.kind == "rate":
        conditions.append(_contributes(kpi) if part == "numerator" else f"coalesce({kpi.denominator}, 0) <> 0")
    else:
        conditions.append(f"coalesce({kpi.denominator}, false){has_duration(kpi)}")
        if part == "numerator":
            conditions.append(_contributes(kpi))
    if kpi.limit:
        conditions.append(f"{kpi.limit} is not null")
    binds_all = (*binds, *(() if limit is None else (limit,)))
    tail = "" if limit is None else "\nlimit ?"
    sql = f"select *\nfrom {kpi.rows}\nwhere {' and '.join(conditions)}\norder by {kpi.time}{tail}"
    return Query(sql, binds_all)


def _contributes(kpi: Kpi) -> str:
    if kpi.kind == "km_time":
        return f"{kpi.event}"
    if kpi.kind == "km_share":
        within = f"{kpi.duration} <= {kpi.limit}" if kpi.limit else f"{kpi.duration} <= {kpi.horizon}"
        return f"{kpi.event} and {within}"
    if kpi.kind == "difference":
        return f"coalesce({kpi.group}, false) and coalesce(cast({kpi.numerator} as {measure(kpi)}), 0) <> 0"
    return f"coalesce(cast({kpi.numerator} as {measure(kpi)}), 0) <> 0"
