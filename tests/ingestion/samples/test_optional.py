"""The optional sample exports: they tell of the same people and the same work as the core ones."""

from datetime import date, timedelta

import polars as pl
import pytest

from data_checks.contract import SQL
from ingestion.samples.handbook import IN_ITS_FLOW
from ingestion.samples.stories import draw_stories
from ingestion.samples.tickets import AGENTS_PER_TEAM, TEAMS
from ingestion.samples.write import DEFAULT_SEED

pytestmark = pytest.mark.slow

Exports = dict[str, pl.DataFrame]
UNTIL = date(2026, 6, 30)


def test_nobody_works_before_being_hired_or_after_leaving(exports: Exports) -> None:
    staff = exports["staff"].select("staff_id", "hired_at", "left_at")
    work = [
        exports["ticket_events"].select(staff_id="agent_id", at="occurred_at"),
        exports["tickets"].select(staff_id="agent_id", at="created_at"),
        exports["visits"].select(staff_id="engineer_id", at="dispatched_at"),
        exports["roster"].select("staff_id", at="shift_start_at"),
        exports["training"].select("staff_id", at="done_at"),
        exports["staff_assessments"].select("staff_id", at="assessed_at"),
    ]
    for done in work:
        both = done.drop_nulls().join(staff, on="staff_id", how="left", validate="m:1")
        assert both["hired_at"].null_count() == 0
        last_day = pl.col("left_at") + timedelta(days=1)
        assert both.filter((pl.col("at") < pl.col("hired_at")) | (pl.col("at") >= last_day)).is_empty()


def test_some_people_are_new_and_some_have_left(exports: Exports) -> None:
    front = exports["staff"].filter(pl.col("role") == "agent")
    assert len(front.filter(pl.col("left_at").is_null())) == len(TEAMS) * AGENTS_PER_TEAM
    new = front.filter(pl.col("hired_at") >= pl.lit(date(2024, 7, 1)))
    assert 8 <= len(new) <= 35
    assert len(front.filter(pl.col("left_at").is_not_null())) == len(new)


def test_every_customer_with_an_account_manager_finds_them_on_the_staff(exports: Exports) -> None:
    managers = exports["staff"].filter(pl.col("role") == "account_manager")["staff_id"]
    assert set(exports["customers"]["account_manager_id"].drop_nulls()) <= set(managers)


def test_an_answered_call_is_the_answer_of_its_ticket(exports: Exports) -> None:
    answered = exports["calls"].filter(pl.col("answered_at").is_not_null())
    both = answered.join(exports["tickets"], on="ticket_id", validate="1:1")
    assert len(both) == len(answered) > 0
    assert (both["channel"] == "phone").all()
    assert both.filter(pl.col("queued_at") != pl.col("created_at")).is_empty()
    assert both.filter(pl.col("answered_at") != pl.col("first_response_at")).is_empty()


def test_a_call_is_answered_given_up_or_settled_by_the_menu(exports: Exports) -> None:
    ways = exports["calls"].select(
        answered=pl.col("answered_at").is_not_null(),
        given_up=pl.col("abandoned_at").is_not_null(),
        menu=pl.col("is_ivr_contained") == "1",
    )
    # One caller may still be waiting when the export ends.
    assert ways.filter(pl.sum_horizontal("answered", "given_up", "menu") != 1).height <= 1
    assert ways.select(pl.all().any()).row(0) == (True, True, True)


def test_a_chat_with_a_person_is_the_answer_of_its_ticket(exports: Exports) -> None:
    both = exports["chat_sessions"].filter(pl.col("human_requested_at").is_not_null()).join(
        exports["tickets"], on="ticket_id", validate="1:1"
    )  # fmt: skip
    assert (both["channel"] == "chat").all()
    assert both.filter(pl.col("human_requested_at") != pl.col("created_at")).is_empty()
    replied = both.filter(pl.col("agent_first_message_at").is_not_null())
    assert replied.filter(pl.col("agent_first_message_at") != pl.col("first_response_at")).is_empty()
    assert set(replied["resolved_by"].drop_nulls()) == {"agent"}


def test_the_bot_settles_most_routine_questions(exports: Exports) -> None:
    routine = exports["chat_sessions"].filter(pl.col("is_routine"))
    assert 0.6 < (routine["resolved_by"] == "bot").mean() < 0.85


def test_agents_have_a_shift_on_most_days_on_which_they_work(exports: Exports) -> None:
    turns = timedelta(hours=6)
    events = exports["ticket_events"].filter(pl.col("actor_role") == "agent")
    worked = events.select(staff_id="agent_id", day=(pl.col("occurred_at") - turns).dt.date()).unique()
    shifts = exports["roster"].select("staff_id", day=(pl.col("shift_start_at") - turns).dt.date())
    assert not shifts.is_duplicated().any()
    assert len(worked.join(shifts, on=["staff_id", "day"])) > 0.85 * len(worked)
    assert len(shifts.join(worked, on=["staff_id", "day"])) > 0.88 * len(shifts)


