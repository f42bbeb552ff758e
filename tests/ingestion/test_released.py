"""A row held back is released once its key comes in a later load, and open again once that load is withdrawn."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from data_checks import gate
from ingestion.retract import retract
from ingestion.warehouse import records

if TYPE_CHECKING:
    from tests.ingestion.conftest import Shop

pytestmark = pytest.mark.slow

COUNTS = "select rows_read, rows_loaded, rows_quarantined from meta.loads where file = 'tickets-0602.csv'"
GOOD = ("T003", "C001", "2025-06-02 10:00:00")
BAD = ("T004", "C001", "no date")
CORRECTED = ("T004", "C001", "2025-06-02 11:00:00")


def open_keys(shop: Shop) -> set[str]:
    """Keys of the rows that are held back; a row may have several reasons."""
    return {row["key"] for row in records.quarantine(shop.home)}


@pytest.fixture
def held(shop: Shop) -> Shop:
    """A night that held back T004 for its date, and one row whose very key is missing."""
    shop.tickets(
        "0602", GOOD, BAD, ("", "C001", "2025-06-02 12:00:00"), *((f"T1{n:02}", *GOOD[1:]) for n in range(9))
    )
    shop.night()
    assert open_keys(shop) == {"T004", ""}
    return shop


def test_a_corrected_file_releases_the_row_and_the_account_of_its_load_stays(held: Shop) -> None:
    before = held.ledger(COUNTS)
    held.tickets("0603", CORRECTED)
    corrected = held.night()
    assert open_keys(held) == {""}
    released = [row for row in records.quarantine(held.home, also_released=True) if row["key"] == "T004"]
    assert {row["column_name"] for row in released} == {"created_at", "updated_at"}
    assert {row["released_load"] for row in released} == {corrected.loads[0].load_id}
    assert all(row["released_at"] and "no date" in row["original"] for row in released)
    assert held.ledger(COUNTS) == before == [(12, 10, 2)]
    assert held.asked("select count(*) from meta.quarantine") == [(1,)]
    assert held.asked("select distinct code, released_load is null from meta.released") == [("bad_datetime", False)]


def test_the_same_key_within_the_file_that_held_it_back_releases_nothing(shop: Shop) -> None:
    shop.tickets("0602", GOOD, ("T003", "C001", "no date"))
    shop.night()
    assert open_keys(shop) == {"T003"}


def test_a_retracted_correction_opens_the_row_again_and_another_one_releases_it(held: Shop) -> None:
    held.tickets("0603", CORRECTED)
    correction = held.night().loads[0]
    retract(held.home, correction.sha256, "wrong as well")
    assert "T004" in open_keys(held)
    held.tickets("0604", ("T004", "C001", "2025-06-02 13:00:00"))
    held.night()
    assert "T004" not in open_keys(held)


def test_a_stopped_night_releases_nothing(held: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    held.tickets("0603", CORRECTED)
    failed = gate.CheckResult("marts", "s", "e", "c", "stop", False, 3, 9, "no_rows", "不好", "bad")
    with monkeypatch.context() as patched:
        patched.setattr(gate, "run_mart_checks", lambda *_, **__: gate.GateResult("marts", (failed,)))
        assert held.night().verdict == "stopped"
    assert "T004" in open_keys(held)
    held.night()
    assert "T004" not in open_keys(held)


def test_a_waiting_row_that_was_corrected_waits_no_more(shop: Shop) -> None:
    shop.tickets("0602", ("T003", "C009", "2025-06-02 10:00:00"))
    shop.night()
    assert open_keys(shop) == {"T003"}
    shop.tickets("0603", ("T003", "C001", "2025-06-02 11:00:00"))
    correction = shop.night().loads[0]
    assert open_keys(shop) == set()
    shop.customers("0604", "C009")
    shop.night()
    assert shop.ledger("select count(*) from raw.tickets where ticket_id = 'T003'") == [(1,)]
    # Without the correction the row that waited is what is known of the ticket.
    retract(shop.home, correction.sha256, "not the same ticket")
    assert open_keys(shop) == {"T003"}
    shop.night()
    assert open_keys(shop) == set()
    assert shop.asked("select customer_id from core.fct_tickets where ticket_key = 'shop:T003'") == [("C009",)]


def test_a_waiting_row_newer_than_what_came_since_goes_on_waiting(shop: Shop) -> None:
    shop.tickets("0602", ("T003", "C009", "2025-06-02 10:00:00"))
    shop.night()
    shop.tickets("0601b", ("T003", "C001", "2025-06-01 10:00:00"))
    shop.night()
    assert open_keys(shop) == {"T003"}
    shop.customers("0604", "C009")
    shop.night()
    assert open_keys(shop) == set()
    assert shop.asked("select customer_id from core.fct_tickets where ticket_key = 'shop:T003'") == [("C009",)]
