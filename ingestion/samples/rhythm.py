"""When things happen: the export's two years, Chinese working days, arrivals over the day, opening hours."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import date, timedelta
from functools import lru_cache
from typing import Final, Literal

import chinese_calendar
import numpy as np

from ingestion.samples.draw import DAY, HOUR, Floats, Ints, between, pick

DayKind = Literal["workday", "makeup", "weekend", "holiday"]

# Arrivals of a day against an ordinary workday. Make-up days (调休) work like workdays.
DAY_WEIGHT: Final[dict[DayKind, float]] = {"workday": 1.0, "makeup": 0.92, "weekend": 0.45, "holiday": 0.28}
WEEKDAY_WEIGHT: Final = (1.14, 1.05, 1.0, 0.98, 0.96, 1.0, 0.9)
MONTH_WEIGHT: Final = (0.95, 0.85, 0.95, 0.95, 1.0, 1.15, 1.3, 1.22, 1.0, 0.95, 0.95, 0.95)
AFTER_BREAK_WEIGHT: Final = 1.25
GROWTH_OVER_SPAN: Final = 0.25

# Hour of arrival, 0..23, on working and on free days.
_WORKDAY_HOURS: Final = (
    3, 2, 1, 1, 1, 2, 6, 18, 52, 108, 118, 102, 66, 84, 104, 108, 98, 78, 44, 34, 30, 24, 14, 7,
)  # fmt: skip
_FREE_HOURS: Final = (
    5, 3, 2, 1, 1, 2, 6, 16, 38, 66, 84, 82, 64, 68, 78, 80, 76, 66, 54, 52, 50, 42, 26, 12,
)  # fmt: skip


@dataclass(frozen=True)
class Span:
    """The two years an export covers: first and last local day, and the last second anyone can know of."""

    first: date
    last: date

    @property
    def start(self) -> int:
        return seconds_of(self.first)

    @property
    def horizon(self) -> int:
        return seconds_of(self.last) + DAY - 1

    def share(self, instants: Ints) -> Floats:
        """How far through the span: 0 at its start, 1 at its end."""
        return np.asarray((instants - self.start) / (self.horizon - self.start), dtype=np.float64)


def span_ending(until: date) -> Span:
    """Two years up to and including `until`."""
    after = until + timedelta(days=1)
    day = 28 if (after.month, after.day) == (2, 29) else after.day
    return Span(after.replace(year=after.year - 2, day=day), until)


def seconds_of(day: date) -> int:
    """Local midnight of a day."""
    return (day - date(1970, 1, 1)).days * DAY


def quarter_starts(span: Span) -> Ints:
    """Local midnight of the first day of every calendar quarter that begins within the span."""
    days = _days(span.first, span.last)
    return np.array([seconds_of(day) for day in days if day.day == 1 and day.month % 3 == 1], dtype=np.int64)


@lru_cache(maxsize=8_192)
def day_kind(day: date) -> DayKind:
    """Workday, make-up workday, weekend or public holiday in mainland China."""
    try:
        works = bool(chinese_calendar.is_workday(day))
        holiday_name = chinese_calendar.get_holiday_detail(day)[1]
    except NotImplementedError:
        # The library ends with the last announced year: beyond it only the week is known.
        works, holiday_name = day.weekday() < 5, None
    if works:
        return "makeup" if day.weekday() >= 5 else "workday"
    return "holiday" if holiday_name or day.weekday() < 5 else "weekend"


def is_free(day: date) -> bool:
    """Nobody is in the office."""
    return day_kind(day) in ("weekend", "holiday")


def arrivals(rng: np.random.Generator, span: Span, size: int) -> Ints:
    """Instants of arrival, unsorted, following holidays, weekdays, seasons and the hours of the day."""
    days = _days(span.first, span.last)
    weights = np.array([_day_weight(day) for day in days])
    weights *= 1 + GROWTH_OVER_SPAN * np.arange(len(days)) / len(days)
    chosen = pick(rng, weights, size)
    free = np.array([is_free(day) for day in days])[chosen]
    hours = np.where(free, pick(rng, _FREE_HOURS, size), pick(rng, _WORKDAY_HOURS, size))
    return np.asarray(span.start + chosen * DAY + hours * HOUR + between(rng, 0, HOUR, size), dtype=np.int64)


def weekdays(instants: Ints) -> Ints:
    """0 = Monday .. 6 = Sunday. 1970-01-01 was a Thursday."""
    return np.asarray((instants // DAY + 3) % 7, dtype=np.int64)


class OpenHours:
    """Opening hours as intervals, and the instant reached after so many open seconds."""

    def __init__(self, opens: Ints, closes: Ints) -> None:
        self._opens = opens
        self._lengths = closes - opens
        self._after = np.cumsum(self._lengths)
        self._before = self._after - self._lengths

    def add(self, start: Ints, seconds: Floats | Ints) -> Ints:
        """`start` plus open seconds. At least one second passes, so work never ends before it began."""
        needed = np.maximum(np.asarray(seconds).astype(np.int64), 1)
        index = np.searchsorted(self._opens, start, side="right") - 1
        inside = np.maximum(index, 0)
        elapsed = np.minimum(start - self._opens[inside], self._lengths[inside])
        target = np.where(index < 0, 0, self._before[inside] + elapsed) + needed
        end = np.minimum(np.searchsorted(self._after, target, side="left"), len(self._opens) - 1)
        return np.asarray(self._opens[end] + target - self._before[end], dtype=np.int64)


def office_hours(span: Span) -> OpenHours:
    """Workdays, make-up days included, 09:00 to 12:00 and 13:00 to 18:00."""
    return _hours(span, ((9, 12), (13, 18)), lambda day: not is_free(day))


def service_hours(span: Span) -> OpenHours:
    """Every day, 08:00 to 22:00."""
    return _hours(span, ((8, 22),), lambda day: True)


def _hours(span: Span, windows: tuple[tuple[int, int], ...], is_open: Callable[[date], bool]) -> OpenHours:
    # Work begun before the end goes on after it; what lies beyond is cut when the files are written.
    days = _days(span.first - timedelta(days=10), span.last + timedelta(days=200))
    midnights = np.array([seconds_of(day) for day in days if is_open(day)], dtype=np.int64)
    hours = np.array(windows, dtype=np.int64) * HOUR
    return OpenHours((midnights[:, None] + hours[:, 0]).ravel(), (midnights[:, None] + hours[:, 1]).ravel())


def _days(first: date, last: date) -> list[date]:
    return [first + timedelta(days=offset) for offset in range((last - first).days + 1)]


def _day_weight(day: date) -> float:
    kind = day_kind(day)
    weight = DAY_WEIGHT[kind] * MONTH_WEIGHT[day.month - 1]
    if kind == "workday":
        weight *= WEEKDAY_WEIGHT[day.weekday()]
        if day_kind(day - timedelta(days=1)) == "holiday":
            weight *= AFTER_BREAK_WEIGHT
    return weight
