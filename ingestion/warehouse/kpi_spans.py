"""Questions that differ in dates and periods alone -> one query for all of them.

This period, the one before, last year and the months of a trend are spans of the same days. Sums are read once,
a row a day, and a span is what lies between two days of their running total. Durations are read once, a row for each
cell and segment: the days between two ends of spans, so that every span is some whole segments. Pure: no connection.
"""

from __future__ import annotations

from bisect import bisect_left
from dataclasses import dataclass
from datetime import date, timedelta
from functools import lru_cache
from itertools import groupby
from typing import TYPE_CHECKING, Final

from ingestion.warehouse.kpi_cells import LATEST, Stretch, counts_of, shortest, sums_columns
from ingestion.warehouse.kpi_question import DECIMAL, counted_dates, slices_of
from ingestion.warehouse.kpis import Kpi, Query, period_end, period_start, periods_between

if TYPE_CHECKING:
    from collections.abc import Sequence

    from ingestion.warehouse.cells import Durations
    from ingestion.warehouse.kpi_cells import Plan, Table
    from ingestion.warehouse.kpi_question import Question

_DAY: Final = timedelta(days=1)


@dataclass(frozen=True)
class Span:
    """A period of a question, by its first day (None: the whole), and the days of it that count; None: no day."""

    period: date | None
    days: tuple[date, date] | None


def spans_of(kpi: Kpi, question: Question) -> tuple[Span, ...]:
    """Every period of a question, in order, also those in which nothing can have happened."""
    # Python knows no day after the year 9999, and no unit lies there.
    first, last = (min(day, LATEST) for day in question.dates)
    if kpi.over_time == "sum":
        return _spans(first, last, question.period)
    day_of = {period_start(day, question.period): day for day in counted_dates(kpi, question) or ()}
    spans = _spans(first, last, question.period)
    return tuple(Span(one.period, (day_of[one.period],) * 2 if one.period in day_of else None) for one in spans)


@lru_cache(maxsize=200)
def _spans(first: date, last: date, period: str) -> tuple[Span, ...]:
    if period == "total":
        return (Span(None, (first, last)),)
    starts = periods_between(first, last, period)
    return tuple(Span(start, (max(first, start), min(last, period_end(start, period)))) for start in starts)


def plan_of(spans: Sequence[Span], tables: Sequence[Table], *, is_by_day: bool) -> Plan:
    """Which of the tables the days of all spans are read from: months where no span ends within, else days."""
    daily, monthly = shortest(tables, "day"), shortest(tables, "month")
    ends = [span.days for span in spans if span.days]
    first, last = min(since for since, _ in ends), max(to for _, to in ends)
    if monthly is None or is_by_day or (daily and daily.row_count <= monthly.row_count):
        return (Stretch(daily, first, last),)
    broken = {_month(since) for since, _ in ends if since.day != 1}
    broken |= {_month(to) for _, to in ends if (to + _DAY).day != 1}
    months = periods_between(first, last, "month")
    found = []
    for is_broken, run in groupby(months, lambda month: month in broken):
        stretch = list(run)
        until = min(last, period_end(stretch[-1], "month"))
        found.append(Stretch(daily if is_broken else monthly, max(first, stretch[0]), until))
    return tuple(found)


def _month(day: date) -> date:
    return day.replace(day=1)


def _statements(plan: Plan) -> list[tuple[Stretch, tuple[Stretch, ...]]]:
    """The stretches that a statement each reads, and what of their days others tell.

    Months of one table are one stretch: planning a statement costs more than the rows of the few months between.
    Days are not, since those between may be a year.
    """
    monthly = [one for one in plan if one.table is not None and one.table.step == "month"]
    rest: list[tuple[Stretch, tuple[Stretch, ...]]] = [(one, ()) for one in plan if one not in monthly]
    if not monthly:
        return rest
    whole = Stretch(monthly[0].table, monthly[0].first, monthly[-1].last)
    gaps = tuple(one for one, _ in rest if whole.first < one.first < whole.last)
    return [(whole, gaps), *rest]


