"""Intervals by resampling, for statistics without a formula, as SQL text: the same seed gives the same interval.

Instead of drawing units with replacement, each unit gets a Poisson(1) weight in each draw (Hanley and MacGibbon
2006), read off a hash of seed, draw and unit: nothing is random, the order of rows does not matter, and a unit keeps
its weights whatever else is in the slice.
"""

from __future__ import annotations

from collections.abc import Sequence
from math import exp, factorial

from ingestion.warehouse.statistics_exact import let

DRAWS = 999

MOST = 8
"""Weights above are taken as this one: 1 unit in 900,000."""

STATISTICS = ("mean", "ratio", "median")


def poisson_weight(seed: int, draw: str, unit: str) -> str:
    """Weight of a unit in a draw: 0, 1, 2 ... with the probabilities of a Poisson count of mean 1."""
    # Of the text: hash(draw, unit) of two numbers mixes them so badly that draws vary by half too much.
    uniform = f"cast(hash('{int(seed)}|' || {draw} || '|' || {unit}) >> 11 as double) / 9007199254740992"
    chances = [exp(-1) / factorial(count) for count in range(MOST)]
    below = [sum(chances[: count + 1]) for count in range(MOST)]
    # Counting how many bounds lie at or below the draw is the inverse of the distribution.
    reached = " + ".join(f"cast(bt_u >= {bound!r}e0 as integer)" for bound in below)
    return let("bt_u", uniform, reached)


def bootstrap(units: str, groups: Sequence[str], unit: str, statistic: str, seed: int, draws: int = DRAWS) -> str:
    """CTEs up to `bt_interval` over a CTE named by `units`: groups, value, lower, upper (95 % percentile interval).

    `unit` names the column that tells units apart. `units` has a number `x`, for statistic `ratio` also `weight`
    (the value is the sum of x over the sum of weight); `median` is the first x with half of the units at or below.
    """
    if statistic not in STATISTICS:
        raise ValueError(f"{statistic!r} is not one of {', '.join(STATISTICS)}")
    group_list = "".join(f"{column}, " for column in groups)
    names = ", ".join((*groups, "bt_draw"))
    ending = f"\n    group by {', '.join(groups)}" if groups else ""
    by_draw = _medians(group_list, names) if statistic == "median" else _sums(group_list, names, statistic)
    return f"""
bt_weighted as (
    -- Draw 0 is the sample as it is: every unit once.
    select
        {group_list}bt_draw, x{", weight" if statistic == "ratio" else ""},
        case when bt_draw = 0 then 1 else {poisson_weight(seed, "bt_draw", unit)} end as bt_weight
    from {units}
    cross join (select unnest(range({int(draws)} + 1)) as bt_draw) as bt_draws
),
{by_draw},
bt_interval as (
    select
        {group_list}max(bt_value) filter (where bt_draw = 0) as value,
        quantile_cont(bt_value, 0.025) filter (where bt_draw > 0) as lower,
        quantile_cont(bt_value, 0.975) filter (where bt_draw > 0) as upper
    from bt_values{ending}
)"""


def _sums(group_list: str, names: str, statistic: str) -> str:
    below = "weight" if statistic == "ratio" else "1"
    return f"""bt_values as (
    select {group_list}bt_draw, cast(sum(x * bt_weight) as double) / nullif(sum({below} * bt_weight), 0) as bt_value
    from bt_weighted
    group by {names}
)"""


def _medians(group_list: str, names: str) -> str:
    return f"""bt_heights as (
    select {group_list}bt_draw, x, sum(bt_weight) as bt_weight
    from bt_weighted
    group by {names}, x
),
bt_running as (
    select
        {group_list}bt_draw, x,
        sum(bt_weight) over (partition by {names} order by x rows unbounded preceding) as bt_below,
        sum(bt_weight) over (partition by {names}) as bt_all
    from bt_heights
),
bt_values as (
    select
        {group_list}bt_draw,
        cast(min(x) filter (where 2 * bt_below >= bt_all and bt_all > 0) as double) as bt_value
    from bt_running
    group by {names}
)"""
