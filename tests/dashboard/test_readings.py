"""What may be said about a number: shown or not, changed or not, target met or not; and which target holds."""

from datetime import date

import polars as pl
import pytest

from dashboard import targets
from dashboard.periods import Period
from dashboard.readings import Reading, Target, compare, reaches


def reading(value: float | None, half: float | None = 0.01, state: str = "ok", n: int = 1_000) -> Reading:
    has_interval = value is not None and half is not None
    lower = value - half if has_interval else None  # type: ignore[operator]
    upper = value + half if has_interval else None  # type: ignore[operator]
    return Reading("k", state, value, 0, n, n, lower, upper)


@pytest.mark.parametrize(
    ("now", "earlier", "better", "verdict"),
    [
        (reading(0.92), reading(0.90), "higher", "better"),
        (reading(0.92), reading(0.90), "lower", "worse"),
        (reading(0.92), reading(0.90), "neutral", "unclear"),
        (reading(0.91), reading(0.90), "higher", "unclear"),
        (reading(0.90), reading(0.90), "higher", "unclear"),
        (reading(0.92), reading(0.90, state="small_n", n=29), "higher", "none"),
        (reading(None, state="empty", n=0), reading(0.90), "higher", "none"),
        (reading(0.92), None, "higher", "none"),
    ],
)
def test_a_change_counts_only_beyond_its_error(
    now: Reading, earlier: Reading | None, better: str, verdict: str
) -> None:
    assert compare(now, earlier, better) == verdict


@pytest.mark.parametrize(
    ("first", "counted_on", "is_count", "expected"),
    [
        (date(2023, 12, 1), None, True, True),
        (date(2024, 1, 10), None, True, True),
        (date(2024, 3, 1), None, True, False),
        (date(2024, 3, 1), None, False, True),
        (date(2025, 1, 1), None, False, False),
        (date(2024, 3, 1), date(2024, 12, 31), True, True),
        (date(2025, 3, 1), date(2024, 12, 31), True, False),
        (None, None, False, False),
    ],
)
def test_data_that_begin_later_tell_nothing_of_an_earlier_period(
    first: date | None, counted_on: date | None, is_count: bool, expected: bool
) -> None:
    year = Period(date(2024, 1, 1), date(2024, 12, 31))
    assert reaches(first, year, counted_on, is_count=is_count) is expected


def test_counts_vary_by_chance_too() -> None:
    assert compare(reading(105, None), reading(100, None), "higher") == "unclear"
    assert compare(reading(10_500, None), reading(10_000, None), "higher") == "better"


def test_fewer_than_ten_cases_hide_the_number_and_fewer_than_thirty_grey_it() -> None:
    assert not reading(0.5, state="small_n", n=9).is_shown
    assert reading(0.5, state="small_n", n=10).is_shown
    assert reading(0.5, state="small_n", n=29).is_doubtful


def test_a_target_is_judged_in_the_direction_that_is_better() -> None:
    assert Target(0.9).is_met(reading(0.9), "higher") is True
    assert Target(3_600.0).is_met(reading(3_601.0), "lower") is False
    assert Target(0.9).is_met(reading(0.95, state="small_n", n=20), "higher") is None


ROWS = pl.DataFrame(
    {
        "kpi": ["r", "r", "r", "r", "s"],
        "scope_dimension": [None, "channel", None, None, "channel"],
        "scope_value": [None, "chat", None, None, "chat"],
        "kind": ["absolute", "absolute", "relative", "absolute", "absolute"],
        "value": ["0.9", "0.99", "-0.3", "0.5", "180"],
        "valid_from": ["2020-01-01"] * 5,
        "valid_to": [None, None, None, "2020-12-31", None],
        "document": ["000"] * 5,
    }
)


@pytest.mark.parametrize(
    ("kpi", "where", "on", "value"),
    [
        ("r", {}, date(2025, 1, 1), 0.9),
        ("r", {"channel": ("chat",)}, date(2025, 1, 1), 0.99),
        ("r", {"channel": ("chat", "phone")}, date(2025, 1, 1), 0.9),
        ("s", {}, date(2025, 1, 1), None),
        ("r", {}, date(2019, 1, 1), None),
        ("unknown", {}, date(2025, 1, 1), None),
    ],
)
def test_a_slices_target_never_stands_for_the_whole(
    kpi: str, where: dict[str, tuple[str, ...]], on: date, value: float | None
) -> None:
    found = targets.absolute(targets.by_kpi(ROWS), kpi, where, on)
    assert (found.value if found else None) == value
