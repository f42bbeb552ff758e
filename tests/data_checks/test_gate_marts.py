"""The gate on built models: silent on good ones, and each kind of check fires on what it is for."""

from collections.abc import Callable
from typing import Any

import duckdb
import pytest

from data_checks.gate import GateResult, run_mart_checks
from data_checks.suites.declarations import SLICES

pytestmark = pytest.mark.slow

Build = Callable[..., None]
Connection = duckdb.DuckDBPyConnection

GRAIN = ("date", *SLICES)
BACKLOG = {"date": "2025-06-01", "open_count": 3}
MOVES = {"date": "2025-06-01", "tier_from": "gold", "tier_to": "vip", "customer_count": 1}
MONTHS = {"date": "2025-06-01", "customer_count": 2, "lost_later_count": 1}
FACT = {"customer_key": "crm:C1", "month_start": "2025-06-01", "is_lost": False, "seconds_to_loss": 60}
FACT_GRAIN = ("customer_key", "month_start")


def check(con: Connection, models: dict[str, tuple[str, ...]]) -> GateResult:
    return run_mart_checks(con, "memory", models)


def fact_rows(con: Connection, build: Build, number: int) -> None:
    rows = [{**FACT, "customer_key": f"crm:C{each}"} for each in range(number)]
    build("core.fct_customer_months", rows, types={"month_start": "date"})


def only(result: GateResult) -> tuple[str, str, str]:
    """Code, column and severity of the one failed check."""
    (failed,) = result.failed
    return failed.code, failed.column, failed.severity


def test_good_models_pass_without_a_word(con: Connection, model: Build) -> None:
    fact_rows(con, model, 2)
    model("marts.mart_customer_months", [MONTHS])
    result = check(con, {"marts.mart_customer_months": GRAIN, "core.fct_customer_months": FACT_GRAIN})
    assert result.failed == ()
    assert result.verdict == "pass"
    assert {check.stage for check in result.checks} == {"marts"}
    assert {check.suite for check in result.checks} == {"marts.mart_customer_months", "core.fct_customer_months"}


@pytest.mark.parametrize(
    ("planted", "code", "column"),
    [
        ({"open_count": -1}, "model_negative_count", ""),
        ({"open_count": None}, "model_missing_value", ""),
        ({"region": None}, "model_missing_value", ""),
        ({"date": None}, "model_missing_value", "date"),
        ({"date": "1970-01-01"}, "model_date_out_of_range", "date"),
        ({"date": "2030-01-01"}, "model_date_out_of_range", "date"),
        ({"date": "2025-06-01"}, "grain_not_unique", "date"),
    ],
)
def test_a_planted_fault_stops(
    con: Connection, model: Build, planted: dict[str, Any], code: str, column: str
) -> None:
    model("marts.mart_backlog_daily", [BACKLOG, {**BACKLOG, "date": "2025-06-02", **planted}])
    assert only(check(con, {"marts.mart_backlog_daily": GRAIN})) == (code, column, "stop")


def test_a_numerator_above_its_denominator_stops(con: Connection, model: Build) -> None:
    fact_rows(con, model, 2)
    model("marts.mart_customer_months", [{**MONTHS, "lost_later_count": 3}])
    result = check(con, {"marts.mart_customer_months": GRAIN})
    assert only(result) == ("part_exceeds_whole", "lost_later_count", "stop")
    assert "lost_later_count ≤ customer_count" in result.failed[0].reason_zh


def test_totals_that_differ_from_the_facts_stop(con: Connection, model: Build) -> None:
    fact_rows(con, model, 3)
    model("marts.mart_customer_months", [MONTHS])
    result = check(con, {"marts.mart_customer_months": GRAIN})
    assert only(result) == ("does_not_reconcile", "customer_count", "stop")


def test_an_empty_mart_reconciles_with_empty_facts_only(con: Connection, model: Build) -> None:
    fact_rows(con, model, 1)
    model("marts.mart_customer_months", [MONTHS])
    con.execute("delete from marts.mart_customer_months")
    assert only(check(con, {"marts.mart_customer_months": GRAIN}))[0] == "does_not_reconcile"
    con.execute("delete from core.fct_customer_months")
    assert check(con, {"marts.mart_customer_months": GRAIN}).verdict == "pass"


def test_parts_that_do_not_add_up_stop(con: Connection, model: Build) -> None:
    counts = {"sent_count": 3, "answered_count": 1, "matured_count": 1, "maturing_count": 1}
    counts |= {"instant_matured_count": 0, "instant_maturing_count": 0, "instant_answered_count": 0}
    model("core.fct_surveys", [{"survey_key": f"crm:S{each}", "is_sent": True} for each in range(3)])
    model("marts.mart_surveys_daily", [{"date": "2025-06-01", "kind": "nps", **counts, "matured_answered_count": 1}])
    result = check(con, {"marts.mart_surveys_daily": (*GRAIN, "kind")})
    assert only(result) == ("parts_do_not_add_up", "sent_count", "stop")


