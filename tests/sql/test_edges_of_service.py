"""Cases at the edges of service, each worked out by hand: what the figures must not take for something else.

Everything is counted as of 2025-07-01 00:00 UTC, 8 in the morning in Shanghai; times are UTC.
"""

from datetime import date, datetime

import pytest

from dashboard.metrics import query
from dashboard.metrics.access import Scope
from ingestion.warehouse.kpis import Filter
from ingestion.warehouse.views import load_views
from tests.conftest import MakeSnapshot, RunModel

# --- clocks and pauses ----------------------------------------------------------------------------------------------


def test_a_pause_runs_on_the_calendar_of_its_own_promise(run_model: RunModel) -> None:
    """Late shift 12:00-20:00: 14:00 to 20:00 less 17:00 to 19:00 is 4 h. The office would have paused for one."""
    inputs = {
        "raw.calendar_hours": """
            calendar_id | day_kind | open  | close
            office      | workday  | 09:00 | 18:00
            late        | workday  | 12:00 | 20:00""",
        "raw.calendar_days": """
            date       | calendar_id | kind
            2025-06-23 | office      | workday
            2025-06-23 | late        | workday""",
        "raw.sla": """
            policy_id | metric     | limit_seconds | clock    | calendar_id | pauses_on | valid_from
            late      | resolution | 14400         | business | late        | pending   | 2000-01-01""",
        "raw.tickets": """
            ticket_id | created_at       | status
            1         | 2025-06-23 06:00 | solved""",
        "raw.ticket_events": """
            ticket_id | event_seq | event_type | occurred_at      | status
            1         | 1         | created    | 2025-06-23 06:00 | new
            1         | 2         | status     | 2025-06-23 09:00 | pending
            1         | 3         | status     | 2025-06-23 11:00 | open
            1         | 4         | status     | 2025-06-23 12:00 | solved""",
    }
    found = run_model("core.fct_tickets_own", inputs, "resolution_policy_seconds, resolution_state")
    assert found == [(4 * 3_600, "met")]


CUT_SHORT = {
    "raw.tickets": """
            ticket_id | created_at       | resolved_at      | status
            1         | 2025-06-23 01:00 | 2025-06-24 17:00 | solved
            2         | 2025-06-23 01:00 |                  | pending""",
    "raw.ticket_events": """
            ticket_id | event_seq | event_type | occurred_at      | status
            1         | 1         | created    | 2025-06-23 01:00 | new
            1         | 2         | status     | 2025-06-24 07:00 | pending
            2         | 1         | created    | 2025-06-23 01:00 | new
            2         | 2         | status     | 2025-06-24 07:00 | pending""",
}


def test_a_pause_ends_with_its_ticket_where_the_history_stops_short(run_model: RunModel) -> None:
    """Set to pending after 30 h, solved after 40 h says the ticket itself: 10 h of pause, and not until today."""
    found = run_model("core.fct_tickets_own", CUT_SHORT, "ticket_id, resolution_policy_seconds, resolution_state")
    assert found == [("1", 30 * 3_600, "breached"), ("2", 30 * 3_600, "breached_open")]


def test_a_status_ends_with_its_ticket_where_the_history_stops_short(run_model: RunModel) -> None:
    found = run_model("core.fct_status_spans_own", CUT_SHORT, "ticket_key, left_at, calendar_seconds, status")
    assert [row[:3] for row in found if row[3] == "pending"] == [
        ("sample:1", datetime(2025, 6, 24, 17), 36_000),
        ("sample:2", None, (6 * 24 + 17) * 3_600),
    ]


def test_a_colleagues_word_does_not_move_a_ticket_to_the_colleagues_team(run_model: RunModel) -> None:
    inputs = {
        "raw.tickets": """
            ticket_id | created_at       | status
            1         | 2025-06-23 01:00 | solved
            2         | 2025-06-23 01:00 | solved""",
        "raw.ticket_events": """
            ticket_id | event_seq | event_type | occurred_at      | status | team | actor_role
            1         | 1         | assigned   | 2025-06-23 01:00 |        | A    | system
            1         | 2         | message    | 2025-06-23 02:00 |        | B    | agent
            1         | 3         | status     | 2025-06-23 03:00 | solved |      | agent
            2         | 1         | message    | 2025-06-23 02:00 |        | B    | agent
            2         | 2         | status     | 2025-06-23 03:00 | solved |      | agent""",
    }
    assert run_model("core.fct_tickets_own", inputs, "ticket_id, team") == [("1", "A"), ("2", "B")]


