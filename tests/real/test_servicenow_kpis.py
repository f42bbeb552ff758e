"""Our own definitions on the incident log, against pandas and lifelines straight from the raw file.

They differ from the reference rules on purpose: resolution is the final one of the status history, so the
1,556 incidents without `resolved_at` count and an incident that is open again is not resolved; backlog is
what was not solved at the end of the business day, not what was not closed.
"""

import csv
import io
import zipfile
from dataclasses import dataclass
from datetime import date
from functools import cache
from pathlib import Path

import pandas as pd
import pytest
from lifelines import KaplanMeierFitter

from dashboard.metrics import query
from dashboard.metrics.access import Scope
from ingestion.warehouse.kpis import Filter, load_kpis

pytestmark = [pytest.mark.real, pytest.mark.slow]

DATES = ("opened_at", "sys_updated_at")
PRIORITIES = {"1 - Critical": "urgent", "2 - High": "high", "3 - Moderate": "normal", "4 - Low": "low"}
WEEK = pd.Timedelta(days=7)


@dataclass(frozen=True)
class Log:
    """The events in the log's own order, and one row an incident as known at the newest event."""

    events: pd.DataFrame
    incidents: pd.DataFrame
    as_of: pd.Timestamp


@cache
def read_log(path: Path) -> Log:
    if path.suffix == ".zip":
        with zipfile.ZipFile(path) as archive:
            text = archive.read("incident_event_log.csv").decode()
    else:
        text = path.read_text(encoding="utf-8")
    events = pd.DataFrame(csv.DictReader(io.StringIO(text)))
    for column in DATES:
        events[column] = pd.to_datetime(events[column], format="%d/%m/%Y %H:%M")
    events["sys_mod_count"] = events["sys_mod_count"].astype(int)
    events = events.sort_values(["number", "sys_mod_count", "sys_updated_at"], kind="stable")
    events["is_solved"] = events["incident_state"].isin(["Resolved", "Closed"])
    events["was_solved"] = events.groupby("number")["is_solved"].shift(fill_value=False)
    return Log(events, _incidents(events), events["sys_updated_at"].max())


def _incidents(events: pd.DataFrame) -> pd.DataFrame:
    by_number = events.groupby("number")
    solves = events[events["is_solved"] & ~events["was_solved"]].groupby("number")["sys_updated_at"]
    leaves = events[~events["is_solved"] & events["was_solved"]].groupby("number")["sys_updated_at"]
    incidents = pd.DataFrame(
        {
            "opened_at": by_number["opened_at"].first(),
            "priority": by_number["priority"].first().map(PRIORITIES),
            "is_solved": by_number["is_solved"].last(),
        }
    )
    incidents["first_solved_at"] = solves.first()
    incidents["first_reopened_at"] = leaves.first()
    incidents["final_solved_at"] = solves.last().where(incidents["is_solved"])
    return incidents


def kaplan_meier(log: Log, incidents: pd.DataFrame) -> KaplanMeierFitter:
    seconds = (incidents["final_solved_at"].fillna(log.as_of) - incidents["opened_at"]).dt.total_seconds()
    return KaplanMeierFitter().fit(seconds, incidents["final_solved_at"].notna())


def first_at_or_below(curve: pd.Series, share: float) -> float:
    """Where S has fallen to `share`; the tolerance is the rule for an S of exactly that, in floating point."""
    return float(curve.index[curve <= share + 1e-9].min())


def backlog(log: Log, day: date) -> int:
    end = (pd.Timestamp(day, tz="Asia/Shanghai") + pd.Timedelta(days=1)).tz_convert("UTC").tz_localize(None)
    state = log.events[log.events["sys_updated_at"] < end].groupby("number")["is_solved"].last()
    created = log.incidents["opened_at"] < end
    return int((created & ~state.reindex(log.incidents.index, fill_value=False).astype(bool)).sum())


def published(snapshot: query.Snapshot, kpi: str, by: tuple[str, ...] = ()) -> list[dict[str, object]]:
    ever = Filter(date(2016, 1, 1), date(2017, 12, 31))
    return query.values(snapshot, Scope.everything(), load_kpis()[kpi], ever, by).to_dicts()


