"""The bank's survey writes 01/09/21 for the 1st of September 2021; read year first, it loads into 31 wrong years."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path

import pytest

from ingestion.check import CheckResult, check_file

pytestmark = pytest.mark.real

MAPPING = "their_heading,our_column\nID,survey_id\nSurvey date,responded_at\n"
SOURCE = "timezone = 'UTC'\n[feeds.surveys.datasets.surveys]\n"


def check(folder: Path, file: Path, declared: str, now: datetime) -> CheckResult:
    source = folder / "mappings" / "bank"
    source.mkdir(parents=True, exist_ok=True)
    (source / "source.toml").write_text(SOURCE, encoding="utf-8")
    (source / "surveys.csv").write_text(MAPPING, encoding="utf-8")
    options = {"datetime_format": declared}
    return check_file(file, "bank", "surveys", options, {}, own_mappings=source.parent, now=now)


@pytest.mark.parametrize(
    ("file", "declared"),
    [("NPStimeseries_slash_2digit_year.csv", "%d/%m/%y"), ("NPStimeseries_dash_4digit_year.csv", "%d-%m-%Y")],
)
def test_the_right_order_loads_every_answer(shared_dir: Path, tmp_path: Path, file: str, declared: str) -> None:
    path = shared_dir / "data" / "nps_bank_2021" / file
    result = check(tmp_path, path, declared, datetime(2026, 7, 1))
    assert (result.verdict, result.rows_loaded, result.faults) == ("accept", 5000, [])


@pytest.mark.parametrize("now", [datetime(2026, 7, 1), datetime(2040, 1, 1)])
def test_the_year_first_is_stopped_even_when_all_its_years_are_past(
    shared_dir: Path, tmp_path: Path, now: datetime
) -> None:
    path = shared_dir / "data" / "nps_bank_2021" / "NPStimeseries_slash_2digit_year.csv"
    result = check(tmp_path, path, "%y/%m/%d", now)
    assert result.verdict == "reject"
    (told,) = (fault.fields for fault in result.faults if fault.code == "ambiguous_dates")
    assert (told["count"], told["other_format"]) == (5000, "%d/%m/%y")
    assert (told["first"], told["last"]) == ("2001-01-21", "2031-10-21")
    assert (told["other_first"], told["other_last"]) == ("2021-01-01", "2021-12-30")


def test_the_month_first_is_stopped_by_what_it_cannot_read(shared_dir: Path, tmp_path: Path) -> None:
    path = shared_dir / "data" / "nps_bank_2021" / "NPStimeseries_slash_2digit_year.csv"
    result = check(tmp_path, path, "%m/%d/%y", datetime(2026, 7, 1))
    assert [fault.code for fault in result.faults] == ["accuracy_below_target"]
    assert {reason.code for reason in result.reasons if reason.row} == {"bad_datetime"}
