"""Requests to a city: solution, promise and backlog under our own definitions, against pandas and lifelines.

The reference's median is that of the requests that were closed (14.96 d). Ours counts the scheduled ones as waiting,
and neither cancelled requests nor those called closed without a day of it, or with one before their opening.
"""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from dashboard.metrics import query
from tests.real.expected import NEAR, between, medians, parts, published, share, survival, total

pytestmark = [pytest.mark.real, pytest.mark.slow]

EVER = between("2009-01-01", "2012-12-31")
INSTANTS = {"DATETIMEINIT": "opened_at", "DATETIMECLOSED": "closed_at", "PRJCOMPLETEDATE": "due_at"}


@pytest.fixture(scope="module")
def snapshot(owned_snapshot: Callable[[str], query.Snapshot]) -> query.Snapshot:
    return owned_snapshot("stl_requests")


@pytest.fixture(scope="module")
def requests(shared_dir: Path, snapshot: query.Snapshot) -> pd.DataFrame:
    """One row a request that was not cancelled, in whole seconds; the 425 repeated lines tell nothing else."""
    files = sorted((shared_dir / "data" / "stl_citizen_requests").glob("20*.csv"))
    lines = pd.concat([pd.read_csv(file, dtype=str, keep_default_na=False) for file in files])
    table = lines.drop_duplicates("REQUESTID").reset_index(drop=True)
    for theirs, ours in INSTANTS.items():
        table[ours] = pd.to_datetime(table[theirs].replace("1900-01-01 00:00:00.0", ""), format="ISO8601")
        table[ours] = table[ours].dt.floor("s")
    table["status"] = table["STATUS"].str.lower()
    table["is_open"] = table["status"].isin(["scheduled", "disptch"])
    table.loc[table["closed_at"] < table["opened_at"], "closed_at"] = pd.NaT
    table["solved_at"] = table["closed_at"].where(~table["is_open"])
    as_of = pd.Timestamp(snapshot.as_of).floor("s")
    table["seconds"] = (table["solved_at"].fillna(as_of) - table["opened_at"]).dt.total_seconds()
    table["age"] = (as_of - table["opened_at"]).dt.total_seconds()
    return table[table["status"] != "cancel"]


@pytest.fixture(scope="module")
def expected(requests: pd.DataFrame) -> pd.DataFrame:
    """The requests of which it is known until when they were open."""
    return requests[requests["is_open"] | requests["solved_at"].notna()]


def local_day(at: pd.Series) -> pd.Series:
    return at.dt.tz_localize("UTC").dt.tz_convert("Asia/Shanghai").dt.tz_localize(None).dt.normalize()


def test_requests_by_group_and_year(snapshot: query.Snapshot, requests: pd.DataFrame) -> None:
    by_group = published(snapshot, "ticket_volume", between("2008-12-31", "2013-01-01"), by=("category",))
    assert {row["category"]: row["value"] for row in by_group} == requests.groupby("GROUP").size().to_dict()
    by_month = published(snapshot, "ticket_volume", between("2011-01-01", "2011-12-31"), period="month")
    month = local_day(requests["opened_at"]).dt.to_period("M")
    in_2011 = month[month.dt.year == 2011].value_counts().sort_index()
    assert [row["value"] for row in by_month] == in_2011.to_list()


def test_resolution_time_by_group_is_that_of_lifelines(snapshot: query.Snapshot, expected: pd.DataFrame) -> None:
    wanted = between("2008-12-31", "2013-01-01")
    value = total(snapshot, "resolution_time", wanted)
    curve = survival(expected["seconds"], expected["solved_at"].notna())
    assert (value["n"], value["numerator"]) == (len(expected), int(expected["solved_at"].notna().sum()))
    assert (value["value"], value["lower"], value["upper"]) == medians(curve)
    found = published(snapshot, "resolution_time", wanted, by=("category",))
    by_group = {row["category"]: (row["n"], row["value"]) for row in found}
    for group, some in expected.groupby("GROUP"):
        median = medians(survival(some["seconds"], some["solved_at"].notna()))[0]
        assert by_group.pop(group) == (len(some), None if np.isnan(median) or np.isinf(median) else median)
    assert not by_group


def test_solved_within_24_hours(snapshot: query.Snapshot, expected: pd.DataFrame) -> None:
    old = expected[expected["age"] >= 8 * 86_400]
    solved = int((old["solved_at"].notna() & (old["seconds"] <= 86_400)).sum())
    value = total(snapshot, "solved_within_24h", between("2008-12-31", "2013-01-01"))
    assert parts(value) == pytest.approx(share(solved, len(old)), **NEAR)


def test_promised_days_kept(snapshot: query.Snapshot, expected: pd.DataFrame) -> None:
    """The promise is the instant that the export names, and a day where none can be: in the past, or nowhere."""
    promised = (expected["due_at"] - expected["opened_at"]).dt.total_seconds()
    limit = promised.where(promised >= 0).fillna(86_400)
    is_kept = expected["solved_at"].notna() & (expected["seconds"] <= limit)
    is_due = expected["solved_at"].notna() | (expected["seconds"] > limit)
    value = total(snapshot, "sla_resolution_met", between("2008-12-31", "2013-01-01"))
    assert parts(value) == pytest.approx(share(int(is_kept.sum()), int(is_due.sum())), **NEAR)


@pytest.mark.parametrize("day", ["2010-06-30", "2012-12-31", "2019-03-15"])
def test_backlog_at_the_end_of_a_day(snapshot: query.Snapshot, expected: pd.DataFrame, day: str) -> None:
    end = (pd.Timestamp(day, tz="Asia/Shanghai") + pd.Timedelta(days=1)).tz_convert("UTC").tz_localize(None)
    is_open = (expected["opened_at"] < end) & ~(expected["solved_at"] < end)
    assert total(snapshot, "backlog", between(day, day))["value"] == int(is_open.sum())
