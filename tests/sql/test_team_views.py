"""The views of the team page: on the small quarter of test_golden_team.py, and on enough people to be compared.

The larger exports, in UTC; counted as of 2025-07-01 08:00 in Shanghai:
- February: engineers X and Y, 40 first visits each. X fixed 36, was rated well on 36, diagnosed 38 rightly (half by
  the diagnosis that sql/policies/fault_codes.csv lists for the fault) and passed his assessment at the second try; Y
  28, 28 and 30, and failed.
- March: agents P and R, 40 tickets each with 38 satisfied; Q and T, 40 with 22; S, 8 with 6. All answered in time and
  kept. P and Q are team 甲 in 广东, R, S and T team 乙 in 北京; P and R have the phone, the others e-mail. Twelve
  calls to 乙 name nobody and are still unanswered. Reviews: 15 of 30 of P passed, 30 of 30 of R.
- January: V of team 戊 29 tickets, W of team 己 30, nothing amiss with any.
- N was hired on 2024-10-01: 30 tickets on 10-10 with 15 satisfied in a shift of 10 hours, 30 on 12-10 with 24 in 5.
- O was hired on 2024-06-01: 29 tickets in a shift of 10 hours on 06-10, 30 in one of 5 on 08-10.
"""

from datetime import date
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from dashboard.metrics import query
from dashboard.metrics.access import Scope
from ingestion.warehouse.kpis import Filter
from ingestion.warehouse.views import load_views
from tests.conftest import MakeSnapshot
from tests.sql.conftest import from_shanghai

Z = 1.959963984540054
WINDOW = Filter(date(2025, 4, 1), date(2025, 6, 30))
JANUARY = Filter(date(2025, 1, 1), date(2025, 1, 31))
FEBRUARY = Filter(date(2025, 2, 1), date(2025, 2, 28))
MARCH = Filter(date(2025, 3, 1), date(2025, 3, 31))

STAFF = """
    staff_id | role   | team | region | hired_at
    P        | 客服   | 甲   | 广东   | 2020-01-01 00:00
    Q        | 客服   | 甲   | 广东   | 2020-01-01 00:00
    R        | 客服   | 乙   | 北京   | 2020-01-01 00:00
    S        | 客服   | 乙   | 北京   | 2020-01-01 00:00
    T        | 客服   | 乙   | 北京   | 2020-01-01 00:00
    V        | 客服   | 戊   | 上海   | 2020-01-01 00:00
    W        | 客服   | 己   | 上海   | 2020-01-01 00:00
    N        | 客服   | 丙   | 上海   | 2024-09-30 16:00
    O        | 客服   | 丙   | 上海   | 2024-05-31 16:00
    X        | 工程师 | 丁   | 上海   | 2020-01-01 00:00
    Y        | 工程师 | 丁   | 上海   | 2020-01-01 00:00
"""
HEADER = "ticket_id|channel|kind|region|team|agent_id|created_at|first_response_at|resolved_at|status|csat_score"


def solved(prefix: str, day: str, count: int, satisfied: int, rest: str) -> list[str]:
    """Tickets of one day, each answered after 5 minutes and solved after an hour; the first `satisfied` got a 5."""
    times = f"{day} 02:00|{day} 02:05|{day} 03:00|solved"
    return [f"{prefix}{n}|{rest}|{times}|{5 if n < satisfied else 2}" for n in range(count)]


