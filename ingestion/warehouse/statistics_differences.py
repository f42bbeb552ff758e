"""Is the difference real: intervals of differences, their p-values, and many of them at once, as SQL text.

A difference is told from zero where its interval leaves zero out, and in no other way: `p_value` is below 5 % exactly
then, so that an arrow, an interval and a Benjamini-Hochberg table never contradict one another.
"""

from __future__ import annotations

from collections.abc import Sequence

from ingestion.warehouse.statistics import Z95, km_at, wilson
from ingestion.warehouse.statistics_exact import let

Z = f"{Z95}e0"


def student_t(freedom: str) -> str:
    """97.5 % point of Student's t by powers of 1 / freedom: 0.8 % low at 2, 0.02 % at 4, under 1e-5 from 10 on."""
    z = float(Z95)
    terms = (
        z,
        (z**3 + z) / 4,
        (5 * z**5 + 16 * z**3 + 3 * z) / 96,
        (3 * z**7 + 19 * z**5 + 17 * z**3 - 15 * z) / 384,
        (79 * z**9 + 776 * z**7 + 1482 * z**5 - 1920 * z**3 - 945 * z) / 92160,
    )
    return "(" + " + ".join(f"{term!r}e0 / pow({freedom}, {power})" for power, term in enumerate(terms)) + ")"


def two_sided(z: str) -> str:
    """P(|Z| > |z|) of the standard normal, to 1e-12: its series near the middle, its continued fraction outside."""
    series = (
        "1 - 2 * exp(-st_z * st_z / 2) / sqrt(2 * pi()) * list_sum(list_transform(range(60), lambda st_i:"
        " exp((2 * st_i + 1) * ln(st_z) - lgamma(st_i + 1.5) - (st_i + 1) * ln(2.0) + ln(pi()) / 2)))"
    )
    outside = (
        "2 * exp(-st_z * st_z / 2) / sqrt(2 * pi())"
        " / list_reduce(range(60, 0, -1), lambda st_a, st_i: st_z + st_i / st_a, st_z)"
    )
    body = f"case when st_z = 0 then 1.0 when st_z < 3 then {series} else {outside} end"
    return let("st_z", f"abs(cast({z} as double))", body)


def hybrid(now: tuple[str, str, str], before: tuple[str, str, str]) -> tuple[str, str, str]:
    """Difference `now` - `before` of two independent values (value, lower, upper), with its 95 % interval.

    The variance at each end is recovered from the ends of the single intervals (Newcombe's method 10, Zou and Donner
    2008): it keeps their skewness, and works for whatever has an interval, a median too.
    """
    (v1, l1, u1), (v0, l0, u0) = ((f"cast({each} as double)" for each in one) for one in (now, before))
    difference = f"({v1} - {v0})"
    return (
        difference,
        f"({difference} - sqrt(pow({v1} - {l1}, 2) + pow({u0} - {v0}, 2)))",
        f"({difference} + sqrt(pow({u1} - {v1}, 2) + pow({v0} - {l0}, 2)))",
    )


def newcombe(numerator: str, denominator: str, base_numerator: str, base_denominator: str) -> tuple[str, str, str]:
    """Difference of two shares with its 95 % interval (Newcombe 1998, method 10); NULL without units."""

    def share(k: str, n: str) -> tuple[str, str, str]:
        lower, upper = wilson(k, n)
        return f"cast({k} as double) / nullif({n}, 0)", lower, upper

    return hybrid(share(numerator, denominator), share(base_numerator, base_denominator))


