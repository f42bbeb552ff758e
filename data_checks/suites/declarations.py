"""What must hold of every model: one entry a model, to be read like a table.

Every mart needs an entry here, or the gate stops. A core model without one is still checked for its grain.
Column names are those of sql/core and sql/marts; predicates and totals are DuckDB SQL.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field

# The slices every mart offers; a dimension nobody knows is 'unknown', never NULL.
SLICES = (
    *("source", "region", "area", "tier", "is_vip"),
    *("channel", "customer_type", "product", "product_group"),
)


@dataclass(frozen=True)
class Model:
    """The promises of one model, beyond the uniqueness of its grain, which it declares itself.

    Attributes:
        date: its business date: always there, within 2000 to 2029; "" where it has none.
        slices: of a mart; core models are checked for those of SLICES that they have.
        filled: columns that are never NULL; the slices it has come on top.
        counts: whole numbers, never NULL, never negative.
        ranges: column -> lowest and highest legal value; NULL is legal.
        parts: (part, whole) of counts: part <= whole in every row.
        sums: whole -> counts that add up to it in every row.
        implies: (flag, flag): where the first is true the second is too, as a numerator lies in its denominator.
        totals: measure -> a SELECT of one number over the facts that its sum over the whole mart must equal; the
            measure "rows" is their number.
        never: name -> predicate that no row may satisfy; a name that is a code of sql/checks speaks in its words.
    """

    date: str = "date"
    slices: tuple[str, ...] = SLICES
    filled: tuple[str, ...] = ()
    counts: tuple[str, ...] = ()
    ranges: Mapping[str, tuple[float, float | None]] = field(default_factory=dict)
    parts: tuple[tuple[str, str], ...] = ()
    sums: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    implies: tuple[tuple[str, str], ...] = ()
    totals: Mapping[str, str] = field(default_factory=dict)
    never: Mapping[str, str] = field(default_factory=dict)


def _count(fact: str, where: str = "true") -> str:
    return f"select count(*) from core.{fact} where {where}"


def _promise(metric: str) -> dict[str, str]:
    """The counts of an SLA promise, each with the facts it must equal."""
    state, due = f"{metric}_state", "('met', 'breached', 'breached_open')"
    return {
        f"{metric}_met_count": _count("fct_tickets", f"{state} = 'met'"),
        f"{metric}_breached_count": _count("fct_tickets", f"{state} = 'breached'"),
        f"{metric}_open_breach_count": _count("fct_tickets", f"{state} = 'breached_open'"),
        f"{metric}_not_due_count": _count("fct_tickets", f"{state} = 'not_due'"),
        f"{metric}_no_policy_count": _count("fct_tickets", f"{state} = 'no_policy'"),
        f"{metric}_due_count": _count("fct_tickets", f"{state} in {due}"),
    }


PROMISES = {**_promise("response"), **_promise("resolution")}

# The steps of a repair after it was reported: a step may be skipped, so each is only part of the whole.
CHAIN = ("dispatched", "arrived", "repaired", "accepted", "followed_up")

FACTS: Mapping[str, Model] = {
    "core.fct_tickets": Model(
        date="created_date",
        filled=("ticket_key", "created_at", "status", "is_counted", "response_state", "resolution_state"),
        ranges={
            "response_calendar_seconds": (0, None),
            "response_business_seconds": (0, None),
            "resolution_calendar_seconds": (0, None),
            "resolution_business_seconds": (0, None),
        },
        implies=(
            ("is_response_expected", "is_counted"),
            ("is_resolution_expected", "is_counted"),
            ("is_first_solved", "is_counted"),
            ("is_reopen_matured", "is_first_solved"),
        ),
        never={"open and resolved at once": "is_open and is_resolved"},
    ),
    "core.fct_ticket_outcomes": Model(
        date="created_date",
        filled=("ticket_key",),
        implies=(
            ("is_reopened", "is_solved_matured"),
            ("is_solved_within_24h", "is_24h_matured"),
            ("is_first_contact_resolved", "is_contact_matured"),
        ),
        totals={"rows": _count("fct_tickets")},
    ),
    "core.fct_repair_chains": Model(
        date="created_date",
        filled=("ticket_key",),
        ranges={"cycle_seconds": (0, None), "customer_pending_seconds": (0, None)},
        implies=(
            ("is_dispatched_in_time", "is_dispatched"),
            ("is_chain_kept", "is_chain_matured"),
            ("is_cycle_ended", "has_cycle"),
            ("is_customer_pending_known", "is_cycle_ended"),
            ("is_followed_up_within_72h", "is_follow_up_due"),
            ("is_progress_told", "is_progress_due"),
        ),
        totals={"rows": _count("fct_tickets", "kind = 'repair' and is_counted")},
    ),
    "core.fct_visits": Model(
        date="created_date",
        filled=("visit_key", "ticket_key", "visit_no", "result", "fault_code"),
        ranges={"visit_no": (1, None), "arrival_seconds": (0, None)},
        implies=(("is_on_time", "is_window_due"), ("is_diagnosis_right", "is_diagnosed")),
    ),
    "core.fct_repair_stages": Model(
        date="created_date",
        filled=("ticket_key", "stage"),
        ranges={"stage_seconds": (0, None)},
        implies=(("is_within", "is_due"), ("is_due", "is_timed")),
    ),
    "core.fct_ticket_waits": Model(
        date="created_date",
        filled=("ticket_key", "wait_kind", "started_at", "ended_at", "business_seconds"),
        ranges={"calendar_seconds": (0, None), "business_seconds": (0, None)},
    ),
    "core.fct_ticket_handling": Model(
        date="created_date",
        filled=("ticket_key",),
        counts=("team_change_count", "unowned_seconds", "step_count"),
        implies=(("is_one_stop", "is_one_stop_known"), ("is_one_stop_known", "is_team_known")),
        totals={"rows": _count("fct_tickets", "is_counted and (is_open or is_resolved)")},
    ),
    "core.fct_complaint_exposure": Model(
        filled=("row_kind", "unit_key"),
        counts=("complaint_count", "ticket_count", "customer_count"),
        totals={"complaint_count": _count("fct_complaints", "is_counted")},
    ),
    "core.fct_first_visits": Model(
        date="created_date",
        filled=("ticket_key", "result", "fault_code"),
        implies=(("is_fixed_first", "is_matured"), ("is_repair_repeated", "is_repair_matured")),
    ),
    "core.fct_complaints": Model(
        date="received_date",
        filled=("complaint_key", "received_at", "grade", "reason", "is_open", "is_counted"),
        ranges={"cycle_seconds": (0, None)},
        implies=(
            ("is_withdrawn", "is_counted"),
            ("is_settled", "is_closure_matured"),
            ("is_closed", "is_closed_matured"),
            ("is_within_24h", "is_24h_due"),
            ("is_plan_within_48h", "is_plan_due"),
            ("is_first_owner_kept", "is_owner_known"),
            ("is_graded_within_1h", "is_grading_due"),
            ("is_replied_within_1h", "is_reply_due"),
            ("is_record_complete", "is_ended"),
        ),
        never={"open and resolved at once": "is_open and is_resolved"},
    ),
    # A survey whose sending is not recorded has no sent_date: the mart leaves it out.
    "core.fct_surveys": Model(date="", filled=("survey_key", "kind", "is_sent")),
    "core.fct_survey_answers": Model(
        date="",
        filled=("survey_key", "dimension", "score"),
        implies=(("is_satisfied", "is_rating"), ("is_rating", "is_rated")),
        never={
            "a rating off the scale of 1 to 5": "is_rated and (score < 1 or score > 5)",
            "an NPS answer off the scale of 0 to 10": "is_nps_answer and (score < 0 or score > 10)",
        },
    ),
    # No lower bound on amounts: an order known by its lines alone may consist of returns.
    "core.fct_orders": Model(
        date="ordered_date", filled=("order_key", "currency", "order_kind", "status", "is_purchase")
    ),
    "core.fct_first_orders": Model(date="index_date", filled=("customer_key", "is_repeated")),
    "core.fct_customer_months": Model(
        date="month_start",
        filled=("customer_key", "is_lost"),
        ranges={"seconds_to_loss": (0, None)},
        never={"a month that does not begin on its first day": "day(month_start) <> 1"},
    ),
    "core.fct_customer_statuses": Model(
        date="status_date",
        filled=("customer_key", "is_customer", "points_balance"),
        ranges={"order_count": (0, None), "ticket_count": (0, None), "meeting_due_count": (0, 2)},
        implies=(("is_referred", "is_new"), ("is_enrolled", "is_customer"), ("is_participant_365d", "is_customer")),
    ),
    "core.fct_service_experiences": Model(date="happened_date", filled=("experience_key", "kind", "is_bad")),
    # Planned and never held, without a plan: neither has both dates.
    "core.fct_interactions": Model(
        date="",
        filled=("interaction_key", "kind", "is_held"),
        implies=(
            ("is_inspection_on_time", "is_inspection_due"),
            ("is_followup_on_time", "is_followup_due"),
            ("is_coupon_used_30d", "is_coupon_given"),
        ),
    ),
    "core.fct_points": Model(date="occurred_date", filled=("entry_key", "reason", "points")),
    "core.dim_customer_ids": Model(
        date="", filled=("customer_key", "is_endless"), never={"endless_customer_link": "is_endless"}
    ),
    "core.fct_customer_comparisons": Model(
        date="", filled=("customer_key", "believed_source", "believed_value", "other_value", "is_different")
    ),
    "core.dim_customers": Model(date="", filled=("customer_key", "customer_type", "tier_now")),
    "core.dim_products": Model(date="", filled=("product_key", "product", "product_group")),
}

MARTS: Mapping[str, Model] = {
    "marts.mart_tickets_daily": Model(
        counts=("ticket_count", "excluded_count", *PROMISES, "out_of_hours_count", "unanswered_count"),
        parts=(
            ("response_due_count", "ticket_count"),
            ("resolution_due_count", "ticket_count"),
            ("out_of_hours_count", "ticket_count"),
            ("unanswered_count", "ticket_count"),
        ),
        sums={
            f"{metric}_due_count": tuple(f"{metric}_{part}_count" for part in ("met", "breached", "open_breach"))
            for metric in ("response", "resolution")
        },
        totals={
            "ticket_count": _count("fct_tickets", "is_counted"),
            "excluded_count": _count("fct_tickets", "not is_counted"),
            **PROMISES,
        },
    ),
    "marts.mart_ticket_outcomes_daily": Model(
        counts=(
            *("solved_matured_count", "solve_maturing_count", "reopened_count"),
            *("within_24h_matured_count", "within_24h_maturing_count", "solved_within_24h_count"),
            *("contact_matured_count", "contact_maturing_count", "first_contact_resolved_count"),
        ),
        parts=(
            ("reopened_count", "solved_matured_count"),
            ("solved_within_24h_count", "within_24h_matured_count"),
            ("first_contact_resolved_count", "contact_matured_count"),
            ("contact_matured_count", "solved_matured_count"),
        ),
        totals={
            "solved_matured_count": _count("fct_tickets", "is_reopen_matured"),
            "reopened_count": _count("fct_tickets", "is_reopen_matured and is_reopened_within_7d"),
            "solved_within_24h_count": _count("fct_ticket_outcomes", "is_solved_within_24h"),
            "first_contact_resolved_count": _count("fct_ticket_outcomes", "is_first_contact_resolved"),
        },
    ),
    "marts.mart_arrivals_hourly": Model(
        filled=("weekday", "hour"),
        counts=("ticket_count", "response_met_count", "response_due_count"),
        ranges={"weekday": (1, 7), "hour": (0, 23)},
        parts=(("response_met_count", "response_due_count"), ("response_due_count", "ticket_count")),
        totals={
            "ticket_count": _count("fct_tickets", "is_counted"),
            "response_met_count": PROMISES["response_met_count"],
            "response_due_count": PROMISES["response_due_count"],
        },
    ),
    "marts.mart_backlog_daily": Model(counts=("open_count",)),
    "marts.mart_repair_chain": Model(
        counts=(
            *("reported_count", *(f"{step}_count" for step in CHAIN)),
            *("dispatch_due_count", "dispatched_in_time_count", "dispatch_waiting_count"),
        ),
        parts=(
            *((f"{step}_count", "reported_count") for step in CHAIN),
            ("dispatched_in_time_count", "dispatch_due_count"),
            ("dispatch_due_count", "reported_count"),
        ),
        totals={
            "reported_count": _count("fct_repair_chains"),
            **{f"{step}_count": _count("fct_repair_chains", f"is_{step}") for step in CHAIN},
        },
    ),
    "marts.mart_visit_results": Model(
        filled=("result", "fault_code", "visit_no_group"),
        counts=("visit_count",),
        totals={"visit_count": _count("fct_visits", "is_counted")},
        never={"a group of visits nobody declared": "visit_no_group not in ('first', 'later')"},
    ),
    "marts.mart_first_visits_daily": Model(
        filled=("result", "fault_code"),
        counts=(
            *("first_visit_count", "first_matured_count", "first_maturing_count", "first_fixed_count"),
            *("repair_matured_count", "repair_maturing_count", "repair_repeated_count"),
        ),
        parts=(
            ("first_fixed_count", "first_matured_count"),
            ("repair_repeated_count", "repair_matured_count"),
            ("repair_matured_count", "first_matured_count"),
        ),
        sums={"first_visit_count": ("first_matured_count", "first_maturing_count")},
        totals={
            "first_visit_count": _count("fct_first_visits"),
            "first_fixed_count": _count("fct_first_visits", "is_fixed_first"),
            "repair_repeated_count": _count("fct_first_visits", "is_repair_repeated"),
        },
    ),
    "marts.mart_complaints_daily": Model(
        filled=("grade", "reason"),
        counts=(
            *("complaint_count", "repeated_within_day_count", "open_count"),
            *("withdrawn_count", "recomplaint_count"),
            *("closure_matured_count", "closure_maturing_count", "settled_count", "settled_by_silence_count"),
            *("closed_matured_count", "closed_maturing_count", "closed_count"),
            *("within_24h_due_count", "within_24h_waiting_count", "within_24h_count"),
            *("plan_due_count", "plan_waiting_count", "plan_within_48h_count"),
        ),
        parts=(
            ("settled_count", "closure_matured_count"),
            ("settled_by_silence_count", "settled_count"),
            ("closed_count", "closed_matured_count"),
            ("within_24h_count", "within_24h_due_count"),
            ("plan_within_48h_count", "plan_due_count"),
            ("open_count", "complaint_count"),
            ("withdrawn_count", "complaint_count"),
            ("recomplaint_count", "complaint_count"),
        ),
        sums={"complaint_count": ("closure_matured_count", "closure_maturing_count")},
        totals={
            "complaint_count": _count("fct_complaints", "is_counted"),
            "settled_count": _count("fct_complaints", "is_settled"),
            "closed_count": _count("fct_complaints", "is_closed"),
            "within_24h_count": _count("fct_complaints", "is_within_24h"),
            "plan_within_48h_count": _count("fct_complaints", "is_plan_within_48h"),
        },
    ),
    "marts.mart_surveys_daily": Model(
        filled=("kind",),
        counts=(
            *("sent_count", "answered_count"),
            *("matured_count", "maturing_count", "matured_answered_count"),
            *("instant_matured_count", "instant_maturing_count", "instant_answered_count"),
        ),
        parts=(
            ("answered_count", "sent_count"),
            ("matured_answered_count", "matured_count"),
            ("instant_matured_count", "matured_count"),
            ("instant_answered_count", "instant_matured_count"),
        ),
        sums={"sent_count": ("matured_count", "maturing_count")},
        totals={"sent_count": _count("fct_surveys", "is_sent")},
    ),
    "marts.mart_survey_scores": Model(
        filled=("kind", "dimension", "score"),
        counts=(
            *("answer_count", "rating_count", "satisfied_count"),
            *("nps_count", "promoter_count", "detractor_count"),
        ),
        ranges={"score": (0, 10)},
        parts=(
            ("satisfied_count", "rating_count"),
            ("rating_count", "answer_count"),
            ("nps_count", "answer_count"),
            ("promoter_count", "nps_count"),
            ("detractor_count", "nps_count"),
        ),
        totals={
            "rating_count": _count("fct_survey_answers", "is_rating"),
            "nps_count": _count("fct_survey_answers", "is_nps_answer"),
        },
    ),
    "marts.mart_orders_daily": Model(
        filled=("currency", "order_kind", "status", "purchase_amount"),
        counts=("order_count", "purchase_count"),
        parts=(("purchase_count", "order_count"),),
        totals={
            "order_count": _count("fct_orders"),
            "purchase_count": _count("fct_orders", "is_purchase"),
            # One currency or many, every amount of the facts arrives.
            "purchase_amount": "select coalesce(sum(amount), 0) from core.fct_orders where is_purchase",
        },
    ),
    "marts.mart_repurchase_cohorts": Model(
        filled=("months_since",),
        counts=("customer_count", "repeat_count"),
        ranges={"months_since": (0, 24)},
        totals={"customer_count": _count("fct_first_orders", "is_observed")},
        never={
            "customers counted again in a later month": "months_since > 0 and customer_count > 0",
            "a cohort that does not begin a month": "day(date) <> 1",
        },
    ),
    "marts.mart_customer_months": Model(
        counts=("customer_count", "lost_later_count"),
        parts=(("lost_later_count", "customer_count"),),
        totals={"customer_count": _count("fct_customer_months")},
    ),
    "marts.mart_tier_moves": Model(filled=("tier_from", "tier_to"), counts=("customer_count",)),
    "marts.mart_dimensions": Model(date="", slices=(), filled=("dimension", "value"), counts=("unit_count",)),
}
