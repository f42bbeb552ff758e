"""Signs of numbers that were looked after: by hand on eight tickets, and found again where they were planted.

E-mails, two business hours to the first answer and a day to the solution; all but the last of 1 December 2025, 9:00
in Shanghai (times in golden_gaming/ are UTC). Answered after 95 % (1), 100 % (2), 105 % (3) and 111 % (4) of the
limit; 5 was never answered in public, called solved and opened again after exactly an hour; 1 was open again after
30 minutes. 6 was set to wait for the customer at exactly nine tenths of its day, 7 exactly when it was due. 8 was
solved half an hour ago. Only 2 and 4 were surveyed. Counted as of 10 December, 10:30.
"""

from collections.abc import Callable
from datetime import date
from pathlib import Path

import duckdb
import numpy as np
import pytest

from dashboard.metrics import query
from dashboard.metrics.access import Scope
from ingestion.warehouse.kpi_question import Question
from ingestion.warehouse.kpis import Filter, load_kpis
from ingestion.warehouse.views import load_views, view_query

EVER = Filter(date(2025, 1, 1), date(2025, 12, 31))

GOLDEN: dict[str, tuple[float, float, float]] = {
    "solve_reopen_1h_rate": (2, 7, 2 / 7),  # 1 and 5; 8 has not been watched for an hour
    "solved_without_reply_rate": (1, 8, 1 / 8),  # 5: its one message was a note
    "parked_before_due_rate": (1, 3, 1 / 3),  # 5 (still open), 6 and 7 reached nine tenths of their day
    "limit_bunching": (2, 3, 2 / 3),  # 1 and 2 before the limit, 3 after it; 4 is too late to tell
    # went wrong: 1 (reopened), 3 and 4 (late), 5 (reopened), of which 4 was asked; of 2, 6 and 7 only 2
    "survey_selection_gap": (1, 7, 1 / 4 - 1 / 3),
}


@pytest.fixture(scope="module")
def desk(make_snapshot: Callable[..., query.Snapshot]) -> query.Snapshot:
    folder = Path(__file__).parent / "golden_gaming"
    tables = {f"raw.{file.stem}": file.read_text(encoding="utf-8") for file in sorted(folder.glob("*.txt"))}
    return make_snapshot(tables, as_of="2025-12-10 02:30")


@pytest.mark.parametrize("kpi", GOLDEN)
def test_kpi_equals_the_value_worked_out_by_hand(desk: query.Snapshot, kpi: str) -> None:
    row = query.values(desk, Scope.everything(), load_kpis()[kpi], EVER).row(0, named=True)
    numerator, denominator, value = GOLDEN[kpi]
    assert (row["numerator"], row["denominator"]) == (numerator, denominator)
    assert row["value"] == pytest.approx(value, abs=1e-12)


# --- planted ------------------------------------------------------------------------------------------------------

AGENTS, TICKETS, GAMERS = 40, 300, 4
Signs = dict[str, dict[int, tuple[float, bool]]]
SIGNS = ("solve_reopen", "without_reply", "parked", "bunching", "survey_skipped")
# How often an honest desk shows each sign among its cases, and how often who plays the numbers does.
HONEST = {"solve_reopen": 0.02, "without_reply": 0.05, "parked": 0.05, "bunching": 0.52, "survey_skipped": 0.10}
PLAYED = {"solve_reopen": 0.08, "without_reply": 0.15, "parked": 0.25, "bunching": 0.85, "survey_skipped": 0.35}
CASES = """
    create or replace table core.fct_ticket_signs as
    select cast(agent as varchar) as agent, date '2025-06-01' as created_date, 'x' as region,
        true as is_solve_over_1h, r[1] < p['solve_reopen'] as is_reopened_within_1h,
        true as is_solved_remotely, r[2] < p['without_reply'] as is_without_reply,
        r[3] < 0.2 as is_near_due, r[3] < 0.2 * p['parked'] as is_parked,
        r[4] < 0.2 * p['bunching'] as is_just_under, r[4] >= 0.2 * p['bunching'] and r[4] < 0.2 as is_just_over,
        true as is_survey_expected, r[5] < 0.3 as is_troubled,
        not (r[5] < 0.3 * p['survey_skipped']) as is_surveyed
    from (
        select agent, [random(), random(), random(), random(), random()] as r,
            map {signs} as p
        from range({agents}) as agents(agent), range({tickets})
    )"""


