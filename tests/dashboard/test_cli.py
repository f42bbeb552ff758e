"""The command line: what it prints, in which language, with which exit code, and what it may import."""

from __future__ import annotations

import csv
import io
import os
import subprocess
import sys
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
import typer

from dashboard import cli
from dashboard.commands import shared
from tests.dashboard.asked import REPOSITORY, Answer, in_a_process

if TYPE_CHECKING:
    from collections.abc import Callable

KPI_KEYS = ["value", "numerator", "denominator", "n", "lower", "upper", "state", "as_of", "run_id"]


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


@pytest.mark.parametrize("command", sorted(cli.COMMANDS))
def test_every_command_has_help(command: str, aftercare: Callable[..., Answer]) -> None:
    told = aftercare(command, "--help")
    assert told.code == 0
    assert shared.t(f"cli.{command}.help").split()[0] in told.out


HEAVY = {"streamlit", "great_expectations", "pandas", "altair", "sqlglot", "pydantic_settings", "numpy", "pyarrow"}
"""What no help and no answer imports: the command line starts in little more than its engines take."""
SLOW = {*HEAVY, "pydantic", "typer._adapters", "rich.table", "dashboard.commands.connect", "ingestion.pipeline"}


@pytest.mark.parametrize(
    ("arguments", "heavy"),
    [
        ("--help", HEAVY),
        ("kpi csat --format json", SLOW),
        ("kpi csat --by region --where region=北京 --period month --format json", SLOW),
        ("kpi csat", SLOW - {"rich.table"}),
        ("status --format json", SLOW),
        ("status", SLOW - {"rich.table"}),
        ("quarantine --format json", SLOW),
    ],
)
def test_heavy_libraries_are_left_alone(arguments: str, heavy: set[str], home: Path) -> None:
    script = (
        "import sys; from dashboard import cli\n"
        f"sys.argv = ['aftercare', *{arguments.split()!r}]\n"
        "try: cli.main()\nexcept SystemExit as end: code = end.code or 0\n"
        f"heavy = {heavy!r} & set(sys.modules)\n"
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
    assert told.returncode == 0, told.stderr
    # An engine that is torn down in the wrong order says so here.
    assert "leaked" not in told.stderr


@pytest.mark.parametrize(
    "arguments",
    [
        "kpi",
        "kpi csat",
        "kpi csat --by region --by tier --period month --from 2025-01-01 --where a=1 --where b=2 --format csv",
        "kpi --list --lang zh --home /somewhere",
        "kpi csat --passport --why region --compare last_year",
        "status --format json --home=/somewhere",
        "samples there --tickets 5 --core-only",
        "serve --port 8600 --no-auth",
        "kpi csat --period fortnight",
        "kpi csat --format yaml",
        "status --lang fr",
        "samples there --tickets none",
        "kpi csat --no-such-option",
        "quarantine --all --help",
    ],
)
def test_plain_values_pass_as_typer_would_have_them(arguments: str) -> None:
    name, *rest = arguments.split()

    def parsed(command: Any) -> object:
        try:
            return command.commands[name].make_context(name, list(rest)).params
        except Exception as error:  # noqa: BLE001 - which error it is, is what is compared
            return type(error).__name__, str(error)

    assert parsed(cli.command(name)) == parsed(typer.main.get_command(cli.program(name)))


@pytest.mark.parametrize(
    ("arguments", "name"),
    [
        ("kpi csat", "kpi"),
        ("--home status kpi csat", "kpi"),
        ("--lang=zh --home=/x status", "status"),
        ("--help kpi", None),
        ("no-such-command kpi", None),
        ("", None),
        ("--home", None),
    ],
)
def test_only_the_command_that_is_asked_for_is_imported(arguments: str, name: str | None) -> None:
    assert cli.asked_for(arguments.split()) == name


def test_kpi_answers_in_json(aftercare: Callable[..., Answer], home: Path) -> None:
    told = aftercare("kpi", "ticket_volume", "--home", home, "--format", "json")
    assert told.code == 0, told.err
    (row,) = told.json
    assert list(row) == ["kpi", "period", *KPI_KEYS, "definition_version"]
    assert (row["kpi"], row["period"], row["as_of"]) == ("ticket_volume", None, "2025-05-31T16:00:00Z")
    assert row["value"] == row["numerator"] > 0


def test_the_table_says_which_days_it_is_of(aftercare: Callable[..., Answer], home: Path) -> None:
    asked = ("kpi", "ticket_volume", "--home", home)
    assert "2025-05-05 " in aftercare(*asked, "--from", "2025-05-05").out.splitlines()[0]
    assert "2024-06-01 " in aftercare(*asked).out.splitlines()[0]


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


def test_every_kpi_answers(aftercare: Callable[..., Answer], home: Path) -> None:
    listed = aftercare("kpi", "--list", "--format", "json").json
    assert list(listed[0]) == [*("kpi", "type", "label_zh", "label_en", "unit", "page", "datasets", "catalogue_rows")]
    # Every fifth: that each has a value is held by tests/sql/test_coverage.py.
    for entry in listed[::5]:
        told = aftercare("kpi", entry["kpi"], "--home", home, "--format", "json")
        assert told.code == 0, f"{entry['kpi']}: {told.err}"
        # A view may have no rows: its exports are missing, or too few cases stand behind any of them.
        assert told.json or entry["type"] == "view", entry["kpi"]


@pytest.mark.parametrize(
    "arguments",
    [
        ("kpi", "csatt"),
        ("kpi",),
        ("kpi", "csat", "--by", "shoe_size"),
        ("kpi", "csat", "--period", "hour"),
        ("kpi", "csat", "--why", "tier", "--by", "region"),
        ("kpi", "csat", "--restated", "--period", "month"),
        ("kpi", "csat", "--passport", "--restated"),
        ("kpi", "metric_tree", "--by", "region"),
        ("kpi", "service_premium", "--why", "tier"),
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


@pytest.mark.parametrize("lang", ["zh", "en"])
def test_no_help_is_cut_on_a_common_terminal(lang: str) -> None:
    script = (
        "from typer.testing import CliRunner; from dashboard import cli; app = cli.program(*cli.COMMANDS)\n"
        "for name in cli.COMMANDS: print(CliRunner().invoke(app, [name, '--help']).output)\n"
        "print(CliRunner().invoke(app, ['--help']).output)"
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


@pytest.mark.parametrize(
    ("value", "cell"),
    [("=1+1", "'=1+1"), ("@x", "'@x"), ("＝1", "'＝1"), (-5, -5), (-0.5, -0.5), ("上海", "上海"), (None, "")],
)
def test_no_text_cell_is_a_formula_and_numbers_stay_numbers(value: object, cell: object) -> None:
    assert shared._cell(value) == cell


def test_json_never_holds_nan() -> None:
    assert shared.plain({"a": float("nan"), "b": [float("inf"), 1.5]}) == {"a": None, "b": [None, 1.5]}
