"""The rules of sql/checks: every code has words, every predicate runs, and each finds what it is named after."""

import re
import subprocess
import sys
from collections.abc import Callable
from typing import Any

import duckdb
import pytest

from data_checks import rules as module
from data_checks.contract import ORPHAN_CODES, datasets
from data_checks.rules import Rule, RuleInvalid, row_rules, rules

CODES_BY_KIND = {
    "file": "empty_file no_rows wrong_format corrupt_gzip corrupt_zip missing_column duplicate_column unreadable "
    "bad_encoding_file too_many_held_back mostly_held_back accuracy_below_target mapping_invalid",
    "record": "ragged_row unclosed_quote bad_encoding bad_json duplicate_key cell_error",
    "cast": "bad_id bad_number bad_datetime bad_date bad_bool nonexistent_time missing_value "
    "unknown_tier unknown_status unknown_channel unknown_priority",
    "key": "duplicate_conflict",
    "reference": "orphan_customer orphan_ticket orphan_survey orphan_order",
    "row": "closed_before_created resolved_before_created response_before_created future_date negative_amount "
    "score_out_of_scale negative_count",
}

ALL_ROW_RULES = [rule for name in datasets() for rule in row_rules(name)]


@pytest.mark.parametrize(("kind", "codes"), CODES_BY_KIND.items())
def test_every_code_a_loader_may_give_is_defined(kind: str, codes: str) -> None:
    assert {code: rules()[code].kind for code in codes.split()} == dict.fromkeys(codes.split(), kind)


@pytest.mark.parametrize("rule", rules().values(), ids=lambda rule: rule.code)
def test_words_stand_in_both_languages(rule: Rule) -> None:
    for words in (rule.label, rule.advice):
        assert re.search(r"[\u4e00-\u9fff]", words["zh"])
        assert not re.search(r"[\u4e00-\u9fff]", words["en"].replace("是/否", ""))
        assert "{" not in words["zh"] + words["en"]
    assert rule.advice["zh"].endswith("。")
    assert rule.advice["en"].endswith(".")


def test_every_listed_value_and_every_reference_has_a_code() -> None:
    listed = {column.name for dataset in datasets().values() for column in dataset.columns if column.values}
    assert {f"unknown_{column}" for column in listed} <= set(rules())
    assert set(ORPHAN_CODES.values()) <= set(rules())


@pytest.mark.parametrize("rule", ALL_ROW_RULES, ids=lambda rule: f"{rule.dataset}.{rule.name}")
def test_a_predicate_runs_on_typed_columns_and_lets_a_blank_row_pass(rule: Rule) -> None:
    assert judge(rule, {}) is not True


