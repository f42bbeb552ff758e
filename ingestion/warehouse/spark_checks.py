"""What is asked of the built tables on Spark, before anything comes back: grains, and the gate's own predicates.

The rules are those of data_checks: whatever of a suite can be asked as SQL of the tables that Spark has is asked here
too, in the same words. What DuckDB asks: what recent nights had, and all of it again of the snapshot.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import sqlglot
from sqlglot import exp

from data_checks.gate import MARTS, CheckResult
from ingestion.warehouse import models, spark_sql

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence

    from ingestion.warehouse.models import Model

_CATALOGS = ("warehouse", "scratch")


@dataclass(frozen=True)
class Question:
    """One check of a model: a predicate no row may fulfil (`is_of_rows`), or a query that must bring back no row."""

    model: str
    sql: str
    is_of_rows: bool
    expectation: str
    code: str
    column: str
    zh: str
    en: str

    def failed(self, found: int, of: int) -> CheckResult:
        """The check as the gate reports one that did not hold."""
        count = found if self.is_of_rows else None
        return CheckResult(
            stage=MARTS,
            suite=self.model,
            expectation=self.expectation,
            column=self.column,
            severity="stop",
            success=False,
            unexpected_count=count,
            element_count=of,
            code=self.code,
            reason_zh=self.zh,
            reason_en=self.en,
        )


def questions(ordered: Sequence[Model], columns_of: Callable[[str], Sequence[str]]) -> Iterator[Question]:
    """Every check of the gate that stops a night and that Spark can answer."""
    # Imports Great Expectations, which takes seconds; the gate of the same night needs it anyway.
    from data_checks.suites import marts

    known = {f"raw.{stem}" for stem in (*models.RUN_INPUTS, *models.static_inputs())}
    known |= {model.name for model in ordered} | {table for model in ordered for table in model.references}
    for model in ordered:
        declared = None if model.schema == "staging" else marts.declared(model.name)
        if declared is None:
            continue
        suite = marts.suite_for(model.name, declared, grain=model.grain, columns=columns_of(model.name))
        for expectation in suite.expectations:
            one = _question(model.name, expectation)
            if one is not None and _tables(one) <= known:
                yield one


def _question(model: str, expectation: Any) -> Question | None:
    """An expectation as SQL over the model's table; None for those of the grain: the builder verifies it itself."""
    meta = expectation.meta or {}
    sql, is_of_rows = _predicate(expectation), True
    if not sql and (query := getattr(expectation, "unexpected_rows_query", "")):
        sql, is_of_rows = _query(query, model)
    if not sql or meta.get("severity") != "stop":
        return None
    told = {key: meta[key] for key in ("code", "column", "zh", "en")}
    return Question(model, sql, is_of_rows, expectation.expectation_type, **told)


def _query(query: str, model: str) -> tuple[str, bool]:
    """A query for rows that must not be, of Spark's tables: as its predicate, if it is one of each row alone."""
    tree = sqlglot.parse_one(query.replace("{batch}", model), read="duckdb")
    for table in tree.find_all(exp.Table):
        if table.catalog in _CATALOGS:
            table.set("catalog", None)
    predicate = _of_rows(tree)
    return (predicate or tree).sql(dialect="duckdb"), predicate is not None


def _predicate(expectation: Any) -> str:
    """What no row may fulfil, of the expectations that say it in columns."""
    if expectation.expectation_type == "expect_column_values_to_be_between":
        low, high = expectation.min_value, expectation.max_value
        sides = ([] if low is None else [f"{expectation.column} < {low}"]) + (
            [] if high is None else [f"{expectation.column} > {high}"]
        )
        return " or ".join(sides)
    if expectation.expectation_type == "expect_column_pair_values_a_to_be_greater_than_b":
        return f"not ({expectation.column_A} >= {expectation.column_B})"
    return ""


def _of_rows(tree: Any) -> Any:
    """The predicate of `select 1 from <model> where <predicate>`; None if it is anything more than that."""
    if not isinstance(tree, exp.Select) or tree.find(exp.Subquery, exp.Join, exp.Exists, exp.In):
        return None
    if {key for key, value in tree.args.items() if value} - {"kind", "expressions", "from_", "from", "where"}:
        return None
    where = tree.args.get("where")
    return where.this if where is not None else None


def _tables(one: Question) -> set[str]:
    if one.is_of_rows:
        return set()
    tree = sqlglot.parse_one(one.sql, read="duckdb")
    return {f"{table.db}.{table.name}" for table in tree.find_all(exp.Table) if table.db}


def rows_and_repeats(session: Any, some: Sequence[Model]) -> list[tuple[int, int]]:
    """How many rows each table has, and how many keys of its grain occur more than once: one statement for all."""
    parts = []
    for position, model in enumerate(some):
        key = ", ".join(f"`{column}`" for column in model.grain)
        parts.append(
            f"select {position} as position, coalesce(sum(n), 0) as found, count_if(n > 1) as repeated "
            f"from (select count(*) as n from {model.name} group by {key})"
        )
    found = {row[0]: (int(row[1]), int(row[2])) for row in session.sql(" union all ".join(parts)).collect()}
    return [found[position] for position in range(len(some))]


def answers(session: Any, asked: Sequence[Question]) -> list[int]:
    """How many rows break each of the rules, which are all of one model's rows, or none is: one statement for all."""
    if asked[0].is_of_rows:
        counts = [f"count_if({_translated(one)})" for one in asked]
        return [int(count) for count in session.sql(f"select {', '.join(counts)} from {asked[0].model}").collect()[0]]
    parts = " union all ".join(
        f"select {position} as position, count(*) as found from ({_translated(one)})"
        for position, one in enumerate(asked)
    )
    found = dict(session.sql(parts).collect())
    return [int(found[position]) for position in range(len(asked))]


def _translated(one: Question) -> str:
    return spark_sql.statement_of(one.sql, one.model, is_condition=one.is_of_rows)


def by_model(asked: Iterable[Question]) -> dict[str, list[Question]]:
    """The questions of rows, model by model."""
    found: dict[str, list[Question]] = {}
    for one in asked:
        if one.is_of_rows:
            found.setdefault(one.model, []).append(one)
    return found
