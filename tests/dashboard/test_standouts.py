"""What is said to stand out: worse than the rest by more than luck, each slice once, the surest first."""

from math import hypot

import pytest

from dashboard import standouts
from dashboard.readings import Reading
from dashboard.standouts import Standout
from ingestion.warehouse.kpis import load_kpis

MET = load_kpis()["sla_response_met"]
WAIT = load_kpis()["first_response_time"]


def reading(value: float, half: float, n: int = 100, state: str = "ok") -> Reading:
    return Reading("x", state, value, None, None, n, value - half, value + half)


def standout(value: str, z: float, kpi: str = "csat", dimension: str = "region") -> Standout:
    return Standout(kpi, dimension, value, None, reading(0.5, 0.1), 0.9, z)


def test_distance_is_told_in_standard_errors_by_hand() -> None:
    # 0.42 against 0.88: half-intervals 0.17 upwards and 0.02 downwards, each 1.96 standard errors.
    found = standouts.apart(reading(0.42, 0.17), reading(0.88, 0.02, 3_000), MET)
    assert found == pytest.approx((0.88 - 0.42) / (hypot(0.17, 0.02) / 1.96))


def test_only_worse_is_apart_and_only_by_as_much_as_matters() -> None:
    whole = reading(0.88, 0.001, 100_000)
    assert standouts.apart(reading(0.99, 0.001), whole, MET) == 0.0
    assert standouts.apart(reading(0.86, 0.001, 50_000), whole, MET) == 0.0
    assert (standouts.apart(reading(0.84, 0.001, 50_000), whole, MET) or 0) > 20
    # A time is worse where it is longer, and by a fifth at least.
    usual = reading(600.0, 5.0, 10_000)
    assert standouts.apart(reading(650.0, 5.0), usual, WAIT) == 0.0
    assert (standouts.apart(reading(900.0, 60.0), usual, WAIT) or 0) > 5
    assert standouts.apart(reading(300.0, 5.0), usual, WAIT) == 0.0


def test_few_cases_prove_nothing() -> None:
    assert standouts.apart(reading(0.2, 0.2, 20, "small_n"), reading(0.9, 0.01), MET) is None


def test_among_a_thousand_comparisons_three_standard_errors_are_luck() -> None:
    others = [standout(f"r{number}", 0.0) for number in range(1_000)]
    # p(3) = 0.00135 > 0.02 / 1001; p(4.5) = 3.4e-6 < 0.02 / 1001.
    assert standouts.surest([*others, standout("slow", 3.0)]) == []
    assert [one.value for one in standouts.surest([*others, standout("slow", 4.5)])] == ["slow"]
    # Alone it would be told.
    assert [one.value for one in standouts.surest([standout("slow", 3.0)])] == ["slow"]


def test_a_slice_is_told_once_with_what_else_is_apart() -> None:
    ranked = [standout("四川", 9.0), standout("四川", 8.0, "first_response_time"), standout("北京", 5.0)]
    told = standouts.merged(ranked)
    assert [(one.value, one.also) for one in told] == [("四川", ("first_response_time",)), ("北京", ())]


def test_the_usual_is_the_middle_month_and_needs_half_a_year() -> None:
    months = [reading(value, 0.02) for value in (0.03, 0.04, 0.05, 0.05, 0.06, 0.16)]
    middle = standouts.median_of(months)
    assert middle is not None
    assert middle.value == 0.05
    assert standouts.median_of(months[:5]) is None
