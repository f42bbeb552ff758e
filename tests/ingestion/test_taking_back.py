"""Nights that take back: retraction, held snapshots, orphans that wait for what they point at."""

from __future__ import annotations

import shutil
from typing import TYPE_CHECKING

import pytest

from data_checks import gate
from ingestion import pipeline
from ingestion.retract import retract
from ingestion.warehouse import snapshots
from ingestion.warehouse.errors import NoSuchLoad

if TYPE_CHECKING:
    from tests.ingestion.conftest import Shop

pytestmark = pytest.mark.slow

TICKETS = "select ticket_key from core.fct_tickets order by 1"


def codes(outcome: pipeline.Outcome) -> list[str]:
    return [finding.code for _, finding in outcome.findings]


def test_a_retracted_file_is_as_if_it_had_never_come(shop: Shop) -> None:
    shop.night()
    before = shop.content()
    shop.tickets("0602", ("T003", "C001", "2025-06-02 10:00:00"))
    bad = shop.night().loads[0]
    assert shop.content() != before
    retract(shop.home, bad.sha256, "exported by mistake")
    outcome = shop.night()
    assert (outcome.verdict, codes(outcome)) == ("published", ["retracted_file", "built_anew"])
    assert shop.content() == before
    with pytest.raises(NoSuchLoad):
        retract(shop.home, bad.sha256, "again")


def test_every_load_of_the_same_content_is_retracted(shop: Shop) -> None:
    mappings = shop.home / "mappings"
    shutil.copytree(mappings / "shop", mappings / "depot")
    shutil.copytree(shop.exports / "shop", shop.exports / "depot")
    load = shop.night().loads[-1]
    gone = retract(shop.home, load.sha256, "exported by mistake")
    assert [(one.source, one.feed) for one in gone] == [("depot", "tickets"), ("shop", "tickets")]
    shop.night()
    assert shop.asked(TICKETS) == []
    assert shop.ledger("select count(*) from raw.tickets") == [(0,)]


def test_what_pointed_into_a_retracted_file_is_held_back(shop: Shop) -> None:
    shop.customers("0602", "C003")
    shop.tickets("0602", ("T003", "C003", "2025-06-02 10:00:00"))
    loads = {load.file: load for load in shop.night().loads}
    counts = "select rows_loaded, rows_quarantined from meta.loads where file = 'tickets-0602.csv'"
    assert shop.ledger(counts) == [(1, 0)]
    retract(shop.home, loads["customers-0602.csv"].sha256, "exported by mistake")
    assert shop.night().verdict == "published"
    assert shop.asked(TICKETS) == [("shop:T001",), ("shop:T002",)]
    assert shop.ledger(counts) == [(0, 1)]
    assert shop.asked("select file, source_row, code from meta.quarantine") == [
        ("tickets-0602.csv", 1, "orphan_customer")
    ]
    shop.customers("0603", "C003", "C004")
    shop.night()
    assert ("shop:T003",) in shop.asked(TICKETS)
    assert shop.ledger(counts) == [(1, 0)]


def test_rows_nobody_judged_when_they_came_are_not_judged_by_a_retraction(shop: Shop) -> None:
    for file in (shop.exports / "shop").glob("customers-*"):
        file.unlink()
    shop.night()
    shop.customers("0602", "C001")
    shop.customers("0603", "C002", "C005")
    loads = {load.file: load for load in shop.night().loads}
    retract(shop.home, loads["customers-0603.csv"].sha256, "exported by mistake")
    shop.night()
    assert shop.asked(TICKETS) == [("shop:T001",)]
    retract(shop.home, loads["customers-0602.csv"].sha256, "exported by mistake")
    shop.night()
    assert shop.asked(TICKETS) == [("shop:T001",), ("shop:T002",)]


def test_while_held_a_night_builds_but_readers_keep_what_they_have(shop: Shop) -> None:
    first = shop.night()
    shop.tickets("0602", ("T003", "C001", "2025-06-02 10:00:00"))
    shop.night()
    snapshots.rollback(shop.home, first.run_id)
    shop.tickets("0603", ("T004", "C001", "2025-06-03 10:00:00"))
    third = shop.night()
    assert third.verdict == "held"
    assert len(shop.asked(TICKETS)) == 2
    assert shop.night().verdict == "nothing_new"
    snapshots.release(shop.home)
    assert len(shop.asked(TICKETS)) == 4


def test_a_release_without_a_newer_build_is_caught_up_by_the_next_night(shop: Shop) -> None:
    first = shop.night()
    shop.tickets("0602", ("T003", "C001", "2025-06-02 10:00:00"))
    shop.night()
    snapshots.rollback(shop.home, first.run_id)
    snapshots.release(shop.home)
    assert shop.night().verdict == "published"
    assert len(shop.asked(TICKETS)) == 3


def test_an_orphan_waits_and_is_counted_once_its_customer_comes(shop: Shop) -> None:
    shop.tickets("0602", ("T003", "C003", "2025-06-02 10:00:00"), ("T004", "C001", "2025-06-02 11:00:00"))
    first = shop.night()
    counts = "select rows_read, rows_loaded, rows_quarantined from meta.loads where file = 'tickets-0602.csv'"
    assert (first.verdict, shop.ledger(counts)) == ("published", [(2, 1, 1)])
    assert shop.asked("select dataset, source_row, code from meta.quarantine") == [("tickets", 1, "orphan_customer")]
    shop.customers("0603", "C003")
    assert shop.night().verdict == "published"
    assert shop.ledger(counts) == [(2, 2, 0)]
    assert ("shop:T003",) in shop.asked(TICKETS)
    assert shop.asked("select count(*) from meta.quarantine") == [(0,)]


def test_what_a_stopped_night_released_waits_again(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    shop.tickets("0602", ("T003", "C003", "2025-06-02 10:00:00"))
    shop.night()
    failed = gate.CheckResult("marts", "s", "e", "c", "stop", False, 3, 9, "no_rows", "不好", "bad")
    with monkeypatch.context() as patched:
        patched.setattr(gate, "run_mart_checks", lambda *_, **__: gate.GateResult("marts", (failed,)))
        shop.customers("0603", "C003")
        assert shop.night().verdict == "stopped"
    counts = "select rows_loaded, rows_quarantined from meta.loads where file = 'tickets-0602.csv'"
    assert shop.ledger(counts) == [(0, 1)]
    assert shop.ledger("select count(*) from waiting.tickets") == [(1,)]
    assert shop.night().verdict == "published"
    assert shop.ledger(counts) == [(1, 0)]
