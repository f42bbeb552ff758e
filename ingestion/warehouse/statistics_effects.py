"""Did the measure work: effects on weekly series with honest intervals, and control limits, as SQL text.

Weeks resemble their neighbours, so ordinary intervals are too narrow. The standard error is that of Newey and West
(1987) with Bartlett weights and floor(4 (n / 100)^(2/9)) lags, corrected for few weeks, on Student's t. Alone it
calls 7.5 % of measures that did nothing effective where weeks take over half of the one before (52 weeks). Where
that of a first-order autoregression is larger, its coefficient freed from its bias in short series, that one counts:
3.9 %.
"""

from __future__ import annotations

from collections.abc import Sequence

from ingestion.warehouse.statistics_differences import student_t
from ingestion.warehouse.statistics_exact import let

FEWEST_WEEKS = 8
"""Before and after each: with fewer weeks their resemblance cannot be told from the effect."""


def level_change(weeks: str, series: Sequence[str] = (), has_trend: bool = True) -> str:
    """CTEs up to `lc_effect` over a CTE with the series, `week` (a number), `y`, `is_after`; one row a week

    `lc_effect` has the series, weeks_before, weeks_after, effect (the step of y at the date of the measure, beside a
    straight trend where `has_trend`), newey_west_error, standard_error (never smaller), lower and upper (95 %; NULL
    below eight weeks on either side).
    """
    names = "".join(f"{column}, " for column in series)
    of_series = f"partition by {', '.join(series)} " if series else ""
    ending = f"\n    group by {', '.join(series)}" if series else ""
    regressors = 3 if has_trend else 2
    twice = "case when one.lc_row = other.lc_row then 1 else 2 end"
    slope = "sum(lc_week * {0}) over ({1}) / sum(lc_week * lc_week) over ({1})"
    without = [f" - lc_week * {slope.format(name, of_series)}" if has_trend else "" for name in ("lc_step", "lc_y")]
    # Frisch, Waugh and Lovell: with what the trend explains taken out of both, one coefficient is left.
    return f"""
lc_centred as (
    select
        {names}row_number() over ({of_series}order by week) as lc_row, is_after,
        cast(week as double) - avg(week) over ({of_series}) as lc_week,
        cast(is_after as integer) - avg(cast(is_after as integer)) over ({of_series}) as lc_step,
        cast(y as double) - avg(y) over ({of_series}) as lc_y
    from {weeks}
    where y is not null
),
lc_partial as (
    select {names}lc_row, is_after, lc_step{without[0]} as lc_step, lc_y{without[1]} as lc_y
    from lc_centred
),
lc_fitted as (
    select
        *,
        sum(lc_step * lc_y) over ({of_series}) / nullif(sum(lc_step * lc_step) over ({of_series}), 0) as lc_slope,
        floor(4 * pow(count(*) over ({of_series}) / 100.0, 2 / 9.0)) as lc_lags
    from lc_partial
),
lc_rests as (
    select
        *, lc_y - lc_step * lc_slope as lc_rest,
        lag(lc_y - lc_step * lc_slope) over ({of_series}order by lc_row) as lc_last
    from lc_fitted
),
lc_scores as (
    select
        *, lc_step * lc_rest as lc_score,
        coalesce(sum(lc_rest * lc_last) over ({of_series}) / nullif(sum(lc_rest * lc_rest) over ({of_series}), 0), 0)
            as lc_seen,
        -- What is taken out of a series takes some of its likeness along: about (1 + rho) / n for each regressor.
        least(0.97, greatest(-0.97,
            lc_seen + ({regressors} + {regressors + 1} * lc_seen) / count(*) over ({of_series}))) as lc_likeness
    from lc_rests
),
lc_pairs as (
    select
        {_prefixed("one", series)}
        sum(one.lc_score * other.lc_score * greatest(0, 1 - (one.lc_row - other.lc_row) / (one.lc_lags + 1))
            * {twice}) as lc_meat,
        sum(one.lc_step * other.lc_step * pow(one.lc_likeness, one.lc_row - other.lc_row) * {twice}) as lc_regressed
    from lc_scores as one
    inner join lc_scores as other
        on {_same("one", "other", series)} and other.lc_row <= one.lc_row
    {_grouped(series)}
),
lc_sums as (
    select
        {names}count(*) filter (where not is_after) as weeks_before, count(*) filter (where is_after) as weeks_after,
        max(lc_slope) as effect, sum(lc_step * lc_step) as lc_bread, sum(lc_rest * lc_rest) as lc_rest,
        count(*) - {regressors} as lc_freedom
    from lc_scores{ending}
),
lc_effect as (
    select
        {_prefixed("lc_sums", series)}weeks_before, weeks_after, effect,
        sqrt(greatest(0.0, lc_meat) * (lc_freedom + {regressors}) / lc_freedom) / lc_bread as newey_west_error,
        greatest(newey_west_error, sqrt(greatest(0.0, lc_regressed) * lc_rest / lc_freedom) / lc_bread)
            as standard_error,
        {_end("-")} as lower, {_end("+")} as upper
    from lc_sums
    inner join lc_pairs on {_same("lc_sums", "lc_pairs", series)}
)"""


