"""Dates that may fairly be compared, against calendars a person can look at."""

from datetime import date

import chinese_calendar
import pytest

from dashboard.fair import Comparison, compare
from dashboard.periods import Period

D = date


def pair(period: Period, comparison: str, last_date: date, maturity_days: int = 0) -> Comparison:
    found = compare(period, comparison, last_date=last_date, maturity_days=maturity_days)
    assert found is not None
    return found


def test_a_month_is_compared_with_as_many_working_days_before_it() -> None:
    # June 2025 has 20 working days, May 19 (the 5th was a holiday): 30 April is taken in.
    found = pair(Period(D(2025, 6, 1), D(2025, 6, 30)), "previous", D(2025, 7, 15))
    assert (found.before, found.working_days, found.working_days_before) == (
        Period(D(2025, 4, 30), D(2025, 5, 31)),
        20,
        20,
    )


def test_a_running_month_is_compared_with_as_much_of_the_month_before() -> None:
    # 1 to 12 September are 10 working days; the 10th of August is 14 August.
    found = pair(Period(D(2025, 9, 1), D(2025, 9, 30)), "previous", D(2025, 9, 12))
    assert found.now == Period(D(2025, 9, 1), D(2025, 9, 12))
    assert found.working_days == 10
    assert found.before == Period(D(2025, 8, 1), D(2025, 8, 14))


def test_spring_festival_meets_spring_festival() -> None:
    # The holiday began on 28 January 2025 and on 10 February 2024: 353 days apart.
    found = pair(Period(D(2025, 1, 15), D(2025, 2, 14)), "last_year", D(2025, 3, 1))
    assert found.holiday == "春节"
    assert found.before.first == D(2024, 1, 28)
    # 15-17, 20-24, Sunday 26 and 27 January, 5-7, Saturday 8 and 10-14 February
    assert found.working_days == found.working_days_before == 19
    assert found.before.last > D(2024, 2, 17), "the whole holiday is in both"


def test_dates_without_a_moving_holiday_keep_their_weekdays() -> None:
    found = pair(Period(D(2025, 7, 9), D(2025, 7, 22)), "last_year", D(2025, 8, 1))
    assert found.before == Period(D(2024, 7, 10), D(2024, 7, 23))
    assert found.before.first.isoweekday() == D(2025, 7, 9).isoweekday()


def test_a_whole_year_begins_on_the_same_day_a_year_earlier() -> None:
    found = pair(Period(D(2024, 7, 1), D(2025, 6, 30)), "last_year", D(2025, 7, 1))
    assert (found.before.first, found.holiday) == (D(2023, 7, 1), None)
    assert found.working_days == found.working_days_before


def test_what_has_not_ripened_is_cut_from_both_sides() -> None:
    # 30 days of watching: of May only what lay before 16 May is known on 15 June.
    found = pair(Period(D(2025, 5, 1), D(2025, 5, 31)), "last_year", D(2025, 6, 15), maturity_days=30)
    assert found.now.last == D(2025, 5, 16)
    assert found.working_days == found.working_days_before
    assert (
        compare(Period(D(2025, 6, 1), D(2025, 6, 10)), "previous", last_date=D(2025, 6, 15), maturity_days=30) is None
    )


@pytest.mark.parametrize("comparison", ["previous", "last_year"])
def test_working_days_are_equal_for_every_month_and_week_the_calendar_knows(comparison: str) -> None:
    """Counted by the calendar's own library."""
    for month in range(1, 37):
        first = D(2022 + (month - 1) // 12, (month - 1) % 12 + 1, 1)
        after = D(2022 + month // 12, month % 12 + 1, 1)
        for period in (
            Period(first, D.fromordinal(after.toordinal() - 1)),
            Period(D(first.year, first.month, 5), after),
        ):
            found = pair(period, comparison, D(2025, 12, 31))
            counts = [
                sum(
                    chinese_calendar.is_workday(D.fromordinal(n))
                    for n in range(p.first.toordinal(), p.last.toordinal() + 1)
                )
                for p in (found.now, found.before)
            ]
            assert counts[0] == counts[1] == found.working_days, period
            assert found.before.last < period.first