def test_a_numerator_flag_outside_its_denominator_stops(con: Connection, model: Build) -> None:
    visit = {"ticket_key": "crm:T1", "created_date": "2025-06-01", "result": "fixed", "fault_code": "x"}
    flags = {"is_fixed_first": True, "is_matured": False, "is_repair_repeated": False, "is_repair_matured": False}
    model("core.fct_first_visits", [{**visit, **flags}], types={"created_date": "date"})
    model("marts.mart_backlog_daily", [BACKLOG])
    models = {"marts.mart_backlog_daily": GRAIN, "core.fct_first_visits": ("ticket_key",)}
    assert only(check(con, models)) == ("part_exceeds_whole", "is_fixed_first", "stop")


def test_a_value_that_can_never_be_stops(con: Connection, model: Build) -> None:
    fact_rows(con, model, 1)
    con.execute("update core.fct_customer_months set month_start = date '2025-06-02'")
    model("marts.mart_tier_moves", [MOVES])
    models = {"marts.mart_tier_moves": (*GRAIN, "tier_from", "tier_to"), "core.fct_customer_months": FACT_GRAIN}
    assert only(check(con, models))[0] == "model_value_out_of_range"


def test_a_mart_without_a_suite_stops(con: Connection, model: Build) -> None:
    model("marts.mart_backlog_daily", [BACKLOG])
    model("marts.mart_nobody_declared", [BACKLOG])
    result = check(con, {"marts.mart_backlog_daily": GRAIN, "marts.mart_nobody_declared": GRAIN})
    assert only(result) == ("no_suite", "", "stop")
    assert "mart_nobody_declared" in result.failed[0].reason_zh


def test_a_core_model_without_a_declaration_is_checked_for_its_grain(con: Connection, model: Build) -> None:
    model("marts.mart_backlog_daily", [BACKLOG])
    model("core.dim_anything", [{"key": "a"}, {"key": "a"}])
    result = check(con, {"marts.mart_backlog_daily": GRAIN, "core.dim_anything": ("key",)})
    assert only(result) == ("grain_not_unique", "key", "stop")


@pytest.mark.parametrize("models", [{}, {"core.dim_customers": ("customer_key",)}])
def test_a_gate_without_marts_stops(con: Connection, models: dict[str, tuple[str, ...]]) -> None:
    result = check(con, models)
    assert [check.code for check in result.checks] == ["no_checks"]
    assert result.verdict == "stop"


def test_a_mart_that_is_not_there_or_lacks_a_column_stops(con: Connection, model: Build) -> None:
    model("marts.mart_backlog_daily", [{"date": "2025-06-01"}])
    models = {"marts.mart_backlog_daily": GRAIN, "marts.mart_tier_moves": GRAIN}
    result = check(con, models)
    assert {(check.suite, check.code) for check in result.failed} == {
        ("marts.mart_backlog_daily", "could_not_run"),
        ("marts.mart_tier_moves", "could_not_run"),
    }
    assert result.verdict == "stop"


@pytest.mark.parametrize(
    ("before", "verdict"),
    [([2], "pass"), ([6], "pass"), ([7], "warn"), ([1], "pass"), ([], "pass"), ([0], "pass"), ([7, 7, 2], "warn")],
)
def test_volumes_far_from_recent_nights_warn(con: Connection, model: Build, before: list[int], verdict: str) -> None:
    model("marts.mart_backlog_daily", [BACKLOG, {**BACKLOG, "date": "2025-06-02"}])
    con.execute("create table meta.previous_volumes (dataset varchar, row_count bigint)")
    for count in before:
        con.execute("insert into meta.previous_volumes values ('marts.mart_backlog_daily', ?)", [count])
    result = check(con, {"marts.mart_backlog_daily": GRAIN})
    assert result.verdict == verdict
    assert [check.code for check in result.failed] == (["volume_unusual"] if verdict == "warn" else [])


@pytest.mark.parametrize(("nights", "verdict"), [(6, "pass"), (7, "warn")])
def test_growing_more_than_threefold_warns_where_the_home_is_not_young(
    con: Connection, model: Build, nights: int, verdict: str
) -> None:
    model("marts.mart_backlog_daily", [{**BACKLOG, "date": f"2025-06-0{day}"} for day in range(1, 5)])
    past = f"select 'marts.mart_backlog_daily' as dataset, 1 as row_count from range({nights})"
    con.execute(f"create table meta.previous_volumes as {past}")
    assert check(con, {"marts.mart_backlog_daily": GRAIN}).verdict == verdict


