"""A KPI and a question about it -> SQL text and bound values. Pure: no connection.

Names (models, columns, dimensions) come from the entries of sql/kpis alone; everything a person typed is
bound as a value.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date

from ingestion.warehouse import statistics
from ingestion.warehouse.kpis import (
    PERIODS,
    Filter,
    Kpi,
    KpiQuestionInvalid,
    Query,
    period_start,
    periods_between,
)


@dataclass(frozen=True)
class Question:
    """A KPI's filter made complete: both dates set, dimensions checked, and who may see which regions.

    last_date is the last complete business day before as_of; regions None means all of them.
    """

    filter: Filter
    by: tuple[str, ...]
    period: str
    last_date: date
    regions: tuple[str, ...] | None = None

    @property
    def dates(self) -> tuple[date, date]:
        return check_dates(self.filter)


def check_dates(wanted: Filter) -> tuple[date, date]:
    """Both dates of a complete filter. Raises KpiQuestionInvalid."""
    first, last = wanted.date_from, wanted.date_to
    if first is None or last is None:
        raise KpiQuestionInvalid("dates_missing")
    if first > last:
        raise KpiQuestionInvalid("dates_reversed", first=first.isoformat(), last=last.isoformat())
    return first, last


def check_question(kpi: Kpi, question: Question) -> None:
    """Refuse what the KPI cannot answer. Raises KpiQuestionInvalid with the code and the names."""
    check_dates(question.filter)
    if question.period not in PERIODS:
        raise KpiQuestionInvalid("unknown_period", period=question.period, known=", ".join(PERIODS))
    if kpi.over_time == "first" and question.period in ("day", "week"):
        raise KpiQuestionInvalid("period_too_short", kpi=kpi.id, period=question.period)
    for dimension in (*question.by, *question.filter.where):
        if dimension not in kpi.dimensions:
            raise KpiQuestionInvalid(
                "unknown_dimension", kpi=kpi.id, dimension=dimension, known=", ".join(kpi.dimensions)
            )
    if len(set(question.by)) != len(question.by):
        raise KpiQuestionInvalid("dimension_twice", kpi=kpi.id, dimension=", ".join(question.by))


def counted_dates(kpi: Kpi, question: Question) -> list[date] | None:
    """For a KPI that is taken at one day of each period, those days; None where every day counts.

    A stock (backlog) is taken at the period's last complete day; a cohort KPI (churn) at the first day of
    the first month that begins within the period.
    """
    if kpi.over_time == "sum":
        return None
    first, last = question.dates
    last = min(last, question.last_date)
    if first > last:
        return []
    if kpi.over_time == "last":
        ends = {period_start(day, question.period): day for day in _days(first, last)}
        return sorted(ends.values())
    starts: dict[date | None, date] = {}
    for month in periods_between(first, last, "month"):
        if month >= first:
            starts.setdefault(period_start(month, question.period), month)
    return sorted(starts.values())


def _days(first: date, last: date) -> list[date]:
    return [date.fromordinal(n) for n in range(first.toordinal(), last.toordinal() + 1)]


def _conditions(kpi: Kpi, question: Question, time: str) -> tuple[list[str], list[object]]:
    first, last = question.dates
    conditions = [f"{time} between ? and ?"]
    values: list[object] = [first, last]
    days = counted_dates(kpi, question)
    if days is not None:
        conditions.append(f"list_contains(?::date[], {time})")
        values.append(days)
    for dimension, wanted in question.filter.where.items():
        conditions.append(f"list_contains(?::varchar[], cast({dimension} as varchar))")
        values.append(_spelt(dimension, wanted))
    if question.regions is not None:
        conditions.append("list_contains(?::varchar[], region)")
        values.append(list(question.regions))
    return conditions, values


def _spelt(dimension: str, values: Sequence[str]) -> list[str]:
    """Wanted values as the tables spell them: True and TRUE are true."""
    return [value.lower() for value in values] if dimension == "is_vip" else list(values)


def _period_column(question: Question, time: str) -> str:
    if question.period == "total":
        return "cast(null as date)"
    return f"cast(date_trunc('{question.period}', {time}) as date)"


def _state(kpi: Kpi, value: str, n: str, pending: str) -> str:
    return f"""case
        when coalesce({n}, 0) = 0 then 'empty'
        when {value} is null then 'not_reached'
        when {n} < {int(kpi.minimum_n)} then 'small_n'
        when {pending} > 0 then 'provisional'
        else 'ok'
    end"""


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
        return _km_time_query(kpi, question)
    if kpi.kind == "km_share":
        return _km_share_query(kpi, question)
    return _sums_query(kpi, question, reads_mart(kpi, question, mart_columns))


def _sums_query(kpi: Kpi, question: Question, from_mart: bool) -> Query:
    mart = kpi.mart if from_mart else None
    dimensions = "".join(f"{name}, " for name in question.by)
    if mart is not None:
        source, time = mart.model, "date"
        contribution, counted = mart.numerator, mart.denominator or mart.numerator
        pending = mart.pending or "0"
    else:
        source, time = kpi.rows, kpi.time
        counts = f"coalesce({kpi.denominator}, false)"
        contribution = f"case when {counts} then coalesce(cast({kpi.numerator} as {_measure(kpi)}), 0) else 0 end"
        counted = f"cast({counts} as integer)"
        pending = f"cast(coalesce({kpi.pending}, false) as integer)" if kpi.pending else "0"
    conditions, binds = _conditions(kpi, question, time)
    sql = f"""
