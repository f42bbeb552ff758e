"""Five front-line staff, their manager and what they did in one quarter; every KPI of the team worked out on paper.

The exports are the tables in golden_team/, in Shanghai times. Counted as of 2025-07-01 08:00 there: the last
complete day is 06-30.

A, B and L (left on 05-31) are agents (客服) in 广东, C is one in 北京, hired on 04-01; D is an engineer in 北京; M is
the manager in 广东. A took a course on 06-01, which B and C, his peers, never did.

Tickets: 1 is written to by B and moved to B after A solved it. 3 names nobody in charge: C, who wrote, held it; it is
reopened. 4 is too young, 5 is open, 6 names nobody. 7 is exactly 7 days old, its day is not. 8 was visited by D
after midnight, in the night shift that began the day before.
11 and 12 are A's before the course, 13 of its very day, 1 and 4 after it; 14, 2 and 7 are B's. 15 and 16 are of C's
first month, 19 of the second (04-01 + 30 days), 17 (04-01 + 60 days) and 18 of the third.
"""

import csv
from collections import defaultdict
from datetime import date
from decimal import Decimal
from pathlib import Path

import polars as pl
import pytest
from scipy import stats

from dashboard.metrics import query
from dashboard.metrics.access import Scope
from ingestion.warehouse.kpis import SQL_DIR, Filter, Query, load_kpis
from ingestion.warehouse.views import load_views
from tests.conftest import MakeSnapshot
from tests.sql.conftest import from_shanghai

WINDOW = Filter(date(2025, 4, 1), date(2025, 6, 30))
TABLES = Path(__file__).parent / "golden_team"

# KPI: numerator, denominator, value.
GOLDEN: dict[str, tuple[int | float | None, int | None, float | None]] = {
    # on 06-30: A (60 of 60), B (as of January; June has no verdict); not C (passed after midnight), not D (never)
    "capability_pass_rate": (2, 4, 0.5),
    "manager_pass_rate": (1, 2, 0.5),  # M by the last one of the year, N
    "assessed_pass_rate": (2, 3, 2 / 3),  # A by the last one, L; not C, whose pass is of the next quarter
    "staff_experience_rate": (4, 5, 0.8),  # A, B with exactly 3 years, D (2.9 a year ago), M
    # shifts with work: A 05-20 05-21 06-02 06-26, B 05-22 06-03, C 06-04, D 06-05; without: B 05-23, and 06-05, when
    # he was only assigned a ticket and named in a notice
    "tool_usage_rate": (8, 10, 0.8),
    "drills_held": (2, None, 2),  # 广东 and 北京 on 05-10
    "drill_participation_rate": (3, 4, 0.75),  # A B D
    "knowledge_link_rate": (3, 16, 3 / 16),  # 1 2 6; open 5 is no solve
    "articles_reused_rate": (1, 5, 0.2),  # K1; K2 once
    "stale_article_rate": (2, 4, 0.5),  # K2 365 days, K3 as of 06-30; K1 364 days; of K4 nothing is known
    "article_views_per_solved": (30, 16, 1.875),  # K5
    "qa_sampling_rate": (3, 16, 3 / 16),  # 1 2 3
    "qa_pass_rate": (2, 3, 2 / 3),  # 2 and 5; 1 by its newest
    # kept: 11 12 13 1, 14 2, 18, 8; not 15 16 17 19, solved before the roster names C; eight shifts of 8 h and one of
    # 4 h
    "solved_per_staffed_hour": (8, 68 * 3_600, 8 / 68),
    # before 3 and 4 of 4 in May: -1/4 and 0; after twice 5 of 4 in June: +1/4
    "training_effect_csat": (0.5, 4, 0.375),
    # before twice 1 of 1/2 a day: +1; after twice 1 of 2/3 a day: +1/2
    "training_effect_solves": (1.0, 4, -0.5),
    # of 4 in the first month: -1/4 and +1/4; in the third twice +1/4
    "ramp_csat_change": (0.5, 4, 0.25),
    # A: 0.4 x 85 + 0.3 x 80 + 0.3 x 100 = 88; D: 60; of B two colleagues are too few
    "mean_360_score": (148, 2, 74.0),
    "scorecard_quality_weight": (0.4, 1, 0.4),  # 0.20 + 0.10 + 0.10 of 1
}


def exports(*without: str) -> dict[str, str]:
    files = [file for file in TABLES.glob("*.txt") if file.stem not in without]
    return {f"raw.{file.stem}": from_shanghai(file.read_text(encoding="utf-8")) for file in files}


@pytest.fixture(scope="module")
def team(make_snapshot: MakeSnapshot) -> query.Snapshot:
    return make_snapshot(exports(), as_of="2025-07-01 00:00")


@pytest.fixture(scope="module")
def tickets_alone(make_snapshot: MakeSnapshot) -> query.Snapshot:
    without = ("staff", "staff_assessments", "training", "roster", "qa_reviews", "knowledge_articles")
    return make_snapshot(exports(*without), as_of="2025-07-01 00:00")