@pytest.fixture(scope="module", params=["whole", "may_first"])
def night_and_log(request: pytest.FixtureRequest) -> tuple[query.Snapshot, Log]:
    """The whole log, where everything is closed in the end, and as it stood on 1 May, when 1,196 were open."""
    if request.param == "whole":
        snapshot = request.getfixturevalue("servicenow")
        return snapshot, read_log(request.getfixturevalue("incident_log"))
    snapshot = request.getfixturevalue("servicenow_in_may")
    return snapshot, read_log(request.getfixturevalue("incident_log_of_may_first"))


def test_as_of_is_the_newest_event(night_and_log: tuple[query.Snapshot, Log]) -> None:
    snapshot, log = night_and_log
    assert snapshot.as_of == log.as_of


def test_every_incident_is_counted(night_and_log: tuple[query.Snapshot, Log]) -> None:
    snapshot, log = night_and_log
    assert published(snapshot, "ticket_volume")[0]["value"] == len(log.incidents)


@pytest.mark.parametrize(("kpi", "left"), [("resolution_time", 0.5), ("resolution_time_p90", 0.1)])
def test_resolution_time_is_that_of_lifelines(
    night_and_log: tuple[query.Snapshot, Log], kpi: str, left: float
) -> None:
    snapshot, log = night_and_log
    expected = kaplan_meier(log, log.incidents)
    (value,) = published(snapshot, kpi)
    assert (value["n"], value["numerator"]) == (
        len(log.incidents),
        int(log.incidents["final_solved_at"].notna().sum()),
    )
    interval = expected.confidence_interval_
    assert value["value"] == first_at_or_below(expected.survival_function_["KM_estimate"], left)
    assert value["lower"] == first_at_or_below(interval["KM_estimate_lower_0.95"], left)
    assert value["upper"] == first_at_or_below(interval["KM_estimate_upper_0.95"], left)


def test_resolution_time_by_priority_at_creation(night_and_log: tuple[query.Snapshot, Log]) -> None:
    snapshot, log = night_and_log
    found = {row["priority"]: row["value"] for row in published(snapshot, "resolution_time", ("priority",))}
    expected = {
        priority: first_at_or_below(kaplan_meier(log, incidents).survival_function_["KM_estimate"], 0.5)
        for priority, incidents in log.incidents.groupby("priority")
    }
    assert found == expected


def test_reopen_rate_counts_incidents_that_left_solved_within_seven_days(
    night_and_log: tuple[query.Snapshot, Log],
) -> None:
    snapshot, log = night_and_log
    first_solved = log.incidents["first_solved_at"]
    matured = log.incidents[first_solved + WEEK <= log.as_of]
    reopened = matured["first_reopened_at"] - matured["first_solved_at"] <= WEEK
    (value,) = published(snapshot, "reopen_rate")
    assert (value["numerator"], value["denominator"]) == (int(reopened.sum()), len(matured))


@pytest.mark.parametrize("day", [date(2016, 3, 7), date(2016, 4, 29), date(2016, 5, 1), date(2016, 8, 31)])
def test_backlog_is_what_the_history_says(servicenow: query.Snapshot, incident_log: Path, day: date) -> None:
    on_day = Filter(day, day)
    (value,) = query.values(servicenow, Scope.everything(), load_kpis()["backlog"], on_day).to_dicts()
    assert value["value"] == backlog(read_log(incident_log), day)


@pytest.mark.parametrize("kpi", ["ticket_volume", "resolution_time", "resolution_time_p90", "reopen_rate", "backlog"])
def test_the_whole_log_as_of_a_day_tells_what_that_day_told(
    servicenow_in_may: query.Snapshot, servicenow_as_of_may: query.Snapshot, kpi: str
) -> None:
    until_april = Filter(date(2016, 2, 1), date(2016, 4, 29))
    then, replayed = (
        query.values(snapshot, Scope.everything(), load_kpis()[kpi], until_april, ("area", "source"), "week")
        for snapshot in (servicenow_in_may, servicenow_as_of_may)
    )
    assert replayed.drop("run_id").equals(then.drop("run_id"))
