"""Cases at the edges of repairs, ownership and complaints, each worked out by hand.

Everything is counted as of 2025-07-01 00:00 UTC, 8 in the morning in Shanghai; times are UTC.
"""

from datetime import datetime

import pytest

from tests.conftest import RunModel

# --- repairs --------------------------------------------------------------------------------------------------------

REPAIRS = {
    "raw.tickets": """
        source | ticket_id | kind   | channel | created_at       | resolved_at      | status
        sample | 1         | repair | phone   | 2025-06-23 01:00 |                  | open
        sample | 2         | repair | phone   | 2025-06-23 02:00 |                  | open
        sample | 3         | repair | phone   | 2025-06-23 01:00 | 2025-06-26 01:00 | solved
        sample | 4         | repair | phone   | 2025-06-23 01:00 | 2025-06-23 05:00 | solved
        desk   | 5         | repair | phone   | 2025-06-23 01:00 |                  | open
        crew   | 6         | repair | phone   | 2025-06-23 01:00 | 2025-06-23 05:00 | solved""",
    # 2 was dispatched before it was reported, 3 accepted an hour ago, 4 followed up a second too late. The crew
    # exports no acceptances, the desk no visits.
    "raw.visits": """
source | visit_id | ticket_id | dispatched_at    | arrived_at       | finished_at      | accepted_at      | result
sample | 2        | 2         | 2025-06-23 01:00 |                  |                  |                  |
sample | 3        | 3         | 2025-06-23 02:00 | 2025-06-23 03:00 | 2025-06-23 04:00 | 2025-06-30 23:00 | fixed
sample | 4        | 4         | 2025-06-23 02:00 | 2025-06-23 03:00 | 2025-06-23 04:00 | 2025-06-23 05:00 | fixed
crew   | 6        | 6         | 2025-06-23 02:00 | 2025-06-23 03:00 | 2025-06-23 04:00 |                  | fixed""",
    "raw.ticket_events": """
        source | ticket_id | event_seq | event_type | occurred_at         | actor_role | is_public
        sample | 4         | 1         | message    | 2025-06-23 06:00    | agent      | false
        sample | 4         | 2         | call       | 2025-06-26 05:00:01 | agent      |""",
    "raw.sources": """
        source | customer_namespace
        sample | sample
        desk   | desk
        crew   | crew""",
}


def repaired(
    run_model: RunModel, columns: str, model: str = "core.fct_repair_chains"
) -> dict[str, tuple[object, ...]]:
    asked = f"split_part(ticket_key, ':', 2), {columns}"
    return {str(row[0]): row[1:] for row in run_model(model, REPAIRS, asked)}


def test_a_source_that_exports_no_visits_is_not_late_with_its_dispatches(run_model: RunModel) -> None:
    found = repaired(run_model, "is_dispatch_due, is_dispatched_in_time")
    assert found["1"] == (True, False)
    assert found["5"] == (False, False)
    # Dispatched before it was reported: the times contradict each other.
    assert found["2"] == (False, False)


def test_a_source_that_exports_no_acceptances_has_no_broken_chains(run_model: RunModel) -> None:
    found = repaired(run_model, "is_chain_matured, has_cycle")
    assert found["4"] == (True, True)
    assert (found["5"], found["6"]) == ((False, False), (False, False))


def test_a_source_that_exports_no_acceptances_owes_none(run_model: RunModel) -> None:
    stages = repaired(run_model, "stage", "core.fct_repair_stages_own")
    assert stages["6"] == ("repair",)


def test_a_follow_up_has_72_hours_from_the_acceptance(run_model: RunModel) -> None:
    found = repaired(run_model, "is_chain_matured, is_chain_maturing, is_chain_kept, broken_at")
    assert found["3"] == (False, True, False, "follow_up")
    assert found["4"] == (True, False, False, "follow_up")


def test_the_record_of_a_repair_is_due_from_the_customers_word(run_model: RunModel) -> None:
    """An agent opened the ticket at 9:00 local, the customer wrote at 15:00 and was answered five minutes later."""
    inputs = {
        "raw.tickets": """
            ticket_id | kind   | channel | opened_by | created_at       | status
            1         | repair | phone   | agent     | 2025-06-23 01:00 | open""",
        "raw.ticket_events": """
            ticket_id | event_seq | event_type | occurred_at      | actor_role | is_public
            1         | 1         | message    | 2025-06-23 07:00 | customer   | true
            1         | 2         | message    | 2025-06-23 07:05 | agent      | true""",
    }
    found = run_model("core.fct_repair_stages_own", inputs, "stage, stage_seconds, is_within")
    assert ("record", 300, True) in found


