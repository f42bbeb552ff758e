"""`aftercare status --check` and /healthz: whether readers see what they were promised, and what is wrong if not."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import time
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any
from urllib.error import HTTPError, URLError
from urllib.request import urlopen

import pytest
from filelock import FileLock

from dashboard import health, server
from dashboard.commands import serve, shared
from ingestion.warehouse import snapshots
from tests.dashboard.asked import REPOSITORY, Answer

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

ALL_DAY = timedelta(hours=36)
LONG = str(24 * 365 * 50)


@pytest.fixture
def own(home: Path, tmp_path: Path) -> Path:
    """A home of the test's own, as one night left it."""
    shutil.copytree(home, tmp_path / "home")
    return tmp_path / "home"


def status(home: Path, hours_after: float = 1) -> health.Health:
    """How things stand some hours after the data of the home end."""
    published = snapshots.published(home)
    at = published.as_of if published else datetime(2025, 6, 1)
    return health.look(home, ALL_DAY, at + timedelta(hours=hours_after))


def ended(home: Path, verdict: str | None, code: str | None = None) -> None:
    """Write down how the last run ended."""
    told = {"run_id": "20250602T010203", "started_at": "2025-06-02T01:02:03", "ended_at": None}
    (home / "last_run.json").write_text(json.dumps({**told, "verdict": verdict, "code": code}), encoding="utf-8")


def test_a_fresh_snapshot_is_as_promised(home: Path) -> None:
    found = status(home)
    assert (found.status, found.faults) == ("ok", ())
    told = found.told()
    assert told["as_of"] == "2025-05-31T16:00:00Z"
    assert (told["age_seconds"], told["fresh_within_seconds"]) == (3600, 36 * 3600)


@pytest.mark.parametrize(("hours", "status_told"), [(35.9, "ok"), (36.1, "overdue")])
def test_data_older_than_the_promise_are_overdue(home: Path, hours: float, status_told: str) -> None:
    assert status(home, hours).status == status_told


def test_nothing_published_is_not_fine(tmp_path: Path) -> None:
    assert status(tmp_path).faults == ("empty",)


def test_a_pointer_that_cannot_be_read_is_told(own: Path) -> None:
    (own / "published.json").write_text("{", encoding="utf-8")
    assert health.look(own, ALL_DAY, datetime(2025, 6, 1)).faults == ("unreadable",)


def test_a_hold_is_told(own: Path) -> None:
    told = json.loads((own / "published.json").read_text(encoding="utf-8"))
    (own / "published.json").write_text(json.dumps({**told, "held": True}), encoding="utf-8")
    assert status(own).faults == ("held",)


@pytest.mark.parametrize(
    ("verdict", "code", "fault"),
    [
        ("stopped", "empty_file", "run_stopped"),
        ("failed", "failed", "run_failed"),
        ("failed", "cut_off", "run_cut_off"),
        (None, None, "run_cut_off"),
    ],
)
def test_a_last_run_that_did_not_end_well_is_told(
    own: Path, verdict: str | None, code: str | None, fault: str
) -> None:
    ended(own, verdict, code)
    assert status(own).faults == (fault,)


@pytest.mark.parametrize("verdict", ["published", "nothing_new"])
def test_a_last_run_that_ended_well_is_fine(own: Path, verdict: str) -> None:
    ended(own, verdict)
    assert status(own).status == "ok"


def test_a_run_that_goes_on_is_no_fault(own: Path) -> None:
    ended(own, None)
    with FileLock(own / "run.lock"):
        assert status(own).status == "ok"


def test_an_older_snapshot_shown_for_a_damaged_one_is_told(own: Path) -> None:
    current = snapshots.published(own)
    assert current is not None
    earlier = own / "snapshots" / "20200101T000000.json"
    earlier.write_text(
        current.file.with_suffix(".json").read_text("utf-8").replace(current.run_id, "20200101T000000"), "utf-8"
    )
    shutil.copy2(current.file, earlier.with_suffix(".duckdb"))
    os.truncate(current.file, 4096)
    found = status(own)
    assert found.faults == ("older_served",)
    assert found.told()["run_id"] == "20200101T000000"


