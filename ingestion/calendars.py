"""The working calendar behind business hours: `python -m ingestion.calendars` rewrites its CSV.

Public holidays and make-up days (调休) come from chinese_calendar, which knows the years the State Council has
announced and raises after them. Beyond its last year the plain weekday pattern stands in, marked assumed, so a
deadline that falls next year still has a date and the reader is told how firm it is.
"""

import datetime as dt
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

import chinese_calendar
import polars as pl

CALENDAR_ID = "office"
FIRST_DAY = dt.date(2004, 1, 1)  # chinese_calendar knows nothing earlier
LAST_DAY = dt.date(2029, 12, 31)
CALENDAR_CSV = Path(__file__).parent.parent / "sql" / "calendars" / "calendar_days.csv"

SCHEMA: dict[str, pl.DataType] = {
    "date": pl.Date(),
    "calendar_id": pl.String(),
    "is_working": pl.Boolean(),
    "kind": pl.String(),
    "name": pl.String(),
    "is_assumed": pl.Boolean(),
    "weekday": pl.Int8(),
}

Span = tuple[dt.date, dt.date]


@dataclass(frozen=True)
class Coverage:
    """Which days of a period a calendar does not know, or only assumes; spans are inclusive and ascending."""

    missing: list[Span]
    assumed: list[Span]


def calendar_days(first: dt.date, last: dt.date) -> pl.DataFrame:
    """Build the office calendar, one row a day, both ends inclusive, ascending.

    Returns:
        date, calendar_id, is_working, kind (workday, weekend, holiday, makeup), name (the holiday's Chinese
        name, NULL on plain days; a make-up day carries the holiday it makes up for), is_assumed, weekday
        (1 = Monday .. 7: engines disagree on weekday numbers, so models read it here).
    """
    return pl.DataFrame([_day(date) for date in _days(first, last)], schema=SCHEMA, orient="row")


def covers(days: pl.DataFrame, first: dt.date, last: dt.date, calendar_id: str = CALENDAR_ID) -> Coverage:
    """Tell which days from first to last (inclusive) the calendar lacks, and which it only assumes.

    days: rows of calendar_days.csv, typed as calendar_days() returns them (is_assumed Boolean, date Date).
    """
    of_calendar = days.filter(pl.col("calendar_id") == calendar_id)
    known = set(of_calendar["date"])
    assumed = set(of_calendar.filter("is_assumed")["date"])
    period = list(_days(first, last))
    return Coverage(
        missing=_spans(day for day in period if day not in known),
        assumed=_spans(day for day in period if day in assumed),
    )


def read_calendar(path: Path = CALENDAR_CSV) -> pl.DataFrame:
    """Read the stored calendar, typed as calendar_days() builds it."""
    return pl.read_csv(path, schema=SCHEMA)


def write_calendar(path: Path = CALENDAR_CSV) -> None:
    """Rewrite the stored calendar; needed once a year, when the next year's holidays are announced."""
    calendar_days(FIRST_DAY, LAST_DAY).write_csv(path)


def _day(date: dt.date) -> tuple[dt.date, str, bool, str, str | None, bool, int]:
    is_weekend = date.isoweekday() > 5
    try:
        is_working = bool(chinese_calendar.is_workday(date))
        name = _holiday_name(date)
        is_assumed = False
    except NotImplementedError:  # how the library says that it does not know the year
        is_working, name, is_assumed = not is_weekend, None, True
    return date, CALENDAR_ID, is_working, _kind(is_working, is_weekend, name), name, is_assumed, date.isoweekday()


def _kind(is_working: bool, is_weekend: bool, holiday: str | None) -> str:
    if is_working:
        return "makeup" if is_weekend else "workday"
    return "weekend" if holiday is None else "holiday"


def _holiday_name(date: dt.date) -> str | None:
    _, english = chinese_calendar.get_holiday_detail(date)
    return None if english is None else str(chinese_calendar.Holiday(english).chinese)


def _days(first: dt.date, last: dt.date) -> Iterator[dt.date]:
    return (first + dt.timedelta(days=offset) for offset in range((last - first).days + 1))


def _spans(days: Iterable[dt.date]) -> list[Span]:
    """Join consecutive days, given ascending, into inclusive spans."""
    ordered = list(days)
    if not ordered:
        return []
    breaks = [(a, b) for a, b in pairwise(ordered) if (b - a).days > 1]
    starts = [ordered[0], *(b for _, b in breaks)]
    ends = [*(a for a, _ in breaks), ordered[-1]]
    return list(zip(starts, ends, strict=True))


if __name__ == "__main__":
    write_calendar()