def km_difference(groups: Sequence[str], side: str, horizon: str) -> str:
    """CTEs `km_sides` and `km_difference` over `km_curve`, which is grouped by `groups` and the boolean `side`.

    `km_difference` has the groups, difference (survival at `horizon` where `side` is true, less where it is false),
    lower and upper. NULL where either curve ends in units still waiting before the horizon.
    """
    group_list = "".join(f"{column}, " for column in groups)
    survival, lower, upper = (km_at(column, horizon) for column in ("survival", "lower", "upper"))
    names = ", ".join((*groups, side))

    def of(is_now: bool) -> tuple[str, str, str]:
        value, low, high = (
            f"max({name}) filter (where {'' if is_now else 'not '}{side})" for name in ("survival", "lower", "upper")
        )
        return value, low, high

    difference, least, most = hybrid(of(is_now=True), of(is_now=False))
    ending = f"\n    group by {', '.join(groups)}" if groups else ""
    return f"""
km_sides as (
    select {names}, {survival} as survival, {lower} as lower, {upper} as upper
    from km_curve
    group by {names}
    having max(duration) >= {horizon} or min(survival) = 0
),
km_difference as (
    select {group_list}{difference} as difference, {least} as lower, {most} as upper
    from km_sides{ending}
)"""


def p_value(difference: str, lower: str, upper: str) -> str:
    """The p-value that belongs to an interval: 5 % where its end touches zero. NULL without an interval."""
    reach = f"case when {difference} >= 0 then {difference} - ({lower}) else ({upper}) - {difference} end"
    z = f"{Z} * abs({difference}) / nullif({reach}, 0)"
    # No width at all: both sides are known for certain.
    sure = f"case when ({reach}) = 0 then case when {difference} = 0 then 1.0 else 0.0 end else {two_sided(z)} end"
    return f"case when ({lower}) is not null and ({upper}) is not null then {sure} end"


def welch(
    total: str, squares: str, count: str, base_total: str, base_squares: str, base_count: str
) -> tuple[str, str, str]:
    """Difference of two means with Welch's 95 % interval, from sums, sums of squares and counts.

    NULL below three values on either side, where the degrees of freedom carry nothing.
    """

    def moments(sums: str, square_sums: str, n: str) -> tuple[str, str]:
        mean = f"(cast({sums} as double) / nullif({n}, 0))"
        spread = f"greatest(0.0, cast({square_sums} as double) - {n} * {mean} * {mean})"
        return mean, f"({spread} / nullif(({n} - 1) * cast({n} as double), 0))"

    (mean1, error1), (mean0, error0) = moments(total, squares, count), moments(base_total, base_squares, base_count)
    freedom = (
        f"pow({error1} + {error0}, 2) / nullif({error1} * {error1} / nullif({count} - 1, 0)"
        f" + {error0} * {error0} / nullif({base_count} - 1, 0), 0)"
    )
    # Values without any spread have no degrees of freedom, and need none.
    half = f"coalesce({let('st_f', freedom, student_t('st_f'))} * sqrt({error1} + {error0}), 0.0)"
    known = f"least({count}, {base_count}) >= 3"
    return (
        f"({mean1} - {mean0})",
        f"case when {known} then {mean1} - {mean0} - {half} end",
        f"case when {known} then {mean1} - {mean0} + {half} end",
    )


def benjamini_hochberg(units: str, p: str, partition: Sequence[str] = ()) -> str:
    """CTEs `bh_ranked` and `bh_adjusted` over CTE `units`: all its columns and `p_adjusted`.

    Calling real what has p_adjusted <= 0.05 is wrong for at most 5 % of what is called so, in expectation, within
    each partition (Benjamini and Hochberg 1995). Rows without a p-value take no part.
    """
    of = f"partition by {', '.join([*partition, f'({p}) is null'])}"
    return f"""
bh_ranked as (
    select *, cast(row_number() over ({of} order by {p}) as double) as bh_rank, count(*) over ({of}) as bh_tests
    from {units}
),
bh_adjusted as (
    select
        * exclude (bh_rank, bh_tests),
        -- From the largest down: no test is less sure than one that ranks behind it.
        case when {p} is not null then
            min(least(1.0, {p} * bh_tests / bh_rank)) over ({of} order by {p} desc range unbounded preceding)
        end as p_adjusted
    from bh_ranked
)"""
