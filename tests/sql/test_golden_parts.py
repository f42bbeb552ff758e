"""Devices, alerts, spare parts and replacements made by hand: every KPI worked out on paper.

The exports are the tables in golden_parts/. Times are UTC, and everything is counted as of 2025-12-10 00:00.

Tickets, each a repair unless said otherwise: T1 opened by an alert, the customer wrote a day later; T2 after a
false alert, T3 after a true one, both by the customer; T4 by the customer and still open when an alert opened T5 on
the same device; T6 noted by an agent on an alert after the customer had called; T7 after an alert exactly 30 d
before, T8 a second more; T9 on a device that is not connected; T10 a consult; T11 opened by an alert that was not
exported; T12 merged; T13 without a device.
Devices: in the window the first years of A1, A2 (to the second), A4 to A7 and A10 ended, that of A9 before it.
Replacements: R1 exactly at the end of the first year, R2 a second later, R3 before the sale; R8 was never approved,
R10 came before its approval. Parts: U1 was handed out as the visit ended, U2 a second later, U3 from elsewhere; of
U11 nobody says where from. U12, asked for without a visit, came after exactly a day, U13 a second later.
"""

from collections.abc import Callable
from datetime import date

import pytest

from dashboard.metrics import query
from dashboard.metrics.access import Scope
from ingestion.warehouse.kpis import Filter, Query, load_kpis

WINDOW = Filter(date(2025, 9, 1), date(2025, 12, 10))
AS_OF = "2025-12-10 00:00"
Snapshots = Callable[..., query.Snapshot]
Tables = Callable[..., dict[str, str]]

HOUR, DAY = 3_600, 86_400
GOLDEN: dict[str, tuple[int, int | None, float | None]] = {
    # due: U1 U2 U3 U4 U6 U7 U8 U11 U12 U13; U5 and U9 wait; U1, U12, and U6, which came while the visit went on
    "part_fill_rate": (3, 10, 0.3),
    "waiting_part_visit_rate": (2, 4, 0.5),  # V1 V2 V4 V6; V3 has no result, the ticket of V5 was merged
    # repairs on connected devices: T1 to T8 and T11; before T5 and T6 the customer had told
    "proactive_ticket_rate": (2, 9, 2 / 9),
    # T1 26 h, T3 24 h, T6 half an hour (its own alert, not the one of T1), T7 30 d
    "alert_lead_time": (26 * HOUR + DAY + 1_800 + 30 * DAY, 4, (26 * HOUR + DAY + 1_800 + 30 * DAY) / 4),
    "alert_first_share": (5, 9, 5 / 9),  # T1 T3 T6 T7 T11
    "false_alert_rate": (1, 6, 1 / 6),  # judged: L1 L2 L3 L5 L6 L7
    # warranty known: A1 (T1 at its very end, T6 and T10 after it), A2 (T2 T3 after it), A3 (T4 T5 within)
    "in_warranty_ticket_rate": (3, 7, 3 / 7),
    "replacement_rate_first_year": (2, 7, 2 / 7),  # A4 and A7, the latter twice
    # R7 86400 (3/4), R9 leaves at 86400, R1 172800 (1/2) -> 3/8; R2 waits
    "replacement_time": (2, 4, 2 * DAY),
    "genuine_part_rate": (4, 5, 0.8),  # handed out with a word on it: U1 U2 U3 U10 U11
}


@pytest.fixture(scope="module")
def workshop(make_snapshot: Snapshots, tables_of: Tables) -> query.Snapshot:
    return make_snapshot(tables_of("golden_parts"), as_of=AS_OF)


@pytest.mark.parametrize("kpi", GOLDEN)
def test_kpi_equals_the_value_worked_out_by_hand(workshop: query.Snapshot, kpi: str) -> None:
    row = query.values(workshop, Scope.everything(), load_kpis()[kpi], WINDOW).row(0, named=True)
    numerator, denominator, value = GOLDEN[kpi]
    assert (row["numerator"], row["denominator"]) == (numerator, denominator)
    assert row["value"] == pytest.approx(value, abs=1e-12)
    assert row["state"] == "small_n"


@pytest.mark.parametrize("kpi", GOLDEN)
def test_drill_rows_are_the_units_counted(workshop: query.Snapshot, kpi: str) -> None:
    entry = load_kpis()[kpi]
    contributing = query.rows(workshop, Scope.everything(), entry, WINDOW, "numerator")
    counting = query.rows(workshop, Scope.everything(), entry, WINDOW, "denominator")
    assert counting.height == GOLDEN[kpi][1]
    found = contributing[entry.numerator].sum() if entry.kind == "mean" else contributing.height
    assert found == GOLDEN[kpi][0]


def test_requests_that_are_not_due_yet(workshop: query.Snapshot) -> None:
    found = workshop.run(Query("select usage_id from core.fct_parts_usage where is_request_waiting order by 1", ()))
    assert found["usage_id"].to_list() == ["U5", "U9"]


def test_a_device_counts_from_the_day_on_which_its_first_year_is_over(workshop: query.Snapshot) -> None:
    """A2's ended on 12-10: the days of its first year have passed by then and are not waited for again."""
    entry = load_kpis()["replacement_rate_first_year"]
    row = query.values(workshop, Scope.everything(), entry, Filter(date(2025, 12, 1), date(2025, 12, 10)))
    assert (row["denominator"].item(), entry.maturity_days) == (1, 0)


def test_tier_is_the_owners_at_the_event(workshop: query.Snapshot) -> None:
    """C1 was standard when A1 was sold and at its first alerts, and a VIP from 11-10 on."""
    alerts = workshop.run(
        Query("select alert_id, tier, is_vip from core.fct_asset_alerts where asset_key = 's:A1' order by 1", ())
    )
    assert alerts.rows() == [("L1", "standard", False), ("L2", "standard", False), ("L6", "vip", True)]
    assets = workshop.run(Query("select tier, customer_type from core.fct_assets where asset_id = 'A1'", ()))
    assert assets.rows() == [("standard", "business")]


def test_parts_carry_the_slices_of_their_ticket(workshop: query.Snapshot) -> None:
    found = query.values(workshop, Scope.everything(), load_kpis()["part_fill_rate"], WINDOW, by=("region",))
    assert found.select("region", "numerator", "denominator").rows() == [("北京", 2, 6), ("广东", 1, 4)]


@pytest.mark.slow
def test_without_their_exports_the_values_are_not_known(make_snapshot: Snapshots, tables_of: Tables) -> None:
    tickets_only = make_snapshot(tables_of("golden_parts", "customers", "tickets"), as_of=AS_OF)
    for kpi in GOLDEN:
        row = query.values(tickets_only, Scope.everything(), load_kpis()[kpi], WINDOW).row(0, named=True)
        assert (row["state"], row["value"]) == ("not_connected", None)
