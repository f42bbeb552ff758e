"""Eleven complaints, what happened on their tickets, and whom they are measured against, worked out on paper.

The exports are the tables in golden_complaints/, in Shanghai time; office hours 09:00-12:00 and 13:00-18:00;
counted as of Wednesday 2025-12-10 10:30.

1 was answered and graded at the last moment allowed, an answer before it does not count. 2 came in the evening, was
graded a minute too late and changed hands twice. 3 was never graded, is answered only by its ticket's own first
response, and was solved by its first owner although another is accountable. 4 has no ticket and was graded down; 6
is 4 said again. 5 is half an hour old. 7 is unanswered since it was received. 8 has an answer dated before the
complaint, which tells nothing of it. 9 comes from a source that exports no times of grading. 10 was received before
the window, on the topic of 11, which was graded before it was received. C1 became VIP on 11-20; C3 left on 11-15
and C4 joined on 11-10.
"""

from datetime import date

import pytest
from scipy import stats

from dashboard.metrics import query
from dashboard.metrics.access import Scope
from ingestion.warehouse.kpis import Filter, load_kpis
from ingestion.warehouse.views import load_views
from tests.conftest import MakeSnapshot
from tests.sql.conftest import AS_OF, exports

WINDOW = Filter(date(2025, 11, 1), date(2025, 12, 10))

# KPI: numerator, denominator, value. Nine complaints count in the window: 1 2 3 4 5 7 8 9 11.
GOLDEN: dict[str, tuple[int, int, float | None]] = {
    "complaints_per_1000_tickets": (9, 7, 9_000 / 7),  # T1 T2 T3 T5 T7 T8 T20; T21 is merged, T22 came before
    "complaints_per_1000_customers": (9, 6, 1_500.0),  # on 11-01 C1 C2 C3, on 12-01 C1 C2 C4
    # resolved with a first owner and someone at the end: 1, 2 (A1 to A2), 3 (solved by its first owner), 9
    "first_owner_kept_rate": (3, 4, 0.75),
    # 1 none, 2 A1 to A3 to A2 (a third after it was resolved), 3 from its record alone, 9 none
    "owner_changes_per_complaint": (3, 4, 0.75),
    "complaint_graded_share": (7, 9, 7 / 9),  # not 3 and 5
    # 1 after 60 min, 2 after 30 + 31, 3 never, 4, 7, 8, 11 before the office opened; 5 is not due, 9 cannot tell
    "complaint_graded_within_1h": (5, 7, 5 / 7),
    # 1 after 60 min, 2 after 30 + 30, 3 after 90, 7 not in 120 + 90 since its receipt; 5 is not due, 8 cannot tell
    "complaint_response_within_1h": (2, 4, 0.5),
    "complaint_record_complete": (5, 6, 5 / 6),  # resolved: 1 2 3 4 8 9; 3 lacks reason, grade and outcome
}


@pytest.fixture(scope="module")
def complaints(make_snapshot: MakeSnapshot) -> query.Snapshot:
    return make_snapshot(exports("golden_complaints"), as_of=AS_OF)


@pytest.mark.parametrize("kpi", GOLDEN)
def test_kpi_equals_the_value_worked_out_by_hand(complaints: query.Snapshot, kpi: str) -> None:
    row = query.values(complaints, Scope.everything(), load_kpis()[kpi], WINDOW).row(0, named=True)
    numerator, denominator, value = GOLDEN[kpi]
    assert (row["numerator"], row["denominator"], row["n"]) == (numerator, denominator, denominator)
    assert row["value"] == pytest.approx(value, abs=1e-9)
    assert row["state"] == "small_n"


@pytest.mark.parametrize("kpi", GOLDEN)
def test_drill_rows_make_up_the_value(complaints: query.Snapshot, kpi: str) -> None:
    entry = load_kpis()[kpi]
    counting = query.rows(complaints, Scope.everything(), entry, WINDOW, "denominator")
    contributing = query.rows(complaints, Scope.everything(), entry, WINDOW, "numerator")
    assert counting.height == GOLDEN[kpi][1]
    changes = kpi == "owner_changes_per_complaint"
    found = contributing["owner_change_count"].sum() if changes else contributing.height
    assert found == GOLDEN[kpi][0]


def test_the_interval_of_a_complaint_rate_is_the_exact_one_of_poisson(complaints: query.Snapshot) -> None:
    entry = load_kpis()["complaints_per_1000_customers"]
    row = query.values(complaints, Scope.everything(), entry, WINDOW).row(0, named=True)
    assert row["lower"] == pytest.approx(1000 / 6 * stats.chi2.ppf(0.025, 18) / 2, rel=1e-6)
    assert row["upper"] == pytest.approx(1000 / 6 * stats.chi2.ppf(0.975, 20) / 2, rel=1e-6)


def test_complaints_and_customers_are_cut_by_the_tier_of_their_own_time(complaints: query.Snapshot) -> None:
    """C1 is standard on 11-01 and for complaint 1, VIP on 12-01 and for complaint 4; 9 has no known customer."""
    entry = load_kpis()["complaints_per_1000_customers"]
    found = query.values(complaints, Scope.everything(), entry, WINDOW, by=("tier",))
    assert {row["tier"]: (row["numerator"], row["denominator"]) for row in found.rows(named=True)} == {
        "vip": (1, 1),  # 4
        "silver": (2, 2),  # 2 5
        "standard": (5, 3),  # 1 3 7 8 11; C1 C3, then C4
        "unknown": (1, 0),  # 9
    }


def test_each_month_counts_its_own_customers(complaints: query.Snapshot) -> None:
    """November: 1 2 3 4 9 against three customers; December: 5 7 8 11 against three."""
    entry = load_kpis()["complaints_per_1000_customers"]
    found = query.values(complaints, Scope.everything(), entry, WINDOW, period="month")
    assert found["value"].to_list() == pytest.approx([5_000 / 3, 4_000 / 3])


def test_what_complaints_are_about(complaints: query.Snapshot) -> None:
    """11-03 to 12-10 are 38 days: the second half begins on 11-22. 价格 was complained of in October already."""
    found = query.view(complaints, Scope.everything(), load_views()["complaint_topics"], WINDOW)
    assert found.rows() == [
        ("质量", 3, pytest.approx(3 / 9), 3, 0, -1.0, False),  # 1 9 4
        ("新故障", 2, pytest.approx(2 / 9), 0, 2, None, True),  # 7 5
        ("服务", 2, pytest.approx(2 / 9), 1, 1, 0.0, False),  # 2 8
        ("价格", 1, pytest.approx(1 / 9), 0, 1, None, False),  # 11
        ("物流", 1, pytest.approx(1 / 9), 1, 0, -1.0, False),  # 3, by the category of its ticket
    ]


def test_grades_at_receipt_against_grades_now(complaints: query.Snapshot) -> None:
    found = query.view(complaints, Scope.everything(), load_views()["complaint_grade_changes"], WINDOW)
    assert found.rows() == [
        ("general", "general", 5, 1.0),
        ("major", "general", 1, 0.5),
        ("major", "major", 1, 0.5),
        ("unknown", "unknown", 2, 1.0),
    ]
