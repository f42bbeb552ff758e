"""SQL text of the statistics behind the KPIs: intervals and Kaplan-Meier, computed in sets inside DuckDB.

Every function returns SQL over column names that the caller owns; nothing here touches a connection or a
value from outside. Formulas: Wilson (1927); Greenwood's variance with the log(-log) interval of
Kalbfleisch and Prentice, the one that stays within 0 and 1; NPS variance as in sql/DECISIONS.md.
"""

from __future__ import annotations

from collections.abc import Sequence

Z95 = "1.959963984540054"
"""97.5 % point of the standard normal distribution."""

HALF_TOLERANCE = "1e-9"
"""S is a product of doubles: where it should be exactly one half it can land an ulp above (DECISIONS.md)."""


def wilson(numerator: str, denominator: str) -> tuple[str, str]:
    """Wilson 95 % interval of a share, as two SQL expressions (NULL where the denominator is 0)."""
    n = f"cast({denominator} as double)"
    p = f"(cast({numerator} as double) / nullif({n}, 0))"
    centre = f"({p} + {Z95} * {Z95} / (2 * {n}))"
    half = f"({Z95} * sqrt({p} * (1 - {p}) / {n} + {Z95} * {Z95} / (4 * {n} * {n})))"
    scale = f"(1 + {Z95} * {Z95} / {n})"
    # The ends are 0 and 1 exactly when nothing or everything counts; rounding must not stop short of them.
    lower = f"case when {numerator} = 0 then 0.0 else greatest(0.0, ({centre} - {half}) / {scale}) end"
    upper = f"case when {numerator} = {denominator} then 1.0 else least(1.0, ({centre} + {half}) / {scale}) end"
    return f"case when {denominator} > 0 then {lower} end", f"case when {denominator} > 0 then {upper} end"


def mean_interval(total: str, squares: str, count: str) -> tuple[str, str]:
    """Normal 95 % interval of a mean from sum, sum of squares and count (NULL below two values)."""
    n = f"cast({count} as double)"
    mean = f"(cast({total} as double) / {n})"
    variance = f"(greatest(0.0, cast({squares} as double) - {n} * {mean} * {mean}) / ({n} - 1))"
    half = f"({Z95} * sqrt({variance} / {n}))"
    return (
        f"case when {count} > 1 then {mean} - {half} end",
        f"case when {count} > 1 then {mean} + {half} end",
    )


def nps_interval(points: str, scored: str, count: str) -> tuple[str, str]:
    """95 % interval of NPS in points; `points` = promoters - detractors, `scored` = promoters + detractors.

    Var = 100^2 (p + d - (p - d)^2) / n with p, d the shares of promoters and detractors.
    """
    n = f"cast({count} as double)"
    mean = f"(cast({points} as double) / {n})"
    half = f"(100 * {Z95} * sqrt((cast({scored} as double) / {n} - {mean} * {mean}) / {n}))"
    return (
        f"case when {count} > 0 then greatest(-100.0, 100 * {mean} - {half}) end",
        f"case when {count} > 0 then least(100.0, 100 * {mean} + {half}) end",
    )


