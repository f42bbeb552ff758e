"""The fair dates to compare with: as many working days, as mature, and the same holiday on either side.

A month with Spring Festival in it says nothing beside one without; a month of which eleven days are over says nothing
beside a whole one; and a rate whose cases need thirty days to ripen is compared with dates that are cut as short.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from dataclasses import dataclass
from datetime import date, timedelta
from functools import lru_cache
from typing import Final

import polars as pl

from dashboard.periods import Period, before, shift_months
from ingestion.calendars import read_calendar

MOVING_HOLIDAYS: Final = ("春节", "端午", "中秋", "清明")
"""Those that fall on other dates each year; where a period holds several, the one with most days leads."""
LONGEST_ALIGNED: Final = 100
"""Days: a longer period holds its holidays in every year, and shifting it whole would tear others apart."""
_WEEKS_A_YEAR: Final = timedelta(weeks=52)


@dataclass(frozen=True)
class Workdays:
    """Which days are worked, ascending, and the first day of each moving holiday by its name and year."""

    worked: tuple[date, ...]
    holidays: dict[tuple[str, int], date]
    names: dict[date, str]

    def count(self, first: date, last: date) -> int:
        """Working days from first to last, both inclusive."""
        return max(0, bisect_right(self.worked, last) - bisect_left(self.worked, first))


@dataclass(frozen=True)
class Comparison:
    """What is compared: `now` is what of the chosen dates is over and ripe. holiday: by which both were aligned."""

    now: Period
    before: Period
    working_days: int
    working_days_before: int
    holiday: str | None = None


@lru_cache(maxsize=1)
def workdays() -> Workdays:
    """The office calendar of sql/calendars."""
    days = read_calendar()
    moving = days.filter((pl.col("kind") == "holiday") & pl.col("name").is_in(list(MOVING_HOLIDAYS)))
    first: dict[tuple[str, int], date] = {}
    for name, day in moving.select("name", "date").sort("date").iter_rows():
        first.setdefault((name, day.year), day)
    return Workdays(
        worked=tuple(days.filter("is_working").sort("date")["date"]),
        holidays=first,
        names=dict(moving.select("date", "name").iter_rows()),
    )


def compare(
    period: Period, comparison: str, *, last_date: date, maturity_days: int = 0, calendar: Workdays | None = None
) -> Comparison | None:
    """The fair counterpart of a period; None where nothing of it is over and ripe yet.

    Args:
        period: the chosen dates.
        comparison: previous or last_year.
        last_date: the last complete business day.
        maturity_days: how long a unit must be watched before it counts.
        calendar: which days are worked; by default the office calendar.
    """
    calendar = calendar or workdays()
    ripe = min(period.last, last_date - timedelta(days=maturity_days))
    if ripe < period.first:
        return None
    now = Period(period.first, ripe)
    wanted = calendar.count(now.first, now.last)
    holiday = None
    # Over a whole year the period before is the year before: one pair of dates, not two that nearly agree.
    if comparison == "last_year" or before(period, "previous") == before(period, "last_year"):
        first, holiday = _a_year_earlier(period, calendar)
        earlier = Period(first, _end(calendar, first, wanted, now.days))
    else:
        first = before(period, comparison).first
        # Whole and over: the stretch that ends just before. Running: as far into the one before as into this one.
        if ripe == period.last:
            last = period.first - timedelta(days=1)
            earlier = Period(_start(calendar, last, wanted, now.days), last)
        else:
            earlier = Period(first, _end(calendar, first, wanted, now.days))
    return Comparison(now, earlier, wanted, calendar.count(earlier.first, earlier.last), holiday)


def _a_year_earlier(period: Period, calendar: Workdays) -> tuple[date, str | None]:
    """The first day a year earlier: by the moving holiday within, else by calendar months, else by weekday."""
    holiday = _leading_holiday(period, calendar)
    if holiday:
        year = next(day.year for day in _days(period) if calendar.names.get(day) == holiday)
        now, then = calendar.holidays[holiday, year], calendar.holidays.get((holiday, year - 1))
        if then:
            return period.first - (now - then), holiday
    if period.first.day == 1:
        return shift_months(period.first, -12), None
    return period.first - _WEEKS_A_YEAR, None


def _leading_holiday(period: Period, calendar: Workdays) -> str | None:
    if period.days > LONGEST_ALIGNED:
        return None
    held = [name for day in _days(period) if (name := calendar.names.get(day))]
    return max(MOVING_HOLIDAYS, key=held.count) if held else None


def _days(period: Period) -> list[date]:
    return [period.first + timedelta(days=n) for n in range(period.days)]


def _end(calendar: Workdays, first: date, wanted: int, days: int) -> date:
    """The last day of a stretch from `first` with `wanted` working days, as near to `days` days as that allows."""
    at = bisect_left(calendar.worked, first)
    earliest = calendar.worked[at + wanted - 1] if wanted else first
    latest = calendar.worked[at + wanted] - timedelta(days=1)
    return max(earliest, min(latest, first + timedelta(days=days - 1)), first)


def _start(calendar: Workdays, last: date, wanted: int, days: int) -> date:
    """The first day of a stretch up to `last` with `wanted` working days, as near to `days` days as that allows."""
    at = bisect_right(calendar.worked, last)
    latest = calendar.worked[at - wanted] if wanted else last
    earliest = calendar.worked[at - wanted - 1] + timedelta(days=1)
    return min(latest, max(earliest, last - timedelta(days=days - 1)), last)
