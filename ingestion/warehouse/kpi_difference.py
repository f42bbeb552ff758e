"""Differences between two groups of units within equal strata -> SQL.

The value is the weighted mean over strata of (group - rest), weights n_group n_rest / (n_group + n_rest): what the
group has more than the rest where both live under the same conditions. A stratum that only one side has tells nothing
and has no weight; its units still stand in numerator and denominator, so that these add up over any partition. Nor
has one whose medians have no interval, as long as another has: one tiny stratum would leave the whole without one.
"""

from __future__ import annotations

from ingestion.warehouse import statistics
from ingestion.warehouse.kpi_question import Question, conditions_of, has_duration, measure, period_column
from ingestion.warehouse.kpis import Kpi, Query


def query(kpi: Kpi, question: Question) -> Query:
    """period, the dimensions, value, numerator (of the group), denominator (all compared), n, lower, upper, state."""
    groups = ("period", *question.by)
    names = ", ".join(groups)
    units, binds = _units(kpi, question)
    strata = ", ".join(dict.fromkeys((*groups, *kpi.strata)))
    same = " and ".join(f"totals.{name} is not distinct from pooled.{name}" for name in groups)
    sql = f"""
with units as ({units}
),
totals as (
    select {names}, cast(sum(case when is_in_group then contribution else 0 end)
            as {"double" if kpi.is_decimal else "bigint"}) as numerator,
        cast(count(*) as bigint) as denominator,
        count(*) filter (where is_in_group) as group_count, count(*) filter (where not is_in_group) as rest_count
    from units
    group by {names}
),
{_cells(kpi, strata)},
pairs as (
    select {strata},
        max(n) filter (where is_in_group) as group_n, max(n) filter (where not is_in_group) as rest_n,
        max(level) filter (where is_in_group) - max(level) filter (where not is_in_group) as difference,
        max(variance) filter (where is_in_group) + max(variance) filter (where not is_in_group) as variance
    from cells
    group by {strata}
),
pooled as (
    -- In order of the strata: a sum of doubles taken as the threads come ends in other digits each time.
    select {names}, sum(weight * difference order by {strata}) / sum(weight order by {strata}) as value,
        sqrt(case when bool_and(variance is not null) then sum(weight * weight * variance order by {strata}) end)
            / sum(weight order by {strata}) as error
    from (
        select *, cast(group_n as double) * rest_n / (group_n + rest_n) as weight
        from pairs
        where difference is not null
        qualify variance is not null or not bool_or(variance is not null) over (partition by {names})
    ) as weighted
    group by {names}
)
select {", ".join(f"totals.{name}" for name in groups)}, pooled.value, totals.numerator, totals.denominator,
    totals.denominator as n,
    pooled.value - {statistics.Z95} * pooled.error as lower, pooled.value + {statistics.Z95} * pooled.error as upper,
    case
        when pooled.value is null then 'not_reached'
        when least(totals.group_count, totals.rest_count) < {int(kpi.minimum_n)} then 'small_n'
        else 'ok'
    end as state
from totals
left join pooled on {same}"""
    return Query(sql, tuple(binds))


def _units(kpi: Kpi, question: Question) -> tuple[str, list[object]]:
    """CTE body `units` of a difference: groups, strata, is_in_group, contribution, and duration and is_event."""
    conditions, binds = conditions_of(kpi, question, kpi.time)
    keys = "".join(f"{name}, " for name in dict.fromkeys((*question.by, *kpi.strata)))
    sql = f"""
    select {period_column(question, kpi.time)} as period, {keys}coalesce({kpi.group}, false) as is_in_group,
        coalesce(cast({kpi.numerator} as {measure(kpi)}), 0) as contribution,
        {kpi.duration or "cast(null as bigint)"} as duration, {kpi.event or "false"} as is_event
    from {kpi.rows}
    where {" and ".join(conditions)} and coalesce({kpi.denominator}, false){has_duration(kpi)}"""
    return sql, binds


def _cells(kpi: Kpi, strata: str) -> str:
    """CTEs up to `cells`: strata, is_in_group, n, level (share, mean or median) and its variance."""
    if kpi.measure == "median":
        return _medians(strata)
    mean = "cast(sum(contribution) as double) / count(*)"
    spread = f"greatest(0.0, cast(sum(contribution * contribution) as double) - count(*) * ({mean}) * ({mean}))"
    # One value has no spread of its own: such a stratum carries no mean. A share's spread follows from the share.
    level, variance = {
        "share": (mean, f"({mean}) * (1 - {mean}) / count(*)"),
        "mean": (f"case when count(*) > 1 then {mean} end", f"{spread} / nullif(count(*) - 1, 0) / count(*)"),
    }[str(kpi.measure)]
    return f"""
cells as (
    select {strata}, is_in_group, count(*) as n, {level} as level, {variance} as variance
    from units
    group by {strata}, is_in_group
)"""


def _medians(strata: str) -> str:
    columns = (*strata.split(", "), "is_in_group")
    median, lower, upper = (statistics.km_quantile(column, "0.5") for column in ("survival", "lower", "upper"))
    half_width = f"(cast({upper} as double) - {lower}) / (2 * {statistics.Z95})"
    return f"""{statistics.kaplan_meier("units", columns)},
cells as (
    select {strata}, is_in_group, max(at_risk) as n, cast({median} as double) as level,
        pow({half_width}, 2) as variance
    from km_curve
    group by {strata}, is_in_group
)"""
