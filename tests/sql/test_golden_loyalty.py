"""Customers who come, stay, buy and are cared for: every value worked out on paper on a few handfuls of exports.

The exports are the tables in golden_loyalty/, in UTC. Everything is counted as of 2025-12-10 00:00, which is 08:00 on
that day in Shanghai: the last complete day is 2025-12-09. A Shanghai midnight is 16:00 the day before.

care: C1 ordinary; C2 a VIP since 2024-03-01; C3 a VIP until 2025-06-01, left on 06-16; C4 left on 2025-03-01; C5
referred by C1, C6 by C6B, which is C6; C7 a VIP since 2025-05-15, C8 since 2025-08-01; of C9 only today's tier is
known. C10 signs up, and A7 is sold, an hour after as_of: neither is there yet.
experiences: tickets kept or broken as their ids say. B1 to B9 have been there for a year, E1 to E3 came in December.
B6 was a VIP all along, B7 only since June. B5 was served well twice; B2's good ticket lies within 180 days of its bad
score; B8's broken promise is 162 days old.
complaints: Monday 2024-11-04, office hours 01:00-04:00 and 05:00-10:00 UTC. F5 had its answer before it complained,
F6 complained less than a year ago, F1 twice on one matter; F7 is a VIP. F8's ticket had waited for hours when it
complained, and was answered ten minutes later.
priority: Monday 2025-11-03. V1 was a VIP then and is not today, N1 the other way round; of Q nothing is known.
value: G1 is a VIP since June 2024. O3 was taken back, O4 paid in euros, O5 falls into the month that is not over.
"""

from collections.abc import Callable
from datetime import date
from math import exp, sqrt
from pathlib import Path

import pytest

from dashboard.metrics import query
from dashboard.metrics.access import Scope
from ingestion.warehouse.kpis import Filter, Query, load_kpis
from ingestion.warehouse.views import load_views
from tests.conftest import table_rows

AS_OF = "2025-12-10 00:00"
WINDOW = Filter(date(2024, 11, 1), date(2025, 12, 9))

