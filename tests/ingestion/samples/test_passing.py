"""What the samples tell of tickets that are passed on, of customers who are told, and of words that are heeded."""

from datetime import date, timedelta

import polars as pl
import pytest

pytestmark = pytest.mark.slow

Exports = dict[str, pl.DataFrame]
END = date(2026, 6, 30)
HALF_AN_HOUR = timedelta(minutes=30)
ACTS = ("message", "call", "notice", "status")


@pytest.fixture(scope="module")
def events(exports: Exports) -> pl.DataFrame:
    return exports["ticket_events"].with_columns(pl.col("event_seq").cast(pl.Int64)).sort("ticket_id", "event_seq")


@pytest.fixture(scope="module")
def moves(events: pl.DataFrame) -> pl.DataFrame:
    """Assignments to a team that did not have the ticket."""
    named = events.filter(pl.col("team").is_not_null())
    before = pl.col("team").shift(1).over("ticket_id")
    return named.with_columns(before=before).filter(pl.col("event_type") == "assigned", pl.col("team") != before)


def test_about_one_ticket_in_twelve_goes_to_another_team_and_some_come_back(
    exports: Exports, moves: pl.DataFrame
) -> None:
    assert 0.065 < moves["ticket_id"].n_unique() / len(exports["tickets"]) < 0.095
    twice = moves.group_by("ticket_id").len().filter(pl.col("len") > 1)
    assert 0.1 < len(twice) / moves["ticket_id"].n_unique() < 0.3


def test_a_team_that_got_a_ticket_acts_on_it_before_the_next_gets_it(
    events: pl.DataFrame, moves: pl.DataFrame
) -> None:
    got = moves.select("ticket_id", "team", since="event_seq", until=pl.col("event_seq").shift(-1).over("ticket_id"))
    acts = events.filter(pl.col("actor_role") == "agent", pl.col("event_type").is_in(ACTS))
    mine = got.join(acts, on=["ticket_id", "team"]).filter(
        pl.col("event_seq") > pl.col("since"), pl.col("event_seq") < pl.col("until").fill_null(10**9)
    )
    assert mine.select("ticket_id", "since").n_unique() > 0.9 * len(got)


def test_a_ticket_is_with_the_team_and_as_often_reassigned_as_its_history_says(
    exports: Exports, events: pl.DataFrame, moves: pl.DataFrame
) -> None:
    assigned = events.filter(pl.col("event_type") == "assigned").group_by("ticket_id").len("times")
    last = moves.group_by("ticket_id").agg(pl.col("team").last().alias("last_team"))
    both = exports["tickets"].join(assigned, on="ticket_id", how="left").join(last, on="ticket_id", how="left")
    assert both.filter(pl.col("last_team") != pl.col("team")).is_empty()
    again = (pl.col("times") - 1).fill_null(0)
    assert both.filter(pl.col("reassign_count").cast(pl.Int64) != again).is_empty()


def test_whoever_answered_the_call_gave_the_first_answer(exports: Exports, events: pl.DataFrame) -> None:
    public = events.filter(pl.col("actor_role") == "agent", pl.col("event_type") == "message", pl.col("is_public"))
    said = public.select("ticket_id", said_by="agent_id", answered_at="occurred_at")
    calls = exports["calls"].filter(pl.col("answered_at").is_not_null())
    both = calls.join(said, on=["ticket_id", "answered_at"], how="left")
    assert both.filter(pl.col("said_by").ne_missing(pl.col("agent_id"))).is_empty()


def test_most_escalations_are_taken_over_by_a_colleague_and_a_few_never(events: pl.DataFrame) -> None:
    acts = events.filter(pl.col("actor_role") == "agent", pl.col("event_type").is_in(ACTS))
    raised = events.filter(pl.col("event_type") == "escalated").select("ticket_id", since="event_seq")
    both = raised.join(acts, on="ticket_id")
    before = both.filter(pl.col("event_seq") < pl.col("since")).group_by("ticket_id").agg(pl.col("agent_id").last())
    after = both.filter(pl.col("event_seq") > pl.col("since")).join(before, on="ticket_id", suffix="_before")
    other = after.filter(pl.col("agent_id") != pl.col("agent_id_before"))
    assert 0.7 < other["ticket_id"].n_unique() / before.height < 0.95


def test_most_customers_are_told_of_a_visit_within_half_an_hour(exports: Exports, events: pl.DataFrame) -> None:
    notices = events.filter(pl.col("event_type") == "notice").select("ticket_id", told_at="occurred_at")
    for step in ("dispatched_at", "arrived_at", "finished_at"):
        visits = exports["visits"].filter(pl.col(step).is_not_null(), pl.col(step) < END - timedelta(days=1))
        both = visits.join(notices, on="ticket_id").filter(
            pl.col("told_at") >= pl.col(step), pl.col("told_at") <= pl.col(step) + HALF_AN_HOUR
        )
        assert 0.8 < both["visit_id"].n_unique() / len(visits) < 0.95
    assert set(events.filter(pl.col("event_type") == "notice")["actor_role"]) == {"system", "agent"}


def test_one_first_diagnosis_in_ten_is_not_the_fault_found(exports: Exports) -> None:
    known = exports["visits"].filter(pl.col("fault_code").is_not_null())
    is_right = known["diagnosis_code"].str.slice(1, 2) == known["fault_code"].str.slice(1, 2)
    assert 0.86 < is_right.mean() < 0.92


def test_two_in_three_low_scores_and_comments_are_followed_up_in_two_days(exports: Exports) -> None:
    answers = exports["survey_answers"].with_columns(pl.col("score").cast(pl.Int64))
    is_low = pl.when(pl.col("dimension") == "nps").then(pl.col("score") <= 6).otherwise(pl.col("score") <= 2)
    told = answers.filter(
        pl.col("dimension").is_in(["overall", "nps"]), is_low | pl.col("comment").is_not_null()
    )  # fmt: skip
    told = exports["surveys"].filter(pl.col("survey_id").is_in(told["survey_id"].implode()))
    told = told.filter(pl.col("responded_at") < END - timedelta(days=2))
    in_time = pl.col("followup_at") <= pl.col("responded_at") + timedelta(days=2)
    assert 0.6 < told.select(in_time.fill_null(value=False).mean()).item() < 0.7


def test_newcomers_solve_enough_to_be_rated_from_their_first_month(exports: Exports, events: pl.DataFrame) -> None:
    new = exports["staff"].filter(pl.col("role") == "agent", pl.col("hired_at") >= pl.lit(date(2024, 7, 1)))
    solved = events.filter(pl.col("status") == "solved", pl.col("actor_role") == "agent")
    both = solved.join(new, left_on="agent_id", right_on="staff_id")
    month = (pl.col("occurred_at") - pl.col("hired_at")).dt.total_days() // 30 + 1
    by_month = dict(both.group_by(month.alias("month")).len().iter_rows())
    assert min(by_month[1], by_month[3]) > 20 * len(new)