PLANTED: list[tuple[str, dict[str, Any], set[str]]] = [
    ("tickets", {"created_at": "2025-06-02", "closed_at": "2025-06-01"}, {"closed_before_created.closed_at"}),
    ("tickets", {"created_at": "2025-06-02", "closed_at": "2025-06-02"}, set()),
    ("tickets", {"created_at": "2025-07-02"}, {"future_date.created_at"}),
    ("tickets", {"response_due_at": "2025-08-01"}, set()),
    ("tickets", {"reopen_count": -1}, {"negative_count.reopen_count"}),
    ("tickets", {"csat_score": 0}, {"score_out_of_scale.csat_score"}),
    ("tickets", {"csat_score": 5}, set()),
    ("orders", {"amount": "-0.01"}, {"negative_amount.amount"}),
    ("orders", {"ordered_at": "2025-06-02", "paid_at": "2025-06-01"}, {"paid_before_ordered.paid_at"}),
    ("order_items", {"amount": -5, "quantity": -1}, {"negative_amount.amount", "negative_quantity.quantity"}),
    ("survey_answers", {"dimension": "nps", "score": 0}, set()),
    ("survey_answers", {"dimension": "nps", "score": 11}, {"score_out_of_scale.score"}),
    ("survey_answers", {"dimension": "overall", "score": 6}, {"score_out_of_scale.score"}),
    ("survey_answers", {"dimension": "overall", "score": 6, "scale_min": 1, "scale_max": 7}, set()),
    ("survey_answers", {"scale_min": 5, "scale_max": 5}, {"bad_scale.scale_min"}),
    ("visits", {"visit_no": 0}, {"visit_no_below_one.visit_no"}),
    ("visits", {"dispatched_at": "2025-06-02", "arrived_at": "2025-06-01"}, {"arrived_before_dispatched.arrived_at"}),
    ("visits", {"arrived_at": "2025-06-02", "finished_at": "2025-06-01"}, {"finished_before_arrived.finished_at"}),
    ("visits", {"finished_at": "2025-06-02", "accepted_at": "2025-06-01"}, {"accepted_before_finished.accepted_at"}),
    ("complaints", {"received_at": "2025-06-02", "resolved_at": "2025-06-01"},
     {"resolved_before_received.resolved_at"}),
    ("surveys", {"sent_at": "2025-06-02", "responded_at": "2025-06-01"}, {"responded_before_sent.responded_at"}),
    ("products", {"warranty_months": -1}, {"negative_duration.warranty_months"}),
    ("customer_tier_history", {"valid_from": "2025-06-02", "valid_to": "2025-06-01"},
     {"valid_to_before_valid_from.valid_to"}),
    ("points_ledger", {"reason": "redeem", "points": 10}, {"points_against_reason.points"}),
    ("points_ledger", {"reason": "redeem", "points": -10}, set()),
    ("calls", {"queued_at": "2025-06-02", "answered_at": "2025-06-01"}, {"answered_before_queued.answered_at"}),
    ("calls", {"queued_at": "2025-06-02", "abandoned_at": "2025-06-01"}, {"abandoned_before_queued.abandoned_at"}),
    ("calls", {"queued_at": "2025-06-02", "answered_at": "2025-06-02", "abandoned_at": None}, set()),
    ("chat_sessions", {"started_at": "2025-06-02", "human_requested_at": "2025-06-01"},
     {"human_requested_before_started.human_requested_at"}),
    ("chat_sessions", {"started_at": "2025-06-02", "agent_first_message_at": "2025-06-01"},
     {"agent_message_before_started.agent_first_message_at"}),
    ("chat_sessions", {"started_at": "2025-06-01", "human_requested_at": "2025-06-01",
     "agent_first_message_at": "2025-06-01", "ended_at": "2025-06-01"}, set()),
    ("chat_sessions", {"started_at": "2025-06-02", "ended_at": "2025-06-01"}, {"ended_before_started.ended_at"}),
    ("interactions", {"due_at": "2025-06-01", "occurred_at": "2025-07-01"}, {"future_date.occurred_at"}),
    ("interactions", {"due_at": "2025-08-01"}, set()),
    ("interactions", {"occurred_at": "2025-06-02", "coupon_used_at": "2025-06-01"},
     {"coupon_used_before_given.coupon_used_at"}),
    ("interactions", {"occurred_at": "2025-06-02", "coupon_used_at": "2025-06-02"}, set()),
    ("staff", {"hired_at": "2025-06-02", "left_at": "2025-06-01"}, {"left_before_hired.left_at"}),
    ("staff", {"experience_years": "-0.5"}, {"negative_duration.experience_years"}),
    ("staff_assessments", {"score": -1}, {"score_out_of_scale.score"}),
    ("staff_assessments", {"score": 0, "assessed_at": "2025-06-30"}, set()),
    ("training", {"done_at": "2025-07-01"}, {"future_date.done_at"}),
    ("roster", {"shift_start_at": "2025-06-02", "shift_end_at": "2025-06-01"},
     {"shift_end_before_start.shift_end_at"}),
    ("roster", {"shift_start_at": "2025-08-01", "shift_end_at": "2025-08-02"}, set()),
    ("parts_usage", {"requested_at": "2025-06-02", "issued_at": "2025-06-01"}, {"issued_before_requested.issued_at"}),
    ("replacements", {"approved_at": "2025-06-02", "delivered_at": "2025-06-01"},
     {"delivered_before_approved.delivered_at"}),
    ("replacements", {"approved_at": "2025-07-01"}, {"future_date.approved_at"}),
    ("iot_alerts", {"raised_at": "2025-07-01"}, {"future_date.raised_at"}),
    ("knowledge_articles", {"created_at": "2025-06-02", "updated_at": "2025-06-01"},
     {"revised_before_written.updated_at"}),
    ("knowledge_articles", {"created_at": "2025-07-01", "views": -1},
     {"future_date.created_at", "negative_count.views"}),
    ("qa_reviews", {"score": -1}, {"score_out_of_scale.score"}),
    ("benchmarks", {"kpi": "csat", "value": 85}, {"score_out_of_scale.value"}),
    ("benchmarks", {"kpi": "first_response_time", "value": 85}, set()),
    ("social_mentions", {"occurred_at": "2025-06-02", "answered_at": "2025-06-01"},
     {"mention_answered_before_posted.answered_at"}),
    ("pain_points", {"opened_at": "2025-06-02", "due_at": "2025-06-01"}, {"pain_point_due_before_opened.due_at"}),
    ("pain_points", {"opened_at": "2025-06-02", "effective_at": "2025-06-01"},
     {"pain_point_effective_before_opened.effective_at"}),
    ("pain_points", {"opened_at": "2025-06-02", "closed_at": "2025-06-01"},
     {"pain_point_closed_before_opened.closed_at"}),
    ("pain_points", {"opened_at": "2025-06-02", "due_at": "2025-08-01", "effective_at": "2025-08-01"}, set()),
    ("pain_points", {"opened_at": "2025-07-01"}, {"future_date.opened_at"}),
    ("pilots", {"started_at": "2025-06-02", "ended_at": "2025-06-01"}, {"pilot_ended_before_started.ended_at"}),
    ("pilots", {"started_at": "2025-06-02", "ended_at": "2025-08-01"}, set()),
]  # fmt: skip


