"""Where a number would look better than it is: complaints said again, visits made again, customers who stay."""

from collections.abc import Callable

Rows = list[tuple[object, ...]]
RunModel = Callable[..., Rows]


def test_a_complaint_said_again_after_its_solution_was_not_settled(run_model: RunModel) -> None:
    """1 was solved after 2 h, then said again: no new complaint, but not settled. 3 was said twice while open."""
    complaints = """
        source | complaint_id | customer_id | grade   | matter | received_at      | resolved_at      | outcome
        sample | 1            | C1          | general | 账单   | 2025-03-03 02:00 | 2025-03-03 04:00 | settled
        sample | 2            | C1          | general | 账单   | 2025-03-03 12:00 | 2025-03-05 04:00 | settled
        sample | 3            | C2          | general | 账单   | 2025-03-03 02:00 | 2025-03-03 14:00 | settled
        sample | 4            | C2          | general | 账单   | 2025-03-03 12:00 | 2025-03-03 14:00 | settled
    """
    found = run_model(
        "core.fct_complaints", {"raw.complaints": complaints}, select="complaint_id, is_counted, is_settled"
    )
    assert found == [("1", True, False), ("2", False, False), ("3", True, True), ("4", False, False)]


def first_visits(run_model: RunModel, tickets: str, visits: str) -> dict[object, tuple[object, ...]]:
    found = run_model(
        "core.fct_first_visits",
        {"raw.tickets": tickets, "raw.visits": visits},
        select="ticket_key, is_returned, is_repeated, is_fixed_first",
    )
    return {row[0]: row[1:] for row in found}


REPAIRS = """
    source | ticket_id | customer_id | asset_id | kind   | channel | status | created_at
    sample | 1         | C1          | A1       | repair | phone   | solved | 2025-03-03 02:00
    sample | 2         | C1          | A2       | repair | phone   | solved | 2025-03-03 02:00
    sample | 3         | C1          | A1       | repair | phone   | solved | 2025-03-20 02:00
    sample | 4         | C1          | A2       | repair | phone   | solved | 2025-03-20 02:00
"""


def test_a_second_visit_counts_from_its_dispatch(run_model: RunModel) -> None:
    """Both first visits end 03-04. 1 is sent for again on day 29 and ended on day 31; 2 only on day 31."""
    visits = """
        source | visit_id | ticket_id | visit_no | dispatched_at    | finished_at      | result | fault_code
        sample | 1        | 1         | 1        | 2025-03-03 03:00 | 2025-03-04 03:00 | fixed  | F1
        sample | 2        | 1         | 2        | 2025-04-02 03:00 | 2025-04-04 04:00 | fixed  | F1
        sample | 3        | 2         | 1        | 2025-03-03 03:00 | 2025-03-04 03:00 | fixed  | F1
        sample | 4        | 2         | 2        | 2025-04-03 03:01 | 2025-04-04 04:00 | fixed  | F1
        sample | 5        | 3         | 1        | 2025-03-20 03:00 | 2025-03-21 03:00 | fixed  | F9
        sample | 6        | 4         | 1        | 2025-03-20 03:00 | 2025-03-21 03:00 | fixed  | F9
    """
    found = first_visits(run_model, REPAIRS, visits)
    assert found["sample:1"] == (True, False, False)
    assert found["sample:2"] == (False, False, True)


def test_a_repair_is_repeated_by_any_fault_of_the_new_ticket(run_model: RunModel) -> None:
    """The new ticket on A1 was diagnosed twice, F1 then F9; that on A2 is another fault altogether."""
    visits = """
        source | visit_id | ticket_id | visit_no | dispatched_at    | finished_at      | result    | fault_code
        sample | 1        | 1         | 1        | 2025-03-03 03:00 | 2025-03-04 03:00 | fixed     | F1
        sample | 2        | 2         | 1        | 2025-03-03 03:00 | 2025-03-04 03:00 | fixed     | F1
        sample | 3        | 3         | 1        | 2025-03-20 03:00 | 2025-03-21 03:00 | not_fixed | F1
        sample | 4        | 3         | 2        | 2025-03-22 03:00 | 2025-03-23 03:00 | fixed     | F9
        sample | 5        | 4         | 1        | 2025-03-20 03:00 | 2025-03-21 03:00 | fixed     | F9
    """
    found = first_visits(run_model, REPAIRS, visits)
    assert found["sample:1"] == (False, True, False)
    assert found["sample:2"] == (False, False, True)