def larger_exports() -> dict[str, str]:
    tickets = [
        HEADER,
        *solved("p", "2025-03-04", 40, 38, "phone|consult|广东|甲|P"),
        *solved("q", "2025-03-04", 40, 22, "email|consult|广东|甲|Q"),
        *solved("r", "2025-03-04", 40, 38, "phone|consult|北京|乙|R"),
        *solved("t", "2025-03-04", 40, 22, "email|consult|北京|乙|T"),
        *solved("s", "2025-03-04", 8, 6, "email|consult|北京|乙|S"),
        *(f"u{n}|phone|consult|北京|乙||2025-03-04 02:00|||open|" for n in range(12)),
        *solved("v", "2025-01-14", 29, 29, "phone|consult|上海|戊|V"),
        *solved("w", "2025-01-14", 30, 30, "phone|consult|上海|己|W"),
        *solved("m", "2024-10-10", 30, 15, "phone|consult|上海|丙|N"),
        *solved("n", "2024-12-10", 30, 24, "phone|consult|上海|丙|N"),
        *solved("i", "2024-06-10", 29, 29, "phone|consult|上海|丙|O"),
        *solved("j", "2024-08-10", 30, 30, "phone|consult|上海|丙|O"),
        *solved("x", "2025-02-11", 40, 36, "phone|repair|上海|丁|"),
        *solved("y", "2025-02-11", 40, 28, "phone|repair|上海|丁|"),
    ]
    visits = ["visit_id|ticket_id|visit_no|engineer_id|dispatched_at|finished_at|result|diagnosis_code|fault_code"]
    for who, good, right in (("x", 36, 38), ("y", 28, 30)):
        visits += [
            f"{who}{n}|{who}{n}|1|{who.upper()}|2025-02-11 02:10|2025-02-11 02:50"
            f"|{'fixed' if n < good else 'not_fixed'}|{('D01-电源', 'f 01')[n % 2] if n < right else 'F02'}|F01"
            for n in range(40)
        ]
    reviews = ["review_id|ticket_id|reviewed_at|is_passed"]
    reviews += [f"p{n}|p{n}|2025-03-10 02:00|{n < 15}" for n in range(30)]
    reviews += [f"r{n}|r{n}|2025-03-10 02:00|true" for n in range(30)]
    return {
        "raw.staff": STAFF,
        "raw.tickets": "\n".join(tickets),
        "raw.visits": "\n".join(visits),
        "raw.qa_reviews": "\n".join(reviews),
        "raw.roster": """
            staff_id | shift_start_at   | shift_end_at
            O        | 2024-06-10 01:00 | 2024-06-10 11:00
            O        | 2024-08-10 01:00 | 2024-08-10 06:00
            N        | 2024-10-10 01:00 | 2024-10-10 11:00
            N        | 2024-12-10 01:00 | 2024-12-10 06:00
        """,
        "raw.training": """
            training_id | staff_id | kind   | done_at
            1           | P        | course | 2020-06-01 02:00
        """,
        "raw.staff_assessments": """
            assessment_id | staff_id | kind       | assessed_at      | is_passed
            4             | X        | capability | 2025-02-15 02:00 | false
            1             | X        | capability | 2025-02-20 02:00 | true
            2             | Y        | capability | 2025-02-20 02:00 | false
            3             | P        | capability | 2025-02-20 02:00 | true
        """,
    }


@pytest.fixture(scope="module")
def small(make_snapshot: MakeSnapshot) -> query.Snapshot:
    files = (Path(__file__).parent / "golden_team").glob("*.txt")
    tables = {f"raw.{file.stem}": from_shanghai(file.read_text(encoding="utf-8")) for file in files}
    return make_snapshot(tables, as_of="2025-07-01 00:00")


@pytest.fixture(scope="module")
def larger(make_snapshot: MakeSnapshot) -> query.Snapshot:
    return make_snapshot(larger_exports(), as_of="2025-07-01 00:00")


def table(snapshot: query.Snapshot, view: str, wanted: Filter) -> pl.DataFrame:
    found = query.view(snapshot, Scope.everything(), load_views()[view], wanted)
    assert set(found.columns) == set(load_views()[view].columns)
    return found


def near(rows: list[tuple[object, ...]]) -> list[object]:
    return [tuple(pytest.approx(cell, abs=1e-9) if isinstance(cell, float) else cell for cell in row) for row in rows]


