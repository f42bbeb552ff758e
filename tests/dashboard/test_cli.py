"""The command line: what it prints, in which language, with which exit code, and what it may import."""

from __future__ import annotations

import csv
import io
import json
import os
import socket
import subprocess
import sys
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from filelock import FileLock

from dashboard import cli
from dashboard.commands import serve, shared
from data_checks import gate
from ingestion.samples import write_samples

if TYPE_CHECKING:
    from collections.abc import Callable

REPOSITORY = Path(__file__).resolve().parents[2]
KPI_KEYS = ["value", "numerator", "denominator", "n", "lower", "upper", "state", "as_of", "run_id"]


@dataclass(frozen=True)
class Answer:
    """What a command said and how it ended."""

    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        return json.loads(self.out)


@pytest.fixture
def aftercare(monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]) -> Callable[..., Answer]:
    """Run `aftercare ARGUMENTS` in this process."""

    def run(*arguments: object) -> Answer:
        monkeypatch.setattr(sys, "argv", ["aftercare", *map(str, arguments)])
        capfd.readouterr()
        try:
            cli.main()
            code = 0
        except SystemExit as end:
            code = int(end.code or 0)
        said = capfd.readouterr()
        return Answer(code, said.out, said.err)

    return run


def in_a_process(*arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    plain = {name: value for name, value in os.environ.items() if not name.startswith(("AFTERCARE_", "LC_", "LANG"))}
    return subprocess.run(
        [sys.executable, "-m", "dashboard.cli", *arguments],
        cwd=REPOSITORY,
        env={**plain, "LANG": "C.UTF-8", "PYTHONPATH": str(REPOSITORY), **environment},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A home with small samples published by the real models; the gate itself has tests of its own."""
    from ingestion import pipeline
    from ingestion.settings import Settings

    root = tmp_path_factory.mktemp("cli")
    write_samples(root / "exports", tickets=300, until=date(2025, 5, 31))
    check = gate.CheckResult("exports", "s", "e", "c", "stop", True, 0, 1, "code", "好", "fine")
    with pytest.MonkeyPatch.context() as patched:
        for stage in ("run_export_checks", "run_mart_checks"):
            patched.setattr(gate, stage, lambda *_, **__: gate.GateResult("exports", (check,)))
        outcome = pipeline.run(root / "exports", Settings(home=root / "home", settle_seconds=0))
    assert outcome.verdict == "published", outcome.findings
    return root / "home"


@pytest.mark.parametrize(
    ("arguments", "environment", "lang"),
    [
        ((), {}, "en"),
        ((), {"LANG": "zh_CN.UTF-8"}, "zh"),
        ((), {"LANG": "en_US.UTF-8", "AFTERCARE_LANG": "zh"}, "zh"),
        (("--lang", "en"), {"AFTERCARE_LANG": "zh"}, "en"),
        (("run", "--lang=zh"), {}, "zh"),
        (("--lang", "fr"), {"LANG": "de_DE"}, "en"),
    ],
)
def test_the_language_is_the_one_asked_for(
    arguments: tuple[str, ...], environment: dict[str, str], lang: str
) -> None:
    assert shared.language(arguments, environment) == lang


@pytest.mark.parametrize(("lang", "words"), [("zh", "夜间任务"), ("en", "The nightly run")])
def test_help_speaks_both_languages(lang: str, words: str) -> None:
    told = in_a_process("--help", AFTERCARE_LANG=lang)
    assert told.returncode == 0
    assert words in told.stdout


@pytest.mark.parametrize("command", list(cli.COMMANDS))
def test_every_command_has_help(command: str, aftercare: Callable[..., Answer]) -> None:
    told = aftercare(command, "--help")
    assert told.code == 0
    assert shared.t(f"cli.{command}.help").split()[0] in told.out


@pytest.mark.parametrize(("arguments", "code"), [("--help", 0), ("kpi csat --format json", 0), ("status", 0)])
def test_heavy_libraries_are_left_alone(arguments: str, code: int, home: Path) -> None:
    script = (
        "import sys; from dashboard import cli\n"
        f"sys.argv = ['aftercare', *{arguments.split()!r}]\n"
        "try: cli.main()\nexcept SystemExit as end: code = end.code or 0\n"
        "heavy = {'streamlit', 'great_expectations', 'pandas', 'altair'} & set(sys.modules)\n"
        "sys.exit(f'imported {heavy}' if heavy else code)"
    )
    told = subprocess.run(
        [sys.executable, "-c", script],
        cwd=REPOSITORY,
        env={**os.environ, "AFTERCARE_HOME": str(home)},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert told.returncode == code, told.stderr


def test_kpi_answers_in_json(aftercare: Callable[..., Answer], home: Path) -> None:
    told = aftercare("kpi", "ticket_volume", "--home", home, "--format", "json")
    assert told.code == 0, told.err
    (row,) = told.json
    assert list(row) == ["kpi", "period", *KPI_KEYS, "definition_version"]
    assert (row["kpi"], row["period"], row["as_of"]) == ("ticket_volume", None, "2025-05-31T16:00:00Z")
    assert row["value"] == row["numerator"] > 0


def test_kpi_by_dimension_and_period_adds_up(aftercare: Callable[..., Answer], home: Path) -> None:
    asked = ("kpi", "ticket_volume", "--home", home, "--format", "json")
    total = aftercare(*asked).json[0]["value"]
    rows = aftercare(*asked, "--by", "channel", "--by", "is_vip", "--period", "month").json
    assert list(rows[0])[:4] == ["kpi", "period", "channel", "is_vip"]
    assert date.fromisoformat(rows[0]["period"]).day == 1
    assert sum(row["value"] or 0 for row in rows) == total
    one = rows[0]["channel"]
    assert (
        sum(row["value"] or 0 for row in rows if row["channel"] == one)
        == (aftercare(*asked, "--where", f"channel={one}").json[0]["value"])
    )


def test_values_of_one_dimension_are_or(aftercare: Callable[..., Answer], home: Path) -> None:
    asked = ("kpi", "ticket_volume", "--home", home, "--format", "json")
    both = aftercare(*asked, "--where", "is_vip=true", "--where", "is_vip=false").json[0]["value"]
    assert both == aftercare(*asked).json[0]["value"]


def test_dates_are_inclusive(aftercare: Callable[..., Answer], home: Path) -> None:
    asked = ("kpi", "ticket_volume", "--home", home, "--format", "json", "--from", "2025-05-05")
    days = aftercare(*asked, "--to", "2025-05-06", "--period", "day").json
    assert [row["period"] for row in days] == ["2025-05-05", "2025-05-06"]


def test_kpi_as_csv_and_table(aftercare: Callable[..., Answer], home: Path) -> None:
    rows = list(csv.DictReader(io.StringIO(aftercare("kpi", "csat", "--home", home, "--format", "csv").out)))
    assert rows[0]["kpi"] == "csat"
    assert "csat" in aftercare("kpi", "csat", "--home", home).out


def test_a_table_of_values_is_for_people(aftercare: Callable[..., Answer], home: Path) -> None:
    told = aftercare("kpi", "sla_resolution_met", "--home", home, "--by", "region", "--period", "quarter").out
    assert "%" in told
    assert "Asia/Shanghai" in told.splitlines()[0]
    assert all(heading in told for heading in ("Period", "Region", "Value", "95 % interval", "State"))
    assert "definition_version" not in told


def test_a_table_without_rows_says_so(aftercare: Callable[..., Answer], home: Path) -> None:
    told = aftercare("kpi", "csat", "--home", home, "--by", "region", "--from", "2001-01-01", "--to", "2001-01-02")
    assert (told.code, "no data" in told.out) == (shared.PUBLISHED, True)


@pytest.mark.parametrize(
    ("where", "nearest"), [("region=Sichuan", "四川"), ("channel=phonee", "phone"), ("source=sampel", "sample")]
)
def test_a_filter_by_a_value_nobody_knows_is_wrong_usage(
    where: str, nearest: str, aftercare: Callable[..., Answer], home: Path
) -> None:
    told = aftercare("kpi", "csat", "--home", home, "--where", where)
    assert told.code == shared.USAGE
    assert f"Did you mean {nearest}" in told.err
    assert not told.out


@pytest.mark.parametrize(
    ("arguments", "option", "nearest"),
    [
        (("--source", "sampel", "--feed", "tickets"), "--source", "sample"),
        (("--source", "sample", "--feed", "tikets"), "--feed", "tickets"),
        (("--source", "sample", "--feed", "tickets", "--set", "encodin=utf-8"), "--set", "encoding"),
        (("--source", "sample", "--feed", "tickets", "--context", "custmers=x.csv"), "--context", "customers"),
    ],
)
def test_a_name_nobody_knows_is_blamed_on_the_option_not_on_a_file(
    arguments: tuple[str, ...], option: str, nearest: str, aftercare: Callable[..., Answer], home: Path
) -> None:
    told = aftercare("check", __file__, *arguments, "--home", home)
    assert told.code == shared.USAGE
    assert told.err.startswith(option)
    assert nearest in told.err
    assert "source.toml" not in told.err


def test_a_value_no_option_can_have_is_blamed_on_the_option(aftercare: Callable[..., Answer], home: Path) -> None:
    told = aftercare(
        *("check", __file__, "--source", "sample", "--feed", "tickets", "--set", "tz=Mars/Olympus", "--home", home)
    )
    assert (told.code, told.err.startswith("--set")) == (shared.USAGE, True)


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


def test_a_run_tells_of_a_file_with_a_header_alone(
    aftercare: Callable[..., Answer], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AFTERCARE_SETTLE_SECONDS", "0")
    check = gate.CheckResult("exports", "s", "e", "c", "stop", True, 0, 1, "code", "好", "fine")
    for stage in ("run_export_checks", "run_mart_checks"):
        monkeypatch.setattr(gate, stage, lambda *_, **__: gate.GateResult("exports", (check,)))
    exports = tmp_path / "exports" / "helpdesk"
    exports.mkdir(parents=True)
    (exports / "tickets.csv").write_text("ticket_id,customer_id,created_at,status\r\n", encoding="utf-8")
    (exports / "customers.csv").write_text(
        "customer_id,name,tier,created_at\nK-001,Ann,gold,2025-06-01 10:00:00\n", encoding="utf-8"
    )
    told = aftercare("run", tmp_path / "exports", "--home", tmp_path / "home")
    assert told.code == shared.PUBLISHED, told
    assert "header" in told.err
    assert "published" in told.out


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


def test_every_kpi_answers(aftercare: Callable[..., Answer], home: Path) -> None:
    listed = aftercare("kpi", "--list", "--format", "json").json
    assert {"kpi", "label_zh", "label_en", "unit", "catalogue_rows"} == set(listed[0])
    for entry in listed:
        told = aftercare("kpi", entry["kpi"], "--home", home, "--format", "json")
        assert told.code == 0, f"{entry['kpi']}: {told.err}"
        assert told.json


@pytest.mark.parametrize(
    "arguments",
    [
        ("kpi", "csatt"),
        ("kpi",),
        ("kpi", "csat", "--by", "shoe_size"),
        ("kpi", "csat", "--period", "hour"),
        ("kpi", "csat", "--from", "yesterday"),
        ("kpi", "csat", "--from", "2025-05-02", "--to", "2025-05-01"),
        ("kpi", "csat", "--where", "region"),
        ("run", "no/such/folder"),
        ("run", ".", "--as-of", "soon"),
        ("run", ".", "--engine", "abacus"),
        ("check", "no-such-file.csv", "--source", "sample", "--feed", "tickets"),
        ("check", __file__, "--source", "nobody", "--feed", "tickets"),
        ("rollback", "20250101T000000", "--release"),
        ("rollback", "nope"),
        ("retract", "abc", "--because", "a test"),
        ("serve", "--address", "0.0.0.0"),  # noqa: S104 - refused, which is the point
        ("no-such-command",),
    ],
)
def test_wrong_usage_ends_with_2_and_a_sentence(
    arguments: tuple[str, ...], aftercare: Callable[..., Answer], home: Path
) -> None:
    extra = () if arguments[0] == "no-such-command" else ("--home", home)
    told = aftercare(*arguments, *extra)
    assert told.code == shared.USAGE, told
    assert told.err
    assert "Traceback" not in told.err


def test_wrong_settings_end_with_2(aftercare: Callable[..., Answer], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AFTERCARE_BUSINESS_TIMEZONE", "Mars/Olympus")
    told = aftercare("status")
    assert told.code == shared.USAGE
    assert "AFTERCARE_BUSINESS_TIMEZONE" in told.err


def test_an_as_of_in_the_future_is_wrong_usage(aftercare: Callable[..., Answer], tmp_path: Path) -> None:
    told = aftercare("run", tmp_path, "--as-of", "2099-01-01", "--home", tmp_path / "home")
    assert told.code == shared.USAGE
    assert "2099-01-01 00:00" in told.err
    assert not (tmp_path / "home").exists()


def test_without_java_spark_is_wrong_usage(
    aftercare: Callable[..., Answer], home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("JAVA_HOME", str(home / "no-java-here"))
    told = aftercare("run", home, "--engine", "spark", "--home", home)
    assert told.code == shared.USAGE, told
    assert "aftercare[spark]" in told.err


def test_nothing_published_is_said(aftercare: Callable[..., Answer], tmp_path: Path) -> None:
    told = aftercare("kpi", "csat", "--home", tmp_path)
    assert told.code == shared.FAILED
    assert "aftercare run" in told.err
    assert aftercare("status", "--home", tmp_path).code == 0
    assert aftercare("status", "--home", tmp_path, "--format", "json").json["published"] is None


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


def test_a_second_run_is_told_that_one_is_going_on(aftercare: Callable[..., Answer], tmp_path: Path) -> None:
    (tmp_path / "home").mkdir()
    (tmp_path / "exports").mkdir()
    with FileLock(tmp_path / "home" / "run.lock"):
        told = aftercare("run", tmp_path / "exports", "--home", tmp_path / "home")
    assert told.code == shared.FAILED
    assert str(tmp_path / "home") in told.err


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
    assert told.json["faults"][0]["sentence"]


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


@pytest.mark.parametrize("lang", ["zh", "en"])
def test_no_help_is_cut_on_a_common_terminal(lang: str) -> None:
    script = (
        "from typer.testing import CliRunner; from dashboard import cli\n"
        "for name in cli.COMMANDS: print(CliRunner().invoke(cli.app, [name, '--help']).output)\n"
        "print(CliRunner().invoke(cli.app, ['--help']).output)"
    )
    told = subprocess.run(
        [sys.executable, "-c", script],
        cwd=REPOSITORY,
        env={**os.environ, "AFTERCARE_LANG": lang, "COLUMNS": "80", "PYTHONIOENCODING": "utf-8"},
        capture_output=True,
        text=True,
        encoding="utf-8",
        timeout=120,
        check=True,
    ).stdout
    assert "AFTERCARE_HOME" in told
    assert "…" not in told


def test_the_dashboard_is_started_without_telemetry() -> None:
    command = serve.command("127.0.0.1", 8600)
    assert "--browser.gatherUsageStats=false" in command
    assert "--server.address=127.0.0.1" in command
    assert Path(command[command.index("run") + 1]).name == "app.py"


@pytest.mark.parametrize(
    ("value", "cell"),
    [("=1+1", "'=1+1"), ("@x", "'@x"), ("＝1", "'＝1"), (-5, -5), (-0.5, -0.5), ("上海", "上海"), (None, "")],
)
def test_no_text_cell_is_a_formula_and_numbers_stay_numbers(value: object, cell: object) -> None:
    assert shared._cell(value) == cell


def test_json_never_holds_nan() -> None:
    assert shared.plain({"a": float("nan"), "b": [float("inf"), 1.5]}) == {"a": None, "b": [None, 1.5]}


@pytest.mark.slow
def test_the_demo_goes_through(tmp_path: Path) -> None:
    """Samples, the whole night with its gates, then a number: the README's promise."""
    told = in_a_process("demo", "--no-serve", "--tickets", "200", "--home", str(tmp_path / "demo"))
    assert told.returncode == 0, told.stderr
    assert "published" in told.stdout
    answer = in_a_process("kpi", "ticket_volume", "--format", "json", AFTERCARE_HOME=str(tmp_path / "demo"))
    assert json.loads(answer.stdout)[0]["value"] > 0
    again = in_a_process("demo", "--no-serve", "--home", str(tmp_path / "demo"))
    assert again.returncode == 0, again.stderr
    assert "Nothing new" in again.stdout