@pytest.mark.parametrize(("dataset", "row", "expected"), PLANTED)
def test_a_planted_fault_is_found_by_its_rule_alone(dataset: str, row: dict[str, Any], expected: set[str]) -> None:
    assert {rule.name for rule in row_rules(dataset) if judge(rule, row)} == expected


def test_severity_follows_the_dataset_where_it_says_so() -> None:
    severity = {rule.dataset: rule.severity for rule in ALL_ROW_RULES if rule.code == "negative_amount"}
    assert severity == {"orders": "quarantine", "order_items": "flag"}


def test_time_order_rules_name_the_later_instant_first() -> None:
    for rule in ALL_ROW_RULES:
        if rule.time_order:
            offender, before = rule.columns
            assert rule.fails_when == f"{offender} < {before}"
            assert not datasets()[rule.dataset].column(offender).required, "it becomes NULL where a source says so"


@pytest.mark.parametrize(
    ("entry", "message"),
    [
        ('kind = "row"', "bad.toml: planted: 'severity'"),
        ('kind = "no"\nseverity = "stop"\n{words}', "no such kind"),
        ('kind = "row"\nseverity = "flag"\n{words}[[planted.on]]\ndataset = "tickets"\ncolumns = ["x"]', "tickets.x"),
    ],
)  # fmt: skip
def test_a_malformed_entry_names_file_and_code(
    tmp_path: Any, monkeypatch: pytest.MonkeyPatch, entry: str, message: str
) -> None:
    words = 'label = { zh = "甲", en = "a" }\nadvice = { zh = "甲", en = "a" }\n'
    (tmp_path / "checks").mkdir()
    (tmp_path / "checks" / "bad.toml").write_text("[planted]\n" + entry.format(words=words), encoding="utf-8")
    monkeypatch.setattr(module, "SQL", tmp_path)
    fresh: Callable[[], Any] = module._all_rules.__wrapped__
    with pytest.raises(RuleInvalid, match=message):
        fresh()


def test_rules_gate_and_contract_never_import_great_expectations() -> None:
    script = """
import sys
import data_checks.contract, data_checks.gate, data_checks.rules, data_checks.suites.declarations
data_checks.rules.rules(), data_checks.rules.row_rules("tickets"), data_checks.contract.datasets()
data_checks.gate.GateResult("exports", ()).verdict
print([name for name in sys.modules if name.startswith(("great_expectations", "sqlalchemy", "pandas"))])
"""
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True, timeout=60)
    assert done.stdout.strip() == "[]"


def judge(rule: Rule, row: dict[str, Any]) -> bool | None:
    """What the predicate says of one typed row, at the end of June 2025."""
    columns = datasets()[rule.dataset].columns
    typed = ", ".join(f"cast(? as {column.duckdb_type}) as {column.name}" for column in columns)
    query = f"select {rule.fails_when} from (select {typed}, timestamp '2025-06-30' as as_of_limit)"
    answer = duckdb.connect().execute(query, [row.get(column.name) for column in columns]).fetchone()
    assert answer is not None
    verdict: bool | None = answer[0]
    return verdict