def test_arrivals_and_staffing(small: query.Snapshot) -> None:
    found = table(small, "arrivals_and_staffing", WINDOW)
    at = {(row["weekday"], row["hour"]): row for row in found.iter_rows(named=True)}
    # Monday 06-02 10:00-11:00: ticket 1, whose only note was private; A, M and L are on shift.
    assert list(at[1, 10].values())[2:8] == [1, 3.0, 1 / 3, 1, 1, 1.0]
    # D's night, Thursday 06-05 22:00 to Friday 06:00; nobody was on shift on Saturday 05-31 at 07:00.
    assert [at[key]["staffed_hours"] for key in ((4, 22), (4, 23), (5, 0), (5, 5))] == [1.0] * 4
    assert (at[6, 7]["ticket_count"], at[6, 7]["staffed_hours"], at[6, 7]["tickets_per_hour"]) == (1, 0.0, None)
    # A's shift of 07-01 01:00 local lies outside; 11 of the 13 shifts are of 8 hours, one is of 4.
    assert found["staffed_hours"].sum() == 11 * 8 + 4
    assert found["ticket_count"].sum() == 17
    both = found.drop_nulls(["late_share", "tickets_per_hour"])
    expected = np.corrcoef(both["tickets_per_hour"].to_numpy(), both["late_share"].to_numpy())[0, 1] ** 2
    assert found["share_explained"].unique().to_list() == [pytest.approx(expected, abs=1e-12)]


def test_team_scorecard(larger: query.Snapshot) -> None:
    """甲 has the better composite and is first, but its reviews fail: 15 of 30 against 45 of 60 of all."""
    found = table(larger, "team_scorecard", MARCH)
    # The twelve open calls of 乙 count as late and unresolved: 88 of 100.
    one = ("甲", 80, 1.0, 80, 1.0, 80, 0.75, 80, 1.0, 30, 0.5, False, 0.3 + 0.3 + 0.15 + 0.1 + 0.05, 1)
    two = ("乙", 100, 0.88, 100, 0.88, 88, 0.75, 88, 1.0, 30, 1.0, True, 0.264 + 0.264 + 0.15 + 0.1 + 0.1, 2)
    assert found.rows() == near([one, two])


def test_a_team_with_few_units_is_shown_and_not_ranked(small: query.Snapshot) -> None:
    found = table(small, "team_scorecard", WINDOW)
    assert found.select("team", "rating_count", "csat_share", "composite", "team_rank").rows() == near(
        [("在线", 5, 0.6, None, None), ("热线", 9, 5 / 9, None, None), ("现场", 0, None, None, None)]
    )


def test_thirty_units_are_enough_and_twenty_nine_are_not(larger: query.Snapshot) -> None:
    teams = table(larger, "team_scorecard", JANUARY)
    assert teams.select("team", "rating_count", "composite", "team_rank").rows() == near(
        [("己", 30, 1.0, 1), ("戊", 29, None, None)]
    )
    stars = table(larger, "service_stars", JANUARY)
    assert stars.select("staff_key", "rating_count", "composite", "rank_from", "rank_to").rows() == near(
        [("sample:W", 30, 1.0, 1, 1), ("sample:V", 29, None, None, None)]
    )


