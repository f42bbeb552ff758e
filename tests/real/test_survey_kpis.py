"""Scores of three sets under our own definitions, against pandas: a bank's NPS, and satisfaction of 1 to 5 twice."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from scipy.stats import norm

from dashboard.metrics import query
from tests.real.expected import NEAR, between, parts, published, share, total

pytestmark = [pytest.mark.real, pytest.mark.slow]

Snapshots = Callable[[str], query.Snapshot]
Z = norm.ppf(0.975)
YEAR_2021 = between("2021-01-01", "2021-12-31")


# --- nps_bank_2021 ------------------------------------------------------------------------------------------


def nps(scores: pd.Series) -> tuple[float, ...]:
    """NPS in points, with the normal interval of promoters less detractors."""
    points = 100.0 * ((scores >= 9).astype(int) - (scores <= 6).astype(int))
    half = Z * points.std(ddof=0) / np.sqrt(len(points))
    return points.mean(), points.mean() - half, points.mean() + half


@pytest.fixture(scope="module")
def answers(shared_dir: Path) -> pd.DataFrame:
    table = pd.read_csv(shared_dir / "data" / "nps_bank_2021" / "NPStimeseries_slash_2digit_year.csv")
    table["day"] = pd.to_datetime(table["Survey date"], format="%d/%m/%y")
    return table


def test_nps_of_the_bank_with_its_interval(owned_snapshot: Snapshots, answers: pd.DataFrame) -> None:
    value = total(owned_snapshot("nps_bank"), "nps", YEAR_2021)
    assert value["n"] == len(answers) == 5_000
    assert (value["value"], value["lower"], value["upper"]) == pytest.approx(nps(answers["NPS"]), **NEAR)


def test_nps_by_market_and_month(owned_snapshot: Snapshots, answers: pd.DataFrame) -> None:
    found = published(owned_snapshot("nps_bank"), "nps", YEAR_2021, by=("region",), period="month")
    expected = dict(list(answers.groupby([answers["day"].dt.to_period("M"), "Market"])["NPS"]))
    assert len(found) == len(expected) == 36
    for row in found:
        scores = expected[pd.Period(row["period"], "M"), row["region"]]
        assert row["n"] == len(scores)
        assert (row["value"], row["lower"], row["upper"]) == pytest.approx(nps(scores), **NEAR)


# --- support_tickets_kaggle -----------------------------------------------------------------------------------


def mean(scores: pd.Series) -> tuple[float, ...]:
    half = Z * scores.std() / np.sqrt(len(scores))
    return scores.mean(), scores.mean() - half, scores.mean() + half


@pytest.fixture(scope="module")
def ratings(shared_dir: Path) -> pd.DataFrame:
    table = pd.read_csv(shared_dir / "data" / "support_tickets_kaggle" / "customer_support_tickets.csv")
    return table.assign(
        day=pd.to_datetime(table["Time_to_Resolution"]).dt.date, score=table["Customer_Satisfaction_Rating"]
    )


def test_satisfaction_of_the_rated_tickets_by_day(owned_snapshot: Snapshots, ratings: pd.DataFrame) -> None:
    days = between("2023-05-31", "2023-06-02")
    snapshot = owned_snapshot("survey_csv")
    satisfied = int((ratings["score"] >= 4).sum())
    assert parts(total(snapshot, "csat", days)) == pytest.approx(share(satisfied, len(ratings)), **NEAR)
    value = total(snapshot, "satisfaction_mean", days)
    assert (value["value"], value["lower"], value["upper"]) == pytest.approx(mean(ratings["score"]), **NEAR)
    by_day = published(snapshot, "csat", days, period="day")
    expected = (ratings["score"] >= 4).groupby(ratings["day"]).agg(["sum", "size"])
    assert {row["period"]: (row["numerator"], row["denominator"]) for row in by_day} == {
        day: (int(counts["sum"]), int(counts["size"])) for day, counts in expected.iterrows()
    }


# --- telco_churn_satisfaction ---------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def status(shared_dir: Path) -> pd.DataFrame:
    return pd.read_csv(shared_dir / "data" / "telco_churn_satisfaction" / "Telco_customer_churn_status.csv")


def test_satisfaction_asked_in_a_quarter(owned_snapshot: Snapshots, status: pd.DataFrame) -> None:
    quarter = between("2018-07-01", "2018-09-30")
    satisfied = int((status["Satisfaction Score"] >= 4).sum())
    (value,) = published(owned_snapshot("telco"), "quarterly_csat", quarter, period="quarter")
    assert parts(value) == pytest.approx(share(satisfied, len(status)), **NEAR)
    # Asked without a ticket once a quarter: no rating of any service.
    assert total(owned_snapshot("telco"), "csat", quarter)["n"] == 0


def test_who_left_is_known_but_not_since_when_anybody_was_a_customer(owned_snapshot: Snapshots) -> None:
    """26.54 % of these customers left in the quarter; a rate needs who was there before, and the set is silent."""
    value = total(owned_snapshot("telco"), "churn_365d", between("2018-07-01", "2018-09-30"))
    assert (value["n"], value["value"]) == (0, None)
