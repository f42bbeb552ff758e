"""The Data Docs of a run: every check on one page, which fetches nothing and quotes nobody."""

import re
from collections.abc import Callable
from datetime import datetime
from html.parser import HTMLParser

import duckdb
import pytest

from data_checks.gate import CheckResult, GateResult, run_export_checks

pytestmark = pytest.mark.slow

RUN = "20250630T010203"
SAID = "<b>吵架 Ms. Quarrel 13800000000"
ROW = {"ticket_id": "T1", "created_at": "2025-06-01", "closed_at": "2025-06-02", "status": "closed"}


class Seen(HTMLParser):
    """The cells of every table, line by line, and every attribute by which a browser fetches something."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.lines: list[list[str]] = []
        self.fetched: list[str] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.fetched += [f"{tag} {name}" for name, _ in attrs if name in ("src", "href", "srcset", "onload", "data")]
        if tag == "tr":
            self.lines.append([])
        if tag in ("td", "th") and self.lines:
            self.lines[-1].append("")

    def handle_data(self, data: str) -> None:
        if self.lines and self.lines[-1]:
            self.lines[-1][-1] += data.strip()


@pytest.fixture
def result(con: duckdb.DuckDBPyConnection, land: Callable[..., str]) -> GateResult:
    bad = {**ROW, "ticket_id": "T2", "kind": SAID, "subject": SAID}
    tables = {"tickets": land("tickets", [ROW, bad]), "rumours": "memory.landing.tickets"}
    return run_export_checks(con, "memory", tables, as_of_limit=datetime(2025, 6, 30))


def page(result: GateResult, *others: CheckResult) -> str:
    from data_checks import docs

    return docs.page(RUN, [*result.checks, *others], [("tickets-0630.csv", one) for one in result.judged])


def test_every_check_is_a_line_of_its_suite_and_what_failed_comes_first(result: GateResult) -> None:
    text = page(result)
    (judged,) = result.judged
    seen = Seen(text)
    failed = [line for line in seen.lines if line and line[0] == "停止 · Stop"]
    assert [line[1] for line in failed] == ["exports.tickets", "exports.rumours"]
    assert failed[0][3] == "1"
    one_by_one = [line for line in seen.lines if len(line) == 3 and line[0] != "Status"]
    assert len(one_by_one) == len(judged.checks)
    assert "exports.tickets · tickets-0630.csv" in text
    assert f"{len(judged.checks) - 1} / {len(judged.checks)}" in text
    assert f"{len(result.checks) - 2} passed, 2 failed" in text
    assert text.count("<details open>") == 1


def test_a_failed_check_says_how_many_of_how_many_rows(result: GateResult) -> None:
    (line,) = [line for line in Seen(page(result)).lines if "unexpected values found" in " ".join(line)]
    assert "kind" in line[1]
    assert re.search(r"1 unexpected values found\. 50% of 2 total rows", line[1])


def test_what_a_customer_wrote_is_not_on_it_and_names_are_no_markup(result: GateResult) -> None:
    odd = CheckResult("exports", SAID, "accuracy", "", "warn", False, 3, 9, "x", "原因 <i>", "reason <i>")
    told = page(result, odd)
    assert "Quarrel" not in page(result)
    assert "13800000000" not in page(result)
    assert "<b>" not in told
    assert "reason &lt;i&gt;" in told
    assert "提醒 · Warn" in told


def test_a_browser_fetches_nothing(result: GateResult) -> None:
    text = page(result)
    assert Seen(text).fetched == []
    assert "http" not in text
    assert "<script" not in text
    assert "url(" not in text
