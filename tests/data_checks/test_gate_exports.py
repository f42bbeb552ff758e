"""The gate on landed exports: silent on good data, and each kind of check fires on what it is for."""

import os
import random
import socket
from collections.abc import Callable
from datetime import datetime
from typing import Any

import duckdb
import pytest

from data_checks import gate
from data_checks.contract import Dataset, datasets
from data_checks.gate import CheckResult, GateResult, run_export_checks
from data_checks.rules import row_rules

pytestmark = pytest.mark.slow

LIMIT = datetime(2025, 6, 30)
GOOD = {"ticket_id": "T1", "created_at": "2025-06-01", "closed_at": "2025-06-02", "status": "closed", "csat_score": 5}

Land = Callable[..., str]
Connection = duckdb.DuckDBPyConnection


def check(con: Connection, tables: dict[str, Any], **options: Any) -> GateResult:
    return run_export_checks(con, "memory", tables, as_of_limit=LIMIT, **options)


def failures(result: GateResult) -> dict[tuple[str, str], CheckResult]:
    return {(check.code, check.column): check for check in result.failed}


def test_good_data_pass_without_a_word(con: Connection, land: Land) -> None:
    result = check(con, {"tickets": land("tickets", [GOOD, {**GOOD, "ticket_id": "T2"}])})
    assert result.verdict == "pass"
    assert result.failed == ()
    assert {check.element_count for check in result.checks} == {2}
    assert {check.stage for check in result.checks} == {"exports"}
    assert {check.suite for check in result.checks} == {"exports.tickets"}


@pytest.mark.parametrize(
    ("planted", "code", "column"),
    [
        ({"status": None}, "missing_value", "status"),
        ({"kind": "quarrel"}, "unknown_kind", "kind"),
        ({"ticket_id": "T1"}, "key_not_unique", "ticket_id"),
        ({"closed_at": "2025-05-01"}, "closed_before_created", "closed_at"),
        ({"created_at": "2025-07-01", "closed_at": None}, "future_date", "created_at"),
        ({"reopen_count": -1}, "negative_count", "reopen_count"),
    ],
)
def test_a_planted_fault_stops_and_names_the_column(
    con: Connection, land: Land, planted: dict[str, Any], code: str, column: str
) -> None:
    result = check(con, {"tickets": land("tickets", [GOOD, {**GOOD, "ticket_id": "T2", **planted}])})
    assert result.verdict == "stop"
    (failed,) = result.failed
    assert (failed.code, failed.column, failed.severity) == (code, column, "stop")
    assert failed.unexpected_count == (2 if code == "key_not_unique" else 1)
    assert failed.reason_zh != failed.reason_en


def test_versions_of_one_ticket_stand_side_by_side(con: Connection, land: Land) -> None:
    result = check(con, {"tickets": land("tickets", [GOOD, {**GOOD, "version_key": "2"}])})
    assert result.verdict == "pass"


def test_sources_may_use_the_same_id(con: Connection, land: Land) -> None:
    other = land("tickets", [{**GOOD, "source": "web"}], table='memory.landing."L2__tickets"')
    result = check(con, {"tickets": [land("tickets", [GOOD]), other]})
    assert result.verdict == "pass"
    assert result.checks[0].element_count == 2


def test_a_source_may_declare_another_key(con: Connection, land: Land) -> None:
    tables = {"tickets": land("tickets", [GOOD, {**GOOD, "subject": "other"}])}
    assert check(con, tables).verdict == "stop"
    assert check(con, tables, keys={"tickets": ("ticket_id", "subject")}).verdict == "pass"


def test_rows_flagged_on_purpose_only_warn(con: Connection, land: Land) -> None:
    result = check(con, {"order_items": land("order_items", [{"quantity": -1}])})
    assert result.verdict == "warn"
    assert [check.code for check in result.failed] == ["negative_quantity"]


def test_no_rows_stop_unless_the_feed_may_be_empty(con: Connection, land: Land) -> None:
    tables = {"tickets": land("tickets", [])}
    assert [check.code for check in check(con, tables).failed] == ["no_rows"]
    assert check(con, tables, may_be_empty=["tickets"]).verdict == "pass"


def test_a_dataset_without_a_suite_stops(con: Connection, land: Land) -> None:
    result = check(con, {"tickets": land("tickets", [GOOD]), "rumours": "memory.landing.tickets"})
    assert [check.code for check in result.failed] == ["no_suite"]
    assert result.verdict == "stop"


def test_nothing_to_check_stops(con: Connection) -> None:
    result = check(con, {})
    assert result.verdict == "stop"
    assert [check.code for check in result.checks] == ["no_checks"]
    assert GateResult("exports", ()).verdict == "stop"


def test_a_table_that_is_not_there_stops_and_the_others_are_still_judged(con: Connection, land: Land) -> None:
    result = check(con, {"orders": "memory.landing.nosuch", "tickets": land("tickets", [GOOD])})
    assert [(check.suite, check.code) for check in result.failed] == [("exports.orders", "could_not_run")]
    assert "exports.tickets" in {check.suite for check in result.checks}


