"""Letters to a government and the replies to them: our own definitions, against pandas and lifelines.

The time to a reply is the reference's, all letters having one; what our complaints leave out is the same citizen on
the same subject within 24 hours.
"""

from collections.abc import Callable
from pathlib import Path

import pandas as pd
import pytest

from dashboard.metrics import query
from tests.real.expected import NEAR, between, medians, parts, published, share, survival, total

pytestmark = [pytest.mark.real, pytest.mark.slow]

EVER = between("2011-01-01", "2020-12-31")
HOUR = pd.Timedelta(hours=1)


@pytest.fixture(scope="module")
def snapshot(owned_snapshot: Callable[[str], query.Snapshot]) -> query.Snapshot:
    return owned_snapshot("cn_gov_replies")


@pytest.fixture(scope="module")
def letters(shared_dir: Path) -> pd.DataFrame:
    """Times of the place, in whole seconds."""
    table = pd.read_excel(shared_dir / "data" / "cn_gov_replies" / "附件4.xlsx", dtype=object)
    for theirs, ours in {"留言时间": "asked_at", "答复时间": "replied_at"}.items():
        table[ours] = table[theirs].map(pd.Timestamp).dt.round("s")
    table["seconds"] = (table["replied_at"] - table["asked_at"]).dt.total_seconds()
    return table


def test_time_to_a_reply_is_that_of_lifelines(snapshot: query.Snapshot, letters: pd.DataFrame) -> None:
    value = total(snapshot, "first_response_time_calendar", EVER)
    assert (value["n"], value["numerator"]) == (len(letters), len(letters)) == (2816, 2816)
    found = (value["value"], value["lower"], value["upper"])
    assert found == medians(survival(letters["seconds"], letters["seconds"].notna()))


def test_time_to_a_reply_by_quarter(snapshot: query.Snapshot, letters: pd.DataFrame) -> None:
    found = published(snapshot, "first_response_time_calendar", between("2016-01-01", "2019-12-31"), period="quarter")
    by_quarter = dict(list(letters.groupby(letters["asked_at"].dt.to_period("Q"))))
    assert len(found) == 16
    for row in found:
        seconds = by_quarter[pd.Period(row["period"], "Q")]["seconds"]
        assert (row["n"], row["value"]) == (len(seconds), medians(survival(seconds, seconds.notna()))[0])


@pytest.fixture(scope="module")
def counted(letters: pd.DataFrame) -> pd.DataFrame:
    ordered = letters.assign(matter=letters["留言主题"].str.strip()).sort_values(["asked_at", "留言编号"])
    waited = ordered.groupby(["留言用户", "matter"])["asked_at"].diff()
    return ordered[~(waited <= 24 * HOUR)]


def test_a_letter_repeated_within_a_day_is_one_complaint(
    snapshot: query.Snapshot, letters: pd.DataFrame, counted: pd.DataFrame
) -> None:
    assert total(snapshot, "complaint_volume", EVER)["value"] == len(counted) < len(letters)
    by_month = published(snapshot, "complaint_volume", between("2019-01-01", "2019-12-31"), period="month")
    months = counted.groupby(counted["asked_at"].dt.to_period("M")).size()
    assert [row["value"] for row in by_month] == [months[f"2019-{month:02}"] for month in range(1, 13)]


def test_no_letter_is_known_to_be_settled(
    snapshot: query.Snapshot, letters: pd.DataFrame, counted: pd.DataFrame
) -> None:
    """A reply is not yet a solution: of the complaints that are 60 days old, none has been settled for good."""
    as_of = letters["replied_at"].max()
    assert snapshot.as_of == (as_of - 8 * HOUR).to_pydatetime()
    old = int((as_of - counted["asked_at"] >= 60 * 24 * HOUR).sum())
    value = total(snapshot, "complaint_closure_rate", EVER)
    assert parts(value) == pytest.approx(share(0, old), **NEAR)