# KPI: numerator, denominator, value. Where nothing is said of them the exports are those of care.
GOLDEN: dict[str, tuple[float, float | None, float | None]] = {
    # Active on 2024-11-01 with a ticket in the year before: C1 C2 C3 C4 (C7's came at that very midnight).
    # C3 and C4 left within 365 days.
    "loyalty_12m": (2, 4, 0.5),
    # Ordinary on 2024-11-01: C1 C4 C7 C9 (C2 and C3 were VIPs). C1 bought on 01-10, C7 wrote at the first instant;
    # C4's points came exactly 90 days later, C9's only expired.
    "active_customer_rate": (2, 4, 0.5),
    # The same four. C1 and C9 got a coupon in January; C4's greeting came a minute too early, C7's never.
    "care_reach_rate": (2, 4, 0.5),
    # From one year on: bad B1 B2 B7 B9, of whom B1 (after exactly 180 d) and B9 left; well B3 B4 B5 B5, of whom B4
    # left (B3 a second too late): 1/2 - 1/4, weight 4 x 4 / 8 = 2. Under one year: bad E1 left, well E2 E3 stayed: 1,
    # weight 1 x 2 / 3. (2 x 0.25 + 2/3) / (2 + 2/3) = 0.4375. B6, the only VIP, has nobody to compare with.
    "churn_after_bad_experience_180d": (3, 12, 0.4375),
    # Within an open hour: F1 (to the second), F3 (over lunch), F7, F8. F3 left after exactly 365 days.
    "retention_answered_within_1h": (3, 4, 0.75),
    # Standard: within 1 h F1 and F8 stayed and F3 left, later F2 and F4 left: 2/3 - 0. F7, a VIP, has no counterpart.
    "retention_gain_answered_within_1h": (3, 6, 2 / 3),
    # Joined in the window: C5 C8 C6. C5 by C1; C6 named its own other id.
    "referred_customer_rate": (1, 3, 1 / 3),
    # Customers at the ends of 2024-11 to 2025-11: 6 6 7 7 6 6 6 5 5 5 5 5 7
    "referrals_per_100_customers": (1, 76, 1200 / 76),
    # Business customers on 12-09: C2 and C8; C4 has left.
    "account_manager_coverage": (1, 2, 0.5),
    # Due: 1 (held five hours late on the day), 2 (held on the next day), 3 (never). 4 is due today, 5 unplanned.
    "inspections_on_time": (1, 3, 1 / 3),
    # Due: 1 (three days early), 2 (a day late), 3 (never; due on the last complete day).
    "follow_ups_done_rate": (1, 3, 1 / 3),
    # Core and a customer on 2024-12-09: C2 C4 C9. C2 on the first of the 365, C4 before it left, C9 a day early.
    "core_interview_coverage": (2, 3, 2 / 3),
    # C2 is owed two and was met twice, but on one day; its interview was no meeting. C7, a VIP for 209 days, is owed
    # one and was visited. C8, a VIP for 131 days, is owed none yet.
    "vip_in_person_contacts": (1, 2, 0.5),
    # Chat: others 1800 3600 5400 -> 3600, VIPs 600 1200 and one waiting -> 1200; weight 3 x 3 / 6. Phone: 900 and
    # 300, weight 1/2. (1.5 x 2400 + 0.5 x 600) / 2 = 1950. On e-mail there is no VIP.
    "vip_response_advantage": (5, 9, 1950.0),
    # Given 30 days ago: to C1 (used after exactly 30 d), C9 (a second later), C7 (never), C2; C1's second is fresh.
    "coupon_use_30d": (2, 4, 0.5),
    # January, standard: C1 bought with one, of C4 and C7 without only C7 (C4 exactly 30 d after the usual instant):
    # 1 - 1/2, weight 2/3. May: C7 bought, C1 and C8 did not: 1, weight 2/3. C9 (tier unknown) and March, when only
    # the VIP C2 got one, have no counterpart: 4 + 4 + 4 compared.
    "coupon_effect_30d": (2, 12, 0.75),
    # Customers on 12-09: C1 C2 C5 C6 C7 C8 C9. C1 took part; C7 a day too long ago, C3 has left.
    "value_added_participation": (1, 7, 1 / 7),
    # C1 C2 C6 (by its other id) C7 C9
    "points_enrolment_rate": (5, 7, 5 / 7),
    # Redeemed 30; issued 100 - 40 + 20 + 3 + 50
    "points_redemption_rate": (30, 133, 30 / 133),
    # C5 has no phone, C6 no region.
    "customer_record_completeness": (5, 7, 5 / 7),
}
SOURCES = {
    "churn_after_bad_experience_180d": "d",
    "retention_answered_within_1h": "f",
    "retention_gain_answered_within_1h": "f",
    "vip_response_advantage": "v",
}
# Rows listed behind a value where they are not its numerator and denominator: a rate adds up points, not entries.
LISTED = {"points_redemption_rate": (1, 5)}

Exports = dict[str, str]


def exports(world: str) -> Exports:
    files = (Path(__file__).parent / "golden_loyalty" / world).glob("*.txt")
    return {f"raw.{file.stem}": file.read_text(encoding="utf-8") for file in files}


def together(*worlds: Exports) -> Exports:
    """Several handfuls of exports as one; what one of them does not name stays empty there."""
    joined = {}
    for name in dict.fromkeys(name for world in worlds for name in world):
        tables = [table_rows(world[name]) for world in worlds if name in world]
        columns = list(dict.fromkeys(column for header, _ in tables for column in header))
        rows = [dict(zip(header, cells, strict=True)) for header, body in tables for cells in body]
        lines = [columns, *([row.get(column) or "" for column in columns] for row in rows)]
        joined[name] = "\n".join(" | ".join(line) for line in lines)
    return joined


