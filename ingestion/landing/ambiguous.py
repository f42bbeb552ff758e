"""Dates that can be read in two ways: stop a file that the declared day-month order most likely misreads.

Where no day is beyond the 12th, 03/04 is a date in either order and nothing fails to parse. A wrong order then
tears days apart that lie together: the 1st to the 12th of March become the 3rd of twelve months. So a column
is suspect if another order reads every value too and finds them far closer together, or finds none in the future.
"""

from __future__ import annotations

import re
from dataclasses import replace
from typing import TYPE_CHECKING

from data_checks.rules import row_rules
from ingestion.errors import Finding
from ingestion.landing import instants
from ingestion.landing.normalise import text_of
from ingestion.sqltext import quoted

if TYPE_CHECKING:
    from collections.abc import Iterator
    from datetime import datetime

    from duckdb import DuckDBPyConnection

    from data_checks.contract import Column
    from ingestion.landing.normalise import Typed
    from ingestion.mapping import Feed

FEWEST_ROWS = 20
# How many times more days the declared reading has to span.
TIMES_WIDER = 4
# The share of future values from which on a reading without any is the more likely one.
MANY_AHEAD = 0.1
# Rows spread over the file that are judged first: a right order is cleared by them, at no cost worth speaking of.
SAMPLE = 5_000
_FIELD = re.compile(r"%-?([dmyY])")
_ORDERS = ("dmY", "mdY", "dmy", "mdy", "ymd")


def findings(
    con: DuckDBPyConnection, feed: Feed, typed: list[Typed], file: str, limit: datetime, real: bool
) -> list[Finding]:
    """The first instant column that another order reads better than the declared one: they share what is declared.

    Args:
        limit: what lies after it has not happened.
        real: the format of the file knows instants, so real ones may stand beside text.
    """
    if feed.ambiguous_dates == "accept":
        return []
    for other in _other_orders(feed):
        for one in typed:
            for column in one.columns:
                told = _judged(con, feed, other, one, column, limit, real) if column.type == "instant" else {}
                if told:
                    return [Finding("ambiguous_dates", {"file": file, **told})]
    return []


def _other_orders(feed: Feed) -> Iterator[Feed]:
    """The feed with its formats in every other order that people write.

    A year of four digits at the front is always followed by the month; formats without a number for the month
    leave nothing to doubt. A source that declares two orders has said that both occur.
    """
    declared = {order for format in feed.datetime_formats if (order := _order(format))}
    if len(declared) != 1:
        return
    (order,) = declared
    for other in _ORDERS:
        if other != order and set(other) == set(order):
            formats = tuple(_reordered(format, other) for format in feed.datetime_formats)
            yield replace(feed, datetime_formats=formats)


def _order(format: str) -> str:
    """The fields of a date in the order of a format; '' if they say which is which by themselves."""
    order = "".join(_FIELD.findall(format))
    return order if order in _ORDERS else ""


def _reordered(format: str, order: str) -> str:
    if not _order(format):
        return format
    fields = {each[-1]: each for each in (match[0] for match in _FIELD.finditer(format))}
    ordered = iter(order)
    return _FIELD.sub(lambda _: fields[next(ordered)], format)


def _judged(
    con: DuckDBPyConnection, feed: Feed, other: Feed, typed: Typed, column: Column, limit: datetime, real: bool
) -> dict[str, str | int]:
    """What speaks for another order in one column; empty where nothing does."""
    text, table = text_of(column.name), typed.view
    ours, theirs = (instants.clock(each, text, typed=real) for each in (feed, other))
    is_past = _is_of_the_past(typed, column)

    def told(every: int) -> dict[str, str | int]:
        """Judge every so many rows."""
        row = con.execute(
            "select count(*), count(theirs), bool_and(ours = date_trunc('month', ours)), "
            "count(*) filter (ours > $limit), count(*) filter (theirs > $limit), "
            "min(ours)::date, max(ours)::date, min(theirs)::date, max(theirs)::date "
            f"from (select {ours} as ours, {theirs} as theirs from {table} "
            f"where {quoted(column.name)} is not null and _row % {every} = 0)",
            {"limit": limit},
        ).fetchone()
        # A report a month is dated on the 1st: read the other way it would always look closer together.
        if row is None or row[0] < FEWEST_ROWS or row[0] > row[1] or row[2]:
            return {}
        count, ahead, other_ahead, first, last, other_first, other_last = row[0], *row[3:]
        is_wide = (last - first).days + 1 > TIMES_WIDER * ((other_last - other_first).days + 1)
        if not (is_wide or (is_past and ahead > MANY_AHEAD * count and not other_ahead)):
            return {}
        return {
            "dataset": typed.map.name,
            "column": column.name,
            "count": count,
            "format": _shown(feed),
            "first": str(first),
            "last": str(last),
            "other_format": _shown(other),
            "other_first": str(other_first),
            "other_last": str(other_last),
        }

    values = con.execute(f"select count({quoted(column.name)}) from {table}").fetchone()
    every = max(1, (values[0] if values else 0) // SAMPLE)
    suspected = told(every)
    return told(1) if suspected and every > 1 else suspected


def _is_of_the_past(typed: Typed, column: Column) -> bool:
    return any(rule.code == "future_date" and rule.columns[0] == column.name for rule in row_rules(typed.map.name))


def _shown(feed: Feed) -> str:
    return next(format for format in feed.datetime_formats if _order(format))
