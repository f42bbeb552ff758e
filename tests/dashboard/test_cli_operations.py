"""The command line for operators: runs, status, checks, going back, serving."""

from __future__ import annotations

import csv
import io
import socket
from pathlib import Path
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import pytest
from filelock import FileLock

from dashboard.commands import serve, shared
from tests.dashboard.asked import Answer
from tests.gates import open_gate

if TYPE_CHECKING:
    from collections.abc import Callable


@pytest.mark.slow
@pytest.mark.parametrize("form", ["table", "json"])
def test_a_file_with_a_header_alone_can_be_told(
    form: str, aftercare: Callable[..., Answer], home: Path, tmp_path: Path
) -> None:
    tickets = tmp_path / "tickets.csv"
    tickets.write_text("ticket_id,customer_id,created_at,status\r\n", encoding="utf-8")
    asked = ("--source", "helpdesk", "--feed", "tickets", "--home", home, "--format", form)
    told = aftercare("check", tickets, *asked)
    assert told.code in (shared.PUBLISHED, shared.STOPPED), told
    assert "header" in told.out
    assert told.err == ""


@pytest.mark.slow
def test_a_run_tells_of_a_file_with_a_header_alone(
    aftercare: Callable[..., Answer], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AFTERCARE_SETTLE_SECONDS", "0")
    exports = tmp_path / "exports" / "helpdesk"
    exports.mkdir(parents=True)
    (exports / "tickets.csv").write_text("ticket_id,customer_id,created_at,status\r\n", encoding="utf-8")
    (exports / "customers.csv").write_text(
        "customer_id,name,tier,created_at\nK-001,Ann,gold,2025-06-01 10:00:00\n", encoding="utf-8"
    )
    with open_gate():
        told = aftercare("run", tmp_path / "exports", "--home", tmp_path / "home")
    assert told.code == shared.PUBLISHED, told
    assert "header" in told.err
    assert "published" in told.out


def test_two_sheets_of_one_workbook_are_told_apart(capsys: pytest.CaptureFixture[str]) -> None:
    from dashboard.commands import nightly

    counts = {"rows_read": 1, "rows_loaded": 1, "rows_quarantined": 0, "rows_duplicate": 0}
    names = [("a.xlsx", "tickets"), ("a.xlsx", "customers"), ("b.csv", "orders")]
    loads = [SimpleNamespace(file=file, source="crm", feed=feed, **counts) for file, feed in names]
    checks = SimpleNamespace(passed=1, warned=0)
    outcome: Any = SimpleNamespace(
        loads=loads, findings=[], published=None, verdict="nothing_new", checks=checks, models_built=0
    )
    nightly.report(outcome, "UTC")
    told = [line.split(":")[0] for line in capsys.readouterr().out.splitlines()[:3]]
    assert told == ["a.xlsx (crm/tickets)", "a.xlsx (crm/customers)", "b.csv"]


def test_a_report_that_cannot_be_shown_does_not_change_what_came_of_the_run(
    aftercare: Callable[..., Answer], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from dashboard.commands import nightly

    def broken(*_: object) -> None:
        raise KeyError("a field that was not given")

    monkeypatch.setattr(nightly, "report", broken)
    told = aftercare("run", tmp_path, "--home", tmp_path / "home")
    assert told.code == shared.PUBLISHED
    assert "nothing_new" in told.err


def test_status_tells_everything_in_json(aftercare: Callable[..., Answer], home: Path) -> None:
    told = aftercare("status", "--home", home, "--format", "json").json
    wanted = {"source", "feed", "file", "sha256", "rows_read", "rows_loaded", "rows_quarantined", "rows_duplicate"}
    assert all(wanted <= file.keys() for file in told["files"])
    assert {"runs", "checks", "findings", "snapshots", "disk_bytes", "log", "published"} <= told.keys()
    assert told["published"]["as_of"] == told["runs"][0]["as_of"] == "2025-05-31T16:00:00Z"
    assert told["runs"][0]["verdict"] == "published"
    for file in told["files"]:
        assert file["rows_read"] == sum(file[f"rows_{part}"] for part in ("loaded", "quarantined", "duplicate"))
    assert Path(told["log"]).is_file()
    shown = aftercare("status", "--home", home).out
    assert "published" in shown
    assert "2025-06-01 00:00" in shown
    assert "2025-05-31T16:00" not in shown
    assert shown.count("Asia/Shanghai") == 1


def test_status_says_what_the_last_run_found(
    aftercare: Callable[..., Answer], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AFTERCARE_SETTLE_SECONDS", "0")
    (tmp_path / "exports" / "helpdesk").mkdir(parents=True)
    (tmp_path / "exports" / "helpdesk" / "tickets.csv").write_text("", encoding="utf-8")
    where = ("--home", tmp_path / "home")
    assert aftercare("run", tmp_path / "exports", *where).code == shared.STOPPED
    assert "tickets.csv" in aftercare("status", *where).out
    (found,) = aftercare("status", *where, "--format", "json").json["findings"]
    assert (found["code"], found["severity"]) == ("empty_file", "stop")


def test_quarantine_lists_rows(aftercare: Callable[..., Answer], home: Path) -> None:
    told = aftercare("quarantine", "--home", home, "--format", "csv")
    header = next(csv.reader(io.StringIO(told.out)))
    assert header == ["source", "feed", "file", "dataset", "row", "key", "column", "code", "reason", "original"]


def test_quarantine_lists_what_was_released_only_if_asked(aftercare: Callable[..., Answer], home: Path) -> None:
    told = aftercare("quarantine", "--all", "--home", home, "--format", "csv")
    header = next(csv.reader(io.StringIO(told.out)))
    assert header[-2:] == ["released_at", "released_load"]


def test_a_second_run_is_told_that_one_is_going_on(aftercare: Callable[..., Answer], tmp_path: Path) -> None:
    (tmp_path / "home").mkdir()
    (tmp_path / "exports").mkdir()
    with FileLock(tmp_path / "home" / "run.lock"):
        told = aftercare("run", tmp_path / "exports", "--home", tmp_path / "home")
        assert aftercare("rollback", "--home", tmp_path / "home").code == shared.FAILED
    assert told.code == shared.FAILED == 3
    assert str(tmp_path / "home") in told.err
    assert "Traceback" not in told.err


def test_an_unknown_hash_cannot_be_retracted(aftercare: Callable[..., Answer], home: Path) -> None:
    told = aftercare("retract", "ab" * 32, "--because", "a test", "--home", home)
    assert told.code == shared.USAGE
    assert "abab" in told.err


def test_there_is_nothing_to_roll_back_to_after_one_night(aftercare: Callable[..., Answer], home: Path) -> None:
    assert aftercare("rollback", "--home", home).code == shared.FAILED


def test_check_accepts_a_sample_and_rejects_something_else(
    aftercare: Callable[..., Answer], home: Path, tmp_path: Path
) -> None:
    tickets = next((home.parent / "exports" / "sample").glob("tickets-*"))
    asked = ("--source", "sample", "--feed", "tickets", "--home", home, "--format", "json")
    told = aftercare("check", tickets, *asked)
    assert (told.code, told.json["verdict"]) == (0, "accept")
    other = tmp_path / "tickets.csv"
    other.write_text("a,b\n1,2\n", encoding="utf-8")
    told = aftercare("check", other, *asked)
    assert (told.code, told.json["verdict"]) == (1, "reject")
    assert told.json["message"].startswith(told.json["faults"][0]["sentence"])


@pytest.mark.parametrize(("options", "has_calls"), [((), True), (("--core-only",), False)])
def test_samples_bring_the_optional_exports_unless_asked_not_to(
    options: tuple[str, ...], has_calls: bool, aftercare: Callable[..., Answer], tmp_path: Path
) -> None:
    told = aftercare("samples", tmp_path, "--tickets", 60, "--until", "2025-06-30", *options)
    assert told.code == 0, told.err
    files = {file.name for file in (tmp_path / "sample").iterdir()}
    assert "tickets-2025-06-30.csv" in files
    assert ("calls-2025-06-30.csv" in files) is has_calls
    assert str(len(files)) in told.out


def test_the_demo_stays_out_of_a_home_with_real_sources(
    aftercare: Callable[..., Answer], home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from ingestion.warehouse import records

    monkeypatch.setattr(records, "sources", lambda _: {"sample", "crm"})
    told = aftercare("demo", "--home", home, "--no-serve")
    assert told.code == shared.USAGE
    assert "crm" in told.err


@pytest.mark.parametrize(
    ("address", "loopback"),
    [("127.0.0.1", True), ("::1", True), ("localhost", True), ("10.0.0.4", False), ("dashboard.local", False)],
)
def test_only_this_computer_is_served_unasked(address: str, loopback: bool) -> None:
    assert serve.is_loopback(address) is loopback


def test_a_busy_port_is_said_before_any_address(aftercare: Callable[..., Answer], home: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as other:
        told = aftercare("serve", "--port", other.getsockname()[1], "--home", home)
    assert told.code == shared.USAGE
    assert "--port" in told.err
    assert told.out == ""


def test_an_empty_folder_of_exports_is_said(aftercare: Callable[..., Answer], tmp_path: Path) -> None:
    (tmp_path / "exports").mkdir()
    told = aftercare("run", tmp_path / "exports", "--home", tmp_path / "home")
    assert told.code == shared.PUBLISHED
    assert str(tmp_path / "exports") in told.err


def test_the_dashboard_is_started_without_telemetry() -> None:
    command = serve.command("127.0.0.1", 8600)
    assert "--browser.gatherUsageStats=false" in command
    assert "--server.address=127.0.0.1" in command
    assert Path(command[command.index("run") + 1]).name == "server.py"


def test_a_home_is_backed_up_and_restored_by_two_commands(
    aftercare: Callable[..., Answer], home: Path, tmp_path: Path
) -> None:
    told = aftercare("backup", tmp_path / "backups", "--home", home)
    assert (told.code, told.err) == (0, "")
    (folder,) = (tmp_path / "backups").iterdir()
    assert str(folder) in told.out
    told = aftercare("restore", folder, "--home", tmp_path / "home")
    assert (told.code, told.err) == (0, "")
    assert "2025-06-01 00:00" in told.out
    value = "kpi", "ticket_volume", "--period", "total", "--format", "json", "--home"
    assert aftercare(*value, tmp_path / "home").json[0]["value"] == aftercare(*value, home).json[0]["value"]
    (folder / "warehouse.duckdb").unlink()
    told = aftercare("restore", folder, "--home", tmp_path / "home")
    assert told.code == shared.FAILED
    assert "warehouse.duckdb" in told.err
    told = aftercare("backup", home / "backups", "--home", home)
    assert told.code == shared.USAGE