def signs_of(con: duckdb.DuckDBPyConnection, gamers: dict[str, set[int]]) -> Signs:
    """The view on one simulated desk: sign -> agent -> (share - others' share, is conspicuous)."""
    chances = ", ".join(
        f"'{sign}': case when list_contains({sorted(gamers[sign]) or [-1]}, agent)"
        f" then {PLAYED[sign]} else {HONEST[sign]} end"
        for sign in SIGNS
    )
    con.execute(CASES.format(signs="{" + chances + "}", agents=AGENTS, tickets=TICKETS))
    asked = view_query(load_views()["gaming_by_agent"], Question(EVER, (), "total", date(2025, 12, 31)))
    found: Signs = {sign: {} for sign in SIGNS}
    rows = con.execute(
        f"select sign, agent, share - other_share, is_conspicuous from ({asked.sql})", list(asked.binds)
    )
    for sign, agent, lead, conspicuous in rows.fetchall():
        found[sign][int(agent)] = (lead, conspicuous)
    return found


@pytest.fixture
def con(tmp_path: Path) -> duckdb.DuckDBPyConnection:
    made = duckdb.connect(str(tmp_path / "signs.duckdb"))
    made.execute("create schema core")
    made.execute("select setseed(0.42)")
    return made


def area_under_curve(scores: dict[int, tuple[float, bool]], gamers: set[int]) -> float:
    """How often a gamer's sign stands out more than an honest agent's."""
    bad = [score for agent, (score, _) in scores.items() if agent in gamers]
    good = [score for agent, (score, _) in scores.items() if agent not in gamers]
    return float(np.mean([b > g for b in bad for g in good]))


def simulate(con: duckdb.DuckDBPyConnection, desks: int) -> tuple[dict[str, float], float]:
    """Area under the curve by sign over desks with planted gamers, and the share of honest agents marked."""
    random = np.random.default_rng(5)
    areas: dict[str, list[float]] = {sign: [] for sign in SIGNS}
    marked = agents = 0
    for _ in range(desks):
        gamers = {sign: set(map(int, random.choice(AGENTS, GAMERS, replace=False))) for sign in SIGNS}
        for sign, scores in signs_of(con, gamers).items():
            areas[sign].append(area_under_curve(scores, gamers[sign]))
        honest = signs_of(con, {sign: set() for sign in SIGNS})
        marked += sum(conspicuous for scores in honest.values() for _, conspicuous in scores.values())
        agents += sum(len(scores) for scores in honest.values())
    return {sign: float(np.mean(found)) for sign, found in areas.items()}, marked / agents


def test_planted_gaming_is_found_and_honest_desks_are_left_alone(con: duckdb.DuckDBPyConnection) -> None:
    areas, false_alarms = simulate(con, desks=3)
    assert all(area > 0.9 for area in areas.values()), areas
    assert false_alarms <= 0.05


@pytest.mark.soak
def test_planted_gaming_is_found_over_many_desks(con: duckdb.DuckDBPyConnection) -> None:
    """60 desks of 40 agents: simulation error of the false alarms at most sqrt(0.05 x 0.95 / 12,000) = 0.002."""
    areas, false_alarms = simulate(con, desks=60)
    assert all(area > 0.9 for area in areas.values()), areas
    assert false_alarms <= 0.05
    print(areas, false_alarms)  # noqa: T201  # the figures of a simulation are its result