def test_an_expectation_that_cannot_run_counts_as_failed(con: Connection, land: Land) -> None:
    table = land("tickets", [GOOD])
    con.execute(f"alter table {table} drop column closed_at")
    result = check(con, {"tickets": table})
    assert result.verdict == "stop"
    assert {check.code for check in result.failed} == {"could_not_run"}
    assert {check.severity for check in result.failed} == {"stop"}
    assert any("closed_at" in check.reason_zh for check in result.failed)
    # The rest of the suite was judged all the same.
    assert sum(check.success for check in result.checks) > 10


def test_a_warning_that_cannot_run_stops(con: Connection, land: Land) -> None:
    table = land("order_items", [{}])
    con.execute(f"alter table {table} drop column quantity")
    assert check(con, {"order_items": table}).verdict == "stop"


def test_an_expectation_without_a_result_counts_as_failed(
    con: Connection, land: Land, monkeypatch: pytest.MonkeyPatch
) -> None:
    from great_expectations.datasource.fluent.interfaces import Batch

    validate = Batch.validate

    def lossy(self: Batch, *arguments: Any, **options: Any) -> Any:
        result = validate(self, *arguments, **options)
        result.results.pop()
        return result

    monkeypatch.setattr(Batch, "validate", lossy)
    result = check(con, {"tickets": land("tickets", [GOOD])})
    assert result.verdict == "stop"
    assert [check.code for check in result.failed] == ["could_not_run"]


def test_an_empty_suite_stops(con: Connection, land: Land, monkeypatch: pytest.MonkeyPatch) -> None:
    from data_checks.duckdb_gx import suite_of
    from data_checks.suites import exports

    monkeypatch.setattr(exports, "suite_for", lambda *_, **__: suite_of("exports.tickets", []))
    result = check(con, {"tickets": land("tickets", [GOOD])})
    assert [check.code for check in result.failed] == ["no_checks"]


def test_great_expectations_counts_what_our_own_predicates_count(con: Connection, land: Land) -> None:
    """One entry of sql/checks feeds both, so they must agree on any data: here 40 random rows of every dataset."""
    chance = random.Random(7)
    tables = {name: land(name, [_random(dataset, chance) for _ in range(40)]) for name, dataset in datasets().items()}
    result = check(con, tables)
    counted = {
        (check.suite, check.code, check.column): check.unexpected_count
        for check in result.checks
        if check.expectation == "unexpected_rows_expectation"
    }
    expected = {
        (f"exports.{name}", rule.code, rule.columns[0]): _count(con, tables[name], rule.fails_when)
        for name in datasets()
        for rule in row_rules(name)
    }
    assert counted == expected
    assert sum(count > 0 for count in expected.values()) > 0.9 * len(expected), "too few rules were put to the test"


def test_the_callers_connection_stays_usable_and_nothing_is_written(con: Connection, land: Land) -> None:
    table = land("tickets", [GOOD])
    before = con.execute("select database_name, schema_name, table_name from duckdb_tables()").fetchall()
    check(con, {"tickets": table})
    assert con.execute("select database_name, schema_name, table_name from duckdb_tables()").fetchall() == before
    assert con.execute("select count(*) from duckdb_views() where not internal").fetchone() == (0,)
    con.execute("create table afterwards as select 1")


def test_nothing_leaves_the_machine(
    con: Connection, land: Land, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    calls: list[Any] = []
    monkeypatch.setattr(socket.socket, "connect", lambda _, address: calls.append(address))
    monkeypatch.setattr(socket, "getaddrinfo", lambda *address, **_: calls.append(address))
    assert check(con, {"tickets": land("tickets", [GOOD])}).verdict == "pass"
    assert calls == []
    assert os.environ["GX_ANALYTICS_ENABLED"] == "false"
    assert capfd.readouterr() == ("", ""), "progress bars and notices belong to the caller"


def test_a_reason_never_quotes_data(con: Connection, land: Land, monkeypatch: pytest.MonkeyPatch) -> None:
    (rule, *_) = row_rules("tickets")
    leaky = type(rule)(**{**vars(rule), "fails_when": "cast(subject as integer) = 1"})
    monkeypatch.setattr(gate, "row_rules", lambda _: (leaky,))
    result = check(con, {"tickets": land("tickets", [{**GOOD, "subject": "13800138000 Wang"}])})
    (failed,) = result.failed
    assert failed.code == "could_not_run"
    assert "Wang" not in failed.reason_zh + failed.reason_en


def _random(dataset: Dataset, chance: random.Random) -> dict[str, Any]:
    """A row whose values collide, contradict each other and lie in the future often enough."""
    day = {"instant": lambda: f"2025-0{chance.randint(5, 8)}-01", "date": lambda: f"2025-0{chance.randint(5, 8)}-01"}
    draw: dict[str, Callable[[], Any]] = {
        **day,
        "id": lambda: chance.choice("AB"),
        "text": lambda: "x",
        "int": lambda: chance.randint(-2, 3),
        "decimal": lambda: chance.randint(-2, 12),
        "bool": lambda: chance.choice([True, False]),
    }
    row = {
        column.name: chance.choice(column.values) if column.values else draw[column.type]()
        for column in dataset.columns
    }
    return {name: None if chance.random() < 0.2 else value for name, value in row.items()}


def _count(con: Connection, table: str, predicate: str) -> int:
    limited = f"select *, timestamp '{LIMIT}' as as_of_limit from {table}"
    answer = con.execute(f"select count(*) from ({limited}) where {predicate}").fetchone()
    assert answer is not None
    return int(answer[0])
