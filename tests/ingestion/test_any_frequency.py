"""`aftercare run` may be called at any frequency: what it leaves when nothing is new, and beside another run."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest
from filelock import FileLock

from data_checks import gate
from ingestion import pipeline
from ingestion.errors import Finding
from ingestion.warehouse import last_run, models
from ingestion.warehouse.errors import AnotherRun
from ingestion.warehouse.places import Places

if TYPE_CHECKING:
    from tests.ingestion.conftest import Shop

pytestmark = pytest.mark.slow


def test_runs_that_find_nothing_new_build_nothing_and_leave_one_line(
    shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = shop.night()

    def refuse(*_: object, **__: object) -> None:
        raise AssertionError("nothing is new, and yet it is built or judged")

    with monkeypatch.context() as patched:
        for module, name in ((gate, "prepare"), (models, "build"), (gate, "run_mart_checks")):
            patched.setattr(module, name, refuse)
        idle = [shop.night() for _ in range(3)]
    assert {one.verdict for one in idle} == {"nothing_new"}
    assert {one.published for one in idle} == {first.published}
    assert shop.ledger("select run_id from meta.runs order by 1") == [(first.run_id,), (idle[-1].run_id,)]
    logs = sorted(file.stem for file in (shop.home / "logs").iterdir())
    assert logs == [first.run_id, idle[-1].run_id]
    assert shop.leftovers() == []


def test_a_night_between_idle_ones_keeps_its_own_line(shop: Shop) -> None:
    shop.night()
    shop.night()
    shop.tickets("0602", ("T003", "C001", "2025-06-02 10:00:00"))
    shop.night()
    shop.night()
    verdicts = [verdict for (verdict,) in shop.ledger("select verdict from meta.runs order by run_id")]
    assert verdicts == ["published", "nothing_new", "published", "nothing_new"]


def test_a_file_that_stops_every_run_leaves_the_first_and_the_last_of_them(shop: Shop) -> None:
    """Called every ten minutes, what other nights told would soon be out of every list of recent runs."""

    def stopped() -> str:
        outcome = shop.night()
        assert outcome.verdict == "stopped"
        Places(shop.home).docs(outcome.run_id).write_text("its checks")
        return outcome.run_id

    published = shop.night().run_id
    Places(shop.home).data_docs.mkdir(exist_ok=True)
    file = shop.exports / "shop" / "tickets-0602.csv"
    file.write_text("", encoding="utf-8")
    empty = [stopped() for _ in range(4)]
    # Another fault is another story, and the first one come back is a third.
    file.write_text("id,customer\n", encoding="utf-8")
    headings = [stopped() for _ in range(2)]
    file.write_text("", encoding="utf-8")
    again = stopped()
    kept = [empty[0], empty[3], *headings, again]
    assert [run for (run,) in shop.ledger("select run_id from meta.runs order by 1")] == [published, *kept]
    assert [run for (run,) in shop.ledger("select distinct run_id from meta.findings order by 1")] == kept
    assert sorted(file.stem for file in (shop.home / "logs").iterdir()) == [published, *kept]
    assert sorted(file.stem for file in Places(shop.home).docs_kept()) == kept


def test_a_second_run_while_one_runs_changes_nothing(shop: Shop) -> None:
    shop.night()
    before = {file: file.stat().st_mtime_ns for file in shop.home.rglob("*") if file.is_file()}
    with FileLock(shop.home / "run.lock"), pytest.raises(AnotherRun):
        shop.night()
    after = {file: file.stat().st_mtime_ns for file in shop.home.rglob("*") if file.is_file()}
    assert {file for file in after if after[file] != before.get(file)} <= {shop.home / "run.lock"}


def test_who_asks_whether_a_run_goes_on_does_not_stop_one(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    shop.night()
    places = Places(shop.home)
    assert not last_run.is_going_on(places)
    seen: list[bool] = []
    real = pipeline.look

    def looked(*arguments: object) -> object:
        seen.append(last_run.is_going_on(places))
        told = last_run.read(places)
        assert told is not None
        assert told.verdict is None
        return real(*arguments)  # type: ignore[arg-type]

    monkeypatch.setattr(pipeline, "look", looked)
    assert shop.night().verdict == "nothing_new"
    assert seen == [True]
    told = last_run.read(places)
    assert told is not None
    assert told.verdict == "nothing_new"


def test_a_stopped_run_is_written_down_and_one_that_was_killed_is_settled(shop: Shop) -> None:
    shop.night()
    (shop.exports / "shop" / "tickets-0602.csv").write_text("", encoding="utf-8")
    stopped = shop.night()
    told = last_run.read(Places(shop.home))
    assert told is not None
    assert (told.run_id, told.verdict, told.code) == (stopped.run_id, "stopped", "empty_file")
    assert told.stopped_by == (Finding("empty_file", {"export": "tickets-0602.csv"}),)
    (shop.exports / "shop" / "tickets-0602.csv").unlink()
    assert shop.night().verdict == "nothing_new"
    assert last_run.read(Places(shop.home)) != told


def test_a_file_of_somebody_else_is_no_last_run(shop: Shop) -> None:
    shop.home.mkdir(exist_ok=True)
    for text in ("", "[]", json.dumps({"run_id": 1}), "{"):
        (shop.home / "last_run.json").write_text(text, encoding="utf-8")
        assert last_run.read(Places(shop.home)) is None
