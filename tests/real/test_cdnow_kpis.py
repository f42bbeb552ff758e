"""Purchases of a music shop: repurchase and churn under our own definitions, against pandas and lifelines.

All customers first bought in January to March 1997 and are watched until June 1998, so every window has passed and
our repurchase is the reference's. Churn is ours alone: the list declares no losses, so who is silent for the P95 of
all gaps between purchases counts as lost.
"""

from collections.abc import Callable
from datetime import date
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from dashboard.metrics import query
from tests.real.expected import NEAR, between, parts, published, share, survival, total

pytestmark = [pytest.mark.real, pytest.mark.slow]

EVER = between("1997-01-01", "1998-12-31")
DAY = pd.Timedelta(days=1)


@pytest.fixture(scope="module")
def snapshot(owned_snapshot: Callable[[str], query.Snapshot]) -> query.Snapshot:
    return owned_snapshot("cdnow")


@pytest.fixture(scope="module")
def purchases(shared_dir: Path) -> pd.DataFrame:
    lines = pd.read_csv(shared_dir / "data" / "cdnow" / "CDNOW_master.txt", sep=r"\s+", dtype=str)
    return pd.DataFrame({"customer": lines["customer_id"], "day": pd.to_datetime(lines["date"], format="%Y%m%d")})


def test_equal_lines_are_purchases_of_their_own(snapshot: query.Snapshot, purchases: pd.DataFrame) -> None:
    by_month = published(snapshot, "order_volume", between("1997-01-01", "1998-06-30"), period="month")
    expected = purchases.groupby(purchases["day"].dt.to_period("M")).size()
    assert {row["period"]: row["value"] for row in by_month} == {
        month.to_timestamp().date(): count for month, count in expected.items()
    }
    assert total(snapshot, "order_volume", EVER)["value"] == len(purchases) == 69_659


@pytest.mark.parametrize("days", [90, 180, 365])
def test_repurchase_by_first_month(snapshot: query.Snapshot, purchases: pd.DataFrame, days: int) -> None:
    # The day of the newest purchase still runs: nothing is known of it yet.
    known = purchases[purchases["day"] < purchases["day"].max()]
    first = known.groupby("customer")["day"].min().rename("first")
    later = known.join(first, on="customer").query("day > first").groupby("customer")["day"].min()
    is_back = (later.reindex(first.index) - first) <= days * DAY
    expected = {
        month.to_timestamp().date(): share(int(group.sum()), len(group))
        for month, group in is_back.groupby(first.dt.to_period("M"))
    }
    found = published(snapshot, f"repurchase_{days}d", between("1997-01-01", "1997-03-31"), period="month")
    assert {row["period"] for row in found} == set(expected)
    for row in found:
        assert parts(row) == pytest.approx(expected[row["period"]], **NEAR)
        assert row["state"] == "ok"
    assert parts(total(snapshot, f"repurchase_{days}d", EVER)) == pytest.approx(
        share(int(is_back.sum()), len(is_back)), **NEAR
    )


def active_spans(purchases: pd.DataFrame, as_of: pd.Timestamp) -> pd.DataFrame:
    """When each customer became active and was lost; NaT: not lost yet."""
    days = purchases.drop_duplicates().sort_values(["customer", "day"])
    gaps = days.groupby("customer")["day"].diff()
    tau = gaps.dropna().sort_values().iloc[int(np.ceil(0.95 * gaps.notna().sum())) - 1]
    span = (gaps.isna() | (gaps > tau)).cumsum()
    spans = days.groupby(span).agg(active_from=("day", "min"), lost_at=("day", "max"))
    spans["lost_at"] = (spans["lost_at"] + tau).where(lambda at: at <= as_of)
    return spans


@pytest.mark.parametrize("month", ["1997-03-01", "1997-06-01", "1997-07-01"])
def test_churn_of_those_active_as_a_month_begins(
    snapshot: query.Snapshot, purchases: pd.DataFrame, month: str
) -> None:
    as_of = purchases["day"].max()
    assert snapshot.as_of == as_of
    start = pd.Timestamp(month, tz="Asia/Shanghai").tz_convert("UTC").tz_localize(None)
    spans = active_spans(purchases, as_of)
    active = spans[(spans["active_from"] <= start) & ~(spans["lost_at"] <= start)]
    seconds = (active["lost_at"].fillna(as_of) - start).dt.total_seconds()
    curve = survival(seconds, active["lost_at"].notna())
    value = total(snapshot, "churn_365d", between(month, (date.fromisoformat(month).replace(day=28)).isoformat()))
    lost = int((active["lost_at"].notna() & (seconds <= 365 * 86_400)).sum())
    assert (value["n"], value["numerator"]) == (len(active), lost)
    if month == "1997-07-01":  # the list ends before their year does
        assert (value["value"], value["state"]) == (None, "not_reached")
        return
    assert value["value"] == pytest.approx(1 - curve.predict(365 * 86_400), **NEAR)
