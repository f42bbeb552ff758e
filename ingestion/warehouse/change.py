"""Why a KPI changed between two periods -> SQL: what moved within segments, and what only their mix moved.

A total can fall while every segment rises, because the customers moved to where it is lower. The split is exact and
adds up: with w the weights of the segments and r their values before (0) and now (1), R the totals,

    R1 - R0 = sum of 1/2 (w0 + w1) (r1 - r0)                            each segment's own change
            + sum of (w1 - w0) (1/2 (r0 + r1) - 1/2 (R0 + R1))          the change of the mix

A segment without units on one side takes the value of the other side there: it has changed nothing but the mix. A
second dimension splits each segment's own change by the same rule; the order of the two matters, and stands in the
result. A Kaplan-Meier share is no weighted mean of its parts: what is left over is a row of its own, `residual`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from ingestion.warehouse.kpi_sql import Question, value_query
from ingestion.warehouse.kpis import Kpi, KpiQuestionInvalid, Query
from ingestion.warehouse.statistics_differences import benjamini_hochberg, hybrid, p_value
from ingestion.warehouse.statistics_exact import poisson_interval

WEIGHED = {
    "ratio": "denominator",
    "mean": "denominator",
    "nps": "denominator",
    "rate": "denominator",
    "km_share": "n",
}
"""Kinds whose total is a weighted mean of the segments' values, and the column of the weights."""

COUNTED = ("count", "stock")

ROUNDING = "1e-9"
"""What is left over of a weighted mean by rounding alone, in the KPI's unit."""

FIGURES = (
    "n_before", "n_now", "weight_before", "weight_now", "rate_before", "rate_now",
    "mix", "rate_effect", "total", "lower", "upper", "p_value",
)  # fmt: skip


def explain_query(kpi: Kpi, now: Question, before: Question, mart_columns: Sequence[str] = ()) -> Query:
    """The change of `kpi` from `before` to `now`, split by the one or two dimensions in `now.by`.

    Columns: level (total, a dimension, or residual), the dimensions, those of FIGURES, p_adjusted, is_significant.
    mix + rate_effect = total on every row, and the rows of the first dimension (with a residual) add up to the total
    row. Weights are shares of the row above. lower and upper are the 95 % interval of rate_now - rate_before, and
    p_adjusted its p-value among all segments of the level (Benjamini and Hochberg). Counts have no mix: each segment
    contributes its difference.
    """
    if kpi.kind not in (*WEIGHED, *COUNTED):
        raise KpiQuestionInvalid("not_explained", kpi=kpi.id)
    if not 1 <= len(now.by) <= 2:
        raise KpiQuestionInvalid("one_or_two_dimensions", kpi=kpi.id)
    ctes: list[str] = []
    binds: list[object] = []
    for depth in range(len(now.by) + 1):
        names = now.by[:depth]
        for side, question in (("now", now), ("before", before)):
            query = value_query(kpi, replace(question, by=names, period="total"), mart_columns)
            ctes.append(f"{side}_{depth} as ({query.sql}\n)")
            binds.extend(query.binds)
        ctes.extend((_pairs(kpi, names), _split(kpi, names)))
    ctes.append(_rows(now.by))
    ctes.append(benjamini_hochberg("change_rows", "p_value", ("level",)).strip())
    sql = f"with {', '.join(ctes)}\n{_result(now.by)}"
    return Query(sql, tuple(binds))


def _pairs(kpi: Kpi, names: Sequence[str]) -> str:
    """Each segment of this depth with its figures on both sides; sizes are what the weights are made of."""
    depth = len(names)
    size = WEIGHED.get(kpi.kind, "n")
    keys = "".join(f"coalesce(now.{name}, before.{name}) as {name}, " for name in names)
    same = " and ".join(f"now.{name} is not distinct from before.{name}" for name in names)
    joined = (
        f"now_{depth} as now full join before_{depth} as before on {same}"
        if names
        else "(select 1) as always left join now_0 as now on true left join before_0 as before on true"
    )
    sides = [_side(kpi, side, size) for side in ("now", "before")]
    return f"""pairs_{depth} as (
    select {keys}{", ".join(sides)}
    from {joined}
)"""


def _side(kpi: Kpi, side: str, size: str) -> str:
    value, lower, upper = f"{side}.value", f"{side}.lower", f"{side}.upper"
    if kpi.kind in COUNTED:
        # No row is a count of nothing, and counts vary as Poisson counts do.
        value = f"coalesce({side}.value, 0.0)"
        lower, upper = poisson_interval(value, "1")
    return f"""
        coalesce({side}.n, 0) as n_{side}, coalesce(cast({side}.{size} as double), 0) as size_{side},
        {value} as seen_{side}, {lower} as lower_{side}, {upper} as upper_{side}"""