@pytest.fixture(scope="module")
def care(make_snapshot: Callable[..., query.Snapshot]) -> query.Snapshot:
    return make_snapshot(exports("care"), as_of=AS_OF)


@pytest.fixture(scope="module")
def others(make_snapshot: Callable[..., query.Snapshot]) -> query.Snapshot:
    return make_snapshot(together(*map(exports, ("experiences", "complaints", "priority", "value"))), as_of=AS_OF)


@pytest.fixture
def world(request: pytest.FixtureRequest, kpi: str) -> query.Snapshot:
    found = request.getfixturevalue("others" if kpi in SOURCES else "care")
    assert isinstance(found, query.Snapshot)
    return found


def asked(kpi: str) -> Filter:
    source = SOURCES.get(kpi)
    return Filter(WINDOW.date_from, WINDOW.date_to, {"source": (source,)} if source else {})


@pytest.mark.parametrize("kpi", GOLDEN)
def test_kpi_equals_the_value_worked_out_by_hand(world: query.Snapshot, kpi: str) -> None:
    row = query.values(world, Scope.everything(), load_kpis()[kpi], asked(kpi)).row(0, named=True)
    numerator, denominator, value = GOLDEN[kpi]
    assert (row["numerator"], row["denominator"]) == (numerator, denominator)
    assert row["value"] == pytest.approx(value, abs=1e-12)


@pytest.mark.parametrize("kpi", GOLDEN)
def test_rows_behind_the_value_are_its_units(world: query.Snapshot, kpi: str) -> None:
    entry = load_kpis()[kpi]
    listed = tuple(
        query.rows(world, Scope.everything(), entry, asked(kpi), part).height for part in ("numerator", "denominator")
    )
    assert listed == LISTED.get(kpi, GOLDEN[kpi][:2])


@pytest.mark.parametrize("kpi", GOLDEN)
def test_parts_by_tier_add_up_to_the_whole(world: query.Snapshot, kpi: str) -> None:
    found = query.values(world, Scope.everything(), load_kpis()[kpi], asked(kpi), by=("tier",))
    assert (found["numerator"].sum(), found["denominator"].sum()) == GOLDEN[kpi][:2]


def test_interval_of_the_extra_churn(others: query.Snapshot) -> None:
    """Weights 2 and 2/3; variances 1/4 / 4 + 3/16 / 4, and 0 where all left or none."""
    kpi = "churn_after_bad_experience_180d"
    row = query.values(others, Scope.everything(), load_kpis()[kpi], asked(kpi)).row(0, named=True)
    half = 1.959963984540054 * sqrt(2**2 * (0.25 / 4 + 0.1875 / 4)) / (2 + 2 / 3)
    assert (row["lower"], row["upper"]) == (pytest.approx(0.4375 - half), pytest.approx(0.4375 + half))


def test_a_tier_is_the_one_at_the_event(care: query.Snapshot) -> None:
    """C3 was a VIP until the June before it left; C7 became one in May."""
    entry = load_kpis()["loyalty_12m"]
    found = query.values(care, Scope.everything(), entry, WINDOW, by=("tier",))
    counted = found.filter(found["denominator"] > 0)
    assert counted.select("tier", "numerator", "denominator").rows() == [("standard", 1, 2), ("vip", 1, 2)]


def test_months_that_are_too_young_do_not_count(care: query.Snapshot) -> None:
    """90 days before as_of is 2025-09-11: October is not matured."""
    entry = load_kpis()["active_customer_rate"]
    wanted = Filter(date(2025, 10, 1), date(2025, 10, 31))
    assert query.values(care, Scope.everything(), entry, wanted)["denominator"].item() in (None, 0)


