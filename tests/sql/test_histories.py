"""What a ticket's events tell together, and the tickets for which that is not enough: theirs are read one by one.

Worked out by hand, as of 2025-07-01 00:00 UTC. Each case has tickets of either sort, so that a short cut that is
taken too often shows.
"""

from datetime import datetime

import pytest

from tests.conftest import Rows, RunModel

DAY = "2025-06-23"


def at(hour: int, minute: int = 0) -> datetime:
    return datetime(2025, 6, 23, hour, minute)


SHARED_INSTANT = {
    "raw.tickets": f"ticket_id | created_at | status\n 1 | {DAY} 01:00 | solved",
    "raw.ticket_events": f"""
            ticket_id | event_seq | event_type | occurred_at  | status
            1         | 1         | created    | {DAY} 01:00 | new
            1         | 1         | status     | {DAY} 01:00 | open
            1         | 2         | notice     | {DAY} 02:00 | closed
            1         | 3         | status     | {DAY} 03:00 | open
            1         | 4         | status     | {DAY} 04:00 | solved""",
}


@pytest.mark.parametrize(
    ("model", "columns", "expected"),
    [
        (
            "core.fct_status_moves",
            "event_seq, status, status_before, next_at, is_step",
            [
                (1, "open", None, at(3), True),
                (3, "open", "open", at(4), False),
                (4, "solved", "open", None, True),
            ],
        ),
        ("core.fct_open_spans", "span_no, opened_at, ended_at", [(1, at(1), at(4))]),
        ("core.fct_ticket_handling", "step_count", [(2,)]),
    ],
)
def test_of_a_creation_and_a_change_that_share_an_instant_the_change_holds(
    run_model: RunModel, model: str, columns: str, expected: Rows
) -> None:
    assert run_model(model, SHARED_INSTANT, columns) == expected


EARLY_ANSWER = {
    "raw.tickets": f"""
            ticket_id | created_at   | status | opened_by
            1         | {DAY} 01:00 | open   | customer
            2         | {DAY} 01:00 | open   | agent""",
    "raw.ticket_events": f"""
            ticket_id | event_seq | event_type | occurred_at  | actor_role
            1         | 1         | message    | {DAY} 01:20 | agent
            1         | 2         | message    | {DAY} 04:00 | agent
            2         | 1         | message    | {DAY} 01:30 | agent
            2         | 2         | message    | {DAY} 02:00 | customer
            2         | 3         | message    | {DAY} 03:00 | agent
            2         | 4         | message    | {DAY} 05:00 | agent""",
}


def test_an_answer_from_before_the_wait_does_not_end_it(run_model: RunModel) -> None:
    """2 was opened by an agent, who wrote at 01:30; its customer waits from 02:00 until 03:00."""
    columns = "ticket_key, response_start_at, first_response_at"
    assert run_model("core.fct_ticket_responses", EARLY_ANSWER, columns) == [
        ("sample:1", at(1), at(1, 20)),
        ("sample:2", at(2), at(3)),
    ]


def test_other_rules_take_the_second_comment_or_the_one_after_the_customers(run_model: RunModel) -> None:
    """In seconds from the creation; of 2 the second comment of an agent is the first after the customer's."""
    columns = "ticket_id, zendesk_response_seconds, freshdesk_response_seconds, dbt_zendesk_response_seconds"
    assert run_model("core.fct_ticket_rules", EARLY_ANSWER, columns) == [
        ("1", 1_200, 1_200, 1_200),
        ("2", 7_200, 1_800, 7_200),
    ]


def test_one_team_in_all_holds_a_ticket_only_from_its_first_event_on(run_model: RunModel) -> None:
    """1 was A's when it was solved at 03:00; 2 was given to A afterwards, and B wrote before."""
    inputs = {
        "raw.tickets": f"""
            ticket_id | created_at   | status
            1         | {DAY} 01:00 | solved
            2         | {DAY} 01:00 | solved""",
        "raw.ticket_events": f"""
            ticket_id | event_seq | event_type | occurred_at  | status | team | actor_role
            1         | 1         | assigned   | {DAY} 01:00 |        | A    | system
            1         | 2         | message    | {DAY} 02:00 |        | B    | agent
            1         | 3         | status     | {DAY} 03:00 | solved |      | agent
            1         | 4         | assigned   | {DAY} 04:00 |        | A    | system
            2         | 1         | message    | {DAY} 02:00 |        | B    | agent
            2         | 2         | status     | {DAY} 03:00 | solved |      | agent
            2         | 3         | assigned   | {DAY} 04:00 |        | A    | system""",
    }
    assert run_model("core.fct_tickets_own", inputs, "ticket_id, team") == [("1", "A"), ("2", "B")]


