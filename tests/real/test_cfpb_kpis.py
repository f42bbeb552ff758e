"""Complaints to an authority: volumes, rates and what an export without ends can say, against pandas and scipy.

The last complaint, whose line is cut off, is held back. Nobody tells when a complaint ended, so none has: the share
closed within 30 days is 0 of those that are 30 days old, and no cycle time is claimed.
"""

from collections.abc import Callable
from pathlib import Path

import pandas as pd
import pytest
from scipy.stats import chi2

from dashboard.metrics import query
from tests.real.expected import NEAR, between, parts, published, share, total

pytestmark = [pytest.mark.real, pytest.mark.slow]

EVER = between("2014-10-01", "2014-11-30")
COMPLAINTS = 8_339


@pytest.fixture(scope="module")
def snapshot(owned_snapshot: Callable[[str], query.Snapshot]) -> query.Snapshot:
    return owned_snapshot("cfpb")


@pytest.fixture(scope="module")
def complaints(shared_dir: Path) -> pd.DataFrame:
    path = shared_dir / "data" / "cfpb_complaints_2014" / "Consumer_Complaints.csv"
    table = pd.read_csv(path, dtype=str, keep_default_na=False)[:COMPLAINTS]
    table["received_at"] = pd.to_datetime(table["Date received"], format="%m/%d/%Y").dt.tz_localize(
        "America/New_York"
    )
    return table


def test_complaints_by_issue_and_month(snapshot: query.Snapshot, complaints: pd.DataFrame) -> None:
    assert total(snapshot, "complaint_volume", EVER)["value"] == COMPLAINTS
    by_reason = published(snapshot, "complaint_volume", EVER, by=("reason",))
    assert {row["reason"]: row["value"] for row in by_reason} == (
        complaints.groupby(complaints["Issue"].replace("", "unknown")).size().to_dict()
    )
    by_month = published(snapshot, "complaint_volume", EVER, period="month")
    assert [row["value"] for row in by_month] == complaints.groupby(
        complaints["received_at"].dt.month
    ).size().to_list()


def test_complaints_per_1000_tickets_with_the_exact_interval(
    snapshot: query.Snapshot, complaints: pd.DataFrame
) -> None:
    """Every ticket of an authority is a complaint, so all that moves is how sure one can be."""
    by_state = published(snapshot, "complaints_per_1000_tickets", EVER, by=("region",))
    counts = complaints.groupby(complaints["State"].replace("", "unknown")).size().to_dict()
    assert {row["region"]: (row["numerator"], row["denominator"]) for row in by_state} == {
        state: (count, count) for state, count in counts.items()
    }
    for row in by_state:
        count = counts[row["region"]]
        # Above 100 events the interval is an expansion of the exact one, good to 3e-9 of it.
        ends = (chi2.ppf(0.025, 2 * count) / 2 / count, chi2.ppf(0.975, 2 * count + 2) / 2 / count)
        assert (row["value"], row["lower"], row["upper"]) == pytest.approx(
            (1000, *(1000 * e for e in ends)), rel=3e-9
        )


def test_none_is_known_to_be_closed(snapshot: query.Snapshot, complaints: pd.DataFrame) -> None:
    as_of = complaints["received_at"].max()
    assert snapshot.as_of == as_of.tz_convert("UTC").tz_localize(None)
    old = int((as_of - complaints["received_at"] >= pd.Timedelta(days=30)).sum())
    value = total(snapshot, "complaint_closed_rate", EVER)
    assert parts(value) == pytest.approx(share(0, old), **NEAR)
    cycle = total(snapshot, "complaint_cycle_time", EVER)
    assert (cycle["n"], cycle["numerator"], cycle["value"], cycle["state"]) == (COMPLAINTS, 0, None, "not_reached")


def test_backlog_of_complaints(snapshot: query.Snapshot, complaints: pd.DataFrame) -> None:
    received = int((complaints["received_at"].dt.tz_convert("Asia/Shanghai").dt.strftime("%m-%d") <= "10-31").sum())
    assert total(snapshot, "complaint_backlog", between("2014-10-31", "2014-10-31"))["value"] == received
