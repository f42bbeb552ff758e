"""Great Expectations on our own DuckDB connection: all the glue, and nothing but the glue.

Great Expectations does not know DuckDB. It is handed one cursor of the caller's connection, so the database file
is never opened twice; tables are shown to it as temporary views of that cursor, so nothing is written. To be
dropped when Great Expectations ships an engine of its own for DuckDB (its pull request 12084).

Importing this module imports Great Expectations, which takes seconds: import it inside the function that needs it.
"""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
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

# Whether anything at all is wrong with a table, by its name.
_ANSWERS = "answers"

ROW_COUNT = "expect_table_row_count_to_be_between"

SAFE_MESSAGES = (*OF_NAMES, "in BatchData does not exist", "Out of Memory Error")


@dataclass(frozen=True)
class Outcome:
    """What became of one expectation. `error` is set where it could not run, which is not the same as failing."""

    expectation: str
    column: str
    meta: dict[str, Any]
    success: bool
    unexpected_count: int | None
    error: str | None


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

    def show(self, name: str, select: str) -> int:
        """Show it the rows of `select` as a temporary view called `name`; returns how many there are.

        Raises:
            duckdb.Error: `select` cannot run.
        """
        self._cursor.execute(f'create or replace temporary view "{name}" as {select}')
        row = self._cursor.execute(f'select count(*) from "{name}"').fetchone()
        return int(row[0]) if row else 0

    def silent(self, queries: Mapping[str, str]) -> set[str]:
        """The names of the queries that select nothing; those that cannot run are not among them.

        Each is run once, into a table of answers, which is then judged in one go: Great Expectations would run each
        twice, and all of them again after one that fails.
        """
        self._cursor.execute(f'create or replace temp table "{_ANSWERS}" (name varchar, is_broken boolean)')
        for name, query in queries.items():
            with suppress(duckdb.Error):
                self._cursor.execute(f'insert into "{_ANSWERS}" select ?, exists ({query})', [name])
        names = [name for (name,) in self._cursor.execute(f'select name from "{_ANSWERS}"').fetchall()]
        expectations = [
            gxe.UnexpectedRowsExpectation(
                unexpected_rows_query=f"select 1 from {{batch}} where name = '{name}' and is_broken",
                meta={"name": name},
            )
            for name in names
        ]
        outcomes = self.validate(_ANSWERS, suite_of(_ANSWERS, expectations)) if names else ()
        return {outcome.meta["name"] for outcome in outcomes if outcome.success}

    def validate(self, name: str, suite: gx.ExpectationSuite) -> tuple[Outcome, ...]:
        """Run one suite, expectation by expectation in its order, against the rows shown as `name`."""
        asset = self._source.add_table_asset(name, table_name=name)
        batch = asset.add_batch_definition_whole_table("all").get_batch()
        # No samples of failing rows: they may be personal, and findings come from our own predicates.
        result = batch.validate(suite, result_format={"result_format": "BASIC", "partial_unexpected_count": 0})
        judged = {_meta(one)["position"]: one for one in result.results}
        return tuple(
            _outcome(expectation, judged.get(position)) for position, expectation in enumerate(suite.expectations)
        )

    def close(self) -> None:
        for engine in self._engines:
            engine.dispose()
        self._cursor.close()


@contextmanager
def validator(connection: duckdb.DuckDBPyConnection, *catalogs: str) -> Iterator[Validator]:
    """A validator that sees what `connection` has committed; schemas are looked up in `catalogs`, the first first."""
    cursor = connection.cursor()
    cursor.execute(f'use "{catalogs[0]}"')
    path = ",".join(f'"{catalog}".{schema}' for catalog in catalogs for schema in _schemas(cursor, catalog))
    cursor.execute(f"set search_path = '{path}'")
    running = Validator(cursor)
    try:
        yield running
    finally:
        running.close()


def _schemas(cursor: duckdb.DuckDBPyConnection, catalog: str) -> list[str]:
    """Every schema of one attached database, `main` first: there unqualified tables are."""
    query = "select schema_name from duckdb_schemas() where database_name = ? and not internal order by all"
    return ["main", *(name for (name,) in cursor.execute(query, [catalog]).fetchall())]


def suite_of(name: str, expectations: Sequence[Expectation]) -> gx.ExpectationSuite:
    """A suite whose results can be matched to its expectations: results come back in any order."""
    for position, expectation in enumerate(expectations):
        expectation.meta = {**(expectation.meta or {}), "position": position}
    return gx.ExpectationSuite(name=name, expectations=list(expectations))


def kept(suite: gx.ExpectationSuite) -> tuple[Outcome, ...]:
    """The outcomes of a suite that was judged as a whole, and in which nothing is wrong."""
    return tuple(
        Outcome(
            one.expectation_type,
            str(getattr(one, "column", "") or ""),
            dict(one.meta or {}),
            True,
            None if one.expectation_type == ROW_COUNT else 0,
            None,
        )
        for one in suite.expectations
    )


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
