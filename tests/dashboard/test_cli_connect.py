"""`aftercare connect` as it is typed: what it prints in both languages, its JSON, its exit codes."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.dashboard.asked import REPOSITORY, in_a_process

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from tests.dashboard.asked import Answer

ROWS = "".join(f"G-{n:03},处理中,0{n}/06/2025 09:00\n" for n in range(1, 10))
FULL = f"工单编号,工单状态,建单时间\n{ROWS}"


@pytest.fixture
def export(tmp_path: Path) -> Path:
    file = tmp_path / "tickets-2025.csv"
    file.write_text(FULL, encoding="utf-8")
    return file


def test_json_says_all_that_was_found(aftercare: Callable[..., Answer], export: Path, tmp_path: Path) -> None:
    home = tmp_path / "home"
    told = aftercare("connect", export, "--source", "crm", "--feed", "tickets", "--home", home, "--format", "json")
    assert told.code == 0, told.err
    found = told.json
    assert list(found) == [
        *("file", "source", "feed", "layout", "rows_read", "headings", "datasets", "options", "decisions"),
        *("to_fill", "written", "check", "next"),
    ]
    assert found["layout"]["format"] == "csv"
    assert (found["rows_read"], found["check"]["verdict"], found["check"]["rows_loaded"]) == (9, "accept", 9)
    ids, status, created = found["headings"]
    assert ids["proposed"] == [
        {"dataset": "tickets", "column": "ticket_id", "score": 1.0, "sure": "sure", "reason": "same"}
    ]
    assert (status["type"], status["filled"]) == ("text", 1.0)
    assert (created["type"], created["formats"][0]) == (
        "instant",
        {"format": "%d/%m/%Y %H:%M", "share": 1.0, "count": 9, "of": 9, "is_ambiguous": True},
    )
    codes = [one["code"] for one in found["decisions"]]
    assert {"dates_ambiguous", "timezone_assumed"} <= set(codes)
    assert all(one["sentence"] for one in found["decisions"])
    assert found["next"].startswith("aftercare check ")
    assert (home / "mappings" / "crm" / "source.toml").is_file()
    # Nothing else of the home is touched.
    assert [each.name for each in home.iterdir()] == ["mappings"]


def test_a_column_that_is_empty_throughout_is_shown_as_empty(
    aftercare: Callable[..., Answer], export: Path, tmp_path: Path
) -> None:
    export.write_text("备注," + FULL.replace("\nG", "\n,G"), encoding="utf-8")
    told = aftercare("connect", export, "--source", "crm", "--feed", "tickets", "--home", tmp_path / "home")
    assert told.code == 0, told.err
    assert "0%" in next(line for line in told.out.splitlines() if "备注" in line).split()


@pytest.mark.slow
@pytest.mark.parametrize(("lang", "words"), [("zh", "需要人工核对"), ("en", "To be looked at by a person")])
def test_the_table_speaks_both_languages(lang: str, words: str, export: Path, tmp_path: Path) -> None:
    asked = ("connect", str(export), "--source", "crm", "--feed", "tickets", "--home", str(tmp_path / "home"))
    told = in_a_process(*asked, AFTERCARE_LANG=lang)
    assert told.returncode == 0, told.stderr
    assert "%m/%d/%Y %H:%M" in told.stdout
    assert words in told.stdout
    assert "aftercare check" in told.stdout
    again = in_a_process(*asked, AFTERCARE_LANG=lang)
    assert again.returncode == 2
    assert "--force" in again.stderr
    notes = (tmp_path / "home" / "mappings" / "crm" / "tickets.csv").read_text(encoding="utf-8-sig")
    assert ("常用标题" in notes) == (lang == "zh")


@pytest.mark.parametrize(
    "arguments",
    [
        ("--source", "crm", "--feed", "tickets", "--dataset", "tikets"),
        ("--source", "crm", "--feed", "tickets", "--set", "encodng=gbk"),
        ("--source", "crm", "--feed", "tickets", "--set", "tz=Mars/Olympus"),
        ("--source", "helpdesk", "--feed", "tickets"),
    ],
)
def test_wrong_usage_writes_nothing(
    arguments: tuple[str, ...], aftercare: Callable[..., Answer], export: Path, tmp_path: Path
) -> None:
    told = aftercare("connect", export, *arguments, "--home", tmp_path / "home")
    assert told.code == 2
    assert told.err
    assert not (tmp_path / "home" / "mappings").exists()


def test_other_commands_do_not_load_what_connect_needs() -> None:
    import subprocess
    import sys

    script = "import sys; from dashboard import cli\nsys.exit('rapidfuzz' in sys.modules or 'polars' in sys.modules)"
    told = subprocess.run([sys.executable, "-c", script], cwd=REPOSITORY, timeout=60, check=False)
    assert told.returncode == 0
