"""What a run may be told, and how it tells of its progress."""

import io
from datetime import timedelta
from pathlib import Path

import pytest
from pydantic import ValidationError
from rich.console import Console

from ingestion import progress, reader_settings, usage
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
    assert (settings.keep_snapshots, settings.keep_days, settings.settle_seconds) == (7, 7, 60)
    assert settings.fresh_within_hours == 36


@pytest.mark.parametrize(
    "environment",
    [
        {},
        {"AFTERCARE_HOME": "elsewhere"},
        {"AFTERCARE_FRESH_WITHIN_HOURS": "170.5"},
        {"aftercare_home": "/lower/case", "AFTERCARE_BUSINESS_TIMEZONE": "Europe/Berlin"},
    ],
)
def test_readers_are_told_what_the_loader_is(environment: dict[str, str], monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("AFTERCARE_HOME", "AFTERCARE_BUSINESS_TIMEZONE"):
        monkeypatch.delenv(name, raising=False)
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    whole = Settings()
    promise = timedelta(hours=whole.fresh_within_hours)
    assert reader_settings.read() == reader_settings.ReaderSettings(whole.home, whole.business_timezone, promise)
    assert reader_settings.read(Path("here")).home == Settings(home=Path("here")).home


def test_readers_refuse_the_zone_that_the_loader_refuses(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AFTERCARE_BUSINESS_TIMEZONE", "Mars/Olympus")
    with pytest.raises(ValidationError) as loader:
        Settings()
    with pytest.raises(reader_settings.SettingInvalid) as reader:
        reader_settings.read()
    (first,) = loader.value.errors()
    assert (reader.value.name,) == first["loc"]
    assert reader.value.reason in first["msg"]


@pytest.mark.parametrize(
    ("machine_mib", "limit"), [(900, "1024MiB"), (2048, "1024MiB"), (6000, "3000MiB"), (64_000, "4096MiB")]
)
def test_memory_is_half_of_the_machine_within_bounds(
    monkeypatch: pytest.MonkeyPatch, machine_mib: int, limit: str
) -> None:
    monkeypatch.delenv("AFTERCARE_MEMORY_LIMIT", raising=False)
    monkeypatch.setattr(usage, "machine_memory", lambda: machine_mib * usage.MIB)
    assert Settings().memory_limit == limit
    assert Settings(memory_limit="700MB").memory_limit == "700MB"


def test_a_container_holds_less_than_its_machine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    machine = usage.machine_memory()
    told = tmp_path / "memory.max"
    monkeypatch.setattr(usage, "_CONTAINER", (told,))
    told.write_text("max\n", encoding="ascii")
    assert usage.machine_memory() >= machine
    told.write_text(f"{512 * usage.MIB}\n", encoding="ascii")
    assert usage.machine_memory() == 512 * usage.MIB


def test_a_stage_is_timed_until_the_next_begins(monkeypatch: pytest.MonkeyPatch) -> None:
    now = iter([0.0, 1.0, 3.5, 4.0, 10.0])
    monkeypatch.setattr("time.monotonic", lambda: next(now))
    timed = usage.Timed(progress.Silent())
    for stage in ("look", "land", "look"):
        timed.stage(stage)
    timed.end()
    assert timed.seconds == {"look": 8.5, "land": 0.5}


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


@pytest.mark.parametrize("hours", ["0", "-1", "soon", "nan", "inf"])
def test_a_promise_that_is_no_time_is_refused(hours: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AFTERCARE_FRESH_WITHIN_HOURS", hours)
    with pytest.raises(reader_settings.SettingInvalid, match="fresh_within_hours"):
        reader_settings.read()
    with pytest.raises(ValidationError):
        Settings()
