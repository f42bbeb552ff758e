"""What is said to stand out: worse than the rest by more than luck, each slice once, the surest first."""

from datetime import date
from math import hypot

import polars as pl
import pytest

from dashboard import standouts
from dashboard.readings import Reading
from dashboard.session import Question
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


def test_a_cohort_is_set_against_the_same_month_a_year_earlier() -> None:
    churn = load_kpis()["churn_365d"]
    rows = {
        "period": [date(2024, 2, 1), date(2025, 1, 1), date(2025, 2, 1), date(2024, 2, 1)],
        "tier": ["vip", "vip", "vip", "gold"],
        "value": [0.04, 0.09, 0.12, 0.30],
    }
    told = {
        "kpi": "churn_365d",
        "state": "ok",
        "numerator": 1,
        "denominator": 1,
        "n": 100,
        "lower": 0.0,
        "upper": 1.0,
    }
    frame = pl.DataFrame(rows).with_columns(**{name: pl.lit(value) for name, value in told.items()})
    earlier = standouts._own_past(frame, Question(churn, ("tier",), "month"))
    found = earlier("vip", date(2025, 2, 1))
    assert found is not None
    assert found.value == 0.04
    # Nothing is known of January 2024, nor of gold in 2023.
    assert earlier("vip", date(2025, 1, 1)) is None
    assert earlier("gold", date(2024, 2, 1)) is None