with units as (
    select {_period_column(question, time)} as period, {dimensions}
        {contribution} as contribution, {counted} as counted, {pending} as still_open
    from {source}
    where {" and ".join(conditions)}
),
sums as (
    select period, {dimensions}
        sum(contribution) as numerator, cast(sum(counted) as bigint) as denominator,
        cast(sum(still_open) as bigint) as pending,
        -- Squares carry the spread of means and of NPS; only facts hold single values, so those skip the mart.
        sum(contribution * contribution) as squares
    from units
    group by all
)
select period, {dimensions}{_sum_columns(kpi)}
from sums"""
    return Query(sql, tuple(binds))


def _measure(kpi: Kpi) -> str:
    return "decimal(18, 4)" if kpi.kind == "mean" else "bigint"


def _sum_columns(kpi: Kpi) -> str:
    share = "cast(numerator as double) / nullif(denominator, 0)"
    match kpi.kind:
        case "count" | "stock":
            value, (lower, upper) = "cast(numerator as double)", ("cast(null as double)",) * 2
        case "mean":
            value, (lower, upper) = share, statistics.mean_interval("numerator", "squares", "denominator")
        case "nps":
            value = f"100 * {share}"
            lower, upper = statistics.nps_interval("numerator", "squares", "denominator")
        case _:
            value, (lower, upper) = share, statistics.wilson("numerator", "denominator")
    n = "numerator" if kpi.kind in ("count", "stock") else "denominator"
    denominator = "cast(null as bigint)" if kpi.kind in ("count", "stock") else "denominator"
    state = (
        f"case when {n} = 0 then 'empty' else 'ok' end"
        if kpi.kind in ("count", "stock")
        else _state(kpi, value, n, "pending")
    )
    return f"""
    {value} as value, cast(numerator as {"double" if kpi.kind == "mean" else "bigint"}) as numerator,
    {denominator} as denominator, cast({n} as bigint) as n, {lower} as lower, {upper} as upper, {state} as state"""


def _km_units(kpi: Kpi, question: Question) -> tuple[str, list[object]]:
    """CTE body `units` of a Kaplan-Meier KPI: groups, duration, is_event; a per-row limit becomes 1."""
    conditions, binds = _conditions(kpi, question, kpi.time)
    dimensions = "".join(f"{name}, " for name in question.by)
    duration = f"cast({kpi.duration} as double) / {kpi.limit}" if kpi.limit else kpi.duration
    has_limit = f" and {kpi.limit} is not null" if kpi.limit else ""
    sql = f"""
    select {_period_column(question, kpi.time)} as period, {dimensions}{duration} as duration, {kpi.event} as is_event
    from {kpi.rows}
    where {" and ".join(conditions)} and {kpi.denominator} and {kpi.duration} is not null{has_limit}"""
    return sql, binds


def _km_time_query(kpi: Kpi, question: Question) -> Query:
    """The time by which a share of the units had the event, with the ends of its interval."""
    left = str(round(1 - (kpi.quantile or 0.5), 6))
    value, lower, upper = (
        f"cast({statistics.km_quantile(column, left)} as double)" for column in ("survival", "lower", "upper")
    )
    results = f"{value} as value, {lower} as lower, {upper} as upper"
    columns = f"""
    results.value, numerator, n as denominator, n, results.lower, results.upper,
    {_state(kpi, "results.value", "n", "0")} as state"""
    return _km_query(kpi, question, ("is_event", "false"), results, columns)


def _km_share_query(kpi: Kpi, question: Question) -> Query:
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
    {_state(kpi, f"({value})", "n", "pending")} as state"""
    counts = (f"is_event and duration <= {horizon}", f"not is_event and duration < {horizon}")
    return _km_query(kpi, question, counts, results, columns)