def kaplan_meier(units: str, groups: Sequence[str], entry: str | None = None) -> str:
    """CTEs `km_steps`, `km_risk`, `km_curve` over a CTE named by `units`.

    `units` has the group columns, `duration` (any number) and `is_event` (boolean), one row a unit.
    `km_curve` has the groups, duration, events, at_risk, survival, lower, upper (log(-log) 95 %) and variance.
    `entry` names a column of `units` with the duration at which a unit came under watch, NULL or 0 from its start:
    until then it could not have been seen to have the event, and is not at risk.
    """
    group_list = "".join(f"{column}, " for column in groups)
    partition = f"partition by {', '.join(groups)} " if groups else ""
    running = f"over ({partition}order by duration rows unbounded preceding)"
    steps = (
        _steps(units, group_list, partition) if entry is None else _late_steps(units, group_list, partition, entry)
    )
    return f"""{steps},
km_product as (
    select
        {group_list}duration, events, at_risk,
        -- The last one at risk has the event: S is 0 from here on, and its logarithm has no value.
        bool_or(events = at_risk) {running} as is_exhausted,
        coalesce(sum(case when events < at_risk then ln(1 - cast(events as double) / at_risk) end) {running}, 0.0)
            as log_survival,
        coalesce(sum(case when events < at_risk
            then cast(events as double) / (cast(at_risk as double) * (at_risk - events)) end) {running}, 0.0)
            as greenwood
    from km_risk
),
km_curve as (
    select
        {group_list}duration, events, at_risk,
        case when is_exhausted then 0.0 else exp(log_survival) end as survival,
        case when is_exhausted then 0.0 else exp(2 * log_survival) * greenwood end as variance,
        case
            when is_exhausted then 0.0
            when log_survival = 0 then 1.0
            else exp(-exp(ln(-log_survival) + {Z95} * sqrt(greenwood) / -log_survival))
        end as lower,
        case
            when is_exhausted then 0.0
            when log_survival = 0 then 1.0
            else exp(-exp(ln(-log_survival) - {Z95} * sqrt(greenwood) / -log_survival))
        end as upper
    from km_product
)"""


def _steps(units: str, group_list: str, partition: str) -> str:
    """Events and units at risk at each duration, all units watched from 0 on."""
    remaining = f"over ({partition}order by duration desc rows unbounded preceding)"
    return f"""
km_steps as (
    select {group_list}duration, count(*) filter (where is_event) as events, count(*) as leaving
    from {units}
    group by {group_list}duration
),
km_risk as (
    select {group_list}duration, events, cast(sum(leaving) {remaining} as bigint) as at_risk
    from km_steps
)"""


def _late_steps(units: str, group_list: str, partition: str, entry: str) -> str:
    """The same where units come under watch later: at risk at t is who entered before t and has not left before t."""
    until_now = f"over ({partition}order by duration rows between unbounded preceding and 1 preceding)"
    return f"""
km_watched as (
    -- Whoever had left by the time the watch began was never seen at risk.
    select
        {group_list}duration, coalesce(is_event, false) as is_event, case when {entry} > 0 then {entry} end as entered
    from {units}
    where {entry} is null or {entry} <= 0 or {entry} < duration
),
km_moves as (
    select
        {group_list}duration, cast(is_event as integer) as is_event, 1 as is_leaving,
        cast(entered is null as integer) as is_there, 0 as is_entering
    from km_watched
    union all
    select {group_list}entered as duration, 0 as is_event, 0 as is_leaving, 0 as is_there, 1 as is_entering
    from km_watched
    where entered is not null
),
km_steps as (
    select
        {group_list}duration, sum(is_event) as events, sum(is_leaving) as leaving, sum(is_there) as there,
        sum(is_entering) as entering
    from km_moves
    group by {group_list}duration
),
km_levels as (
    select
        {group_list}duration, cast(events as bigint) as events, leaving,
        cast(sum(there) over ({partition}) + coalesce(sum(entering - leaving) {until_now}, 0) as bigint) as at_risk
    from km_steps
),
km_risk as (
    select {group_list}duration, events, at_risk from km_levels where leaving > 0
)"""


def _informative(column: str) -> str:
    """Where the last one at risk had the event S is 0 without a variance: no upper limit can rest on that step."""
    return "survival > 0" if column == "upper" else "true"


def km_quantile(column: str, share_left: str) -> str:
    """First duration at which `column` (survival, lower or upper) has fallen to `share_left`; NULL: not reached."""
    return f"min(duration) filter (where {column} <= {share_left} + {HALF_TOLERANCE} and {_informative(column)})"


def km_at(column: str, horizon: str) -> str:
    """Value of `column` of the curve at `horizon`: that of the last step at or before it, 1 before the first."""
    seen = f"duration <= {horizon} and {_informative(column)}"
    return f"coalesce(arg_max({column}, duration) filter (where {seen}), 1.0)"