def _split(kpi: Kpi, names: Sequence[str]) -> str:
    """CTEs with the weights, values and effects of each segment; r0, r1 are the values with gaps filled."""
    depth = len(names)
    of_above = f"partition by {', '.join(names[:-1])}" if depth > 1 else ""
    share = f"size_{{0}} / nullif(sum(size_{{0}}) over ({of_above}), 0)"
    difference, lower, upper = hybrid(
        ("seen_now", "lower_now", "upper_now"), ("seen_before", "lower_before", "upper_before")
    )
    # Where the row above has no units at all on one side, its inner mix is taken to be that of the other.
    return f"""weighed_{depth} as (
    select
        *, {share.format("before")} as share_before, {share.format("now")} as share_now,
        coalesce(share_before, share_now, 0) as weight_before, coalesce(share_now, share_before, 0) as weight_now,
        coalesce(seen_before, seen_now) as r0, coalesce(seen_now, seen_before) as r1,
        {difference} as difference, {lower} as lower, {upper} as upper
    from pairs_{depth}
),
split_{depth} as (
    select
        weighed.*, outer_weight * (weight_before + weight_now) / 2 as inner_weight,
        {_effects(kpi)},
        {p_value("difference", "lower", "upper")} as p_value
    from weighed_{depth} as weighed
    {_above(names)}
)"""


def _effects(kpi: Kpi) -> str:
    if kpi.kind in COUNTED:
        return "cast(null as double) as mix, cast(null as double) as rate_effect, r1 - r0 as total"
    return """
        outer_weight * (weight_now - weight_before) * ((r0 + r1) / 2 - middle) as mix,
        outer_weight * (weight_before + weight_now) / 2 * (r1 - r0) as rate_effect,
        mix + rate_effect as total"""


def _above(names: Sequence[str]) -> str:
    """The row that a segment is part of: what a change within it counts for, and its value midway."""
    if not names:
        return "cross join (select 1.0e0 as outer_weight, 0.0e0 as middle) as above"
    depth, keys = len(names), "".join(f"{name}, " for name in names[:-1])
    same = " and ".join(f"weighed.{name} is not distinct from above.{name}" for name in names[:-1]) or "true"
    return f"""inner join (
        select {keys}inner_weight as outer_weight, (r0 + r1) / 2 as middle from split_{depth - 1}
    ) as above on {same}"""


def _rows(by: Sequence[str]) -> str:
    """CTE `change_rows`: the total, the segments of each dimension, and what is left over."""
    figures = "n_before, n_now, weight_before, weight_now, seen_before as rate_before, seen_now as rate_now"
    ends = "lower, upper, p_value"
    nothing = ", ".join(f"null as {name}" for name in by)
    parts = [
        f"""
    select 0 as depth, 'total' as level, {nothing}, {figures},
        (select sum(mix) from split_1) as mix, (select sum(rate_effect) from split_1) as rate_effect,
        seen_now - seen_before as total, {ends}
    from split_0"""
    ]
    for depth in range(1, len(by) + 1):
        keys = ", ".join((*by[:depth], *(f"null as {name}" for name in by[depth:])))
        parts.append(f"""
    select {depth} as depth, '{by[depth - 1]}' as level, {keys}, {figures}, mix, rate_effect, total, {ends}
    from split_{depth}""")
        parts.append(_residual(by, depth))
    return f"change_rows as ({'    union all by name'.join(part + chr(10) for part in parts)})"


def _residual(by: Sequence[str], depth: int) -> str:
    """What the segments of a row leave over of its own change: rounding is passed over."""
    keys = by[: depth - 1]
    group = f"\n        group by {', '.join(keys)}" if keys else ""
    same = " and ".join(f"whole.{name} is not distinct from parts.{name}" for name in keys) or "true"
    own = "rate_effect" if keys else "seen_now - seen_before"
    names = "".join(f"whole.{name}, " for name in keys)
    return f"""
    select {depth} as depth, 'residual' as level, {names}whole.{own} - parts.explained as total
    from split_{depth - 1} as whole
    inner join (
        select {"".join(f"{name}, " for name in keys)}coalesce(sum(total), 0) as explained
        from split_{depth}{group}
    ) as parts on {same}
    where abs({own} - parts.explained) > {ROUNDING}"""


def _result(by: Sequence[str]) -> str:
    """The total first, then each segment, largest effect first, followed by what it is made of."""
    order = "depth = 0 desc, "
    if len(by) > 1:
        order += f"max(abs(total)) filter (where depth = 1) over (partition by {by[0]}) desc nulls last, {by[0]}, "
    return f"""select
    level, {", ".join((*by, *FIGURES))}, p_adjusted, coalesce(p_adjusted <= 0.05, false) as is_significant
from bh_adjusted
order by {order}depth, level = 'residual', abs(total) desc nulls last, {", ".join(by)}"""
