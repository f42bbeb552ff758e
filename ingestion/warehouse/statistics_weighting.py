"""What the customers who did not answer would change: survey means weighted by who was asked, as SQL text.

Where unhappy customers answer less, the mean of the answers flatters. Among customers alike in what is known of all
of them (tier, region, channel, outcome, speed) those who answered stand for those who did not; how far that can be
wrong is told by the bounds, where all who kept silent are as unhappy, or as happy, as the scale allows.
"""

from __future__ import annotations

from collections.abc import Sequence

from ingestion.warehouse.statistics import Z95

Z = f"{Z95}e0"


def post_stratified(units: str, strata: Sequence[str], least: str, most: str, groups: Sequence[str] = ()) -> str:
    """CTEs up to `ps_result` over a CTE of everybody asked: groups, strata and `score`, NULL where nobody answered.

    `ps_result` has the groups, asked, answered, response_rate, raw, weighted, lower, upper (95 %), bound_lower,
    bound_upper and uncovered: the share of those asked who are in strata without any answer, and for whom the
    weighted mean of all the others stands. `least` and `most` are the ends of the scale.
    """
    group_list = "".join(f"{column}, " for column in groups)
    ending = f"\n    group by {', '.join(groups)}" if groups else ""
    same = " and ".join(f"ps_strata.{name} is not distinct from ps_within.{name}" for name in groups) or "true"
    own = "".join(f"ps_strata.{name}, " for name in groups)
    by_group = f"\n    group by {own.rstrip(', ')}" if groups else ""
    return f"""
ps_strata as (
    select
        {group_list}{"".join(f"{column}, " for column in strata)}count(*) as asked, count(score) as answered,
        coalesce(sum(cast(score as double)), 0) as total, avg(cast(score as double)) as mean,
        coalesce(var_samp(cast(score as double)) * (count(score) - 1), 0) as spread
    from {units}
    group by {", ".join((*groups, *strata))}
),
ps_within as (
    -- One answer alone shows no spread; the strata together do.
    select {group_list}sum(spread) / nullif(sum(answered) - count(*) filter (where answered > 0), 0) as variance
    from ps_strata{ending}
),
ps_sums as (
    select
        {own}cast(sum(asked) as bigint) as asked, cast(sum(answered) as bigint) as answered, sum(total) as total,
        cast(sum(asked) filter (where answered > 0) as double) as covered,
        sum(asked * mean) as weighted_total,
        sum(cast(asked as double) * asked * case
            when answered > 1 then spread / (answered - 1) / answered
            when answered = 1 then variance
        end) as weighted_variance
    from ps_strata
    inner join ps_within on {same}{by_group}
),
ps_result as (
    select
        {group_list}asked, answered, cast(answered as double) / asked as response_rate,
        total / nullif(answered, 0) as raw,
        weighted_total / covered as weighted,
        case when weighted_variance is not null
            then greatest({least}, weighted - {Z} * sqrt(weighted_variance) / covered) end as lower,
        case when weighted_variance is not null
            then least({most}, weighted + {Z} * sqrt(weighted_variance) / covered) end as upper,
        (total + (asked - answered) * {least}) / asked as bound_lower,
        (total + (asked - answered) * {most}) / asked as bound_upper,
        1 - coalesce(covered, 0) / asked as uncovered
    from ps_sums
)"""
