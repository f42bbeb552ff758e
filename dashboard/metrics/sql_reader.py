"""A reader's own SQL on a snapshot: one SELECT, read-only, bounded in rows and time.

The connection is the pages' own: read-only, without a way to files or network, its configuration locked. The snapshot
holds no personal column; those are in a file of their own that is never attached here.
"""

from __future__ import annotations

import threading
from dataclasses import dataclass
from time import perf_counter
from typing import TYPE_CHECKING, Final

import duckdb

from dashboard.metrics import arrow, query

if TYPE_CHECKING:
    import polars as pl

    from dashboard.metrics.access import Scope
    from dashboard.metrics.query import Snapshot

MOST_ROWS: Final = 10_000
MOST_SECONDS: Final = 20.0


class SqlRefused(Exception):
    """A query that is not run, or was stopped; `code` names why: not_select, too_long, forbidden, error."""

    def __init__(self, code: str, reason: str = "") -> None:
        super().__init__(code, reason)
        self.code = code
        self.reason = reason


@dataclass(frozen=True)
class Answer:
    """At most `most_rows` rows; is_cut where there were more."""

    frame: pl.DataFrame
    is_cut: bool
    seconds: float


def tables(snapshot: Snapshot) -> dict[str, tuple[str, ...]]:
    """The tables that may be asked, with their columns."""
    return {name: snapshot.columns[name] for name in sorted(snapshot.columns)}


def run(
    snapshot: Snapshot, scope: Scope, text: str, *, most_rows: int = MOST_ROWS, most_seconds: float = MOST_SECONDS
) -> Answer:
    """The answer to one SELECT.

    Raises:
        SqlRefused: it is no single SELECT, fails, takes too long, or the reader may see some regions only.
    """
    if scope.regions is not None:
        # No filter of ours can be put into somebody else's SQL.
        raise SqlRefused("forbidden")
    _check(text)
    cursor = query.open_cursor(snapshot.file)
    timer = threading.Timer(most_seconds, cursor.interrupt)
    began = perf_counter()
    timer.start()
    try:
        found = arrow.frame(cursor.sql(text).limit(most_rows + 1))
    except duckdb.InterruptException as error:
        raise SqlRefused("too_long") from error
    except duckdb.Error as error:
        raise SqlRefused("error", str(error)) from error
    finally:
        timer.cancel()
        cursor.close()
    return Answer(found.head(most_rows), found.height > most_rows, perf_counter() - began)


def _check(text: str) -> None:
    try:
        statements = duckdb.extract_statements(text)
    except duckdb.Error as error:
        raise SqlRefused("error", str(error)) from error
    if len(statements) != 1 or statements[0].type != duckdb.StatementType.SELECT:
        raise SqlRefused("not_select")
