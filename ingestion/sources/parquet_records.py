"""Parquet: read by DuckDB, verified and counted by Arrow, which alone checks the checksums of pages."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq

from ingestion.errors import CountMismatch, ExportUnreadable
from ingestion.sources.records import TYPED_INSTANT, Records, as_declared, checked_headings
from ingestion.sqltext import literal, quoted

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from duckdb import DuckDBPyConnection

    from ingestion.mapping import Feed

TABLE = "aftercare_records"
_ZONED = ("TIMESTAMP WITH TIME ZONE", "TIMESTAMPTZ_NS")
NUMBER = "file_row_number"
"""What DuckDB calls the place of a row in its file, counted from 0."""


def read_parquet(con: DuckDBPyConnection, export: str, path: Path, feed: Feed) -> Records:
    """Every column as text; instants and dates as TYPED_INSTANT, those with a zone in UTC and marked so."""
    counted, headings = _counted(export, path)
    headings = as_declared(feed, headings)
    warnings = checked_headings(export, feed, headings, lambda: counted)
    source = f"read_parquet({literal(str(path))})"
    try:
        described = con.execute(f"describe select * from {source}").fetchall()
        texts = ", ".join(f"{_text(quoted(row[0]), row[1])} as c{i}" for i, row in enumerate(described))
        # A column of the file that bears the name would be taken for the number.
        is_taken = any(row[0].lower() == NUMBER for row in described)
        number = "row_number() over ()" if is_taken else f"{NUMBER} + 1"
        # The file is its own table: text of millions of records is not written down before it is typed.
        con.execute(f"create or replace temp view {TABLE} as select {number} as _row, {texts} from {source}")
        # Every value is read once, so that what DuckDB cannot read is known here. By their hashes: a count is
        # answered from the file's own statistics, and text that is no UTF-8 would be found while typing.
        values = ", ".join(_moment(quoted(row[0]), row[1]) for row in described)
        found = con.execute(f"select count(*), bit_xor(hash({values})) from {source}").fetchone()
    except duckdb.Error as error:
        raise ExportUnreadable(export, type(error).__name__) from error
    if found is None or found[0] != counted:
        raise CountMismatch(export, counted, found[0] if found else 0)
    columns = {heading: f"c{i}" for i, heading in enumerate(headings)}

    def originals(rows: Sequence[int]) -> dict[int, str]:
        wanted = [int(row) for row in rows]
        result = con.execute(f"select * from {TABLE} where _row in (select unnest(?))", [wanted]).fetchall()
        return {
            row: json.dumps(dict(zip(headings, cells, strict=True)), ensure_ascii=False) for row, *cells in result
        }

    return Records(TABLE, headings, columns, counted, originals, warnings=warnings, typed=True)


def _counted(export: str, path: Path) -> tuple[int, list[str]]:
    """Rows by reading every page with its checksum, and the column names as they stand in the file."""
    try:
        with pq.ParquetFile(path, page_checksum_verification=True) as file:
            names = list(file.schema_arrow.names)
            return sum(batch.num_rows for batch in file.iter_batches()), names
    except (OSError, pa.ArrowException) as error:
        raise ExportUnreadable(export, type(error).__name__) from error


def _is_moment(type: str) -> bool:
    return type == "DATE" or type.startswith("TIMESTAMP")


def _moment(column: str, type: str) -> str:
    """A day or an instant as a plain instant, in UTC; fails for a day that no instant reaches. Others as they are."""
    utc = f"{column} at time zone 'UTC'"
    return f"cast({utc if type in _ZONED else column} as timestamp)" if _is_moment(type) else column


def _text(column: str, type: str) -> str:
    """The SQL that turns a column of this type into text."""
    if _is_moment(type):
        text = f"strftime({_moment(column, type)}, {literal(TYPED_INSTANT)})"
        return f"{text} || '+00:00'" if type in _ZONED else text
    if type in ("DOUBLE", "FLOAT"):
        # An exponent is no number anybody typed; whole numbers carry no decimals.
        plain = f"rtrim(rtrim(cast(try_cast({column} as decimal(38, 12)) as varchar), '0'), '.')"
        text = f"cast({column} as varchar)"
        whole = f"regexp_replace({text}, '[.]0$', '')"
        # NaN and infinity are neither numbers nor, by mistake, an id that somebody could have.
        odd = f"when not isfinite({column}) then '(' || {text} || ')'"
        return f"case {odd} when contains({text}, 'e') then coalesce({plain}, {text}) else {whole} end"
    return f"cast({column} as varchar)"
