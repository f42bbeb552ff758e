"""A question about a KPI: what is asked, whether it can be answered, and the conditions it puts on the units."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from typing import Protocol

from ingestion.warehouse.kpis import (
    PERIODS,
    Filter,
    Kpi,
    KpiQuestionInvalid,
    period_start,
    periods_between,
)

DECIMAL = "decimal(19, 4)"
"""One digit more than 64 bits hold: the square of four days in seconds would overflow them."""


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


class Asked(Protocol):
    """What conditions are put on: a KPI or a view."""

    @property
    def id(self) -> str: ...
    @property
    def over_time(self) -> str: ...
    @property
    def dimensions(self) -> tuple[str, ...]: ...


def check_question(kpi: Kpi, question: Question) -> None:
    """Refuse what the KPI cannot answer. Raises KpiQuestionInvalid with the code and the names."""
    if question.period not in PERIODS:
        raise KpiQuestionInvalid("unknown_period", period=question.period, known=", ".join(PERIODS))
    if kpi.over_time == "first" and question.period in ("day", "week"):
        raise KpiQuestionInvalid("period_too_short", kpi=kpi.id, period=question.period)
    if len(set(question.by)) != len(question.by):
        raise KpiQuestionInvalid("dimension_twice", kpi=kpi.id, dimension=", ".join(question.by))
    check_slices(kpi, question)


def check_slices(asked: Asked, question: Question) -> None:
    """Both dates in order, and no slice that the fact does not know. Raises KpiQuestionInvalid."""
    check_dates(question.filter)
    for dimension in (*question.by, *question.filter.where):
        if dimension not in asked.dimensions:
            raise KpiQuestionInvalid(
                "unknown_dimension", kpi=asked.id, dimension=dimension, known=", ".join(asked.dimensions)
            )


def counted_dates(asked: Asked, question: Question) -> list[date] | None:
    """For a KPI that is taken at one day of each period, those days; None where every day counts.

    A stock (backlog) is taken at the period's last complete day; a cohort KPI (churn) at the first day of
    the first month that begins within the period.
    """
    if asked.over_time == "sum":
        return None
    first, last = question.dates
    last = min(last, question.last_date)
    if first > last:
        return []
    if asked.over_time == "last":
        ends = {period_start(day, question.period): day for day in _days(first, last)}
        return sorted(ends.values())
    starts: dict[date | None, date] = {}
    for month in periods_between(first, last, "month"):
        if month >= first:
            starts.setdefault(period_start(month, question.period), month)
    return sorted(starts.values())


def _days(first: date, last: date) -> list[date]:
    return [date.fromordinal(n) for n in range(first.toordinal(), last.toordinal() + 1)]


def conditions_of(asked: Asked, question: Question, time: str) -> tuple[list[str], list[object]]:
    """Dates, slices and scope as SQL conditions with their bound values."""
    conditions, values = slices_of(question, time, has_region="region" in asked.dimensions)
    days = counted_dates(asked, question)
    if days is not None:
        conditions.append(f"list_contains(?::date[], {time})")
        values.append(days)
    return conditions, values


def slices_of(question: Question, time: str, *, has_region: bool) -> tuple[list[str], list[object]]:
    """Dates, slices and scope of what is counted every day."""
    first, last = question.dates
    conditions = [f"{time} between ? and ?"]
    values: list[object] = [first, last]
    for dimension, wanted in question.filter.where.items():
        conditions.append(f"list_contains(?::varchar[], cast({dimension} as varchar))")
        values.append(spelt(dimension, wanted))
    if question.regions is not None and has_region:
        conditions.append("list_contains(?::varchar[], region)")
        values.append(list(question.regions))
    elif question.regions is not None:
        # What belongs to no region is no part of anybody's: half of its units (articles have none) would lie.
        conditions.append("false")
    return conditions, values


def spelt(dimension: str, values: Sequence[str]) -> list[str]:
    """Wanted values as the tables spell them: True and TRUE are true."""
    return [value.lower() for value in values] if dimension == "is_vip" else list(values)


def period_column(question: Question, time: str) -> str:
    if question.period == "total":
        return "cast(null as date)"
    return f"cast(date_trunc('{question.period}', {time}) as date)"


def state_of(kpi: Kpi, value: str, n: str, pending: str) -> str:
    return f"""case
        when coalesce({n}, 0) = 0 then 'empty'
        when {value} is null then 'not_reached'
        when {n} < {int(kpi.minimum_n)} then 'small_n'
        when {pending} > 0 then 'provisional'
        else 'ok'
    end"""


def measure(kpi: Kpi) -> str:
    """The type in which the KPI's numerator is added up: never a double, whose sum depends on the order."""
    return DECIMAL if kpi.is_decimal else "bigint"


def has_duration(kpi: Kpi) -> str:
    return f" and {kpi.duration} is not null" if kpi.duration else ""