def test_the_monitor_is_told_in_one_line_and_by_the_exit_code(
    aftercare: Callable[..., Answer], own: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    told = aftercare("status", "--check", "--home", own)
    assert (told.code, told.err) == (shared.STOPPED, "")
    assert told.out.count("\n") == 1
    assert told.out.startswith("NOT OK. The data end at 2025-06-01 00:00")
    monkeypatch.setenv("AFTERCARE_FRESH_WITHIN_HOURS", LONG)
    told = aftercare("status", "--check", "--home", own)
    assert told.code == 0
    assert told.out.startswith("OK. Data as of 2025-06-01 00:00")
    assert aftercare("status", "--check", "--home", own, "--format", "json").json["status"] == "ok"
    monkeypatch.setenv("AFTERCARE_FRESH_WITHIN_HOURS", "often")
    assert aftercare("status", "--check", "--home", own).code == shared.USAGE


@pytest.mark.parametrize("lang", ["zh", "en"])
@pytest.mark.parametrize("fault", ["older_served", "held", "run_stopped", "run_failed", "run_cut_off", "overdue"])
def test_every_fault_has_its_sentence(home: Path, lang: str, fault: health.Fault) -> None:
    from dataclasses import replace

    from dashboard.i18n import translator
    from ingestion.reader_settings import ReaderSettings

    fine = status(home)
    assert fine.served is not None
    served = replace(fine.served, instead_of=fine.served.snapshot, fault="sha256")
    found = replace(fine, faults=(fault,), served=served, last_run_id="20250602T010203")
    said = health.sentences(found, ReaderSettings(home, "Asia/Shanghai"), translator(lang), lang)
    assert len(said) > 40 or lang == "zh"
    assert "{" not in said


@pytest.fixture
def served(own: Path) -> Iterator[Callable[[str], tuple[int, Any]]]:
    """Ask the dashboard's own server, as `aftercare serve` starts it where a login is demanded."""
    import socket

    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = int(probe.getsockname()[1])
    environment = {
        **os.environ,
        "AFTERCARE_HOME": str(own),
        "AFTERCARE_LOGIN": "1",
        "AFTERCARE_FRESH_WITHIN_HOURS": LONG,
        "PYTHONPATH": str(REPOSITORY),
    }
    command = [sys.executable, *serve.command("127.0.0.1", port)[1:]]
    process = subprocess.Popen(command, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)

    def ask(path: str) -> tuple[int, Any]:
        until = time.monotonic() + 90
        while True:
            try:
                with urlopen(f"http://127.0.0.1:{port}{path}", timeout=20) as answer:
                    return answer.status, answer.read()
            except HTTPError as answer:
                return answer.code, answer.read()
            except (URLError, OSError):
                assert process.poll() is None, "the dashboard ended by itself"
                assert time.monotonic() < until, "the dashboard did not start"
                time.sleep(0.3)

    yield ask
    process.terminate()
    process.wait(timeout=30)


@pytest.mark.slow
def test_the_dashboard_says_the_same_without_a_login(served: Callable[[str], tuple[int, Any]], own: Path) -> None:
    code, body = served("/healthz")
    told = json.loads(body)
    assert (code, told["status"], told["as_of"]) == (200, "ok", "2025-05-31T16:00:00Z")
    assert str(own) not in body.decode()
    assert served("/_stcore/health")[0] == 200
    assert b"<html" in served("/")[1]
    ended(own, "stopped")
    code, body = served("/healthz")
    assert (code, json.loads(body)["faults"]) == (503, ["run_stopped"])
    ended(own, "published")
    current = snapshots.published(own)
    assert current is not None
    content = bytearray(current.file.read_bytes())
    content[-5000] ^= 1
    times = current.file.stat()
    current.file.write_bytes(content)
    os.utime(current.file, ns=(times.st_atime_ns, times.st_mtime_ns))
    # Hashed before: what a disk loses later without a trace in size and time is found when it is read.
    assert served("/healthz")[0] == 200
    os.utime(current.file)
    code, body = served("/healthz")
    assert (code, json.loads(body)["faults"]) == (503, ["unreadable"])


def test_the_server_serves_the_pages_of_the_app() -> None:
    assert server.app.script_path.name == "app.py"
    assert server.app.script_path.is_file()