def test_service_stars(larger: query.Snapshot) -> None:
    """Satisfied: p = 126/168 = 3/4; q = 4 x 40 x 0.2^2 / (3/16) = 512/15; c = 168 - (4 x 40^2 + 8^2) / 168 = 2720/21.

    rho = (512/15 - 4) / (2720/21 - 4) = 791/3295: P and R come to (38 x 791 + 0.75 x 2504) / (40 x 791 + 2504), Q and
    T with 22 in place of 38. Reviews: p = 3/4, q = 20, c = 30, rho = 19/29: (15 x 19 + 7.5) / (30 x 19 + 10) for P,
    30 in place of 15 for R, 3/4 for who had none. Nothing was reopened or, with a person in charge, late.
    """
    csat = {who: (good * 791 + 1878) / 34144 for who, good in {"P": 38, "R": 38, "Q": 22, "T": 22}.items()}
    qa = {"P": 292.5 / 580, "R": 577.5 / 580, "Q": 0.75, "T": 0.75}
    reviews = {"P": 30, "R": 30, "Q": 0, "T": 0}
    rows = []
    for who, ranks in {"R": (1, 1), "P": (2, 4), "Q": (2, 4), "T": (2, 4)}.items():
        composite = 0.35 * csat[who] + 0.20 + 0.15 * qa[who] + 0.30
        # Variance of a beta: s (1 - s) / (n + m + 1) with m = (1 - rho) / rho.
        of_csat = csat[who] * (1 - csat[who]) / (40 + 2504 / 791 + 1)
        of_qa = qa[who] * (1 - qa[who]) / (reviews[who] + 10 / 19 + 1)
        half = Z * np.sqrt(0.35**2 * of_csat + 0.15**2 * of_qa)
        rows.append(
            (
                f"sample:{who}",
                40,
                40,
                csat[who],
                1.0,
                qa[who],
                1.0,
                composite,
                composite - half,
                composite + half,
                *ranks,
            )
        )
    # Eight tickets are too few for S, and N worked in other months.
    rows.append(("sample:S", 8, 8, *[None] * 9))
    assert table(larger, "service_stars", MARCH).rows() == near(rows)


def test_engineer_stars(larger: query.Snapshot) -> None:
    """Rated and fixed: p = 4/5, q = 5, c = 40, rho = 4/39. Diagnosed: p = 17/20, q = 320/51, rho = 269/1989.

    One assessment each cannot tell how far people differ: their common 1/2 is worth both assessments, so 2/3 and 1/3,
    variance (2/9) / (1 + 2 + 1). P's assessment is no engineer's.
    """
    rows = []
    for who, good, right, internal, stars in (("X", 36, 38, 2 / 3, 4), ("Y", 28, 30, 1 / 3, 1)):
        visit = (good * 4 + 28) / 195
        diagnosis = (right * 269 + 1462) / 12480
        composite = 0.7 * visit + 0.2 * diagnosis + 0.1 * internal
        of_visit = visit * (1 - visit) / (40 + 35 / 4 + 1)
        of_diagnosis = diagnosis * (1 - diagnosis) / (40 + 1720 / 269 + 1)
        half = Z * np.sqrt((0.4**2 + 0.3**2) * of_visit + 0.2**2 * of_diagnosis + 0.1**2 / 18)
        rows.append(
            (
                f"sample:{who}",
                40,
                40,
                visit,
                visit,
                diagnosis,
                internal,
                composite,
                composite - half,
                composite + half,
                stars,
            )
        )
    assert table(larger, "engineer_stars", FEBRUARY).rows() == near(rows)


def spread(groups: list[np.ndarray]) -> float:
    """Standard deviation between groups by the moments of one-way random effects."""
    sizes = np.array([len(group) for group in groups], dtype=float)
    means = np.array([group.mean() for group in groups])
    within = sum(((group - group.mean()) ** 2).sum() for group in groups) / (sizes.sum() - len(groups))
    between = (sizes * (means - np.average(means, weights=sizes)) ** 2).sum()
    return float(
        np.sqrt(max(0.0, between - (len(groups) - 1) * within) / (sizes.sum() - (sizes**2).sum() / sizes.sum()))
    )