def test_the_named_catalog_is_checked_not_the_first(con: Connection, model: Build) -> None:
    model("marts.mart_backlog_daily", [{**BACKLOG, "open_count": -1}])
    con.execute("attach ':memory:' as build; create schema build.marts; create schema build.core")
    con.execute("create table build.marts.mart_backlog_daily as from memory.marts.mart_backlog_daily")
    con.execute("update build.marts.mart_backlog_daily set open_count = 1")
    assert run_mart_checks(con, "build", {"marts.mart_backlog_daily": GRAIN}).verdict == "pass"
    assert run_mart_checks(con, "memory", {"marts.mart_backlog_daily": GRAIN}).verdict == "stop"


@pytest.mark.parametrize(("endless", "codes"), [(False, set()), (True, {"endless_customer_link"})])
def test_customer_links_that_run_in_a_circle_stop_the_night(
    con: Connection, model: Build, endless: bool, codes: set[str]
) -> None:
    model("marts.mart_tier_moves", [MOVES])
    ids = [{"named_key": f"crm:{name}", "customer_key": "crm:A", "is_endless": endless} for name in "AB"]
    model("core.dim_customer_ids", ids)
    result = check(con, {"marts.mart_tier_moves": (*GRAIN, "tier_from"), "core.dim_customer_ids": ("named_key",)})
    assert {failed.code for failed in result.failed} == codes
    assert result.verdict == ("stop" if endless else "pass")


def test_what_is_not_published_is_looked_up_beside(con: Connection, model: Build) -> None:
    """A mart is compared with a fact that lies in the other catalog, and that fact keeps its own promises."""
    fact_rows(con, model, 2)
    model("marts.mart_customer_months", [MONTHS])
    con.execute("attach ':memory:' as scratch; create schema scratch.core")
    con.execute("create table scratch.core.fct_customer_months as from core.fct_customer_months")
    con.execute("drop table core.fct_customer_months")
    models = {"marts.mart_customer_months": GRAIN, "core.fct_customer_months": FACT_GRAIN}
    assert run_mart_checks(con, "memory", models, beside="scratch").failed == ()
    con.execute("insert into scratch.core.fct_customer_months from scratch.core.fct_customer_months limit 1")
    failed = run_mart_checks(con, "memory", models, beside="scratch").failed
    assert {check.code for check in failed} == {"does_not_reconcile", "grain_not_unique"}


def test_keys_are_counted_again_only_where_nobody_has(con: Connection, model: Build) -> None:
    model("marts.mart_backlog_daily", [BACKLOG, BACKLOG])
    models = {"marts.mart_backlog_daily": GRAIN}
    assert only(run_mart_checks(con, "memory", models)) == ("grain_not_unique", "date", "stop")
    assert run_mart_checks(con, "memory", models, is_grain_proven=True).failed == ()


@pytest.mark.parametrize(
    ("moved", "codes"),
    [
        (None, ["does_not_reconcile", "model_negative_count"]),
        (set(), []),
        ({"marts.mart_customer_months"}, ["does_not_reconcile"]),
        # The mart is compared with the fact.
        ({"core.fct_customer_months"}, ["does_not_reconcile"]),
        ({"marts.mart_backlog_daily", "core.fct_visits"}, ["model_negative_count"]),
    ],
)
def test_what_has_not_moved_keeps_its_promises(
    con: Connection, model: Build, moved: set[str] | None, codes: list[str]
) -> None:
    fact_rows(con, model, 3)
    model("marts.mart_customer_months", [MONTHS])
    model("marts.mart_backlog_daily", [{**BACKLOG, "open_count": -1}])
    models = {
        "marts.mart_customer_months": GRAIN,
        "marts.mart_backlog_daily": GRAIN,
        "core.fct_customer_months": FACT_GRAIN,
    }
    result = run_mart_checks(con, "memory", models, moved=moved)
    assert sorted(check.code for check in result.failed) == codes
    told = {check.suite for check in result.checks}
    assert told == set(models), "what was settled before is told again"


def test_asked_together_and_one_by_one_they_say_the_same(con: Connection, model: Build) -> None:
    """One fault makes all promises of a table be asked one by one; those that hold read as if asked together."""
    model("marts.mart_backlog_daily", [BACKLOG])
    models = {"marts.mart_backlog_daily": GRAIN}
    together = run_mart_checks(con, "memory", models).checks
    con.execute("update marts.mart_backlog_daily set region = null")
    single = run_mart_checks(con, "memory", models).checks
    assert {check.success for check in together} == {True}
    held = [(before, now) for before, now in zip(together, single, strict=True) if now.success]
    assert len(held) == len(single) - 1
    assert all(before == now for before, now in held)
