"""Calls, chats and tickets made by hand: every KPI of the channels worked out on paper.

The exports are the tables in golden_channels/. Times are UTC, and everything is counted as of 2025-12-10 00:00. The
office is open 01:00-04:00 and 05:00-10:00 UTC.

Calls: A answered after exactly 30 s, B a second later; C hung up after 5 s, D after 6; E was never answered. F, G,
I and K were settled by the voice menu, K of nobody knows whom; G called again as H exactly 24 h later, under
another id of the same customer, I as J a second after that. L is waiting; M was answered before it came; N is about
a repair.
Chats: 1 was answered after exactly 180 s, 2 a second later, 3 left; 4 asked in the evening, 5 a second before the
lunch break, 6 when it began. The bot settled 7, 8, 9, 10, 12, 13 and 15: 8 opened a ticket exactly 24 h later, the
ticket of 9 came of the chat itself, 10 is of nobody knows whom, 12 ended exactly a day ago, 13 a second later, and
after 15 an alert opened a ticket. 11 gave up on the bot; 14 began in the agents' queue.
Tickets: T3 was closed by the bot, T6 by the customer on the website; so was T7, but an agent had answered. T8 is
not a day old, T9 exactly that; T10 is spam.
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

GOLDEN: dict[str, tuple[int, int | None, float | None]] = {
    # offered and over: A B D E H J N; in time A H J N
    "calls_answered_within_30s": (4, 7, 4 / 7),
    # D leaves at 6, H 10 (6/7), N 15 (5/6), J 20 and L leaves at 20 (4/5), A 30 (2/3) -> 8/21, B 31 (1/2)
    "call_wait_time": (5, 8, 30),
    # asked in office hours: 1 2 3 5 14; in time 1 5 14
    "chat_answered_within_180s": (3, 5, 0.6),
    # 14 20 (4/5), 3 leaves at 60, 5 121 (2/3) -> 8/15, 1 180 (1/2) -> 4/15
    "chat_wait_time": (4, 5, 180),
    "chat_wait_time_p90": (4, 5, 181),  # 2 181 -> 0
    # begun by the bot, known, ended a day ago: 1 to 9, 11, 12, 15; settled for good 7 9 12 15
    "bot_containment_rate": (4, 12, 4 / 12),
    # chats 1 2 4 7 8 11 14, of which 7; calls A B D E F G H I J, of which F and I
    "bot_ivr_containment_rate": (3, 16, 3 / 16),
    # no ticket: calls B D E F G H I J (F I), chats 1 to 8, 11, 12, 14, 15 (7 12 15); tickets 1 to 7 and 9 (3 6)
    "self_service_share": (7, 28, 0.25),
}


@pytest.fixture(scope="module")
def reached(make_snapshot: Snapshots, tables_of: Tables) -> query.Snapshot:
    return make_snapshot(tables_of("golden_channels"), as_of=AS_OF)


@pytest.mark.parametrize("kpi", GOLDEN)
def test_kpi_equals_the_value_worked_out_by_hand(reached: query.Snapshot, kpi: str) -> None:
    row = query.values(reached, Scope.everything(), load_kpis()[kpi], WINDOW).row(0, named=True)
    numerator, denominator, value = GOLDEN[kpi]
    assert (row["numerator"], row["denominator"]) == (numerator, denominator)
    assert row["value"] == pytest.approx(value, abs=1e-12)
    assert row["state"] == "small_n"


@pytest.mark.parametrize("kpi", GOLDEN)
def test_drill_rows_are_the_units_counted(reached: query.Snapshot, kpi: str) -> None:
    for part, expected in zip(("numerator", "denominator"), GOLDEN[kpi][:2], strict=True):
        assert query.rows(reached, Scope.everything(), load_kpis()[kpi], WINDOW, part).height == expected


def test_what_bot_and_voice_menu_settled_for_good(reached: query.Snapshot) -> None:
    found = reached.run(
        Query("select contact_key from core.fct_contacts where is_contained and medium <> 'ticket' order by 1", ())
    )
    # 13 may still come back, K and 10 could have under any name; none of the three counts yet.
    assert [key.removeprefix("s:") for key in found["contact_key"]] == [
        "10",
        "12",
        "13",
        "15",
        "7",
        "9",
        "F",
        "I",
        "K",
    ]


@pytest.mark.parametrize(
    ("flag", "contacts"),
    [("is_call_waiting", ["L"]), ("is_bot_maturing", ["13"]), ("is_routine_maturing", ["13", "L"])],
)
def test_contacts_too_young_to_count(reached: query.Snapshot, flag: str, contacts: list[str]) -> None:
    found = reached.run(Query(f"select contact_key from core.fct_contacts where {flag} order by 1", ()))
    assert [key.removeprefix("s:") for key in found["contact_key"]] == contacts


def test_tier_is_that_of_the_call_and_not_of_today(reached: query.Snapshot) -> None:
    found = reached.run(Query("select tier, area, channel from core.fct_contacts where contact_key = 's:A'", ()))
    assert found.rows() == [("standard", "华南", "phone")]


@pytest.mark.slow
def test_without_calls_nobody_knows_how_fast_they_are_answered(make_snapshot: Snapshots, tables_of: Tables) -> None:
    chats_only = make_snapshot(tables_of("golden_channels", "chat_sessions"), as_of=AS_OF)
    states = {
        kpi: query.values(chats_only, Scope.everything(), load_kpis()[kpi], WINDOW).item(0, "state") for kpi in GOLDEN
    }
    assert {kpi for kpi, state in states.items() if state == "not_connected"} == {
        "calls_answered_within_30s",
        "call_wait_time",
        "bot_ivr_containment_rate",
        "self_service_share",
    }
