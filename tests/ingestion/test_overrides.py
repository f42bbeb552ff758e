"""A failed check that somebody accepts: for one run, on record, and never one that makes numbers wrong."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from data_checks import gate
from data_checks.rules import rules
from ingestion import overrides
from ingestion.errors import Finding
from ingestion.overrides import Acceptance
from ingestion.warehouse import records

if TYPE_CHECKING:
    from tests.ingestion.conftest import Shop

CHECK = "accuracy_below_target"
ACCEPTED = Acceptance((CHECK,), "The old system lost those days, see the minutes", "li")
RECORDED = "select code, subject, because, accepted_by, run_id from meta.overrides order by run_id, code, subject"


@pytest.fixture
def faulty(shop: Shop) -> Shop:
    """Twenty of six hundred tickets have no date: more than two in a hundred."""
    shop.tickets("0602", *((f"N{n}", "C001", "" if n < 20 else "2025-06-02 10:00:00") for n in range(600)))
    return shop


def codes(shop: Shop, severity: str) -> set[str]:
    outcome = records.read(shop.home)
    return {str(one["fields"].get("check", one["code"])) for one in outcome.findings if one["severity"] == severity}


def test_what_is_accepted_warns_and_stands_on_record(faulty: Shop) -> None:
    assert faulty.night().verdict == "stopped"
    assert codes(faulty, "stop") == {CHECK}
    outcome = faulty.night(accepted=ACCEPTED)
    assert (outcome.verdict, codes(faulty, "stop")) == ("published", set())
    assert CHECK in codes(faulty, "warn")
    assert faulty.ledger(RECORDED) == [(CHECK, "tickets-0602.csv", ACCEPTED.because, "li", outcome.run_id)]
    assert faulty.asked("select count(*) from core.fct_tickets") == [(582,)]
    assert faulty.asked("select count(*) from meta.overrides") == [(1,)]
    assert [one["code"] for one in records.read(faulty.home).overrides] == [CHECK]


def test_a_check_of_the_gate_is_accepted_by_its_own_code(shop: Shop) -> None:
    """Two files too small to be judged alone, which together are not."""
    for part in "ab":
        shop.tickets(part, *((f"{part}{n}", "C001", "" if n < 15 else "2025-06-02 10:00:00") for n in range(400)))
    assert shop.night().verdict == "stopped"
    assert codes(shop, "stop") == {"table_accuracy_below_target"}
    outcome = shop.night(accepted=Acceptance(("table_accuracy_below_target",), "a test", "li"))
    assert (outcome.verdict, outcome.checks.failed) == ("published", 0)
    assert outcome.checks.warned >= 1
    assert [row[:2] for row in shop.ledger(RECORDED)] == [("table_accuracy_below_target", "exports.tickets")]


def test_the_rows_held_back_are_named_and_keep_their_text(faulty: Shop) -> None:
    (told,) = [one for _, one in faulty.night().findings if one.code == "accuracy_below_target"]
    assert told.fields["examples"] == "1, 2, 3, 4, 5"
    faulty.night(accepted=ACCEPTED)
    asked = "select count(distinct source_row), count(*) - count(original) from meta.quarantine"
    assert faulty.ledger(asked) == [(20, 0)]


def test_an_acceptance_is_used_up_by_its_run(faulty: Shop) -> None:
    faulty.night(accepted=ACCEPTED)
    faulty.tickets("0603", *((f"M{n}", "C001", "" if n < 20 else "2025-06-03 10:00:00") for n in range(600)))
    assert faulty.night().verdict == "stopped"


def test_accepting_one_of_two_still_stops_and_both_are_remembered(faulty: Shop) -> None:
    faulty.customers("0602")
    assert faulty.night(accepted=ACCEPTED).verdict == "stopped"
    assert codes(faulty, "stop") == {"no_rows"}
    assert "no_rows" in NEVER
    assert [row[0] for row in faulty.ledger(RECORDED)] == [CHECK]


def test_what_did_not_fail_is_told(shop: Shop) -> None:
    outcome = shop.night(accepted=Acceptance(("ambiguous_dates",), "a test", "li"))
    assert outcome.verdict == "published"
    told = shop.ledger("select severity, fields ->> 'check' from meta.findings where code = 'override_unused'")
    assert told == [("note", "ambiguous_dates")]
    assert shop.ledger(RECORDED) == []


def test_what_makes_numbers_wrong_is_never_accepted(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    broken = gate.CheckResult(
        "exports", "tickets", "unique", "ticket_id", "stop", False, 3, 9, "key_not_unique", "重复", "twice"
    )
    monkeypatch.setattr(gate, "run_export_checks", lambda *_, **__: gate.GateResult("exports", (broken,)))
    outcome = shop.night(accepted=Acceptance(("key_not_unique",), "a test", "li"))
    assert (outcome.verdict, outcome.checks.failed > 0) == ("stopped", True)
    assert shop.ledger(RECORDED) == []


NEVER = (
    *("key_not_unique", "grain_not_unique", "does_not_reconcile", "rows_lost", "parts_do_not_add_up"),
    *("no_rows", "empty_file", "mostly_held_back"),
    *("count_mismatch", "missing_column", "unreadable", "mapping_invalid", "no_checks", "could_not_run"),
)


@pytest.mark.parametrize("check", NEVER)
def test_these_never_can_be(check: str) -> None:
    assert check in rules()
    assert not overrides.may_be_accepted(check)
    assert not Acceptance((check,), "a test", "li").covers(Finding(check, {}))


def test_only_what_stops_can_be_accepted() -> None:
    acceptable = {code: rules()[code].severity for code in overrides.acceptable()}
    # Whether a bound that crosses a target stops is said by KPI (sql/bounds.toml).
    assert acceptable.pop("bound_crosses_target") == "warn"
    assert set(acceptable.values()) == {"stop"}
    assert {CHECK, "table_accuracy_below_target", "kpi_accuracy_below_target", "ambiguous_dates"} <= acceptable.keys()