@pytest.mark.parametrize("kpi", GOLDEN)
def test_kpi_equals_the_value_worked_out_by_hand(team: query.Snapshot, kpi: str) -> None:
    entry = load_kpis()[kpi]
    row = query.values(team, Scope.everything(), entry, WINDOW).row(0, named=True)
    numerator, denominator, value = GOLDEN[kpi]
    assert (row["numerator"], row["denominator"]) == (pytest.approx(numerator), denominator)
    assert row["value"] == pytest.approx(value, abs=1e-12)
    # Of one policy and of a count no number is too small.
    assert row["state"] == ("ok" if kpi in ("drills_held", "scorecard_quality_weight") else "small_n")


@pytest.mark.parametrize("kpi", [kpi for kpi in GOLDEN if load_kpis()[kpi].kind in ("ratio", "count")])
def test_drill_rows_are_the_units_counted(team: query.Snapshot, kpi: str) -> None:
    entry = load_kpis()[kpi]
    numerator, denominator, _ = GOLDEN[kpi]
    for part, expected in (("numerator", numerator), ("denominator", denominator or numerator)):
        assert query.rows(team, Scope.everything(), entry, WINDOW, part).height == expected


@pytest.mark.parametrize("kpi", ["solved_per_staffed_hour", "training_effect_csat", "mean_360_score"])
def test_drill_rows_add_up(team: query.Snapshot, kpi: str) -> None:
    entry = load_kpis()[kpi]
    found = query.rows(team, Scope.everything(), entry, WINDOW, "numerator")
    assert float(found[entry.numerator].cast(pl.Float64).sum()) == GOLDEN[kpi][0]


def test_who_a_solved_ticket_is_credited_to(team: query.Snapshot) -> None:
    found = dict(team.run(Query("select ticket_id, staff_key from core.fct_agent_tickets", ())).rows())
    assert {ticket: found[ticket] for ticket in ("1", "2", "3", "6", "14")} == {
        "1": "sample:A",  # in charge at the solve, moved to B three days later
        "2": "sample:B",  # no event: the ticket's own agent
        "3": "sample:C",  # wrote before the first solve; A solved it the second time
        "6": "unknown",
        "14": "sample:B",  # a notice weeks later puts nobody in charge
    }
    assert "5" not in found


def test_the_interval_of_output_is_exact(team: query.Snapshot) -> None:
    """Garwood's interval of 8 events in 68 hours."""
    row = query.values(team, Scope.everything(), load_kpis()["solved_per_staffed_hour"], WINDOW).row(0, named=True)
    expected = (stats.chi2.ppf(0.025, 2 * 8) / 2 / 68, stats.chi2.ppf(0.975, 2 * 9) / 2 / 68)
    assert (row["lower"], row["upper"]) == (
        pytest.approx(expected[0], rel=1e-6),
        pytest.approx(expected[1], rel=1e-6),
    )


def test_slices_of_the_team_add_up(team: query.Snapshot) -> None:
    found = query.values(team, Scope.everything(), load_kpis()["capability_pass_rate"], WINDOW, by=("team",))
    assert set(found.select("team", "numerator", "denominator").rows()) == {
        ("热线", 2, 2),
        ("在线", 0, 1),
        ("现场", 0, 1),
    }
    restricted = query.values(team, Scope(regions=("北京",)), load_kpis()["drills_held"], WINDOW)
    assert restricted["value"].to_list() == [1.0]


def test_a_person_who_left_counts_up_to_the_day_before(team: query.Snapshot) -> None:
    """L left on 05-31 and had passed on 05-20: on 05-30 he is the third of four who pass."""
    entry = load_kpis()["capability_pass_rate"]
    found = [
        query.values(team, Scope.everything(), entry, Filter(date(2025, 5, 1), date(2025, 5, day)))
        .select("numerator", "denominator")
        .row(0)
        for day in (30, 31)
    ]
    # A failed in April and passes only in June: B and L of A, B, C, D, L; then B of A, B, C, D.
    assert found == [(2, 5), (1, 4)]


@pytest.mark.slow
def test_without_its_exports_the_page_reads_not_connected(tickets_alone: query.Snapshot) -> None:
    of_tickets = {"knowledge_link_rate", "scorecard_quality_weight"}
    for kpi in GOLDEN:
        row = query.values(tickets_alone, Scope.everything(), load_kpis()[kpi], WINDOW).row(0, named=True)
        assert (row["state"] == "not_connected") == (kpi not in of_tickets), kpi
    for view in ("engineer_stars", "arrivals_and_staffing", "scores_360", "new_staff_ramp"):
        assert query.view(tickets_alone, Scope.everything(), load_views()[view], WINDOW).height == 0


def test_the_weights_of_each_scorecard_add_up_to_one() -> None:
    sums: defaultdict[str, Decimal] = defaultdict(Decimal)
    with (SQL_DIR / "policies" / "scorecard.csv").open(encoding="utf-8", newline="") as lines:
        for row in csv.DictReader(lines):
            sums[row["scorecard"]] += Decimal(row["weight"])
    assert dict(sums) == dict.fromkeys(("team", "star", "engineer", "360"), Decimal(1))