def test_a_fault_is_found_by_the_visit_that_is_over(run_model: RunModel) -> None:
    """Replayed as of a day on which 2 was still at the customer's: its fault is not known yet."""
    inputs = {
        "raw.tickets": """
            ticket_id | kind   | created_at       | status
            1         | repair | 2025-06-23 01:00 | open""",
        "raw.visits": """
            visit_id | ticket_id | dispatched_at    | finished_at      | result | diagnosis_code | fault_code
            1        | 1         | 2025-06-23 02:00 | 2025-06-23 04:00 | fixed  | E1             | E1
            2        | 1         | 2025-06-30 02:00 | 2025-07-02 04:00 | fixed  | E1             | E1""",
    }
    assert run_model("core.fct_visits", inputs, "visit_id, fault_code, is_diagnosed, is_diagnosis_right") == [
        ("1", "E1", True, True),
        ("2", "unknown", False, False),
    ]


# --- ownership ------------------------------------------------------------------------------------------------------


def test_what_is_said_after_the_solution_takes_nothing_over(run_model: RunModel) -> None:
    """Given to B at 9:00 local, withdrawn by the customer at 10:00; B writes the day after."""
    inputs = {
        "raw.tickets": """
            ticket_id | created_at       | status
            1         | 2025-06-23 00:00 | solved""",
        "raw.ticket_events": """
            ticket_id | event_seq | event_type | occurred_at      | status | team | agent_id | actor_role
            1         | 1         | created    | 2025-06-23 00:00 | new    | A    |          | customer
            1         | 2         | assigned   | 2025-06-23 01:00 |        | B    | B1       | system
            1         | 3         | status     | 2025-06-23 02:00 | solved |      |          | customer
            1         | 4         | message    | 2025-06-24 02:00 |        | B    | B1       | agent""",
    }
    found = run_model("core.fct_ticket_waits", inputs, "wait_kind, is_ended, calendar_seconds")
    assert [row for row in found if row[0] == "handoff"] == [("handoff", False, 3_600)]


# --- complaints -----------------------------------------------------------------------------------------------------


def test_a_grade_without_a_time_is_not_a_late_grade(run_model: RunModel) -> None:
    inputs = {
        "raw.complaints": """
            complaint_id | received_at      | grade   | graded_at
            1            | 2025-06-23 01:00 | general | 2025-06-23 01:30
            2            | 2025-06-23 01:00 | general |
            3            | 2025-06-23 01:00 |         |
            4            | 2025-06-23 01:00 | major   | 2025-07-02 01:00""",
    }
    # Graded the day after tomorrow, 4 is not graded today.
    columns = "complaint_id, is_graded, is_grading_due, is_grading_waiting, is_graded_within_1h"
    assert run_model("core.fct_complaints", inputs, columns) == [
        ("1", True, True, False, True),
        ("2", True, False, False, False),
        ("3", False, True, False, False),
        ("4", False, True, False, False),
    ]


@pytest.mark.parametrize(
    ("clock", "expected"), [("business", (1_800, True, True)), ("calendar", (48_600, True, False))]
)
def test_the_answer_to_a_complaint_runs_on_the_clock_of_its_promise(
    run_model: RunModel, clock: str, expected: tuple[object, ...]
) -> None:
    """Received at 20:00 local, answered at 9:30 the next day: half an open hour, and 13.5 h for the customer."""
    inputs = {
        "raw.tickets": """
            ticket_id | kind      | channel | created_at       | status
            1         | complaint | phone   | 2025-06-23 12:00 | open""",
        "raw.ticket_events": """
            ticket_id | event_seq | event_type | occurred_at      | actor_role | is_public
            1         | 1         | message    | 2025-06-24 01:30 | agent      | true""",
        "raw.complaints": """
            complaint_id | ticket_id | received_at
            1            | 1         | 2025-06-23 12:00""",
        "raw.sla": f"""
            policy_id | metric             | limit_seconds | clock   | valid_from
            hour      | complaint_response | 3600          | {clock} | 2000-01-01""",
    }
    columns = "reply_seconds, is_reply_due, is_replied_within_1h"
    assert run_model("core.fct_complaints", inputs, columns) == [expected]


def test_a_complaint_on_a_merged_ticket_is_answered_on_the_other(run_model: RunModel) -> None:
    inputs = {
        "raw.tickets": """
            ticket_id | kind      | channel | created_at       | status | merged_into
            1         | complaint | phone   | 2025-06-23 01:00 | closed | 2
            2         | complaint | phone   | 2025-06-23 01:00 | open   |""",
        "raw.ticket_events": """
            ticket_id | event_seq | event_type | occurred_at      | actor_role | is_public
            2         | 1         | message    | 2025-06-23 01:30 | agent      | true""",
        "raw.complaints": """
            complaint_id | ticket_id | received_at
            1            | 1         | 2025-06-23 01:00""",
    }
    columns = "replied_at, is_reply_due, is_replied_within_1h"
    assert run_model("core.fct_complaints", inputs, columns) == [(datetime(2025, 6, 23, 1, 30), True, True)]
