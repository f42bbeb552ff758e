"""Read one export, whatever its format, into one temporary relation of text.

Every value stays text and every record keeps its number: renaming, typing and judging come later, so a
malformed date is reported, never a silent NULL.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from ingestion.errors import ExportEmpty, FormatUnknown, MappingInvalid
from ingestion.sources.decode import decoded, garbled
from ingestion.sources.delimited import read_delimited
from ingestion.sources.json_records import read_json, read_ndjson
from ingestion.sources.parquet_records import read_parquet
from ingestion.sources.unpack import unpacked
from ingestion.sources.workbook import read_workbook
from ingestion.sources.xes import read_xes

if TYPE_CHECKING:
    from pathlib import Path

    from duckdb import DuckDBPyConnection

    from ingestion.mapping import Feed
    from ingestion.sources.records import Records

WORKBOOKS = ("xlsx", "xls")


def read_export(con: DuckDBPyConnection, path: Path, feed: Feed, work: Path) -> Records:
    """The records of one file, by what its feed declares and nothing else.

    The relation is a temporary view of `con`; it and the files below `work` are needed until the last original
    has been asked for.

    Raises:
        IngestionError: the file as a whole cannot be taken in; subclasses say why.
    """
    format = feed.format_of(path.name)
    if not format:
        raise FormatUnknown(path.name)
    if feed.skip_rows_after_header and format != "csv":
        raise MappingInvalid(f"{feed.source}/source.toml", "skip_rows_after_header is for delimited text only")
    if path.stat().st_size == 0:
        raise ExportEmpty(path.name)
    if format not in WORKBOOKS and (not feed.header_row or feed.header_rows > 1):
        told = "header_row = 0 and header_rows are for workbooks; write the row in which the header stands"
        raise MappingInvalid(f"{feed.source}/source.toml", told)
    # Under a plain name: DuckDB takes * and [ in a path for a pattern.
    content = work / "content"
    content.symlink_to(unpacked(path, format, work).resolve())
    if format in WORKBOOKS:
        return read_workbook(con, path.name, content, format, feed)
    if format == "parquet":
        return read_parquet(con, path.name, content, feed)
    if format == "xes":
        return read_xes(con, path.name, content, feed)
    text = decoded(path.name, content, feed.encodings, work)
    if format == "csv":
        records = read_delimited(con, path.name, content, text, feed)
    else:
        records = (read_json if format == "json" else read_ndjson)(con, path.name, text, feed)
    records.warnings += garbled(path.name, text)
    return records
