"""Whole nights: what is published, what is not, and that nothing is half done."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

import duckdb
import pytest
from filelock import FileLock

from data_checks import gate
from ingestion import data_docs, inbox, pipeline
from ingestion.mapping import load_sources
from ingestion.warehouse import last_run, models, records, snapshots
from ingestion.warehouse.errors import AnotherRun, ModelFailed

if TYPE_CHECKING:
    from ingestion.night import Night
    from tests.ingestion.conftest import Shop

pytestmark = pytest.mark.slow

HOLD = "import duckdb, sys; con = duckdb.connect(sys.argv[1]); print('held', flush=True); sys.stdin.read()"
TICKETS = "select ticket_key from core.fct_tickets order by 1"


def codes(outcome: pipeline.Outcome) -> list[str]:
    return [finding.code for _, finding in outcome.findings]


def test_a_night_publishes_what_came(shop: Shop) -> None:
    outcome = shop.night()
    assert outcome.verdict == "published"
    assert shop.asked(TICKETS) == [("shop:T001",), ("shop:T002",)]
    assert [(load.feed, load.rows_read, load.rows_loaded) for load in outcome.loads] == [
        ("customers", 2, 2),
        ("tickets", 2, 2),
    ]
    assert outcome.log.read_text(encoding="utf-8")
    assert shop.leftovers() == []


def test_a_run_tells_what_it_took(shop: Shop) -> None:
    outcome = shop.night()
    stages = ["look", "land", "check_exports", "append", "build", "check_marts", "publish"]
    assert list(outcome.stage_seconds) == stages
    lines = outcome.log.read_text(encoding="utf-8").splitlines()
    told = {
        word: json.loads(line.split(f" {word} ")[1]) for line in lines for word in ("steps", "used") if word in line
    }
    assert told["steps"] == outcome.stage_seconds
    assert outcome.published is not None
    assert told["used"]["snapshot_bytes"] == outcome.published.file.stat().st_size
    assert told["used"]["peak_memory_bytes"] > 50 << 20


def test_a_snapshot_says_what_it_is(shop: Shop) -> None:
    outcome = shop.night()
    assert shop.asked("select run_id, as_of, business_timezone from meta.run") == [
        (outcome.run_id, datetime(2025, 6, 1, 15, 30), "Asia/Shanghai")
    ]
    assert shop.asked("from meta.datasets order by dataset") == [("customers", "shop", 2), ("tickets", "shop", 2)]
    assert shop.asked("select file, rows_read from meta.loads order by load_seq") == [
        ("customers-0601.csv", 2),
        ("tickets-0601.csv", 2),
    ]


def test_a_second_night_without_anything_new_publishes_nothing(shop: Shop) -> None:
    first = shop.night()
    second = shop.night()
    assert second.verdict == "nothing_new"
    assert second.published == first.published


def test_the_same_content_under_another_name_is_nothing_new(shop: Shop) -> None:
    shop.night()
    shop.tickets("copy", ("T001", "C001", "2025-06-01 09:00:00"), ("T002", "C002", "2025-06-01 23:30:00"))
    second = shop.night()
    assert second.verdict == "nothing_new"
    told = {"file": "shop/tickets-copy.csv", "other": "tickets-0601.csv", "source": "shop", "feed": "tickets"}
    assert [(severity, one.code, one.fields) for severity, one in second.findings] == [("warn", "same_content", told)]
    assert [shop.night().findings for _ in range(3)] == [()] * 3


@pytest.mark.parametrize(
    ("last", "is_cut"),
    [
        ("T003,C001,2025-06-", True),
        ('T003,C001,2025-06-01 09:00:00,"bro', True),
        ("T003,C001,2025-06-01 09:00:00\n", False),
        ("T003,C001,2025-06-01 09:00:00,broken,2025-06-01 09:00:00", False),
    ],
)
def test_a_file_that_breaks_off_in_a_line_is_told(shop: Shop, last: str, is_cut: bool) -> None:
    file = shop.tickets("0601", ("T001", "C001", "2025-06-01 09:00:00"), ("T002", "C002", "2025-06-01 23:30:00"))
    file.write_text(file.read_text(encoding="utf-8") + last, encoding="utf-8")
    told = [(severity, one.fields) for severity, one in shop.night().findings if one.code == "cut_short"]
    assert told == ([("warn", {"file": "tickets-0601.csv", "row": 3})] if is_cut else [])


def test_the_same_content_twice_in_one_night_is_taken_in_once(shop: Shop) -> None:
    shop.customers("again", "C001", "C002")
    outcome = shop.night()
    assert "same_content" in codes(outcome)
    assert len(outcome.loads) == 2


def test_the_next_night_adds_to_the_last(shop: Shop) -> None:
    shop.night()
    shop.tickets("0602", ("T003", "C001", "2025-06-02 10:00:00"))
    outcome = shop.night()
    assert [load.load_seq for load in outcome.loads] == [3]
    assert len(shop.asked(TICKETS)) == 3
    assert snapshots.kept(shop.home)[-1] == outcome.run_id


def test_changed_definitions_are_published_without_new_files(shop: Shop) -> None:
    shop.night()
    model = shop.sql / "core" / "fct_tickets.sql"
    model.write_text(model.read_text(encoding="utf-8") + "where ticket_key <> 'shop:T001'\n", encoding="utf-8")
    models._load_models.cache_clear()
    outcome = shop.night()
    assert outcome.verdict == "published"
    assert shop.asked(TICKETS) == [("shop:T002",)]


def keep_for_the_build(shop: Shop, columns: str = "*") -> None:
    """Between staging and the fact of the shop a model that nobody but the fact reads."""
    kept = f"-- Rows of it.\n-- grain: ticket_key\n-- keep: build\nselect {columns} from staging.stg_tickets\n"
    (shop.sql / "core" / "int_tickets.sql").write_text(kept, encoding="utf-8")
    fact = shop.sql / "core" / "fct_tickets.sql"
    fact.write_text(fact.read_text(encoding="utf-8").replace("staging.stg_tickets", "core.int_tickets"), "utf-8")
    models._load_models.cache_clear()


def test_a_model_kept_for_the_build_is_built_and_not_published(shop: Shop) -> None:
    keep_for_the_build(shop, "ticket_key, customer_id, created_at")
    outcome = shop.night()
    assert (outcome.verdict, outcome.models_built) == ("published", 4)
    assert len(shop.asked(TICKETS)) == 2
    tables = [name for (name,) in shop.asked("select schema_name || '.' || table_name from duckdb_tables()")]
    assert "core.int_tickets" not in tables
    assert shop.asked("select name from meta.models order by 1") == [
        ("core.fct_tickets",),
        ("marts.mart_tickets_daily",),
    ]
    assert shop.asked("select reads from meta.definitions where name = 'core.fct_tickets'") == [
        (["core.int_tickets", "raw.run"],)
    ]


def test_what_is_kept_for_the_build_keeps_its_promises_too(shop: Shop) -> None:
    keep_for_the_build(shop, "ticket_key, customer_id, created_at")
    kept = shop.sql / "core" / "int_tickets.sql"
    kept.write_text(
        kept.read_text(encoding="utf-8")
        + "union all select ticket_key, customer_id, created_at from staging.stg_tickets"
    )
    models._load_models.cache_clear()
    stopped = shop.night()
    assert (stopped.verdict, codes(stopped)) == ("stopped", ["grain_broken"])
    assert stopped.findings[0][1].fields["model"] == "core.int_tickets"


def test_no_personal_column_hides_in_what_is_kept_for_the_build(shop: Shop) -> None:
    keep_for_the_build(shop)
    stopped = shop.night()
    assert (stopped.verdict, codes(stopped)) == ("stopped", ["personal_column"])
    assert stopped.findings[0][1].fields == {"model": "core.int_tickets", "column": "subject"}


def test_another_as_of_is_published_without_new_files_and_kept(shop: Shop) -> None:
    shop.night()
    at = datetime(2025, 6, 5)
    assert shop.night(as_of=at).verdict == "published"
    assert shop.asked("select distinct as_of from core.fct_tickets") == [(at,)]
    assert shop.night().verdict == "nothing_new"


def test_nothing_at_all_is_said_and_nothing_published(shop: Shop) -> None:
    for file in (shop.exports / "shop").iterdir():
        file.unlink()
    outcome = shop.night()
    assert (outcome.verdict, outcome.published) == ("nothing_new", None)
    assert codes(outcome) == ["nothing_found"]


def test_only_files_of_no_feed_are_nothing_to_load(shop: Shop) -> None:
    for file in (shop.exports / "shop").iterdir():
        file.unlink()
    (shop.exports / "shop" / "invoices.csv").write_text("a\n1\n", encoding="utf-8")
    assert codes(shop.night()) == ["unmatched_file", "nothing_loaded"]


def test_a_file_of_no_feed_is_told(shop: Shop) -> None:
    (shop.exports / "shop" / "invoices.csv").write_text("a\n1\n", encoding="utf-8")
    outcome = shop.night()
    assert outcome.verdict == "published"
    assert codes(outcome) == ["unmatched_file"]


def test_a_file_that_cannot_be_read_stops_the_night_and_changes_nothing(shop: Shop) -> None:
    shop.night()
    before = shop.content()
    shop.tickets("0602", ("T003", "C001", "2025-06-02 10:00:00"))
    (shop.exports / "shop" / "customers-0602.csv").write_text("name\nwho\n", encoding="utf-8")
    outcome = shop.night()
    assert (outcome.verdict, outcome.loads) == ("stopped", ())
    assert "missing_column" in codes(outcome)
    assert shop.content() == before
    assert shop.ledger("select count(*) from raw.tickets") == [(2,)]
    assert shop.leftovers() == []


@pytest.mark.parametrize("stage", ["run_export_checks", "run_mart_checks"])
def test_a_failed_check_stops_the_night_and_changes_nothing(
    shop: Shop, monkeypatch: pytest.MonkeyPatch, stage: str
) -> None:
    shop.night()
    before = shop.content()
    failed = gate.CheckResult("exports", "s", "e", "c", "stop", False, 3, 9, "no_rows", "不好", "bad")
    monkeypatch.setattr(gate, stage, lambda *_, **__: gate.GateResult("exports", (failed,)))
    shop.tickets("0602", ("T003", "C001", "2025-06-02 10:00:00"))
    outcome = shop.night()
    assert outcome.verdict == "stopped"
    assert codes(outcome)[-1] == "check_failed"
    assert shop.content() == before
    assert shop.ledger("select count(*) from raw.tickets") == [(2,)]
    assert shop.ledger("select verdict, message_code from meta.runs order by run_id desc limit 1") == [
        ("stopped", "check_failed")
    ]


def test_a_failed_check_that_only_warns_lets_the_night_pass(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    failed = gate.CheckResult("marts", "s", "e", "c", "warn", False, 3, 9, "volume_unusual", "多", "many")
    monkeypatch.setattr(gate, "run_mart_checks", lambda *_, **__: gate.GateResult("marts", (failed,)))
    outcome = shop.night()
    assert (outcome.verdict, outcome.checks.warned) == ("published", 1)


def test_a_broken_grain_stops_the_night(shop: Shop) -> None:
    model = shop.sql / "core" / "fct_tickets.sql"
    model.write_text(model.read_text(encoding="utf-8") + "union all from core_again\n", encoding="utf-8")
    broken = model.read_text(encoding="utf-8").replace("union all from core_again", "cross join range(2)")
    model.write_text(broken, encoding="utf-8")
    outcome = shop.night()
    assert (outcome.verdict, codes(outcome)) == ("stopped", ["grain_broken"])
    assert outcome.published is None


def test_a_personal_column_stops_the_night(shop: Shop) -> None:
    model = shop.sql / "core" / "fct_tickets.sql"
    model.write_text(model.read_text(encoding="utf-8").replace("customer_id,", "subject,"), encoding="utf-8")
    assert codes(shop.night()) == ["personal_column"]


def test_a_model_that_fails_fails_the_run_and_puts_everything_back(shop: Shop) -> None:
    model = shop.sql / "core" / "fct_tickets.sql"
    model.write_text(model.read_text(encoding="utf-8").replace("customer_id", "no_such_column"), encoding="utf-8")
    with pytest.raises(ModelFailed):
        shop.night()
    assert shop.ledger("select count(*) from raw.tickets") == [(0,)]
    assert shop.ledger("select verdict, message_code from meta.runs") == [("failed", "model_failed")]


def test_personal_columns_are_in_the_people_file_only(shop: Shop) -> None:
    shop.night()
    published = snapshots.published(shop.home)
    assert published is not None
    assert b"broken" not in published.file.read_bytes()
    assert b"broken" in published.people_file.read_bytes()


def test_two_runs_at_once_are_refused(shop: Shop) -> None:
    shop.home.mkdir(exist_ok=True)
    with FileLock(shop.home / "run.lock"), pytest.raises(AnotherRun):
        shop.night()


def test_run_ids_stay_in_order_if_the_clock_is_set_back(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    first = shop.night()
    monkeypatch.setattr(snapshots, "now", lambda: datetime(2020, 1, 1))
    shop.tickets("0602", ("T003", "C001", "2025-06-02 10:00:00"))
    second = shop.night()
    assert second.verdict == "published"
    assert second.run_id > first.run_id


def test_a_file_changed_just_now_is_waited_for(shop: Shop) -> None:
    slept: list[float] = []
    sources = load_sources(shop.home / "mappings")
    found = inbox.look(shop.exports, sources, {}, 60, slept.append)
    assert 50 < slept[0] <= 60
    assert len(found.arrivals) == 2


def test_a_file_that_goes_on_changing_is_left_for_the_next_night(shop: Shop) -> None:
    def somebody_writes(_: float) -> None:
        shop.tickets("0601", ("T001", "C001", "2025-06-01 09:00:00"))

    found = inbox.look(shop.exports, load_sources(shop.home / "mappings"), {}, 60, somebody_writes)
    assert [arrival.feed.name for arrival in found.arrivals] == ["customers"]
    assert [finding.code for finding in found.findings] == ["file_still_changing"]


def test_settled_files_are_not_waited_for(shop: Shop) -> None:
    slept: list[float] = []
    for file in (shop.exports / "shop").iterdir():
        os.utime(file, (time.time() - 61, time.time() - 61))
    inbox.look(shop.exports, load_sources(shop.home / "mappings"), {}, 60, slept.append)
    assert slept == []


def test_a_full_disk_fails_the_run_and_readers_keep_what_they_have(
    shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    shop.night()
    before = shop.content()

    def full(*_: object, **__: object) -> Path:
        raise OSError(28, "No space left on device")

    shop.tickets("0602", ("T003", "C001", "2025-06-02 10:00:00"))
    with monkeypatch.context() as patched:
        patched.setattr(os, "fsync", full)
        with pytest.raises(OSError, match="No space"):
            shop.night()
    assert shop.content() == before
    assert shop.leftovers() == []
    assert shop.night().verdict == "published"
    assert len(shop.asked(TICKETS)) == 3


def test_a_mapping_reaches_no_other_file(shop: Shop) -> None:
    source = shop.home / "mappings" / "shop" / "source.toml"
    spying = "where = \"exists (from read_text('/etc/hostname'))\"\n"
    source.write_text(source.read_text(encoding="utf-8") + spying, encoding="utf-8")
    with pytest.raises(duckdb.PermissionException):
        shop.night()
    assert snapshots.published(shop.home) is None


def test_status_answers_from_the_snapshot_while_a_run_holds_the_warehouse(shop: Shop) -> None:
    shop.night()
    before = records.read(shop.home)
    held = subprocess.Popen(
        [sys.executable, "-c", HOLD, str(shop.home / "warehouse.duckdb")],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    )
    try:
        assert held.stdout is not None
        assert held.stdout.readline().strip() == b"held"
        during = records.read(shop.home)
    finally:
        held.communicate(b"done")
    assert (before.is_running, during.is_running) == (False, True)
    assert [file["sha256"] for file in during.files] == [file["sha256"] for file in before.files]


def test_a_run_has_ended_before_its_data_docs_are_drawn(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    """Killed at that instant, it must not be told as one that published nothing."""
    seen: list[str | None] = []

    def drawn(tonight: Night) -> None:
        told = last_run.read(tonight.places)
        seen.append(told.verdict if told else None)

    monkeypatch.setattr(data_docs, "write", drawn)
    shop.night()
    assert seen == ["published"]