@pytest.mark.parametrize("kpi", [kpi for kpi in GOLDEN if load_kpis()[kpi].pending])
def test_nothing_waits_beyond_the_days_of_maturing(world: query.Snapshot, kpi: str) -> None:
    """The last complete day is 2025-12-09. C1's coupon of 11-20 makes the customers of November wait."""
    entry = load_kpis()[kpi]
    ripe = f"{entry.time} <= date '2025-12-09' - {entry.maturity_days}"
    sql = f"select count(*), count(*) filter (where {ripe}) from {entry.rows} where {entry.pending}"
    waiting, waiting_though_ripe = world.run(Query(sql, ())).row(0)
    assert (waiting > 0, waiting_though_ripe) == (True, 0)


def test_status_of_the_end_of_an_earlier_month(care: query.Snapshot) -> None:
    """On 2025-02-28 C4, a business customer without a manager, had not left and C8 had come."""
    entry = load_kpis()["account_manager_coverage"]
    found = query.values(care, Scope.everything(), entry, Filter(date(2025, 1, 1), date(2025, 2, 28)), period="month")
    assert found.select("numerator", "denominator").rows() == [(1, 3), (1, 3)]


def test_what_is_due_today_is_not_due_yet(care: query.Snapshot) -> None:
    """Inspection 4 was due four hours ago; the day is not over."""
    today = Filter(date(2025, 12, 10), date(2025, 12, 10))
    row = query.values(care, Scope.everything(), load_kpis()["inspections_on_time"], today).row(0, named=True)
    assert (row["n"], row["state"]) == (0, "empty")


def test_without_the_export_nothing_is_said(others: query.Snapshot) -> None:
    for kpi in ("inspections_on_time", "points_enrolment_rate", "referred_customer_rate", "account_manager_coverage"):
        row = query.values(others, Scope.everything(), load_kpis()[kpi], WINDOW).row(0, named=True)
        assert (row["state"], row["value"]) == ("not_connected", None)


@pytest.mark.slow
def test_who_is_lost_only_after_half_a_year_of_silence_is_not_compared(
    make_snapshot: Callable[..., query.Snapshot],
) -> None:
    """Nobody here ever left by declaration or bought twice: tau is 365 days."""
    tables = exports("experiences")
    told = tables["raw.customers"].splitlines()
    tables["raw.customers"] = "\n".join(line.rpartition("|")[0] for line in told if "-+-" not in line)
    tables["raw.orders"] = """
        source | order_id | customer_id | ordered_at       | status
        d      | O1       | B1          | 2025-01-05 02:00 | paid
    """
    snapshot = make_snapshot(tables, as_of=AS_OF)
    sql = "select count(*), count(*) filter (where is_compared_180d) from core.fct_service_experiences"
    assert snapshot.run(Query(sql, ())).row(0) == (1, 0)


# --- views --------------------------------------------------------------------------------------------------------


def table(snapshot: query.Snapshot, view: str, wanted: Filter = WINDOW) -> list[tuple[object, ...]]:
    return query.view(snapshot, Scope.everything(), load_views()[view], wanted).rows()


def test_points_by_reason(care: query.Snapshot) -> None:
    assert table(care, "points_by_reason") == [
        ("purchase", 2, 1, 60),
        ("referral", 1, 1, 50),
        ("survey", 2, 2, 23),
        ("adjust", 1, 1, 5),
        ("expire", 2, 2, -11),
        ("redeem", 1, 1, -30),
    ]


def test_points_owed(care: query.Snapshot) -> None:
    """Standard: C1 20, C6 20, and 50 and 3 of C3 and C4, who have left. VIPs: C2 5, C7 10. C9's tier is assumed."""
    assert table(care, "points_liability") == [("standard", 4, 93, 53), ("vip", 2, 15, 0), ("unknown", 1, -1, 0)]


