"""Staging of the optional exports: what lies after as_of is not known, and only people are shared by sources."""

from tests.conftest import RunModel

TWO_SOURCES = """
    source | customer_namespace
    desk   | firm
    phones | firm
"""


def test_a_chat_still_going_on_has_no_end_and_no_outcome(run_model: RunModel) -> None:
    """As of 2025-07-01 00:00 UTC the second chat has not ended yet, and the third not begun."""
    chats = """
        session_id | started_at       | human_requested_at | agent_first_message_at | ended_at         | resolved_by
        CS1        | 2025-06-30 23:00 | 2025-06-30 23:01   | 2025-06-30 23:02       | 2025-07-01 00:00 | agent
        CS2        | 2025-06-30 23:50 | 2025-06-30 23:59   | 2025-07-01 00:01       | 2025-07-01 00:02 | agent
        CS3        | 2025-07-01 00:01 |                    |                        | 2025-07-01 00:02 | bot
    """
    columns = "session_id, human_requested_at is null, agent_first_message_at is null, ended_at is null, resolved_by"
    assert run_model("staging.stg_chat_sessions", {"raw.chat_sessions": chats}, columns) == [
        ("CS1", False, False, False, "agent"),
        ("CS2", False, True, True, None),
    ]


def test_a_pain_point_closed_later_is_still_being_worked_on(run_model: RunModel) -> None:
    ledger = """
        item_id | topic | opened_at  | due_at     | effective_at | closed_at  | status
        PP1     | a     | 2025-05-01 | 2025-08-01 | 2025-06-01   | 2025-06-30 | done
        PP2     | b     | 2025-05-01 | 2025-08-01 | 2025-07-02   | 2025-07-03 | done
        PP3     | c     | 2025-05-01 |            |              | 2025-07-03 | dropped
        PP4     | d     | 2025-05-01 |            |              |            | open
        PP5     | e     | 2025-07-02 |            |              |            | open
    """
    columns = "item_id, due_at is null, effective_at is null, closed_at is null, status"
    assert run_model("staging.stg_pain_points", {"raw.pain_points": ledger}, columns) == [
        ("PP1", False, False, False, "done"),
        ("PP2", False, True, True, "doing"),
        ("PP3", True, True, True, "doing"),
        ("PP4", True, True, True, "open"),
    ]


def test_a_benchmark_of_a_later_year_is_not_known_yet(run_model: RunModel) -> None:
    table = """
        benchmark_id | kpi  | value | publisher | valid_at
        BM1          | csat | 0.8   | x         | 2025-07-01 00:00
        BM2          | csat | 0.9   | x         | 2025-12-31 00:00
    """
    assert run_model("staging.stg_benchmarks", {"raw.benchmarks": table}, "benchmark_id") == [("BM1",)]


def test_shifts_and_planned_contacts_may_lie_ahead(run_model: RunModel) -> None:
    shifts = """
        staff_id | shift_start_at   | shift_end_at
        AG001    | 2025-07-02 00:00 | 2025-07-02 09:00
    """
    assert run_model("staging.stg_roster", {"raw.roster": shifts}, "staff_key") == [("sample:AG001",)]


def test_a_contact_planned_is_known_before_it_happens(run_model: RunModel) -> None:
    contacts = """
        interaction_id | customer_id | kind   | due_at     | occurred_at | coupon_id | coupon_used_at
        IN1            | C001        | visit  | 2025-07-10 | 2025-07-09  |           |
        IN2            | C001        | coupon |            | 2025-06-01  | CP1       | 2025-07-05
    """
    columns = "interaction_id, customer_key, due_at is null, occurred_at is null, coupon_used_at is null"
    assert run_model("staging.stg_interactions", {"raw.interactions": contacts}, columns) == [
        ("IN1", "sample:C001", False, True, True),
        ("IN2", "sample:C001", True, False, True),
    ]


def test_staff_are_shared_by_the_sources_of_a_namespace_and_tickets_are_not(run_model: RunModel) -> None:
    calls = """
        source | call_id | ticket_id | customer_id | queued_at        | agent_id
        phones | CL1     | T001      | C001        | 2025-06-01 08:00 | AG001
    """
    columns = "call_key, ticket_key, customer_key, staff_key"
    given = {"raw.sources": TWO_SOURCES, "raw.calls": calls}
    assert run_model("staging.stg_calls", given, columns) == [
        ("phones:CL1", "phones:T001", "firm:C001", "firm:AG001")
    ]


def test_the_key_of_a_person_is_the_one_that_calls_name(run_model: RunModel) -> None:
    staff = """
        source | staff_id | name | outlet_id | left_at    | hired_at
        desk   | AG001    | x    | OUT1      | 2025-08-01 | 2024-01-01
        desk   | AG002    | y    |           |            | 2025-07-02
    """
    given = {"raw.sources": TWO_SOURCES, "raw.staff": staff}
    assert run_model("staging.stg_staff", given, "staff_key, outlet_key, left_at") == [
        ("firm:AG001", "desk:OUT1", None)
    ]


def test_the_newest_export_of_a_line_counts(run_model: RunModel) -> None:
    """Two exports of one part: when the second was taken it had been issued."""
    loads = """
        load_id | load_seq | source | feed        | data_through | is_full
        L1      | 1        | sample | parts_usage | 2025-06-01   | false
        L2      | 2        | sample | parts_usage | 2025-06-02   | false
    """
    parts = """
        load_id | load_seq | usage_id | requested_at     | issued_at
        L2      | 2        | PU1      | 2025-06-01 08:00 | 2025-06-01 20:00
        L1      | 1        | PU1      | 2025-06-01 08:00 |
    """
    given = {"raw.loads": loads, "raw.parts_usage": parts}
    assert run_model("staging.stg_parts_usage", given, "usage_id, issued_at is null") == [("PU1", False)]


def test_a_line_struck_out_of_a_complete_list_is_gone(run_model: RunModel) -> None:
    loads = """
        load_id | load_seq | source | feed   | data_through | is_full
        L1      | 1        | sample | pilots | 2025-06-01   | true
        L2      | 2        | sample | pilots | 2025-06-02   | true
    """
    pilots = """
        load_id | load_seq | pilot_id | kpi  | scope_dimension | scope_value | started_at
        L1      | 1        | P1       | csat | region          | 浙江        | 2025-05-01
        L1      | 1        | P2       | csat | region          | 江苏        | 2025-05-01
        L2      | 2        | P2       | csat | region          | 江苏        | 2025-05-01
    """
    given = {"raw.loads": loads, "raw.pilots": pilots}
    assert run_model("staging.stg_pilots", given, "pilot_id") == [("P2",)]
