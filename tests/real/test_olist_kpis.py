"""Satisfaction under our own definitions on Olist's reviews, against pandas straight from the raw file.

The reference rule takes every review (76.72 %); ours takes one answer an order, the last one that came
within seven days of the survey.
"""

from datetime import date
from pathlib import Path

import pandas as pd
import pytest

from dashboard.metrics import query
from dashboard.metrics.access import Scope
from ingestion.warehouse.kpis import Filter, load_kpis

pytestmark = [pytest.mark.real, pytest.mark.slow]

EVER = Filter(date(2016, 1, 1), date(2019, 12, 31))
WEEK = pd.Timedelta(days=7)


@pytest.fixture(scope="module")
def reviews(shared_dir: Path) -> pd.DataFrame:
    path = shared_dir / "data" / "olist_sample_a" / "olist_order_reviews_dataset.csv"
    columns = {"review_creation_date": "sent_at", "review_answer_timestamp": "answered_at", "review_score": "score"}
    reviews = pd.read_csv(path).rename(columns=columns)
    for column in ("sent_at", "answered_at"):
        reviews[column] = pd.to_datetime(reviews[column])
    return reviews


def counted(reviews: pd.DataFrame) -> pd.DataFrame:
    """The last answer of each order among those that came within a week of being asked."""
    in_time = reviews[reviews["answered_at"] - reviews["sent_at"] <= WEEK]
    return in_time.sort_values("answered_at").drop_duplicates("order_id", keep="last")


def published(snapshot: query.Snapshot, kpi: str) -> dict[str, object]:
    (value,) = query.values(snapshot, Scope.everything(), load_kpis()[kpi], EVER).to_dicts()
    return value


def test_as_of_is_the_newest_answer(olist: query.Snapshot, reviews: pd.DataFrame) -> None:
    assert olist.as_of == reviews["answered_at"].max()


def test_csat_is_the_share_of_fours_and_fives(olist: query.Snapshot, reviews: pd.DataFrame) -> None:
    scores = counted(reviews)["score"]
    value = published(olist, "csat")
    assert (value["numerator"], value["denominator"]) == (int((scores >= 4).sum()), len(scores))


def test_mean_score(olist: query.Snapshot, reviews: pd.DataFrame) -> None:
    scores = counted(reviews)["score"]
    value = published(olist, "satisfaction_mean")
    assert (value["numerator"], value["denominator"]) == (scores.sum(), len(scores))


def test_response_rate_of_surveys_that_had_their_week(olist: query.Snapshot, reviews: pd.DataFrame) -> None:
    matured = reviews[reviews["sent_at"] + WEEK <= reviews["answered_at"].max()]
    answered = matured["answered_at"] - matured["sent_at"] <= WEEK
    value = published(olist, "survey_response_rate")
    assert (value["numerator"], value["denominator"]) == (int(answered.sum()), len(matured))
