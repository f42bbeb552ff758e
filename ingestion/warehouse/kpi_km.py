"""Kaplan-Meier KPIs -> SQL: times, shares and curves of units of which some have not had their event yet."""

from __future__ import annotations

from ingestion.warehouse import statistics
from ingestion.warehouse.kpi_question import Question, check_question, conditions_of, period_column, state_of
from ingestion.warehouse.kpis import Kpi, KpiQuestionInvalid, Query


def units_of(kpi: Kpi, question: Question) -> tuple[str, list[object]]:
    """CTE body `units` of a Kaplan-Meier KPI: groups, duration, is_event; a per-row limit becomes 1."""
    conditions, binds = conditions_of(kpi, question, kpi.time)
    dimensions = "".join(f"{name}, " for name in question.by)
    duration = f"cast({kpi.duration} as double) / {kpi.limit}" if kpi.limit else kpi.duration
    has_limit = f" and {kpi.limit} is not null" if kpi.limit else ""
    sql = f"""
    select {period_column(question, kpi.time)} as period, {dimensions}{duration} as duration, {kpi.event} as is_event
    from {kpi.rows}
    where {" and ".join(conditions)} and ({kpi.denominator}) and {kpi.duration} is not null{has_limit}"""
    return sql, binds


def time_query(kpi: Kpi, question: Question) -> Query:
    """The time by which a share of the units had the event, with the ends of its interval."""
    left = str(round(1 - (kpi.quantile or 0.5), 6))
    value, lower, upper = (
        f"cast({statistics.km_quantile(column, left)} as double)" for column in ("survival", "lower", "upper")
    )
    results = f"{value} as value, {lower} as lower, {upper} as upper"
    columns = f"""
    results.value, numerator, n as denominator, n, results.lower, results.upper,
    {state_of(kpi, "results.value", "n", "0")} as state"""
    return _query(kpi, question, ("is_event", "false"), results, columns)


def share_query(kpi: Kpi, question: Question) -> Query:
    """The share that had the event within the horizon.

    With nobody waiting it is the plain share. A curve whose last unit was censored before the horizon says
    nothing about it: then there is no value (not_reached), not the share seen so far.
    """
    horizon = "1.0" if kpi.limit else str(kpi.horizon)
    results = f"""
        1 - {statistics.km_at("survival", horizon)} as value,
        1 - {statistics.km_at("upper", horizon)} as lower,
        1 - {statistics.km_at("lower", horizon)} as upper,
        max(duration) >= {horizon} or min(survival) = 0 as is_reached"""
    wilson_lower, wilson_upper = statistics.wilson("numerator", "n")
    value = """case
        when pending = 0 then cast(numerator as double) / n
        when results.is_reached then results.value
    end"""
    # Without events Greenwood's interval has no width; Wilson's has, and is the one of plain shares.
    is_plain = "pending = 0 or (results.is_reached and numerator = 0)"
    columns = f"""
    {value} as value, numerator, n as denominator, n,
    case when {is_plain} then {wilson_lower} when results.is_reached then results.lower end as lower,
    case when {is_plain} then {wilson_upper} when results.is_reached then results.upper end as upper,
    {state_of(kpi, f"({value})", "n", "pending")} as state"""
    counts = (f"is_event and duration <= {horizon}", f"not is_event and duration < {horizon}")
    return _query(kpi, question, counts, results, columns)


def _query(kpi: Kpi, question: Question, counts: tuple[str, str], results: str, columns: str) -> Query:
    groups = ("period", *question.by)
    names = ", ".join(groups)
    units, binds = units_of(kpi, question)
    same_group = " and ".join(f"totals.{name} is not distinct from results.{name}" for name in groups)
    sql = f"""
with units as ({units}
),
totals as (
    select {names}, count(*) as n,
        count(*) filter (where {counts[0]}) as numerator, count(*) filter (where {counts[1]}) as pending
    from units
    group by {names}
),
{statistics.kaplan_meier("units", groups)},
results as (
    select {names}, {results}
    from km_curve
    group by {names}
)
select {", ".join(f"totals.{name}" for name in groups)},{columns}
from totals
inner join results on {same_group}"""
    return Query(sql, tuple(binds))


def curve_query(kpi: Kpi, question: Question) -> Query:
    """The Kaplan-Meier curve: the dimensions, duration, events, at_risk, survival, lower, upper."""
    check_question(kpi, question)
    if not kpi.kind.startswith("km_"):
        raise KpiQuestionInvalid("no_curve", kpi=kpi.id)
    units, binds = units_of(kpi, question)
    names = ", ".join((*question.by, "duration"))
    sql = f"""
with units as ({units}
),
{statistics.kaplan_meier("units", question.by)}
select {names}, events, at_risk, survival, lower, upper
from km_curve
order by {names}"""
    return Query(sql, tuple(binds))
