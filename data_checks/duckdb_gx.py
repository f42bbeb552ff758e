"""Great Expectations on our own DuckDB connection: all the glue, and nothing but the glue.

Great Expectations does not know DuckDB. It is handed one cursor of the caller's connection, so the database file
is never opened twice; tables are shown to it as temporary views of that cursor, so nothing is written. To be
dropped when Great Expectations ships an engine of its own for DuckDB (its pull request 12084).

Importing this module imports Great Expectations, which takes seconds: import it inside the function that needs it.
"""

import os

os.environ["GX_ANALYTICS_ENABLED"] = "false"  # read once, at import: nothing about a run may leave the machine

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import duckdb
import duckdb_sqlalchemy
import great_expectations as gx
import great_expectations.expectations
import sqlalchemy as sa
from great_expectations.data_context.types.base import (
    DataContextConfig,
    InMemoryStoreBackendDefaults,
    ProgressBarsConfig,
)
from great_expectations.expectations.expectation import Expectation
from sqlalchemy.engine.cursor import FullyBufferedCursorFetchStrategy
from sqlalchemy.pool import StaticPool

from data_checks.gist import OF_NAMES

# Its own namespace does not mark these names as exported, which a strict type checker refuses.
gxe: Any = great_expectations.expectations

# Great Expectations looks at 200 failing rows at most, its column listing at a few thousand rows; counts are
# counted in the database. The bound keeps a table that fails in every row out of memory.
BUFFERED_ROWS = 50_000

ROW_COUNT = "expect_table_row_count_to_be_between"

SAFE_MESSAGES = (*OF_NAMES, "in BatchData does not exist")


@dataclass(frozen=True)
class Outcome:
    """What became of one expectation. `error` is set where it could not run, which is not the same as failing."""

    expectation: str
    column: str
    meta: dict[str, Any]
    success: bool
    unexpected_count: int | None
    error: str | None


@dataclass(frozen=True)
class Validation:
    """One suite on one table: an outcome for every expectation, in the order of the suite."""

    element_count: int | None
    outcomes: tuple[Outcome, ...]


class Validator:
    """Runs suites against SELECTs of one cursor. Get one from `validator`."""

    def __init__(self, cursor: duckdb.DuckDBPyConnection) -> None:
        self._cursor = cursor
        quiet = DataContextConfig(
            store_backend_defaults=InMemoryStoreBackendDefaults(),  # nothing on disk, no pages of its own
            analytics_enabled=False,
            progress_bars=ProgressBarsConfig(globally=False),
        )
        self._context = gx.get_context(project_config=quiet, mode="ephemeral")
        wrapped = duckdb_sqlalchemy.ConnectionWrapper(cursor)
        # One pooled connection for ever: temporary views exist in this cursor only.
        engine = {"creator": lambda: wrapped, "poolclass": StaticPool}
        sources: Any = self._context.data_sources  # its type stub does not list `kwargs`
        self._source = sources.add_sql("warehouse", connection_string="duckdb:///:memory:", kwargs=engine)
        self._engines = (self._source.get_engine(), self._source.get_execution_engine().engine)
        for engine in self._engines:
            sa.event.listen(engine, "after_cursor_execute", _buffer_rows)

    def validate(self, name: str, select: str, suite: gx.ExpectationSuite) -> Validation:
        """Run one suite against the rows of `select`, shown to it as a temporary view called `name`.

        Raises:
            duckdb.Error: `select` itself cannot run, so nothing at all was judged.
        """
        self._cursor.execute(f'create or replace temporary view "{name}" as {select}')
        asset = self._source.add_table_asset(name, table_name=name)
        batch = asset.add_batch_definition_whole_table("all").get_batch()
        # No samples of failing rows: they may be personal, and findings come from our own predicates.
        result = batch.validate(suite, result_format={"result_format": "BASIC", "partial_unexpected_count": 0})
        judged = {_meta(one)["position"]: one for one in result.results}
        outcomes = tuple(
            _outcome(expectation, judged.get(position)) for position, expectation in enumerate(suite.expectations)
        )
        return Validation(_row_count(result.results), outcomes)

    def close(self) -> None:
        for engine in self._engines:
            engine.dispose()
        self._cursor.close()


@contextmanager
def validator(connection: duckdb.DuckDBPyConnection, catalog: str) -> Iterator[Validator]:
    """A validator that sees what `connection` has committed; unqualified schemas are those of `catalog`."""
    cursor = connection.cursor()
    cursor.execute(f'use "{catalog}"')
    running = Validator(cursor)
    try:
        yield running
    finally:
        running.close()


def suite_of(name: str, expectations: Sequence[Expectation]) -> gx.ExpectationSuite:
    """A suite whose results can be matched to its expectations: results come back in any order."""
    for position, expectation in enumerate(expectations):
        expectation.meta = {**(expectation.meta or {}), "position": position}
    return gx.ExpectationSuite(name=name, expectations=list(expectations))


def _buffer_rows(_connection: Any, cursor: Any, _sql: str, _values: Any, context: Any, _many: bool) -> None:
    """Great Expectations closes its connection before it reads the result; on DuckDB the rows are then gone."""
    rows = cursor.fetchmany(BUFFERED_ROWS)
    context.cursor_fetch_strategy = FullyBufferedCursorFetchStrategy(cursor, initial_buffer=rows)


def _outcome(expectation: Expectation, result: Any) -> Outcome:
    kind = expectation.expectation_type
    column = str(getattr(expectation, "column", "") or "")
    meta = dict(expectation.meta or {})
    if result is None:
        return Outcome(kind, column, meta, False, None, "no result")
    error = _error(result.exception_info)
    count = result.result.get("unexpected_count", result.result.get("observed_value"))
    if kind == ROW_COUNT:
        count = None
    return Outcome(kind, column, meta, bool(result.success) and error is None, count, error)


def _meta(result: Any) -> dict[str, Any]:
    """The meta of the expectation a result belongs to."""
    return dict(result.expectation_config.meta)


def _error(exception_info: Any) -> str | None:
    """The last line of the first exception, or its class alone where the message might quote data."""
    infos = [exception_info] if "raised_exception" in (exception_info or {}) else (exception_info or {}).values()
    for info in infos:
        if info["raised_exception"]:
            message = str(info["exception_message"]).strip().splitlines()[0]
            return message[:200] if any(name in message for name in SAFE_MESSAGES) else "it raised an exception"
    return None


def _row_count(results: Sequence[Any]) -> int | None:
    """How many rows the table has, as any of the results tells."""
    for result in results:
        is_count = result.expectation_config.type == ROW_COUNT
        count: int | None = result.result.get("observed_value" if is_count else "element_count")
        if count is not None:
            return count
    return None
