"""What a reviewer found wrong in the models once: each test is one of those cases."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from dashboard.metrics import query
from dashboard.metrics.access import Scope
from dashboard.metrics.query import Snapshot
from ingestion.warehouse.kpis import Filter, load_kpis

RunModel = Callable[..., list[tuple[object, ...]]]
MakeSnapshot = Callable[..., Snapshot]

RUN = """
    run_id | as_of            | business_timezone
    -------+------------------+------------------
    R1     | 2025-06-25 00:00 | Asia/Shanghai
"""
SOURCES = """
    source | customer_namespace
    -------+-------------------
    crm    | acme
    shop   | acme
"""
ONE_SOURCE = """
    source | customer_namespace
    -------+-------------------
    sample | sample
"""


def test_a_ticket_changed_after_as_of_is_there_as_it_stood(run_model: RunModel) -> None:
    tickets = """
        ticket_id | created_at       | resolved_at      | status | csat_score | updated_at       | version_key
        ----------+------------------+------------------+--------+------------+------------------+-----------------
        T1        | 2025-06-20 01:00 | 2025-06-28 01:00 | solved | 5          | 2025-06-28 01:00 | 2025-06-28 01:00
    """
    given = {"raw.run": RUN, "raw.sources": ONE_SOURCE, "raw.tickets": tickets}
    rows = run_model("core.fct_tickets_own", given, "ticket_id, status, is_open, is_resolved, resolution_state")
    assert rows == [("T1", "open", True, False, "breached_open")]


def test_of_several_versions_the_newest_before_as_of_speaks(run_model: RunModel) -> None:
    tickets = """
        ticket_id | created_at       | status  | category | updated_at       | version_key
        ----------+------------------+---------+----------+------------------+-----------------
        T1        | 2025-06-20 01:00 | new     | a        | 2025-06-20 01:00 | 2025-06-20 01:00
        T1        | 2025-06-20 01:00 | pending | b        | 2025-06-22 01:00 | 2025-06-22 01:00
        T1        | 2025-06-20 01:00 | closed  | c        | 2025-06-27 01:00 | 2025-06-27 01:00
    """
    given = {"raw.run": RUN, "raw.sources": ONE_SOURCE, "raw.tickets": tickets}
    assert run_model("staging.stg_tickets", given, "status, category") == [("pending", "b")]


def test_an_order_not_yet_paid_at_as_of_is_no_purchase(run_model: RunModel) -> None:
    orders = """
        order_id | customer_id | ordered_at       | paid_at          | status
        ---------+-------------+------------------+------------------+-------
        O1       | C1          | 2025-06-20 01:00 | 2025-06-26 01:00 | paid
    """
    given = {"raw.run": RUN, "raw.sources": ONE_SOURCE, "raw.orders": orders}
    assert run_model("core.fct_orders", given, "order_id, status, is_purchase") == [("O1", "open", False)]


def test_a_complaint_open_at_as_of_has_no_outcome_yet(run_model: RunModel) -> None:
    complaints = """
        complaint_id | customer_id | received_at      | resolved_at      | outcome
        -------------+-------------+------------------+------------------+----------
        K1           | C1          | 2025-06-20 01:00 | 2025-06-26 01:00 | withdrawn
    """
    given = {"raw.run": RUN, "raw.sources": ONE_SOURCE, "raw.complaints": complaints}
    assert run_model("core.fct_complaints", given, "is_open, is_withdrawn, outcome") == [(True, None, None)]


def test_a_time_that_contradicts_itself_keeps_no_promise(run_model: RunModel) -> None:
    events = """
        ticket_id | event_seq | event_type | occurred_at      | status
        ----------+-----------+------------+------------------+-------
        T1        | 1         | status     | 2025-06-19 01:00 | solved
    """
    tickets = """
        ticket_id | created_at       | status
        ----------+------------------+-------
        T1        | 2025-06-20 01:00 | solved
    """
    given = {"raw.run": RUN, "raw.sources": ONE_SOURCE, "raw.tickets": tickets, "raw.ticket_events": events}
    rows = run_model(
        "core.fct_tickets", given, "resolution_calendar_seconds, resolution_policy_seconds, resolution_state"
    )
    assert rows == [(None, None, "no_policy")]


def test_sources_of_one_namespace_share_their_customers(run_model: RunModel) -> None:
    customers = """
        source | customer_id | name | tier   | updated_at       | version_key
        -------+-------------+------+--------+------------------+-----------------
        crm    | C1          | a    | gold   | 2025-06-01 00:00 | 2025-06-01 00:00
        shop   | C1          | a    | silver | 2025-05-01 00:00 | 2025-05-01 00:00
    """
    given = {"raw.run": RUN, "raw.sources": SOURCES, "raw.customers": customers}
    assert run_model("core.dim_customers", given, "customer_key, tier_now") == [("acme:C1", "gold")]


def test_the_newest_version_in_an_export_tells_the_tier(run_model: RunModel) -> None:
    customers = """
        customer_id | tier     | updated_at       | version_key
        ------------+----------+------------------+-----------------
        C1          | standard | 2025-01-01 00:00 | 2025-01-01 00:00
        C1          | gold     | 2025-05-01 00:00 | 2025-05-01 00:00
    """
    loads = """
        load_id | load_seq | source | feed      | data_through
        --------+----------+--------+-----------+-----------------
        L1      | 1        | sample | customers | 2025-06-01 00:00
    """
    given = {"raw.run": RUN, "raw.sources": ONE_SOURCE, "raw.customers": customers, "raw.loads": loads}
    assert {row[0] for row in run_model("core.dim_tier_spans", given, "tier, valid_from")} == {"gold"}


def test_a_tier_is_unknown_once_its_stretch_has_ended(run_model: RunModel) -> None:
    history = """
        customer_id | tier | valid_from       | valid_to
        ------------+------+------------------+-----------------
        C1          | vip  | 2024-01-01 00:00 | 2024-12-31 00:00
        C2          | vip  | 2024-01-01 00:00 | 2024-07-01 00:00
        C2          | gold | 2024-07-01 00:00 |
    """
    given = {"raw.run": RUN, "raw.sources": ONE_SOURCE, "raw.customer_tier_history": history}
    rows = run_model(
        "core.dim_tier_spans", given, "customer_key, tier_basis, year(valid_from) * 100 + month(valid_from), tier"
    )
    assert [row for row in rows if row[1] == "known"] == [
        ("sample:C1", "known", 202401, "vip"),
        ("sample:C1", "known", 202412, "unknown"),
        ("sample:C2", "known", 202401, "vip"),
        ("sample:C2", "known", 202407, "gold"),
    ]


def test_a_rating_of_an_order_does_not_displace_that_of_a_ticket_of_the_same_number(run_model: RunModel) -> None:
    surveys = """
        survey_id | kind    | ticket_id | order_id | sent_at          | responded_at
        ----------+---------+-----------+----------+------------------+-----------------
        S1        | instant | 1001      |          | 2025-06-01 00:00 | 2025-06-01 01:00
        S2        | instant |           | 1001     | 2025-06-01 00:00 | 2025-06-01 02:00
    """
    answers = """
        survey_id | dimension | score
        ----------+-----------+------
        S1        | overall   | 1
        S2        | overall   | 5
    """
    given = {"raw.run": RUN, "raw.sources": ONE_SOURCE, "raw.surveys": surveys, "raw.survey_answers": answers}
    assert run_model("core.fct_survey_answers", given, "survey_key, is_rating") == [
        ("sample:S1", True),
        ("sample:S2", True),
    ]


def test_an_order_belongs_to_the_region_of_its_day(run_model: RunModel) -> None:
    given = {
        "raw.run": RUN,
        "raw.sources": ONE_SOURCE,
        "raw.customers": "customer_id | region\n C1 | 广东",
        "raw.customer_tier_history": """
            customer_id | tier | region | valid_from
            ------------+------+--------+-----------------
            C1          | gold | 北京   | 2024-01-01 00:00
            C1          | gold | 广东   | 2025-05-01 00:00
        """,
        "raw.orders": "order_id | customer_id | ordered_at | status\n O1 | C1 | 2025-02-01 00:00 | paid",
    }
    assert run_model("core.fct_orders", given, "region, area") == [("北京", "华北")]


def test_a_ticket_without_messages_keeps_the_response_that_the_ticket_tells_of(run_model: RunModel) -> None:
    tickets = """
        ticket_id | created_at       | first_response_at | status
        ----------+------------------+-------------------+-------
        T1        | 2025-06-20 02:00 | 2025-06-20 02:10  | open
        T2        | 2025-06-20 02:00 |                   | open
    """
    events = """
        ticket_id | event_seq | event_type | occurred_at      | actor_role | is_public
        ----------+-----------+------------+------------------+------------+----------
        T2        | 1         | message    | 2025-06-20 02:30 | agent      | true
    """
    given = {"raw.run": RUN, "raw.sources": ONE_SOURCE, "raw.tickets": tickets, "raw.ticket_events": events}
    rows = run_model("core.fct_tickets_own", given, "ticket_id, response_calendar_seconds, response_state")
    assert rows == [("T1", 600, "met"), ("T2", 1800, "met")]


AT_ONE_INSTANT = {
    "raw.run": RUN,
    "raw.sources": ONE_SOURCE,
    "raw.tickets": "ticket_id | created_at | status\n T1 | 2025-06-20 02:00 | solved",
    "raw.ticket_events": """
        ticket_id | event_seq | event_type | occurred_at      | status | actor_role
        ----------+-----------+------------+------------------+--------+-----------
        T1        | 1         | created    | 2025-06-20 02:00 | solved |
        T1        | 1         | status     | 2025-06-20 02:00 | open   |
        T1        | 9         | message    | 2025-06-20 02:30 |        | agent
        T1        | 9         | status     | 2025-06-20 02:30 | solved |
    """,
}


def test_a_reply_and_the_change_it_makes_share_an_instant_and_both_happened(run_model: RunModel) -> None:
    columns = "response_calendar_seconds, resolution_calendar_seconds, is_open"
    assert run_model("core.fct_tickets_own", AT_ONE_INSTANT, columns) == [(1800, 1800, False)]


def test_of_two_states_of_one_instant_the_change_holds(run_model: RunModel) -> None:
    spans = run_model("core.fct_status_spans_own", AT_ONE_INSTANT, "event_seq, status")
    assert spans == [(1, "open"), (9, "solved")]


def test_a_history_that_stops_short_does_not_keep_a_ticket_open(run_model: RunModel) -> None:
    tickets = """
        ticket_id | created_at       | resolved_at      | status
        ----------+------------------+------------------+-------
        T1        | 2025-06-20 02:00 | 2025-06-20 05:00 | solved
    """
    events = """
        ticket_id | event_seq | event_type | occurred_at      | status
        ----------+-----------+------------+------------------+-------
        T1        | 1         | created    | 2025-06-20 02:00 | new
    """
    given = {"raw.run": RUN, "raw.sources": ONE_SOURCE, "raw.tickets": tickets, "raw.ticket_events": events}
    assert run_model("core.fct_tickets_own", given, "is_open, resolution_calendar_seconds") == [(False, 10_800)]


def test_the_team_that_solved_a_ticket_keeps_it(run_model: RunModel) -> None:
    tickets = "ticket_id | created_at | status | team\n T1 | 2025-05-01 02:00 | solved | archive"
    events = """
        ticket_id | event_seq | event_type | occurred_at      | status | team
        ----------+-----------+------------+------------------+--------+--------
        T1        | 1         | assigned   | 2025-05-01 02:10 |        | helpdesk
        T1        | 2         | status     | 2025-05-01 03:00 | solved |
        T1        | 3         | assigned   | 2025-06-01 03:00 |        | archive
    """
    given = {"raw.run": RUN, "raw.sources": ONE_SOURCE, "raw.tickets": tickets, "raw.ticket_events": events}
    assert run_model("core.fct_tickets_own", given, "team") == [("helpdesk",)]


def test_visits_are_counted_by_us_where_the_export_numbers_them_all_1(run_model: RunModel) -> None:
    visits = """
        visit_id | ticket_id | visit_no | dispatched_at    | finished_at      | result
        ---------+-----------+----------+------------------+------------------+-------------
        V1       | T1        | 1        | 2025-03-01 02:00 | 2025-03-01 04:00 | fixed
        V2       | T1        | 1        | 2025-03-05 02:00 | 2025-03-05 04:00 | fixed
    """
    tickets = "ticket_id | created_at | status | kind\n T1 | 2025-03-01 01:00 | open | repair"
    given = {"raw.run": RUN, "raw.sources": ONE_SOURCE, "raw.tickets": tickets, "raw.visits": visits}
    assert run_model("core.fct_first_visits", given, "visit_key, is_fixed_first") == [("sample:V1", False)]


def test_of_a_complete_feed_what_the_newest_file_no_longer_names_is_gone(run_model: RunModel) -> None:
    loads = """
        load_id | load_seq | source | feed    | data_through     | is_full
        --------+----------+--------+---------+------------------+--------
        L1      | 1        | sample | tickets | 2025-06-01 00:00 | true
        L2      | 2        | sample | tickets | 2025-06-02 00:00 | true
    """
    tickets = """
        load_id | load_seq | ticket_id | created_at       | status
        --------+----------+-----------+------------------+-------
        L1      | 1        | T1        | 2025-05-20 02:00 | open
        L1      | 1        | T2        | 2025-05-20 02:00 | open
        L2      | 2        | T2        | 2025-05-20 02:00 | open
    """
    given = {"raw.run": RUN, "raw.sources": ONE_SOURCE, "raw.tickets": tickets, "raw.loads": loads}
    assert run_model("staging.stg_tickets", given, "ticket_id") == [("T2",)]


@pytest.mark.parametrize(("limit", "tier"), [(True, "vip"), (False, "gold")])
def test_a_complaint_promise_to_one_tier_binds_that_tier_alone(run_model: RunModel, limit: bool, tier: str) -> None:
    sla = """
        policy_id | metric               | tier | limit_seconds | clock    | valid_from
        ----------+----------------------+------+---------------+----------+-----------
        any       | complaint_resolution |      | 86400         | calendar | 2000-01-01
        vip       | complaint_resolution | vip  | 3600          | calendar | 2000-01-01
    """
    given = {
        "raw.run": RUN,
        "raw.sources": ONE_SOURCE,
        "raw.sla": sla,
        "raw.customer_tier_history": f"customer_id | tier | valid_from\n C1 | {tier} | 2024-01-01 00:00",
        "raw.complaints": """
            complaint_id | customer_id | grade   | received_at      | resolved_at
            -------------+-------------+---------+------------------+-----------------
            K1           | C1          | general | 2025-06-01 00:00 | 2025-06-01 03:00
        """,
    }
    assert run_model("core.fct_complaints", given, "is_within_24h") == [(not limit,)]


def test_a_count_of_nothing_is_0_and_a_rate_of_nothing_is_none(make_snapshot: MakeSnapshot) -> None:
    tickets = "source | ticket_id | created_at | status\n sample | T1 | 2025-06-02 02:00 | open"
    snapshot = make_snapshot({"raw.tickets": tickets})
    volume = query.values(snapshot, Scope.everything(), load_kpis()["ticket_volume"], Filter(), period="month")
    assert volume["value"].to_list() == [0.0] * 11 + [1.0]
    assert set(volume["state"]) == {"ok"}
    met = query.values(snapshot, Scope.everything(), load_kpis()["sla_resolution_met"], Filter(), period="month")
    assert met["value"].to_list()[:11] == [None] * 11
    assert met["state"].to_list()[0] == "empty"


def test_true_is_spelt_as_people_spell_it(make_snapshot: MakeSnapshot) -> None:
    tickets = "source | ticket_id | created_at | status\n sample | T1 | 2025-06-02 02:00 | open"
    snapshot = make_snapshot({"raw.tickets": tickets})
    everybody = Filter(where={"is_vip": ("False",)})
    volume = query.values(snapshot, Scope.everything(), load_kpis()["ticket_volume"], everybody)
    assert volume["value"].item() == 1.0


def test_a_list_of_sales_that_tells_nothing_of_payment_was_sold(run_model: RunModel) -> None:
    given = {
        "raw.run": RUN,
        "raw.sources": SOURCES,
        "raw.orders": """
            source | order_id | customer_id | ordered_at       | status
            -------+----------+-------------+------------------+-------
            crm    | O1       | C1          | 2025-02-01 00:00 |
            shop   | O2       | C1          | 2025-02-01 00:00 |
            shop   | O3       | C1          | 2025-02-02 00:00 | paid
        """,
    }
    rows = run_model("core.fct_orders", given, "order_id, is_purchase")
    assert rows == [("O1", True), ("O2", False), ("O3", True)]


def test_a_follow_up_call_that_carries_a_status_word_does_not_reopen_a_ticket(run_model: RunModel) -> None:
    given = {
        "raw.run": RUN,
        "raw.sources": ONE_SOURCE,
        "raw.tickets": "ticket_id | created_at | status\n T1 | 2025-05-01 02:00 | solved",
        "raw.ticket_events": """
            ticket_id | event_seq | event_type | occurred_at      | actor_role | status
            ----------+-----------+------------+------------------+------------+---------
            T1        | 1         | status     | 2025-05-01 03:00 | agent      | solved
            T1        | 2         | call       | 2025-05-02 03:00 | agent      | followup
        """,
    }
    rows = run_model("core.fct_tickets_own", given, "is_open, is_reopened_within_7d, resolution_calendar_seconds")
    assert rows == [(False, False, 3_600)]


@pytest.mark.parametrize("rows", [(0, 1), (1, 0)])
def test_of_events_that_share_an_instant_the_assignment_names_the_team(
    run_model: RunModel, rows: tuple[int, int]
) -> None:
    events = (
        "T1 | 7 | assigned | 2025-05-01 03:00 | agent | open   | T-second",
        "T1 | 7 | status   | 2025-05-01 03:00 | agent | solved | T-first",
    )
    given = {
        "raw.run": RUN,
        "raw.sources": ONE_SOURCE,
        "raw.tickets": "ticket_id | created_at | status\n T1 | 2025-05-01 02:00 | solved",
        "raw.ticket_events": "\n".join(
            ["ticket_id | event_seq | event_type | occurred_at | actor_role | status | team"]
            + [events[row] for row in rows]
        ),
    }
    assert run_model("core.fct_tickets_own", given, "team") == [("T-second",)]


@pytest.mark.parametrize("rows", [(0, 1), (1, 0)])
def test_words_that_share_an_instant_are_counted_alike_in_any_order(
    run_model: RunModel, rows: tuple[int, int]
) -> None:
    events = ("T1 | 7 | call | 2025-05-01 03:00 | customer", "T1 | 7 | message | 2025-05-01 03:00 | agent")
    given = {
        "raw.run": RUN,
        "raw.sources": ONE_SOURCE,
        "raw.tickets": "ticket_id | created_at | status\n T1 | 2025-05-01 02:00 | open",
        "raw.ticket_events": "\n".join(
            ["ticket_id | event_seq | event_type | occurred_at | actor_role"]
            + ["T1 | 6 | message | 2025-05-01 02:30 | agent"]
            + [events[row] for row in rows]
        ),
    }
    assert run_model("core.fct_agent_turns", given, "agent_turn_count") == [(2,)]