def sums_query(
    kpis: Sequence[Kpi], question: Question, plan: Plan, names: dict[str, str], spans: Sequence[Span]
) -> Query:
    """The sums of KPIs of one fact and date, under the names given: date and a column each, a row a day, in order.

    A row of month cells stands under the first day of its month.
    """
    source_of = {name: sql for sql, name in names.items()}
    parts: list[str] = []
    binds: list[object] = []
    for stretch, gaps in _statements(plan):
        source, time, columns = sums_columns(kpis[0], stretch, names)
        conditions, bound = _conditions(kpis[0], question, stretch, time, spans, gaps)
        added = ", ".join(f"{_added(source_of[name], sql)} as {name}" for name, sql in columns.items())
        parts.append(f"select {time} as date, {added} from {source} where {conditions} group by all")
        binds += bound
    return Query(f"{' union all '.join(parts)} order by date", tuple(binds))


def _added(measure: str, column: str) -> str:
    return f"cast(sum({column}) as {'double' if DECIMAL in measure else 'bigint'})"


def durations_query(
    kpi: Kpi, question: Question, durations: Durations, plan: Plan, bounds: Sequence[date], spans: Sequence[Span]
) -> Query:
    """Segment, cell, events and leaving of all spans; segment n lies between bounds n and n + 1."""
    parts: list[str] = []
    binds: list[object] = []
    for stretch, gaps in _statements(plan):
        time = "date" if stretch.table else kpi.time
        conditions, bound = _conditions(kpi, question, stretch, time, spans, gaps)
        counts, also = counts_of(durations, stretch.table)
        parts.append(
            f"select {_segment(time, bounds, 0, len(bounds) - 1)} as segment, {counts}"
            f" from {stretch.table.name if stretch.table else kpi.rows} where {conditions} and {also} group by all"
        )
        binds += bound
    return Query(" union all ".join(parts), tuple(binds))


def exact_durations_query(
    kpi: Kpi, question: Question, durations: Durations, bounds: Sequence[date], spans: Sequence[Span]
) -> Query:
    """The same straight from the fact, to the second (or share of the limit)."""
    conditions, binds = _conditions(kpi, question, Stretch(None, bounds[0], bounds[-1] - _DAY), kpi.time, spans)
    duration = f"cast({kpi.duration} as double) / {kpi.limit}" if kpi.limit else f"cast({kpi.duration} as double)"
    sql = (
        f"select {_segment(kpi.time, bounds, 0, len(bounds) - 1)} as segment, {duration} as cell,"
        f" count(*) filter (where {kpi.event}) as events, count(*) as leaving"
        f" from {kpi.rows} where {conditions} and {durations.condition} group by all"
    )
    return Query(sql, tuple(binds))


def bounds_of(spans: Sequence[Span]) -> list[date]:
    """Where spans begin, and the days after they end."""
    return sorted({day for span in spans if span.days for day in (span.days[0], span.days[1] + _DAY)})


def segments_of(span: Span, bounds: Sequence[date]) -> range:
    """The segments that make up a span."""
    if span.days is None:
        return range(0)
    return range(bisect_left(bounds, span.days[0]), bisect_left(bounds, span.days[1] + _DAY))


def _segment(time: str, bounds: Sequence[date], low: int, high: int) -> str:
    """SQL: in which segment a day lies, by halving: few comparisons a row, however many segments."""
    if high - low <= 1:
        return str(low)
    middle = (low + high) // 2
    below, above = _segment(time, bounds, low, middle), _segment(time, bounds, middle, high)
    return f"case when {time} < date '{bounds[middle]}' then {below} else {above} end"


def _conditions(
    kpi: Kpi,
    question: Question,
    stretch: Stretch,
    time: str,
    spans: Sequence[Span],
    gaps: Sequence[Stretch] = (),
) -> tuple[str, list[object]]:
    conditions, binds = slices_of(stretch.within(question), time, has_region="region" in kpi.dimensions)
    for gap in gaps:
        conditions.append(f"{time} not between ? and ?")
        binds += [gap.first, gap.last]
    if kpi.over_time != "sum":
        conditions.append(f"list_contains(?::date[], {time})")
        binds.append(sorted({span.days[0] for span in spans if span.days}))
    return " and ".join(conditions), binds