def test_who_asks_for_service_is_still_a_customer(run_model: RunModel) -> None:
    """Gaps of 10, 10 and 20 days make tau 20. C2 last bought on 02-01 and called on 02-15; C3 never bought."""
    orders = """
        source | order_id | customer_id | ordered_at       | order_kind | status
        sample | 1        | C1          | 2025-01-01 02:00 | sale       | paid
        sample | 2        | C1          | 2025-01-11 02:00 | sale       | paid
        sample | 3        | C1          | 2025-01-21 02:00 | sale       | paid
        sample | 4        | C1          | 2025-02-10 02:00 | sale       | paid
        sample | 5        | C2          | 2025-02-01 02:00 | sale       | paid
    """
    tickets = """
        source | ticket_id | customer_id | channel | status | created_at       | is_spam
        sample | 1         | C2          | phone   | open   | 2025-02-15 02:00 |
        sample | 2         | C3          | phone   | open   | 2025-02-15 02:00 |
        sample | 3         | C1          | phone   | open   | 2025-02-20 02:00 | true
    """
    found = run_model(
        "core.fct_active_spans",
        {"raw.orders": orders, "raw.tickets": tickets},
        select="customer_key, cast(active_from as date)::varchar, cast(lost_at as date)::varchar",
    )
    assert found == [("sample:C1", "2025-01-01", "2025-03-02"), ("sample:C2", "2025-02-01", "2025-03-07")]


def test_a_recommendation_asked_for_right_after_a_ticket_is_no_net_promoter_score(run_model: RunModel) -> None:
    surveys = """
        source | survey_id | kind      | ticket_id | customer_id | sent_at          | responded_at
        sample | 1         | instant   | 1         | C1          | 2025-03-03 02:00 | 2025-03-03 03:00
        sample | 2         | nps       |           | C1          | 2025-03-03 02:00 | 2025-03-03 03:00
        sample | 3         | quarterly |           | C2          | 2025-03-03 02:00 | 2025-03-03 03:00
        sample | 4         |           |           | C3          | 2025-03-03 02:00 | 2025-03-03 03:00
        sample | 5         | nps       |           | C4          | 2025-03-03 02:00 |
    """
    answers = """
        source | survey_id | dimension | score
        sample | 1         | nps       | 0
        sample | 2         | nps       | 9
        sample | 3         | nps       | 6
        sample | 4         | nps       | 7
        sample | 5         | nps       | 10
    """
    found = run_model(
        "core.fct_survey_answers",
        {"raw.surveys": surveys, "raw.survey_answers": answers},
        select="survey_key, is_nps_answer, nps_points",
    )
    assert found == [
        ("sample:1", False, 0),
        ("sample:2", True, 1),
        ("sample:3", True, -1),
        ("sample:4", True, 0),
        ("sample:5", False, 0),
    ]


def test_of_several_ratings_the_last_one_counts_and_others_stay_as_they_are(run_model: RunModel) -> None:
    """1 and 2 rate one ticket, 3 another, 4 came too late to count; 5 and 6 are of one customer in one quarter."""
    surveys = """
        source | survey_id | kind      | ticket_id | customer_id | sent_at          | responded_at
        sample | 1         | instant   | 1         | C1          | 2025-03-03 02:00 | 2025-03-03 05:00
        sample | 2         | instant   | 1         | C1          | 2025-03-03 02:00 | 2025-03-03 04:00
        sample | 3         | instant   | 2         | C1          | 2025-03-03 02:00 | 2025-03-03 03:00
        sample | 4         | instant   | 1         | C1          | 2025-03-03 02:00 | 2025-03-13 03:00
        sample | 5         | quarterly |           | C2          | 2025-01-03 02:00 | 2025-01-03 03:00
        sample | 6         | quarterly |           | C2          | 2025-02-03 02:00 | 2025-02-03 03:00
    """
    answers = """
        source | survey_id | dimension | score
        sample | 1         | overall   | 2
        sample | 2         | overall   | 5
        sample | 2         | speed     | 4
        sample | 3         | overall   | 4
        sample | 4         | overall   | 1
        sample | 5         | overall   | 5
        sample | 6         | overall   | 3
    """
    found = run_model(
        "core.fct_survey_answers",
        {"raw.surveys": surveys, "raw.survey_answers": answers},
        select="survey_key, dimension, is_rated, is_rating, is_satisfied, is_relational_rating",
    )
    assert found == [
        ("sample:1", "overall", True, True, False, False),
        ("sample:2", "overall", False, False, False, False),
        ("sample:2", "speed", True, False, False, False),
        ("sample:3", "overall", True, True, True, False),
        ("sample:4", "overall", False, False, False, False),
        ("sample:5", "overall", False, False, False, False),
        ("sample:6", "overall", False, False, False, True),
    ]


def test_a_complaint_is_answered_on_the_ticket_that_its_own_was_merged_into(run_model: RunModel) -> None:
    tickets = """
        source | ticket_id | customer_id | channel | created_at       | merged_into
        sample | 1         | C1          | chat    | 2025-03-03 02:00 | 2
        sample | 2         | C1          | chat    | 2025-03-03 01:00 |
    """
    events = """
        source | ticket_id | event_seq | event_type | occurred_at      | actor_role | is_public
        sample | 2         | 1         | message    | 2025-03-03 02:30 | agent      | true
        sample | 2         | 2         | message    | 2025-03-03 03:30 | agent      | true
    """
    complaints = """
        source | complaint_id | ticket_id | customer_id | received_at
        sample | 1            | 1         | C1          | 2025-03-03 03:00
    """
    found = run_model(
        "core.fct_complaints",
        {"raw.tickets": tickets, "raw.ticket_events": events, "raw.complaints": complaints},
        select="complaint_id, cast(replied_at as varchar)",
    )
    assert found == [("1", "2025-03-03 03:30:00")]
