"""Which business dates a preset means, and which dates it is compared with.

Everything follows the day the data reach (as_of), never today: a page opened a week after the last
load must not show seven empty days as a collapse.
"""

from __future__ import annotations

from calendar import monthrange
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Final

PRESETS: Final = (
    "last_12_months", "last_6_months", "last_3_months", "last_month", "month_to_date",
    "quarter_to_date", "last_quarter", "year_to_date", "last_30_days", "last_7_days", "custom",
)  # fmt: skip
DEFAULT_PRESET: Final = "last_12_months"
COMPARISONS: Final = ("previous", "last_year")
NO_COMPARISON: Final = "none"
COMPARISON_CHOICES: Final = (*COMPARISONS, NO_COMPARISON)

_WHOLE_MONTHS: Final = {"last_12_months": 12, "last_6_months": 6, "last_3_months": 3, "last_month": 1}
_STEP_DAYS: Final = {"day": 1, "week": 7}
_STEP_MONTHS: Final = {"month": 1, "quarter": 3, "year": 12}
_DAYS: Final = {"last_30_days": 30, "last_7_days": 7}


@dataclass(frozen=True)
class Period:
    """Business dates, both inclusive."""

    first: date
    last: date

    @property
    def days(self) -> int:
        return (self.last - self.first).days + 1

    @property
    def whole_months(self) -> int:
        """How many calendar months this is exactly, else 0."""
        starts, ends = self.first.day == 1, self.last == _month_end(self.last)
        return _months_between(self.first, self.last) + 1 if starts and ends else 0

    def __str__(self) -> str:
        return f"{self.first:%Y-%m-%d} – {self.last:%Y-%m-%d}"


def resolve(preset: str, newest: date) -> Period:
    """The dates of a preset, given the newest full business day. "custom" starts as the default."""
    if preset in _DAYS:
        return Period(newest - timedelta(days=_DAYS[preset] - 1), newest)
    if preset == "month_to_date":
        return Period(newest.replace(day=1), newest)
    quarter = newest.replace(month=newest.month - (newest.month - 1) % 3, day=1)
    if preset == "quarter_to_date":
        return Period(quarter, newest)
    if preset == "last_quarter":
        # A quarter that ends with the newest day is complete, and the last one.
        first = quarter if newest == _month_end(shift_months(quarter, 2)) else shift_months(quarter, -3)
        return Period(first, _month_end(shift_months(first, 2)))
    if preset == "year_to_date":
        return Period(newest.replace(month=1, day=1), newest)
    months = _WHOLE_MONTHS.get(preset, _WHOLE_MONTHS[DEFAULT_PRESET])
    last = newest if newest == _month_end(newest) else newest.replace(day=1) - timedelta(days=1)
    return Period(shift_months(last.replace(day=1), 1 - months), last)


def before(period: Period, comparison: str) -> Period:
    """The dates to compare with: the stretch just before, or the same dates a year earlier.

    Whole months are compared with whole months, anything else with as many days.
    """
    if comparison == "last_year":
        return Period(shift_months(period.first, -12), _shift_end(period.last, -12))
    if period.whole_months:
        return Period(shift_months(period.first, -period.whole_months), period.first - timedelta(days=1))
    return Period(period.first - timedelta(days=period.days), period.first - timedelta(days=1))


def grain(period: Period) -> str:
    """The bucket in which a trend over this period stays readable."""
    if period.days <= 31:
        return "day"
    return "week" if period.days <= 120 else "month"


def step_end(start: date, step: str) -> date:
    """The last day of the day, week, month, quarter or year that begins on `start`."""
    if step in _STEP_DAYS:
        return start + timedelta(days=_STEP_DAYS[step] - 1)
    return shift_months(start, _STEP_MONTHS[step]) - timedelta(days=1)


def shift_months(day: date, months: int) -> date:
    """The same day of another month, or that month's last day where it has no such day."""
    index = day.year * 12 + day.month - 1 + months
    year, month = divmod(index, 12)
    return date(year, month + 1, min(day.day, monthrange(year, month + 1)[1]))


def _shift_end(day: date, months: int) -> date:
    shifted = shift_months(day, months)
    return _month_end(shifted) if day == _month_end(day) else shifted


def _month_end(day: date) -> date:
    return day.replace(day=monthrange(day.year, day.month)[1])


def _months_between(first: date, last: date) -> int:
    return (last.year - first.year) * 12 + last.month - first.month