def test_a_queue_grows_by_what_comes_in_less_what_leaves(make_snapshot: MakeSnapshot) -> None:
    """Two waited since April and left in June, one came in June and waits: the queue shrank by one."""
    inputs = {
        "raw.tickets": """
            ticket_id | created_at       | status
            1         | 2025-04-07 01:00 | solved
            2         | 2025-04-07 01:00 | solved
            3         | 2025-06-23 01:00 | new""",
        "raw.ticket_events": """
            ticket_id | event_seq | event_type | occurred_at      | status
            1         | 1         | created    | 2025-04-07 01:00 | new
            1         | 2         | status     | 2025-06-16 01:00 | solved
            2         | 1         | created    | 2025-04-07 01:00 | new
            2         | 2         | status     | 2025-06-17 01:00 | solved
            3         | 1         | created    | 2025-06-23 01:00 | new""",
    }
    wanted = Filter(date(2025, 4, 1), date(2025, 6, 30))
    found = query.view(make_snapshot(inputs), Scope.everything(), load_views()["waiting_stages"], wanted)
    assert found.select("status", "entered_count", "left_count", "queue_growth").rows() == [("new", 3, 2, -1)]


# --- questions ------------------------------------------------------------------------------------------------------


def test_questions_solved_and_unsolved_count_from_the_same_age(run_model: RunModel) -> None:
    """Seven days to be solved and seven to stay so. A and B are 9 d old and wait, or only B would count, as failed.

    C was solved after 6 d, D a second too late, E is exactly 14 d old and was solved after exactly 7 d.
    """
    inputs = {
        "raw.tickets": """
            ticket_id | kind    | created_at       | resolved_at         | status
            A         | consult | 2025-06-22 00:00 | 2025-06-25 00:00    | solved
            B         | consult | 2025-06-22 00:00 |                     | open
            C         | consult | 2025-06-10 00:00 | 2025-06-16 00:00    | solved
            D         | consult | 2025-06-10 00:00 | 2025-06-17 00:00:01 | solved
            E         | consult | 2025-06-17 00:00 | 2025-06-24 00:00    | solved""",
    }
    columns = "ticket_id, is_consult_matured, is_consult_maturing, is_consult_resolved"
    assert run_model("core.fct_ticket_traits", inputs, columns) == [
        ("A", False, True, False),
        ("B", False, True, False),
        ("C", True, False, True),
        ("D", True, False, False),
        ("E", True, False, True),
    ]


CONSULTED = {
    "raw.tickets": """
        ticket_id | kind    | created_at       | status
        1         | consult | 2025-06-10 01:00 | solved""",
    "raw.ticket_events": """
        ticket_id | event_seq | event_type | occurred_at      | status | actor_role | is_public
        1         | 1         | assigned   | 2025-06-10 01:01 |        | system     |
        1         | 2         | message    | 2025-06-10 02:00 |        | agent      | true
        1         | 3         | status     | 2025-06-10 03:00 | solved | agent      |
        1         | 4         | message    | 2025-06-11 03:00 |        | agent      | {}""",
}


@pytest.mark.parametrize(("is_public", "is_complete"), [("true", True), ("", True), ("false", False)])
def test_an_internal_note_follows_up_with_nobody(run_model: RunModel, is_public: str, is_complete: bool) -> None:
    inputs = {name: text.format(is_public) for name, text in CONSULTED.items()}
    found = run_model("core.fct_consult_chains", inputs, "is_chain_complete, is_followed_up")
    assert found == [(is_complete, is_complete)]


def test_where_a_ticket_tells_of_an_answer_that_no_message_shows_its_turns_are_not_known(run_model: RunModel) -> None:
    """Messages of old tickets are often not exported: 1 was answered, nobody knows in how many turns. 2 was not."""
    inputs = {
        "raw.tickets": """
            ticket_id | created_at       | first_response_at | resolved_at      | status
            1         | 2025-06-02 01:00 | 2025-06-02 02:00  | 2025-06-02 03:00 | solved
            2         | 2025-06-02 01:00 |                   | 2025-06-02 03:00 | solved
            3         | 2025-06-02 01:00 |                   |                  | open""",
        "raw.ticket_events": """
            ticket_id | event_seq | event_type | occurred_at      | actor_role | is_public
            3         | 1         | message    | 2025-06-02 02:00 | agent      | true""",
    }
    columns = "ticket_id, is_contact_matured, is_first_contact_resolved"
    assert run_model("core.fct_ticket_outcomes", inputs, columns) == [
        ("1", False, False),
        ("2", True, False),
        ("3", False, False),
    ]