def test_every_customer_from_every_side(care: query.Snapshot) -> None:
    found = query.view(care, Scope.everything(), load_views()["customer_360"], WINDOW)
    columns = (
        "customer_key, state, risk_sign_count, tier, tier_change_count, order_count, ticket_count, complaint_count, "
        "last_score, days_since_seen, points_balance"
    )
    assert found.select(columns.split(", ")).rows() == [
        ("s:C1", "active", 3, "standard", 0, 1, 2, 1, 2.0, 333, 20),
        ("s:C2", "active", 1, "vip", 1, 0, 2, 0, None, 365, 5),
        ("s:C7", "active", 1, "vip", 1, 2, 1, 0, 4.0, 217, 10),
        ("s:C5", "active", 0, "standard", 0, 0, 0, 0, None, None, 0),
        ("s:C6", "active", 0, "standard", 0, 1, 0, 0, None, 18, 20),
        ("s:C8", "active", 0, "vip", 1, 0, 0, 0, None, None, 0),
        ("s:C9", "active", 0, "unknown", 0, 0, 0, 0, None, None, -1),
        ("s:C3", "lost", 1, "standard", 1, 0, 1, 0, None, 464, 50),
        ("s:C4", "lost", 1, "standard", 0, 1, 1, 0, None, 303, 3),
    ]
    assert found["joined_date"].to_list()[:2] == [date(2024, 1, 10), date(2024, 1, 10)]


def test_tickets_per_device_with_and_without_training(care: query.Snapshot) -> None:
    """C1 has two devices and one ticket in the 365 days; C7's device is sold today, C3 has left, C9 has none."""
    assert table(care, "tickets_per_asset_by_participation") == [
        ("standard", False, 1, 1, 0, 0.0),
        ("standard", True, 1, 2, 1, 0.5),
        ("vip", False, 1, 1, 0, 0.0),
    ]


def test_value_over_24_months_where_all_of_them_have_been_observed(others: query.Snapshot) -> None:
    """Gold: G2 left after 182 days, so S is 1 in months 0 to 5 (152.1 d) and 1/2 in 6 (182.5 d) to 23: 15 months. G1
    was active in 25 months and G2 in 6; they bought 600 + 10 in their currency (not the 50 euros, not what was
    taken back). Silver: nobody left. G3 never bought, U1 100 dollars in 25 months.
    """
    found = table(others, "customer_value_24m", Filter(date(2023, 11, 1), date(2025, 11, 30), {"source": ("e",)}))
    assert [row[:4] + row[5:6] for row in found] == [
        ("gold", "CNY", 2, 31, 24),
        ("silver", "CNY", 1, 25, 24),
        ("silver", "USD", 1, 25, 24),
    ]
    assert [row[4] for row in found] == pytest.approx([610 / 31, 0, 4])
    assert [row[6] for row in found] == pytest.approx([15, 24, 24])
    assert [row[7] for row in found] == pytest.approx([610 / 31 * 15, 0, 96])


def test_value_beyond_what_has_been_observed(others: query.Snapshot) -> None:
    """From 2025-05-01: U2 left after 100 days, U1 is followed for 223 1/3. S is 1 in months 0 to 3 (91.25 d) and 1/2
    in 4 to 7 (212.9 d); then one loss in 323 1/3 days carries on. U1 was active in 7 months, U2 in 4, neither
    bought.
    """
    found = table(others, "customer_value_24m", Filter(date(2025, 5, 1), date(2025, 11, 30), {"source": ("e",)}))
    (row,) = (row for row in found if row[:2] == ("silver", "USD"))
    days = 365 / 12
    beyond = sum(0.5 * exp(-(month * days - (223 + 1 / 3)) / (323 + 1 / 3)) for month in range(8, 24))
    assert row[2:6] == (2, 11, 0.0, 7)
    assert row[6] == pytest.approx(4 + 4 * 0.5 + beyond)
    # The tier is that of the start: G1 is a VIP by now.
    assert [row[:2] for row in found] == [("silver", "CNY"), ("vip", "CNY"), ("silver", "USD")]
