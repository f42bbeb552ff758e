"""The gate: may what was landed be loaded, and may what was built be published?

Fails closed. A check that raised, did not answer or was never declared counts as failed with severity stop, and a
gate that checked nothing stops. Great Expectations is imported only when a gate runs.
"""

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from importlib import import_module
from threading import Thread
from typing import TYPE_CHECKING

import duckdb

from data_checks.contract import datasets
from data_checks.gist import gist
from data_checks.rules import row_rules, rules

if TYPE_CHECKING:
    from great_expectations.core import ExpectationSuite

    from data_checks.duckdb_gx import Outcome, Validator

EXPORTS, MARTS = "exports", "marts"


@dataclass(frozen=True)
class CheckResult:
    """One check of one table. Counts are None where the check could not run or has nothing to count."""

    stage: str
    suite: str
    expectation: str
    column: str
    severity: str
    success: bool
    unexpected_count: int | None
    element_count: int | None
    code: str
    reason_zh: str
    reason_en: str


@dataclass(frozen=True)
class _Asked:
    """A suite, and the rows it is about: a SELECT, shown to Great Expectations under a name."""

    view: str
    select: str
    suite: "ExpectationSuite"
    has_moved: bool = True


@dataclass(frozen=True)
class Judged:
    """A suite, and what became of its expectations, in their order."""

    suite: "ExpectationSuite"
    checks: tuple[CheckResult, ...]


@dataclass(frozen=True)
class GateResult:
    """Every check of one stage, and the suites among them."""

    stage: str
    checks: tuple[CheckResult, ...]
    judged: tuple[Judged, ...] = ()

    @property
    def failed(self) -> tuple[CheckResult, ...]:
        return tuple(check for check in self.checks if not check.success)

    @property
    def verdict(self) -> str:
        """pass, warn or stop; having checked nothing is stop."""
        severities = {check.severity for check in self.failed}
        if not self.checks or severities - {"warn"}:
            return "stop"
        return "warn" if severities else "pass"


def prepare() -> None:
    """Import Great Expectations meanwhile, in a thread: it takes seconds, and a run lands files before it checks."""

    def load() -> None:
        # Whoever needs it next waits for this import, and is told if it fails.
        with suppress(ImportError):
            import_module("data_checks.duckdb_gx")

    Thread(target=load, name="great_expectations").start()


def run_export_checks(
    connection: duckdb.DuckDBPyConnection,
    catalog: str,
    tables: Mapping[str, str | Sequence[str]],
    *,
    as_of_limit: datetime | None = None,
    may_be_empty: Iterable[str] = (),
    keys: Mapping[str, Sequence[str]] | None = None,
) -> GateResult:
    """Check landed datasets.

    Args:
        connection: sees the tables. What it has not committed is invisible here: checks run on a cursor of it.
        catalog: unqualified names are looked up in this attached database.
        tables: dataset -> qualified table, or several that are checked as one; raw row shape.
        as_of_limit: instants after it are in the future (UTC); default: a day from now.
        may_be_empty: datasets that may have no row.
        keys: natural keys where source.toml declares other than the contract's.
    """
    limit = as_of_limit or datetime.now(UTC).replace(tzinfo=None) + timedelta(days=1)
    if not tables:
        return GateResult(EXPORTS, (_verdict(EXPORTS, EXPORTS, "no_checks"),))

    from data_checks.duckdb_gx import validator
    from data_checks.suites import exports

    asked: list[_Asked | CheckResult] = []
    for name, table in tables.items():
        dataset = datasets().get(name)
        if dataset is None:
            asked.append(_verdict(EXPORTS, f"exports.{name}", "no_suite", name))
            continue
        is_fine_empty = name in set(may_be_empty)
        suite = exports.suite_for(dataset, row_rules(name), may_be_empty=is_fine_empty, key=(keys or {}).get(name))
        asked.append(_Asked(name, _landed(table, limit), suite))
    with validator(connection, catalog) as running:
        return _gathered(EXPORTS, _checked(running, EXPORTS, asked))


