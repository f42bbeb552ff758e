"""What a run may be told, and how it tells of its progress."""

import io
from pathlib import Path

import pytest
from pydantic import ValidationError
from rich.console import Console

from ingestion import progress
from ingestion.settings import Settings


def say(key: str, **_: object) -> str:
    return key.removeprefix("progress.")


def test_the_environment_sets_and_arguments_win(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AFTERCARE_HOME", "elsewhere")
    monkeypatch.setenv("AFTERCARE_KEEP_SNAPSHOTS", "3")
    assert Settings().home == Path("elsewhere")
    assert Settings(home=Path("here")).home == Path("here")
    assert Settings().keep_snapshots == 3


def test_defaults_are_those_of_the_manual(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("AFTERCARE_HOME", raising=False)
    settings = Settings()
    assert (settings.home, settings.business_timezone) == (Path("warehouse"), "Asia/Shanghai")
    assert (settings.keep_snapshots, settings.settle_seconds) == (7, 60)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("KEEP_SNAPSHOTS", "0"),
        ("SETTLE_SECONDS", "-1"),
        ("BUSINESS_TIMEZONE", "Mars/Olympus"),
        ("MEMORY_LIMIT", "a lot"),
        ("THREADS", "0"),
    ],
)
def test_a_senseless_setting_is_refused(monkeypatch: pytest.MonkeyPatch, name: str, value: str) -> None:
    monkeypatch.setenv(f"AFTERCARE_{name}", value)
    with pytest.raises(ValidationError):
        Settings()


def test_elsewhere_than_on_a_terminal_a_stage_is_a_line() -> None:
    out = io.StringIO()
    with progress.showing(say, out) as shown:
        shown.stage("land", 2)
        shown.part("tickets.csv")
        shown.stage("publish")
    assert out.getvalue() == "land (2)\npublish\n"


def told(key: str, **fields: object) -> str:
    return " ".join([say(key), *(str(fields[name]) for name in ("files", "bytes", "rows") if name in fields)])


def test_a_log_is_told_what_the_files_of_a_stage_came_to() -> None:
    out = io.StringIO()
    with progress.showing(told, out) as shown:
        shown.stage("land", 2, 3_000_000)
        for size, rows in ((1_000_000, 1200), (2_000_000, 34)):
            shown.part("tickets.csv")
            shown.done(size, rows)
        shown.stage("publish")
    assert out.getvalue() == "land (2)\n  summed 2 3.0 MB 1,234\npublish\n"


def test_the_time_left_follows_from_the_bytes_done(monkeypatch: pytest.MonkeyPatch) -> None:
    clock = iter([100.0, 110.0])
    monkeypatch.setattr(progress.time, "monotonic", lambda: next(clock))
    tally = progress.Tally(40_000_000)
    tally.done(5_000_000, 70_000)
    words = tally.words()
    assert (words["bytes"], words["size"], words["rate"]) == ("5.0 MB", "40.0 MB", "500.0 kB")
    assert (words["rows"], words["took"], words["left"]) == ("70,000", "0:00:10", "0:01:10")


def test_on_a_terminal_a_bar_names_the_part() -> None:
    out = io.StringIO()
    bar = progress.Bar(say, Console(file=out, force_terminal=True, width=120))
    with bar.bar:
        bar.stage("land", 2)
        bar.part("customers.csv")
        bar.done(1_000_000, 10)
        bar.part("[tickets].csv")
        bar.bar.refresh()
    assert "land" in out.getvalue()
    assert "[tickets].csv" in out.getvalue()
