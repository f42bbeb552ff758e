"""Which dates a preset means and which it is compared with."""

from datetime import date

import pytest

from dashboard.periods import DEFAULT_PRESET, Period, before, grain, resolve, shift_months

NEWEST = date(2025, 6, 17)


@pytest.mark.parametrize(
    ("preset", "first", "last"),
    [
        ("last_12_months", date(2024, 6, 1), date(2025, 5, 31)),
        ("last_3_months", date(2025, 3, 1), date(2025, 5, 31)),
        ("last_month", date(2025, 5, 1), date(2025, 5, 31)),
        ("month_to_date", date(2025, 6, 1), NEWEST),
        ("quarter_to_date", date(2025, 4, 1), NEWEST),
        ("last_quarter", date(2025, 1, 1), date(2025, 3, 31)),
        ("year_to_date", date(2025, 1, 1), NEWEST),
        ("last_7_days", date(2025, 6, 11), NEWEST),
    ],
)
def test_presets_end_with_the_data(preset: str, first: date, last: date) -> None:
    assert resolve(preset, NEWEST) == Period(first, last)


def test_a_quarter_that_is_complete_counts_as_the_last() -> None:
    assert resolve("last_quarter", date(2025, 6, 30)) == Period(date(2025, 4, 1), date(2025, 6, 30))
    assert resolve("last_quarter", date(2025, 1, 15)) == Period(date(2024, 10, 1), date(2024, 12, 31))


def test_a_month_that_is_complete_counts_as_full() -> None:
    assert resolve(DEFAULT_PRESET, date(2025, 6, 30)) == Period(date(2024, 7, 1), date(2025, 6, 30))


@pytest.mark.parametrize(
    ("period", "comparison", "first", "last"),
    [
        (Period(date(2025, 3, 1), date(2025, 5, 31)), "previous", date(2024, 12, 1), date(2025, 2, 28)),
        (Period(date(2025, 6, 11), date(2025, 6, 17)), "previous", date(2025, 6, 4), date(2025, 6, 10)),
        (Period(date(2025, 2, 1), date(2025, 2, 28)), "last_year", date(2024, 2, 1), date(2024, 2, 29)),
        (Period(date(2024, 2, 10), date(2024, 2, 29)), "last_year", date(2023, 2, 10), date(2023, 2, 28)),
    ],
)
def test_whole_months_are_compared_with_whole_months_and_days_with_as_many_days(
    period: Period, comparison: str, first: date, last: date
) -> None:
    assert before(period, comparison) == Period(first, last)


def test_over_a_year_the_period_before_is_last_year() -> None:
    year = resolve("last_12_months", NEWEST)
    assert before(year, "previous") == before(year, "last_year")


@pytest.mark.parametrize(("days", "expected"), [(7, "day"), (31, "day"), (32, "week"), (120, "week"), (121, "month")])
def test_the_grain_keeps_a_trend_readable(days: int, expected: str) -> None:
    assert grain(Period(date(2025, 1, 1), date.fromordinal(date(2025, 1, 1).toordinal() + days - 1))) == expected


def test_the_31st_moves_to_the_last_day_of_a_shorter_month() -> None:
    assert shift_months(date(2025, 3, 31), -1) == date(2025, 2, 28)
    assert shift_months(date(2024, 12, 31), 2) == date(2025, 2, 28)
