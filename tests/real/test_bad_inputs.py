"""Every file of the bad inputs leads to what its manifest says: verdict, counts, the very rows, the values."""

import csv
import json
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from data_checks.contract import datasets
from ingestion.check import CheckResult, check_in
from ingestion.mapping import load_sources
from ingestion.warehouse.engines import open_memory

pytestmark = pytest.mark.real

MOST_ALTERNATIVES = 3


@dataclass
class Case:
    """One file of the manifest: what is expected of it, what came of it, and its rows."""

    manifest: dict[str, str]
    result: CheckResult
    rows: dict[str, dict[str, object]] = field(default_factory=dict)

    @property
    def as_expected(self) -> bool:
        expected = [self.manifest[name] for name in ("expect", "loaded", "quarantined", "duplicates")]
        if expected[0] == "reject":
            told = self.manifest["rows_in"] or self.result.rows_read
            return self.result.verdict == "reject" and self.result.rows_read == int(told)
        same = self.counts == [int(n) for n in expected[1:]] and self.result.verdict == expected[0]
        return same and self.result.rows_read == int(self.manifest["rows_in"])

    @property
    def is_accepted_alternative(self) -> bool:
        return any(self._is(alternative) for alternative in self.manifest["also_ok"].split("|") if alternative)

    @property
    def counts(self) -> list[int]:
        return [self.result.rows_loaded, self.result.rows_quarantined, self.result.rows_duplicate]

    def _is(self, alternative: str) -> bool:
        action, _, counts = alternative.partition(":")
        return self.result.verdict == action and (not counts or self.counts == [int(n) for n in counts.split("/")])


def read_csv(path: Path) -> list[dict[str, str]]:
    with path.open(encoding="utf-8-sig", newline="") as lines:
        return list(csv.DictReader(lines))


@pytest.fixture(scope="session")
def bad_inputs(shared_dir: Path) -> Path:
    return shared_dir / "bad_inputs"


@pytest.fixture(scope="session")
def cases(bad_inputs: Path) -> dict[str, Case]:
    return {row["file"]: check(bad_inputs, row) for row in read_csv(bad_inputs / "manifest.csv")}


def check(bad_inputs: Path, manifest: dict[str, str]) -> Case:
    """Check one file with the options it declares, customers given, and keep the rows that landed."""
    table = manifest["table"]
    options = json.loads(manifest["params"] or "{}")
    context = {} if table == "customers" else {"customers": bad_inputs / "context" / "customers.csv"}
    con = open_memory()
    try:
        result, landed = check_in(con, bad_inputs / manifest["file"], "helpdesk", table, options, context)
        case = Case(manifest, result)
        if landed:
            found = con.execute(f'from memory.landing."checked__{table}"')
            names = [column[0] for column in found.description]
            key = datasets()[table].key[0]
            case.rows = {row[names.index(key)]: dict(zip(names, row, strict=True)) for row in found.fetchall()}
        return case
    finally:
        con.close()


def test_every_file_ends_as_its_manifest_says(cases: dict[str, Case]) -> None:
    others = {name: case for name, case in cases.items() if not case.as_expected}
    wrong = {
        name: (case.manifest["expect"], case.result.verdict, case.counts, case.result.reasons)
        for name, case in others.items()
        if not case.is_accepted_alternative
    }
    assert wrong == {}
    assert len(others) <= MOST_ALTERNATIVES, sorted(others)


def test_every_record_is_accounted_for(cases: dict[str, Case]) -> None:
    for name, case in cases.items():
        refused_unread = case.result.verdict == "reject" and not any(case.counts)
        assert refused_unread or case.result.rows_read == sum(case.counts), name


def test_the_very_records_named_are_held_back_for_the_reason_named(cases: dict[str, Case], bad_inputs: Path) -> None:
    for expected in read_csv(bad_inputs / "expected_rows.csv"):
        if expected["outcome"] != "quarantine":
            continue
        reasons = cases[expected["file"]].result.reasons
        found = {(reason.row, reason.key, reason.code) for reason in reasons}
        assert (int(expected["record"]), expected["key"], expected["reason"]) in found, (expected, found)


def test_no_other_record_is_held_back(cases: dict[str, Case], bad_inputs: Path) -> None:
    expected: dict[str, set[int]] = {}
    for row in read_csv(bad_inputs / "expected_rows.csv"):
        if row["outcome"] == "quarantine":
            expected.setdefault(row["file"], set()).add(int(row["record"]))
    for name, case in cases.items():
        if case.result.verdict == "quarantine":
            assert {reason.row for reason in case.result.reasons} == expected[name], name


def test_refused_files_name_one_of_the_expected_reasons(cases: dict[str, Case]) -> None:
    for name, case in cases.items():
        if case.manifest["expect"] == "reject":
            codes = {reason.code for reason in case.result.reasons}
            assert codes & set(case.manifest["reasons"].split(";")), (name, codes)


def test_a_warning_is_given_where_one_is_due(cases: dict[str, Case]) -> None:
    for name, case in cases.items():
        if case.manifest["warn"] == "yes" and case.result.verdict != "reject":
            assert case.result.warnings, name


def test_values_arrive_unchanged(cases: dict[str, Case], bad_inputs: Path) -> None:
    sources = load_sources()
    for check_ in read_csv(bad_inputs / "value_checks.csv"):
        case = cases[check_["file"]]
        options = json.loads(case.manifest["params"] or "{}")
        feed = sources["helpdesk"].feed(case.manifest["table"]).with_options(options)
        value = case.rows[check_["key"]][check_["column"]]
        if isinstance(value, datetime):
            local = value.replace(tzinfo=ZoneInfo("UTC")).astimezone(ZoneInfo(feed.timezone))
            value = local.strftime("%Y-%m-%d %H:%M:%S")
        assert value == check_["expected"], check_