def test_who_took_a_ticket_after_its_solution_has_not_solved_it(run_model: RunModel) -> None:
    """1 had one holder, 2 two of whom the second came too late, 3 only one who came too late, 4 one and a writer."""
    inputs = {
        "raw.tickets": "\n".join(
            ["ticket_id | created_at | status", *(f"{n} | {DAY} 01:00 | solved" for n in (1, 2, 3, 4))]
        ),
        "raw.ticket_events": f"""
            ticket_id | event_seq | event_type | occurred_at  | status | agent_id | actor_role
            1         | 1         | assigned   | {DAY} 01:00 |        | X        | system
            1         | 2         | status     | {DAY} 03:00 | solved | X        | agent
            2         | 1         | assigned   | {DAY} 01:00 |        | X        | system
            2         | 2         | status     | {DAY} 03:00 | solved |          | customer
            2         | 3         | assigned   | {DAY} 04:00 |        | Y        | system
            3         | 1         | status     | {DAY} 03:00 | solved |          | customer
            3         | 2         | assigned   | {DAY} 04:00 |        | Y        | system
            4         | 1         | assigned   | {DAY} 01:00 |        | X        | system
            4         | 2         | message    | {DAY} 02:00 |        | Z        | agent
            4         | 3         | status     | {DAY} 03:00 | solved |          | customer""",
    }
    assert run_model("core.fct_agent_tickets", inputs, "ticket_id, staff_key") == [
        ("1", "sample:X"),
        ("2", "sample:X"),
        ("3", "unknown"),
        ("4", "sample:X"),
    ]


def test_given_back_to_a_team_a_ticket_is_nobodys_again(run_model: RunModel) -> None:
    """1 goes from nobody to A1 and stays; 2 is given back to its team at 02:00 and taken again at 04:00.

    The export's own order counts: A2's word has the earlier time and the later number.
    """
    inputs = {
        "raw.tickets": f"""
            ticket_id | created_at   | status
            1         | {DAY} 00:00 | solved
            2         | {DAY} 00:00 | solved""",
        "raw.ticket_events": f"""
            ticket_id | event_seq | event_type | occurred_at  | status | team | agent_id | actor_role
            1         | 1         | assigned   | {DAY} 01:00 |        | A    | A1       | system
            1         | 2         | message    | {DAY} 00:30 |        | A    | A2       | agent
            1         | 3         | status     | {DAY} 05:00 | solved | A    | A1       | agent
            2         | 1         | assigned   | {DAY} 01:00 |        | A    | A1       | system
            2         | 2         | assigned   | {DAY} 02:00 |        | A    |          | system
            2         | 3         | assigned   | {DAY} 04:00 |        | A    | A2       | system
            2         | 4         | status     | {DAY} 05:00 | solved | A    | A2       | agent""",
    }
    assert run_model("core.fct_ticket_waits", inputs, "ticket_id, wait_no, started_at, ended_at, is_ended") == [
        ("1", 1, at(0), at(1), True),
        ("2", 1, at(0), at(1), True),
        ("2", 2, at(2), at(4), True),
    ]


def test_of_several_versions_the_newest_counts_and_of_one_that_one(run_model: RunModel) -> None:
    """1 came twice, 2 once, 3 twice of which the second says that it is gone, 4 once and gone."""
    inputs = {
        "raw.tickets": f"""
            ticket_id | created_at   | status | priority | version_key | load_seq | is_gone
            1         | {DAY} 00:00 | new    | low      | 1           | 1        |
            1         | {DAY} 00:00 | open   | high     | 2           | 2        |
            2         | {DAY} 00:00 | new    | low      | 1           | 1        |
            3         | {DAY} 00:00 | new    | low      | 1           | 1        |
            3         | {DAY} 00:00 | new    | low      | 2           | 2        | true
            4         | {DAY} 00:00 | new    | low      | 1           | 1        | true""",
    }
    assert run_model("staging.stg_tickets", inputs, "ticket_id, status, priority, priority_first") == [
        ("1", "open", "high", "low"),
        ("2", "new", "low", "low"),
    ]