def _km_query(kpi: Kpi, question: Question, counts: tuple[str, str], results: str, columns: str) -> Query:
    groups = ("period", *question.by)
    names = ", ".join(groups)
    units, binds = _km_units(kpi, question)
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
    units, binds = _km_units(kpi, question)
    names = ", ".join((*question.by, "duration"))
    sql = f"""
with units as ({units}
),
{statistics.kaplan_meier("units", question.by)}
select {names}, events, at_risk, survival, lower, upper
from km_curve
order by {names}"""
    return Query(sql, tuple(binds))


def rows_query(kpi: Kpi, question: Question, part: str, limit: int | None = None) -> Query:
    """The units behind a value: part `denominator` lists all that count, `numerator` those that contribute."""
    check_question(kpi, question)
    conditions, binds = _conditions(kpi, question, kpi.time)
    conditions.append(f"coalesce({kpi.denominator}, false)")
    if kpi.limit:
        conditions.append(f"{kpi.limit} is not null")
    if kpi.duration:
        conditions.append(f"{kpi.duration} is not null")
    if part == "numerator":
        conditions.append(_contributes(kpi))
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
    return f"coalesce(cast({kpi.numerator} as {_measure(kpi)}), 0) <> 0"


def sums_query(
    mart: str,
    columns: Sequence[str],
    wanted: Filter,
    by: tuple[str, ...],
    period: str,
    regions: tuple[str, ...] | None,
) -> Query:
    """Every `..._count` of a mart, added up by `by` and period; the caller has checked the names."""
    conditions = ["date between ? and ?"]
    bound: list[object] = [wanted.date_from, wanted.date_to]
    for dimension, values in wanted.where.items():
        conditions.append(f"list_contains(?::varchar[], cast({dimension} as varchar))")
        bound.append(_spelt(dimension, values))
    if regions is not None:
        conditions.append("list_contains(?::varchar[], region)")
        bound.append(list(regions))
    counts = [f"cast(coalesce(sum({name}), 0) as bigint) as {name}" for name in columns if name.endswith("_count")]
    step = [] if period == "total" else [f"cast(date_trunc('{period}', date) as date) as period"]
    groups = (*(["period"] if step else []), *by)
    tail = f"\ngroup by {', '.join(groups)}\norder by {', '.join(groups)}" if groups else ""
    sql = f"select {', '.join((*step, *by, *counts))}\nfrom {mart}\nwhere {' and '.join(conditions)}{tail}"
    return Query(sql, tuple(bound))