def run_mart_checks(
    connection: duckdb.DuckDBPyConnection,
    catalog: str,
    models: Mapping[str, Sequence[str]],
    *,
    beside: str | None = None,
    is_grain_proven: bool = False,
    moved: Collection[str] | None = None,
) -> GateResult:
    """Check built models.

    Args:
        connection: sees the build; only what it has committed is checked.
        catalog: the attached database that holds the schemas core and marts. If it also holds
            meta.previous_volumes (dataset, row_count), volumes are compared; dataset is a model's name there. If it
            holds meta.compared_days, so are new days with earlier ones (suites/days.py).
        models: model -> its grain, for every model to be checked: "marts.mart_x", "core.fct_y".
        beside: the attached database that holds those of them that are not published.
        is_grain_proven: whoever built the models has counted their keys; that is not done a second time.
        moved: the tables that differ from those that were last checked by the same rules, and the models that broke
            a promise then; None: all. What neither moved nor is compared with what moved still keeps its promises.
    """
    if not any(name.startswith("marts.") for name in models):
        return GateResult(MARTS, (_verdict(MARTS, MARTS, "no_checks"),))

    from data_checks.duckdb_gx import validator
    from data_checks.suites import days, marts

    catalogs = [catalog] if beside is None else [catalog, beside]
    columns = _columns(connection, catalogs)
    has_volumes, has_days = (table in columns for table in ("meta.previous_volumes", days.DAYS))
    asked: list[_Asked | CheckResult] = []
    for name, grain in models.items():
        model = marts.declared(name)
        if model is None or not grain:
            asked.append(_verdict(MARTS, name, "no_suite", name))
            continue
        suite = marts.suite_for(
            name,
            model,
            grain=() if is_grain_proven else grain,
            columns=columns.get(name, ()),
            has_volumes=has_volumes,
            has_days=has_days,
        )
        # Days that have passed without a row change no table, and are what is looked for.
        has_moved = moved is None or name in moved or (has_days and name in days.ARRIVES)
        asked.append(_Asked(name.replace(".", "__"), f"select * from {name}", suite, has_moved))
    with validator(connection, *catalogs) as running:
        return _gathered(MARTS, _checked(running, MARTS, asked, moved or ()))


def _gathered(stage: str, found: "Iterable[CheckResult | Judged]") -> GateResult:
    every = list(found)
    checks = [check for one in every for check in (one.checks if isinstance(one, Judged) else (one,))]
    return GateResult(stage, tuple(checks), tuple(one for one in every if isinstance(one, Judged)))


def _landed(table: str | Sequence[str], limit: datetime) -> str:
    tables = [table] if isinstance(table, str) else list(table)
    rows = " union all by name ".join(f"select * from {one}" for one in tables)
    return f"select *, timestamp '{limit:%Y-%m-%d %H:%M:%S.%f}' as as_of_limit from ({rows})"


def _columns(connection: duckdb.DuckDBPyConnection, catalogs: Sequence[str]) -> dict[str, list[str]]:
    """schema.table -> its columns, in attached databases."""
    query = """
        select schema_name || '.' || table_name, list(column_name order by column_index)
        from duckdb_columns() where list_contains(?, database_name) group by 1
    """
    return dict(connection.cursor().execute(query, [list(catalogs)]).fetchall())


def _checked(
    running: "Validator", stage: str, asked: Sequence["_Asked | CheckResult"], moved: Collection[str] = ()
) -> "Iterator[CheckResult | Judged]":
    """Judge the suites: all of them as a whole, then those in which something is wrong check by check.

    A table that cannot be read has that as its one result.
    """
    from data_checks.duckdb_gx import kept
    from data_checks.suites.together import any_broken, names_any

    rows: dict[str, int | str] = {}
    questions: dict[str, str] = {}
    settled: set[str] = set()
    for one in asked:
        if isinstance(one, CheckResult):
            continue
        try:
            rows[one.view] = running.show(one.view, one.select)
        except duckdb.Error as error:
            rows[one.view] = gist(error)
            continue
        question = any_broken(one.suite, one.view)
        if question and not one.has_moved and not names_any(question, moved):
            settled.add(one.view)
        elif question:
            questions[one.view] = question
    settled |= running.silent(questions) if questions else set()
    for one in asked:
        if isinstance(one, CheckResult):
            yield one
            continue
        count = rows[one.view]
        if isinstance(count, str):
            yield _verdict(stage, one.suite.name, "could_not_run", count)
            continue
        outcomes = kept(one.suite) if one.view in settled else running.validate(one.view, one.suite)
        if outcomes:
            results = (_result(stage, one.suite.name, outcome, count) for outcome in outcomes)
            yield Judged(one.suite, tuple(results))
        else:
            yield _verdict(stage, one.suite.name, "no_checks")


def _result(stage: str, suite: str, outcome: "Outcome", element_count: int) -> CheckResult:
    meta = outcome.meta
    crashed = outcome.error is not None
    why = rules()["could_not_run"].label
    return CheckResult(
        stage=stage,
        suite=suite,
        expectation=outcome.expectation,
        column=meta["column"],
        severity="stop" if crashed else meta["severity"],
        success=outcome.success,
        unexpected_count=outcome.unexpected_count,
        element_count=element_count,
        code="could_not_run" if crashed else meta["code"],
        reason_zh=f"{why['zh']}：{meta['zh']}（{outcome.error}）" if crashed else meta["zh"],
        reason_en=f"{why['en']}: {meta['en']} ({outcome.error})" if crashed else meta["en"],
    )


def _verdict(stage: str, suite: str, code: str, detail: str = "") -> CheckResult:
    """A failed check that no expectation stands for."""
    label = rules()[code].label
    return CheckResult(
        stage=stage,
        suite=suite,
        expectation="",
        column="",
        severity="stop",
        success=False,
        unexpected_count=None,
        element_count=None,
        code=code,
        reason_zh=f"{label['zh']}：{detail}" if detail else label["zh"],
        reason_en=f"{label['en']}: {detail}" if detail else label["en"],
    )
