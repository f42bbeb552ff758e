import datetime as dt

import polars as pl
import pytest
from polars.testing import assert_frame_equal

from ingestion import calendars
from ingestion.calendars import Coverage, calendar_days, covers


@pytest.fixture(scope="module")
def stored() -> pl.DataFrame:
    return calendars.read_calendar()


def test_the_stored_calendar_is_what_the_builder_builds(stored: pl.DataFrame) -> None:
    assert_frame_equal(stored, calendar_days(calendars.FIRST_DAY, calendars.LAST_DAY))


@pytest.mark.parametrize(
    ("date", "is_working", "kind", "name"),
    [
        ("2025-01-26", True, "makeup", "春节"),  # a Sunday
        ("2025-01-28", False, "holiday", "春节"),
        ("2025-10-01", False, "holiday", "国庆节"),
        ("2025-10-04", False, "holiday", "国庆节"),  # a Saturday inside the holiday
        ("2025-10-11", True, "makeup", "国庆节"),
        ("2015-09-03", False, "holiday", "中国人民抗日战争暨世界反法西斯战争胜利70周年纪念日"),
        ("2025-11-01", False, "weekend", None),
        ("2025-11-03", True, "workday", None),
    ],
)
def test_known_days(stored: pl.DataFrame, date: str, is_working: bool, kind: str, name: str | None) -> None:
    day = stored.row(by_predicate=pl.col("date") == dt.date.fromisoformat(date), named=True)
    assert (day["is_working"], day["kind"], day["name"], day["is_assumed"]) == (is_working, kind, name, False)


def test_weekdays_run_from_monday_1_to_sunday_7(stored: pl.DataFrame) -> None:
    assert stored["weekday"].equals(stored["date"].dt.weekday().rename("weekday"))


def test_beyond_the_announced_years_the_weekday_pattern_is_marked_assumed() -> None:
    days = calendar_days(dt.date(2026, 12, 31), dt.date(2027, 1, 2))
    assert days.select("kind", "is_assumed").rows() == [("workday", False), ("workday", True), ("weekend", True)]


def test_a_period_inside_the_calendar_is_covered(stored: pl.DataFrame) -> None:
    assert covers(stored, dt.date(2025, 1, 1), dt.date(2025, 12, 31)) == Coverage(missing=[], assumed=[])


def test_gaps_are_told_as_spans() -> None:
    days = calendar_days(dt.date(2025, 3, 1), dt.date(2025, 3, 10))
    holed = days.filter(~pl.col("date").is_in([dt.date(2025, 3, 4), dt.date(2025, 3, 5), dt.date(2025, 3, 8)]))
    found = covers(holed, dt.date(2025, 2, 27), dt.date(2025, 3, 10))
    assert found.missing == [
        (dt.date(2025, 2, 27), dt.date(2025, 2, 28)),
        (dt.date(2025, 3, 4), dt.date(2025, 3, 5)),
        (dt.date(2025, 3, 8), dt.date(2025, 3, 8)),
    ]


def test_assumed_days_are_told_apart_from_missing_ones(stored: pl.DataFrame) -> None:
    found = covers(stored, dt.date(2026, 12, 30), dt.date(2027, 1, 2))
    assert found == Coverage(missing=[], assumed=[(dt.date(2027, 1, 1), dt.date(2027, 1, 2))])


def test_a_calendar_nobody_wrote_covers_nothing(stored: pl.DataFrame) -> None:
    day = dt.date(2025, 6, 2)
    assert covers(stored, day, day, calendar_id="night_shift").missing == [(day, day)]