# --- signs ----------------------------------------------------------------------------------------------------------


def test_parking_is_measured_on_the_clock_that_it_stops(run_model: RunModel) -> None:
    """A day is promised. 1 had used 2 h of it when it was set to pending after 22 h, and 2 had used 22 h."""
    inputs = {
        "raw.tickets": """
            ticket_id | kind    | created_at       | status
            1         | consult | 2025-06-23 00:00 | solved
            2         | consult | 2025-06-23 00:00 | solved""",
        "raw.ticket_events": """
            ticket_id | event_seq | event_type | occurred_at      | status
            1         | 1         | created    | 2025-06-23 00:00 | pending
            1         | 2         | status     | 2025-06-23 20:00 | open
            1         | 3         | status     | 2025-06-23 22:00 | pending
            1         | 4         | status     | 2025-06-24 22:00 | solved
            2         | 1         | created    | 2025-06-23 00:00 | new
            2         | 2         | status     | 2025-06-23 22:00 | pending
            2         | 3         | status     | 2025-06-24 22:00 | solved""",
    }
    assert run_model("core.fct_ticket_signs", inputs, "ticket_id, is_near_due, is_parked") == [
        ("1", False, False),
        ("2", True, True),
    ]


def test_a_bot_owes_no_reply_of_a_person_and_an_old_answer_is_one(run_model: RunModel) -> None:
    """1 was solved by the bot; of 2 only the ticket tells that it was answered; 3 was just called solved."""
    inputs = {
        "raw.tickets": """
            ticket_id | kind    | created_at       | first_response_at | resolved_at      | status
            1         | consult | 2025-06-23 00:00 |                   |                  | solved
            2         | consult | 2025-06-02 00:00 | 2025-06-02 01:00  | 2025-06-02 02:00 | solved
            3         | consult | 2025-06-23 00:00 |                   |                  | solved
            4         | consult | 2025-06-23 00:00 |                   |                  | solved""",
        "raw.ticket_events": """
            ticket_id | event_seq | event_type | occurred_at      | status | actor_role | is_public
            1         | 1         | status     | 2025-06-23 00:01 | solved | bot        |
            3         | 1         | status     | 2025-06-23 00:01 | solved | agent      |
            4         | 1         | message    | 2025-06-23 00:01 |        | agent      | true
            4         | 2         | status     | 2025-06-23 00:02 | solved | agent      |""",
    }
    columns = "ticket_id, is_solved_remotely, is_solved_remotely and is_without_reply"
    assert run_model("core.fct_ticket_signs", inputs, columns) == [
        ("1", False, False),
        ("2", False, False),
        ("3", True, True),
        ("4", True, False),
    ]


def test_never_answered_is_as_troubled_as_answered_late(run_model: RunModel) -> None:
    inputs = {
        "raw.tickets": """
            ticket_id | kind    | created_at       | resolved_at      | status
            1         | consult | 2025-06-17 01:00 | 2025-06-17 02:00 | solved""",
        "raw.ticket_events": """
            ticket_id | event_seq | event_type | occurred_at      | actor_role | is_public
            1         | 1         | message    | 2025-06-17 01:30 | agent      | false""",
    }
    assert run_model("core.fct_ticket_signs", inputs, "is_troubled") == [(True,)]


# --- signals --------------------------------------------------------------------------------------------------------


def test_silence_of_an_export_is_no_lack_of_action(run_model: RunModel) -> None:
    """The desk never tells of follow-ups. Of the shop's low scores 2 was followed up before it was even given."""
    inputs = {
        "raw.surveys": """
            source | survey_id | kind    | sent_at          | responded_at     | followup_at
            desk   | 1         | instant | 2025-06-02 00:00 | 2025-06-02 01:00 |
            shop   | 2         | instant | 2025-06-02 00:00 | 2025-06-02 01:00 | 2025-06-02 00:30
            shop   | 3         | instant | 2025-06-02 00:00 | 2025-06-02 01:00 | 2025-06-09 01:00""",
        "raw.survey_answers": """
            source | survey_id | dimension | score
            desk   | 1         | overall   | 1
            shop   | 2         | overall   | 1
            shop   | 3         | overall   | 1""",
        "raw.sources": """
            source | customer_namespace
            desk   | desk
            shop   | shop""",
    }
    assert run_model("core.fct_signals", inputs, "signal_key, is_unacted") == [("shop:2", True), ("shop:3", False)]