def test_no_balance_of_points_is_ever_below_zero(exports: Exports) -> None:
    ledger = exports["points_ledger"].with_columns(pl.col("points").cast(pl.Int64))
    ledger = ledger.sort("customer_id", "occurred_at", pl.col("points") < 0)
    assert (ledger.select(pl.col("points").cum_sum().over("customer_id")).to_series() >= 0).all()
    assert set(ledger["reason"]) == {"purchase", "survey", "referral", "redeem", "expire", "adjust"}


def test_a_part_belongs_to_a_visit_and_is_there_before_the_next(exports: Exports) -> None:
    visits = exports["visits"].select("visit_id", "arrived_at", "finished_at", "result", real_ticket="ticket_id")
    parts = exports["parts_usage"].join(visits, on="visit_id", validate="1:1")
    assert len(parts) == len(exports["parts_usage"])
    assert (parts["ticket_id"] == parts["real_ticket"]).all()
    assert parts.filter(pl.col("requested_at") < pl.col("arrived_at")).is_empty()
    assert set(parts.filter(pl.col("result") == "waiting_part")["is_from_stock"]) == {"否"}


def test_alerts_come_from_connected_appliances_and_before_their_ticket(exports: Exports) -> None:
    alerts = exports["iot_alerts"].join(exports["assets"], on="asset_id", validate="m:1")
    assert (alerts["is_connected"] == "true").all()
    assert alerts.filter(pl.col("raised_at") < pl.col("sold_at")).is_empty()
    opened = alerts.filter(pl.col("ticket_id").is_not_null()).join(exports["tickets"], on="ticket_id")
    assert set(opened["opened_by"]) == {"alert"}
    assert opened.filter(pl.col("raised_at") > pl.col("created_at")).is_empty()
    assert alerts.filter(pl.col("is_false").fill_null(value=False), pl.col("ticket_id").is_not_null()).is_empty()


def test_a_replacement_follows_a_repair_of_the_same_unit(exports: Exports) -> None:
    both = exports["replacements"].join(exports["tickets"], on="ticket_id", validate="m:1")
    assert len(both) == len(exports["replacements"]) > 0
    assert (both["asset_id"] == both["asset_id_right"]).all()
    assert set(both["kind"]) == {"repair"}


def test_an_article_was_written_before_it_solved_a_ticket(exports: Exports) -> None:
    linked = exports["tickets"].filter(pl.col("knowledge_id").is_not_null())
    both = linked.join(exports["knowledge_articles"], left_on="knowledge_id", right_on="article_id")
    assert len(both) == len(linked) > 0.4 * len(exports["tickets"])
    assert both.filter(pl.col("created_at_right") > pl.col("resolved_at")).is_empty()


def test_tickets_mostly_follow_the_flow_the_policy_means(exports: Exports) -> None:
    types = exports["customers"].select("customer_id", "customer_type")
    tiers = exports["customer_tier_history"].select("customer_id", "valid_from", then="tier").sort("valid_from")
    tickets = exports["tickets"].filter(pl.col("flow_id").is_not_null(), pl.col("customer_id").is_not_null())
    tickets = tickets.join(types, on="customer_id").sort("created_at")
    tickets = tickets.join_asof(
        tiers, left_on="created_at", right_on="valid_from", by="customer_id", check_sortedness=False
    )
    suffix = pl.concat_str(
        pl.when(pl.col("customer_type") == "business").then(pl.lit("B")).otherwise(pl.lit("")),
        pl.when(pl.col("then") == "vip").then(pl.lit("VIP")).otherwise(pl.lit("")),
    )
    ending = pl.when((suffix == "") | (pl.col("scene") == "followup")).then(pl.lit("")).otherwise("-" + suffix)
    meant = tickets.with_columns(meant="F-" + pl.col("scene").str.to_uppercase() + ending)
    followed = meant.group_by("meant").agg(pl.len(), share=(pl.col("flow_id") == pl.col("meant")).mean())
    assert set(followed["meant"]) == set(pl.read_csv(SQL / "policies" / "flows.csv")["flow_id"])
    assert abs((meant["flow_id"] == meant["meant"]).mean() - IN_ITS_FLOW) < 0.005
    assert followed.filter(pl.col("len") > 200)["share"].min() > IN_ITS_FLOW - 0.04


def test_the_ledger_of_pain_points_speaks_of_people_who_work_here(exports: Exports) -> None:
    stories = draw_stories(DEFAULT_SEED, UNTIL)
    slow = exports["pain_points"].filter(pl.col("scope_value") == stories.slow_region).row(0, named=True)
    assert stories.slow_first <= slow["opened_at"].date() <= stories.slow_last
    assert {"open", "doing", "done", "dropped"} == set(exports["pain_points"]["status"])
    assert set(exports["pain_points"]["owner_id"].drop_nulls()) <= set(exports["staff"]["staff_id"])
