"""One KPI worked out again from the timestamps alone, without any SQL of ours."""

from datetime import date, datetime, timedelta
from fractions import Fraction

import chinese_calendar
import numpy as np
import pytest

from dashboard.metrics import query
from dashboard.metrics.access import Scope
from dashboard.metrics.query import Filter, Snapshot
from ingestion.warehouse.kpis import Query, load_kpis

pytestmark = pytest.mark.slow

FIRST = date(2023, 1, 1)
HOURS = np.arange(1_440) / 60
IS_OPEN = ((HOURS >= 9) & (HOURS < 12)) | ((HOURS >= 13) & (HOURS < 18))
IS_WORKDAY = [chinese_calendar.is_workday(FIRST + timedelta(days=day)) for day in range(1_000)]
OPEN_BEFORE = np.concatenate([[0], np.cumsum(np.outer(IS_WORKDAY, IS_OPEN))])
"""Open minutes from FIRST on, before each minute."""


def open_seconds(local: datetime) -> int:
    seconds = int((local - datetime.combine(FIRST, datetime.min.time())).total_seconds())
    whole = int(OPEN_BEFORE[seconds // 60])
    return 60 * whole + (seconds % 60) * (int(OPEN_BEFORE[seconds // 60 + 1]) - whole)


def median(waits: list[tuple[int, bool]]) -> int | None:
    """Kaplan-Meier in whole numbers."""
    survival = Fraction(1)
    for time in sorted({wait for wait, _ in waits}):
        at_risk = sum(wait >= time for wait, _ in waits)
        survival *= 1 - Fraction(sum(wait == time and ended for wait, ended in waits), at_risk)
        if survival <= Fraction(1, 2):
            return time
    return None


def test_first_response_time_by_tier_and_month_from_the_timestamps_alone(sample_snapshot: Snapshot) -> None:
    raw = sample_snapshot.run(
        Query(
            "select tier, created_at, response_start_at, first_response_at from core.fct_tickets where is_counted", ()
        )
    )
    shift = timedelta(hours=8)
    waits: dict[tuple[date, str], list[tuple[int, bool]]] = {}
    for tier, created, start, answered in raw.rows():
        if start is not None and (created + shift).date() >= date(2024, 7, 1):
            end = sample_snapshot.as_of if answered is None else answered
            wait = open_seconds(end + shift) - open_seconds(start + shift)
            waits.setdefault(((created + shift).date().replace(day=1), tier), []).append((wait, answered is not None))
    kpi = load_kpis()["first_response_time"]
    found = query.values(sample_snapshot, Scope.everything(), kpi, Filter(), by=("tier",), period="month")
    seen = {(row["period"], row["tier"]): row for row in found.to_dicts() if row["n"]}
    assert set(seen) == set(waits)
    assert len(seen) > 40
    for key, group in waits.items():
        expected = (median(group), sum(ended for _, ended in group), len(group))
        assert (seen[key]["value"], seen[key]["numerator"], seen[key]["n"]) == expected, key
