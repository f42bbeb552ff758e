"""The run that published nothing is told on every page, its story on the data page; Data Docs can be had there."""

from __future__ import annotations

import json
from datetime import datetime
from typing import TYPE_CHECKING, Any

import duckdb
import pytest

from ingestion.warehouse import last_run, ledger
from ingestion.warehouse.places import Places

if TYPE_CHECKING:
    from pathlib import Path

    from tests.dashboard.conftest import OpenPage

FAULTY = {
    "code": "accuracy_below_target",
    "fields": {"file": "visits.csv", "rows_read": 819, "rows_quarantined": 40, "examples": "20, 40, 60"},
}
LOST = {"code": "missing_column", "fields": {"export": "tickets.csv", "missing": "created_at"}}


@pytest.fixture
def own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Places:
    """A home in which nothing is told yet."""
    monkeypatch.setenv("AFTERCARE_HOME", str(tmp_path))
    return Places(tmp_path)


def ended(places: Places, verdict: str, *stopped_by: dict[str, Any], code: str = "") -> None:
    told = {"run_id": "20250702T010203", "started_at": "2025-07-02T01:02:03", "ended_at": "2025-07-02T01:03:03"}
    told |= {"verdict": verdict, "code": code or verdict}
    places.last_run.write_text(json.dumps({**told, "stopped_by": stopped_by}), encoding="utf-8")


def said(page: Any) -> str:
    return "\n".join(one.value for kind in ("error", "info", "markdown", "subheader") for one in page.get(kind))


@pytest.mark.parametrize("name", ["overview", "data_quality"])
def test_a_stopped_run_is_told_on_every_page(open_page: OpenPage, own: Places, name: str) -> None:
    ended(own, "stopped", FAULTY)
    assert "20250702T010203" in said(open_page(name))
    assert "published nothing" in said(open_page(name, lang="en"))


def test_a_published_run_is_not(open_page: OpenPage, own: Places) -> None:
    ended(own, "published")
    assert "20250702T010203" not in said(open_page("data_quality"))
    assert "最近一批为何没有发布" not in said(open_page("data_quality"))


def test_the_data_page_says_why_and_what_may_be_accepted(open_page: OpenPage, own: Places) -> None:
    ended(own, "stopped", FAULTY)
    told = said(open_page("data_quality", lang="en"))
    assert "Why the last run was not published" in told
    assert "40 of 819 rows of visits.csv" in told
    assert "--accept accuracy_below_target --because" in told


def test_what_has_to_be_put_right_is_said_without_a_way_around(open_page: OpenPage, own: Places) -> None:
    ended(own, "stopped", FAULTY, LOST)
    told = said(open_page("data_quality", lang="en"))
    assert "cannot be accepted" in told
    assert "--accept" not in told


def test_a_killed_run_has_a_line_but_no_story(open_page: OpenPage, own: Places) -> None:
    ended(own, "failed", code="cut_off")
    told = said(open_page("data_quality"))
    assert "被强行终止" in told
    assert "最近一批为何没有发布" not in told


def test_the_checks_of_each_run_can_be_had(open_page: OpenPage, own: Places) -> None:
    assert "还没有检查记录" in said(open_page("data_quality"))
    own.data_docs.mkdir()
    for run_id in ("20250630T010203", "20250701T010203"):
        own.docs(run_id).write_text(run_id, encoding="utf-8")
    page = open_page("data_quality")
    assert not page.exception
    (chosen,) = [one for one in page.selectbox if one.key == "docs_run"]
    assert chosen.options == ["20250701T010203", "20250630T010203"]
    assert "下载检查记录" in [one.label for one in page.get("download_button")]


def test_a_fault_that_no_export_causes_is_not_sent_back_to_its_source(open_page: OpenPage, own: Places) -> None:
    calendar = {"code": "calendar_gap", "fields": {"calendar": "office", "days": 3, "first": "2026-01-01"}}
    ended(own, "stopped", calendar)
    told = said(open_page("data_quality", lang="en"))
    assert "Do as each line above says" in told
    assert "correct it at the source" not in told
    assert "--accept" not in told


def test_what_stopped_a_run_is_written_down_whole(own: Places) -> None:
    """Whether it may be accepted hangs on every finding, also on the one after thirty others."""
    with duckdb.connect() as con:
        con.execute("attach ':memory:' as warehouse")
        ledger.create(con, "warehouse")
        ledger.begin_run(con, "R1", datetime(2025, 7, 2))
        for one in (*[FAULTY] * 30, LOST):
            row = ["R1", one["code"], "stop", json.dumps(one["fields"])]
            con.execute(
                "insert into warehouse.meta.findings (run_id, code, severity, fields) values (?, ?, ?, ?)", row
            )
        last_run.keep(con, own)
    told = last_run.read(own)
    assert told is not None
    assert [finding.code for finding in told.stopped_by] == [FAULTY["code"]] * 30 + [LOST["code"]]
