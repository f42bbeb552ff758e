"""Staged goals: what a relative change comes to, whether the scale holds it, and how far we are."""

import pytest

from dashboard import goals
from dashboard.goals import Goal
from dashboard.readings import Reading
from tests.dashboard.conftest import OpenPage


def reading(value: float | None, state: str = "ok", n: int = 200) -> Reading:
    return Reading("csat", state, value, None, None, n, None, None)


@pytest.mark.parametrize(
    ("baseline", "change", "unit", "wanted"),
    [
        # 30 % less of ten minutes; 25 % more of 72 % are 90 %.
        (600.0, -0.30, "seconds", Goal(420.0, True)),
        (0.72, 0.25, "ratio", Goal(0.90, True)),
        # A baseline of 80 % is the highest that 25 % more can still be reached from (kpis.md, row 2).
        (0.80, 0.25, "ratio", Goal(1.0, True)),
        # 25 % more of 84 % are 105 %: a quarter of the missing 16 points instead, 88 %.
        (0.84, 0.25, "ratio", Goal(1.05, False, 0.88)),
        # 40 % more of a mean of 3.57 are 5.0; of 4.0 they are 5.6 of 5 (row 5), instead 4.4.
        (4.0, 0.40, "score", Goal(5.6, False, 4.4)),
    ],
)
def test_what_a_goal_comes_to(baseline: float, change: float, unit: str, wanted: Goal) -> None:
    found = goals.goal(baseline, change, unit)
    assert found.value == pytest.approx(wanted.value)
    assert found.is_possible is wanted.is_possible
    assert found.instead == (None if wanted.instead is None else pytest.approx(wanted.instead))


def test_the_way_is_counted_from_the_baseline() -> None:
    # From 600 s to 420 s; at 510 s half of it, at 690 s as far in the wrong direction.
    assert goals.way(600, 510, 420) == pytest.approx(0.5)
    assert goals.way(600, 690, 420) == pytest.approx(-0.5)
    assert goals.way(600, 400, 420) == pytest.approx(200 / 180)
    assert goals.way(600, 600, 600) is None


@pytest.mark.parametrize(
    ("share", "now", "told"),
    [
        (1.0, reading(0.9), "reached"),
        (0.4, reading(0.8), "underway"),
        (-0.1, reading(0.7), "away"),
        (1.2, reading(0.9, "small_n", 20), "unknown"),
        (None, reading(None, "empty", 0), "unknown"),
    ],
)
def test_no_verdict_without_cases(share: float | None, now: Reading, told: str) -> None:
    assert goals.verdict(share, now) == told


@pytest.mark.slow
def test_the_programme_says_which_goals_no_effort_reaches(open_page: OpenPage) -> None:
    page = open_page("programme", lang="en")
    assert not page.exception
    (table,) = [frame.value for frame in page.dataframe if "Way covered" in frame.value.columns]
    whole, vip = table.to_dict("records")
    # The fake baseline is 100 %, so that 40 % more is 140 %.
    assert whole["Due"] == "2026-03"
    assert whole["Verdict"].startswith("Relative reading would need 140.0%")
    assert vip["Verdict"] == "No baseline of this slice"
    assert vip["Now"] == "—"