def test_service_spread(larger: query.Snapshot) -> None:
    """Between agents nothing is left once the channel is taken out: who has the phone is rated better."""

    def marks(good: int, bad: int) -> np.ndarray:
        return np.array([1.0] * good + [0.0] * bad)

    phone, mail = 76 / 80, 50 / 88  # satisfied by channel, with the ratings of S
    agents = [marks(38, 2), marks(22, 18), marks(38, 2), marks(22, 18)]
    adjusted = [agents[0] - phone, agents[1] - mail, agents[2] - phone, agents[3] - mail]
    regions = [marks(60, 20), marks(66, 22)]
    adjusted_regions = [
        np.concatenate([adjusted[0], adjusted[1]]),
        np.concatenate([adjusted[2], adjusted[3], marks(6, 2) - mail]),
    ]
    answered = 80 / 92  # calls in time, with the twelve unanswered ones, which weigh on no agent
    response = [marks(80, 0), marks(88, 12)]
    adjusted_response = [
        np.concatenate([marks(40, 0) - answered, np.zeros(40)]),
        np.concatenate([marks(40, 12) - answered, np.zeros(48)]),
    ]
    assert table(larger, "service_spread", MARCH).rows() == near(
        [
            ("agent", "csat", 4, 160, 0.75, spread(agents), spread(adjusted)),
            ("agent", "response", 4, 160, 1.0, 0.0, 0.0),
            ("region", "csat", 2, 168, 0.75, spread(regions), spread(adjusted_regions)),
            ("region", "response", 2, 180, 168 / 180, spread(response), spread(adjusted_response)),
        ]
    )
    assert spread(agents) > 0.19
    assert spread(adjusted) == 0
    assert 0 < spread(adjusted_response) < spread(response)


def test_new_staff_ramp(larger: query.Snapshot) -> None:
    """15 of 30 and 24 of 30; 30 tickets in 10 hours and 30 in 5."""
    half = Z * np.sqrt(0.5 * 0.5 / 30 + 0.8 * 0.2 / 30)
    expected = (date(2024, 10, 1), 1, 30, 0.5, 30, 0.8, 0.3, 0.3 - half, 0.3 + half, 3.0, 6.0, 1.0)
    wanted = Filter(date(2024, 10, 1), date(2024, 12, 31))
    assert table(larger, "new_staff_ramp", wanted).rows() == near([expected])


def test_a_small_cohort_has_no_change(small: query.Snapshot) -> None:
    """C: 3 and 5, then 5 and 5; the roster knows one shift of 8 hours in month 3 and one ticket kept after it."""
    expected = (date(2025, 4, 1), 1, 2, 0.5, 2, 1.0, None, None, None, None, 0.125, None)
    assert table(small, "new_staff_ramp", WINDOW).rows() == near([expected])


def test_29_tickets_are_too_few_for_a_change_of_output(larger: query.Snapshot) -> None:
    wanted = Filter(date(2024, 6, 1), date(2024, 8, 31))
    found = table(larger, "new_staff_ramp", wanted)
    assert found.select("rating_count_1", "csat_change", "output_1", "output_3", "output_change").rows() == near(
        [(29, None, 2.9, 6.0, None)]
    )


def test_two_colleagues_are_too_few_to_be_shown(small: query.Snapshot) -> None:
    quarter = date(2025, 4, 1)
    assert table(small, "scores_360", WINDOW).rows() == [
        ("sample:A", quarter, 2, 85.0, 3, 80.0, 1, 100.0, 1, 10.0, 88.0),
        ("sample:B", quarter, 1, 95.0, 2, None, 0, None, 0, None, None),
        ("sample:D", quarter, 0, None, 3, 60.0, 0, None, 0, None, 60.0),
    ]


def test_effects_of_training_by_month(small: query.Snapshot) -> None:
    """Ratings before: -1/4 and 0, variance 1/32 of two; after and on shift no two values differ."""
    half = Z * np.sqrt(1 / 32 / 2)
    june = date(2025, 6, 1)
    assert table(small, "training_effect_csat_by_month", WINDOW).rows() == near(
        [(june, 1, 2, 2, -0.125, 0.25, 0.375, 0.375 - half, 0.375 + half)]
    )
    assert table(small, "training_effect_solves_by_month", WINDOW).rows() == near(
        [(june, 1, 2, 2, 1.0, 0.5, -0.5, -0.5, -0.5)]
    )