def _prefixed(table: str, series: Sequence[str]) -> str:
    return "".join(f"{table}.{name}, " for name in series)


def _grouped(series: Sequence[str]) -> str:
    return f"group by {', '.join(f'one.{name}' for name in series)}" if series else ""


def _same(one: str, other: str, series: Sequence[str]) -> str:
    return " and ".join(f"{one}.{name} is not distinct from {other}.{name}" for name in series) or "true"


def _end(sign: str) -> str:
    quantile = let("st_f", "cast(lc_freedom as double)", student_t("st_f"))
    return (
        f"case when least(weeks_before, weeks_after) >= {FEWEST_WEEKS}"
        f" then effect {sign} {quantile} * standard_error end"
    )


def difference_in_differences(weeks: str, series: Sequence[str] = ()) -> str:
    """CTEs `dd_weeks` to `lc_effect` over a CTE with the series, `week`, `y`, `is_after`, `is_treated`.

    The step in the weekly gap between where the measure applies and where it does not: season, prices and weather
    move both alike and drop out. Weeks in which one of the two has no value are left out.
    """
    names = "".join(f"{column}, " for column in series)
    gap = "avg(y) filter (where is_treated) - avg(y) filter (where not is_treated)"
    return f"""
dd_weeks as (
    select {names}week, bool_or(is_after) as is_after, {gap} as y
    from {weeks}
    group by {names}week
),
{level_change("dd_weeks", series, has_trend=False)}"""


def verdict(effect: str, lower: str, upper: str, better: str, needed: str = "0") -> str:
    """`effective`, `ineffective` or `inconclusive`: whether a measure moved a KPI the way it was meant to.

    Effective where the whole interval lies on the better side of zero. Ineffective where it lies on the worse side,
    or rules out an improvement of `needed`. Anything else is not known, and is not said to be either.
    """
    if better not in ("higher", "lower"):
        raise ValueError(f"{better!r} is neither higher nor lower")
    worst, best = (lower, upper) if better == "higher" else (f"-({upper})", f"-({lower})")
    return f"""case
        when ({effect}) is null or ({lower}) is null or ({upper}) is null then 'inconclusive'
        when {worst} > 0 then 'effective'
        when {best} < 0 or {best} < {needed} then 'ineffective'
        else 'inconclusive'
    end"""


def xmr(points: str, series: Sequence[str], position: str, baseline: str = "true") -> str:
    """CTEs `xmr_limits` and `xmr_points` over a CTE with the series, `position` and `y` (individuals, moving range).

    Limits are the mean of the baseline rows and 2.66 times their mean moving range either side (Wheeler): about three
    standard deviations that a trend does not inflate. `xmr_points` adds centre, lower, upper and is_signal.
    """
    names = "".join(f"{column}, " for column in series)
    of_series = f"partition by {', '.join(series)} " if series else ""
    ending = f"\n    group by {', '.join(series)}" if series else ""
    return f"""
xmr_moves as (
    select {names}cast(y as double) as y, abs(y - lag(y) over ({of_series}order by {position})) as xmr_range
    from {points}
    where {baseline}
),
xmr_limits as (
    select
        {names}avg(y) as centre, avg(y) - 2.66e0 * avg(xmr_range) as lower,
        avg(y) + 2.66e0 * avg(xmr_range) as upper
    from xmr_moves{ending}
),
xmr_points as (
    select points.*, centre, lower, upper, points.y not between lower and upper as is_signal
    from {points} as points
    inner join xmr_limits on {_same("points", "xmr_limits", series)}
)"""
