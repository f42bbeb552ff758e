"""How far a file goes (its data_through), in the way its source declares."""

from __future__ import annotations

import re
from datetime import UTC, datetime, time, timedelta
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

from data_checks.rules import row_rules
from ingestion.errors import DataThroughMissing
from ingestion.landing.write import landing_table
from ingestion.sqltext import quoted

if TYPE_CHECKING:
    from duckdb import DuckDBPyConnection

    from ingestion.landing.accounting import Landed
    from ingestion.landing.normalise import Typed
    from ingestion.mapping import Feed

_DATE = re.compile(r"(?<!\d)(\d{4})-(\d{2})-(\d{2})(?!\d)")


def named_end(feed: Feed, file_name: str) -> datetime | None:
    """Where the source declares "filename": the end of the local day in the name, as a UTC instant.

    Raises:
        DataThroughMissing: no such day stands in the name.
    """
    if feed.data_through != "filename":
        return None
    end = _end_in(feed, file_name)
    if end is None:
        raise DataThroughMissing(file_name, feed.data_through)
    return end


def _end_in(feed: Feed, file_name: str) -> datetime | None:
    found = _DATE.findall(file_name)
    try:
        year, month, day = map(int, found[-1])
        local = datetime.combine(datetime(year, month, day, tzinfo=UTC), time(), ZoneInfo(feed.timezone))
    except (IndexError, ValueError):
        return None
    return (local + timedelta(days=1)).astimezone(UTC).replace(tzinfo=None)


def data_through(
    con: DuckDBPyConnection, catalog: str, landed: Landed, feed: Feed, typed: list[Typed]
) -> datetime | None:
    """The declared end, the newest value of a declared column, or the newest thing that happened.

    None where the file holds no such value. Due times and other plans are no happenings.
    """
    if feed.data_through == "filename":
        return _end_in(feed, landed.file)
    declared = feed.data_through.removeprefix("column:")
    newest: list[datetime] = []
    for one in typed:
        for column in one.columns:
            wanted = column.name == declared or (declared == "newest" and _happened(one.map.name, column.name))
            if column.type == "instant" and wanted:
                table = landing_table(catalog, landed.table(one.map.name))
                # What is gone need not be right in anything but its key and version: an order that was never won
                # may name a day years ahead.
                judged = "true" if column.name in one.map.version else "not is_gone"
                row = con.execute(f"select max({quoted(column.name)}) from {table} where {judged}").fetchone()
                newest += [row[0]] if row and row[0] else []
    return max(newest, default=None)


def _happened(dataset: str, column: str) -> bool:
    return any(rule.code == "future_date" and rule.columns[0] == column for rule in row_rules(dataset))
