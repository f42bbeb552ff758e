"""What the columns of a file hold: how much is filled, of which type, and which date formats fit what share.

The file is read by the same readers as at night, and a date format fits where the night's own SQL takes it.
"""

from __future__ import annotations

from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

from ingestion.connect import formats
from ingestion.landing.normalise import FALSE, TRUE
from ingestion.mapping import Feed
from ingestion.sources.table_export import read_export
from ingestion.sqltext import literal, quoted

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from duckdb import DuckDBPyConnection

    from ingestion.connect.formats import FormatShare
    from ingestion.sources.records import Records

MOST_VALUES = 30
MOSTLY = 0.8
NULLS = ("-", "--", "—", "/", "\\", "?", "N/A", "n/a", "NA", "NULL", "null", "None", "none", "nan", "NaN", "无", "空")
_REAL_INSTANT = r"[0-9]{4}-[0-9]{2}-[0-9]{2} [0-9]{2}:[0-9]{2}:[0-9]{2}[.][0-9]{6}([+]00:00)?"
_WHOLE = "[-+]?[0-9]{1,18}([.]0*)?"
_POINT = "[-+]?([0-9]{1,14}([.][0-9]*)?|[.][0-9]+)"
_GROUPED = "[-+]?[0-9]{1,3}(,[0-9]{3})+([.][0-9]*)?"
_COMMA = "[-+]?[0-9]{1,3}([.]?[0-9]{3})*,[0-9]+"


@dataclass(frozen=True)
class Column:
    """One heading and what stands below it; counts are of rows, `null_words` of spellings of nothing.

    values: the distinct ones with their counts, most frequent first, where there are few; never shown but for
    columns that are mapped to a list of values.
    """

    heading: str
    rows: int
    filled: int
    distinct: int
    type: str
    real_instants: int = 0
    formats: tuple[FormatShare, ...] = ()
    null_words: tuple[str, ...] = ()
    values: tuple[tuple[str, int], ...] = ()
    grouped: int = 0
    comma: int = 0

    @property
    def share_filled(self) -> float:
        return self.filled / self.rows if self.rows else 0.0

    @property
    def is_unique(self) -> bool:
        return self.filled > 0 and self.distinct == self.filled


@dataclass(frozen=True)
class Evidence:
    """Everything learnt from the records; `con` still holds them for further questions."""

    con: DuckDBPyConnection
    records: Records
    rows: int
    bad: int
    columns: tuple[Column, ...]
    twice: tuple[str, ...]

    def column(self, heading: str) -> Column | None:
        return next((column for column in self.columns if column.heading == heading), None)

    def text(self, heading: str) -> str:
        """SQL for the trimmed text under a heading."""
        return text_sql(self.records, heading)


@dataclass(frozen=True)
class _Everything(Feed):
    """A feed that asks for every heading: JSON readers keep only those that are asked for."""

    known: tuple[str, ...] = field(default=())

    @property
    def headings(self) -> tuple[str, ...]:
        return self.known


def text_sql(records: Records, heading: str) -> str:
    return f"nullif(trim({quoted(records.columns[heading])}, ' \t\r\n'), '')"


@contextmanager
def read_evidence(con: DuckDBPyConnection, path: Path, feed: Feed, work: Path) -> Iterator[Evidence]:
    """Read the whole file by the options found, and look at every column.

    Raises:
        IngestionError: it cannot be read by them.
    """
    everything = _Everything(**{name: getattr(feed, name) for name in feed.__dataclass_fields__})
    folder = work / "read"
    folder.mkdir()
    records = read_export(con, path, everything, folder)
    if any(heading not in records.columns for heading in records.headings):
        folder = work / "read-again"
        folder.mkdir()
        records = read_export(con, path, replace(everything, known=tuple(records.headings)), folder)
    headings = [heading for heading in dict.fromkeys(records.headings) if heading]
    twice = tuple(heading for heading in headings if records.headings.count(heading) > 1)
    columns = tuple(_column(con, records, feed, heading) for heading in headings)
    yield Evidence(con, records, records.rows_read, len(records.bad), columns, twice)


def _column(con: DuckDBPyConnection, records: Records, feed: Feed, heading: str) -> Column:
    nulls = ", ".join(literal(word) for word in NULLS)
    words = ", ".join(literal(word) for word in (*TRUE, *FALSE))
    told = con.execute(
        f"with found as (select {text_sql(records, heading)} as v from {records.relation}) "
        f"select count(*), count(v), count(v) filter (v in ({nulls})), "
        "count(distinct v) filter (v not in (" + nulls + ")), "
        f"count(*) filter (regexp_full_match(v, '{_REAL_INSTANT}')), "
        f"count(*) filter (lower(v) in ({words})), "
        f"count(*) filter (regexp_full_match(v, '{_WHOLE}')), count(*) filter (regexp_full_match(v, '{_POINT}')), "
        f"count(*) filter (regexp_full_match(v, '{_GROUPED}')), count(*) filter (regexp_full_match(v, '{_COMMA}')) "
        "from found"
    ).fetchone()
    rows, with_nulls, null_count, distinct, real, truths, whole, point, grouped, comma = told or (0,) * 10
    filled = with_nulls - null_count
    shares = formats.shares(con, records, feed, heading, NULLS) if filled > real else ()
    counted = {"truths": truths, "whole": whole, "point": max(point, point + grouped, comma)}
    few = _few_values(con, records, heading) if 0 < distinct <= MOST_VALUES else ()
    return Column(
        heading=heading,
        rows=rows,
        filled=filled,
        distinct=distinct,
        type=_type(filled, distinct, real, shares, counted),
        real_instants=real,
        formats=shares,
        null_words=_null_words(con, records, heading) if null_count else (),
        values=tuple((value, count) for value, count in few if value not in NULLS),
        grouped=grouped,
        comma=comma,
    )


def _type(filled: int, distinct: int, real: int, shares: tuple[FormatShare, ...], counted: dict[str, int]) -> str:
    """The most special type that most of the values are."""
    if not filled:
        return "empty"
    worded = max((share.count for share in shares if not formats.is_digits(share.format)), default=0)
    if real + worded >= MOSTLY * filled:
        return "instant"
    if counted["truths"] >= MOSTLY * filled and distinct <= 3:  # yes, no and one slip
        return "bool"
    if counted["whole"] >= MOSTLY * filled:
        return "int"
    if counted["point"] >= MOSTLY * filled:
        return "decimal"
    return "text"


def _few_values(con: DuckDBPyConnection, records: Records, heading: str) -> list[tuple[Any, ...]]:
    return con.execute(
        f"select v, count(*) from (select {text_sql(records, heading)} as v from {records.relation}) "
        "where v is not null group by v order by 2 desc, 1"
    ).fetchall()


def _null_words(con: DuckDBPyConnection, records: Records, heading: str) -> tuple[str, ...]:
    nulls = ", ".join(literal(word) for word in NULLS)
    rows = con.execute(
        f"select distinct v from (select {text_sql(records, heading)} as v from {records.relation}) "
        f"where v in ({nulls}) order by 1"
    ).fetchall()
    return tuple(row[0] for row in rows)
