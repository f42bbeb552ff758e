"""Delimited text. Clean files take the fast way, through DuckDB; all others the exact one, record by record.

The fast way is taken only if three things agree: DuckDB reads the file strictly by the declared dialect, an
independent count over the bytes finds the same number of records, and no cell looks as if it had swallowed
records. `read_csv` alone would lose rows after an unclosed quotation mark, even in strict mode.
"""

from __future__ import annotations

import io
import os
from dataclasses import dataclass
from itertools import islice
from typing import TYPE_CHECKING

import duckdb

from ingestion.errors import CountMismatch, ExportEmpty, ExportUnreadable, Finding, WrongEncoding
from ingestion.sources.counting import count_lines, count_records
from ingestion.sources.decode import likely_encoding, readable
from ingestion.sources.records import BadRecord, Filler, Records, as_declared, checked_headings
from ingestion.sources.splitter import Splitter
from ingestion.sqltext import literal

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from duckdb import DuckDBPyConnection

    from ingestion.mapping import Feed
    from ingestion.sources.counting import Count
    from ingestion.sources.decode import Decoded
    from ingestion.sources.splitter import Record

LONGEST_LINE = 16 << 20
# A few foreign bytes are a fault of their records; more than this, of the file.
BAD_SHARE, BAD_RECORDS = 0.1, 3
# What the record is that a file breaks off in.
CUT = frozenset({"ragged_row", "unclosed_quote"})
# A file with none but these would look like a header alone.
_OTHER_ENDS = frozenset("\v\f\x1c\x1d\x1e\x85\u2028\u2029")
TABLE = "aftercare_records"


@dataclass(frozen=True)
class Header:
    """The heading row, the lines above it, and where the data begin, in bytes and in lines of the decoded file."""

    headings: list[str]
    above: int
    data_at: int
    lines: int
    newline: str


def read_delimited(con: DuckDBPyConnection, export: str, raw: Path, text: Decoded, feed: Feed) -> Records:
    """Read a delimited file; which way it took makes no difference to the result, only to the time."""
    header = _header(export, raw, text, feed)
    warnings = checked_headings(export, feed, header.headings, lambda: sum(1 for _ in _data(text, feed, header)[1]))
    records = _fast(con, text, feed, header) if text.clean else None
    if records is None:
        records = _exact(con, text, feed, header, export)
        _refuse_wrong_encoding(export, raw, text, records)
    records.warnings += warnings
    return records


def _lines(text: Decoded) -> Iterator[str]:
    """Physical lines with their line ends, whichever these are."""
    with text.path.open(encoding="utf-8", errors="surrogatepass", newline="") as stream:
        stream.read(1 if text.skip else 0)
        yield from stream


def _header(export: str, raw: Path, text: Decoded, feed: Feed) -> Header:
    lines = _lines(text)
    above = list(islice(lines, feed.header_row - 1 + _is_marked(text, feed)))
    splitter = Splitter(lines, feed.delimiter, feed.quote)
    record = splitter.next_record()
    splitter.width = len(record.cells) if record else 0
    for _ in range(feed.skip_rows_after_header):
        splitter.next_record()
    lines.close()  # type: ignore[attr-defined]
    if record is None:
        raise ExportEmpty(export)
    if record.code in ("bad_encoding", "nul_character"):
        raise WrongEncoding(export, text.encoding, likely_encoding(raw, text.encoding))
    if record.code:
        raise ExportUnreadable(export, f"header: {record.code}")
    characters = sum(map(len, above)) + splitter.characters
    with text.path.open(encoding="utf-8", errors="surrogatepass", newline="") as stream:
        stream.read(1 if text.skip else 0)
        top = stream.read(characters)
    ending = "\r\n" if top.endswith("\r\n") else top[-1:] if top[-1:] in "\r\n" else "\n"
    data_at = text.skip + len(top.encode("utf-8", "surrogatepass"))
    headings = as_declared(feed, [cell.strip() for cell in record.cells])
    if data_at >= text.path.stat().st_size and any(set(cell) & _OTHER_ENDS for cell in headings):
        raise ExportUnreadable(export, "no line ends but U+2028 and the like")
    return Header(headings, len(above), data_at, _line_count(top), ending)


def _is_marked(text: Decoded, feed: Feed) -> bool:
    """Whether the first line is Excel's `sep=;`, which only says what the delimiter is, and says it rightly."""
    return next(_lines(text), "").rstrip("\r\n") == f"sep={feed.delimiter}"


def _line_count(text: str) -> int:
    return text.count("\n") + text.count("\r") - text.count("\r\n")


# --- the fast way -----------------------------------------------------------------------------------------


def _fast(con: DuckDBPyConnection, text: Decoded, feed: Feed, header: Header) -> Records | None:
    """All records through DuckDB, or None if anything at all is not as declared."""
    width = len(header.headings)
    count = count_records(text.path, header.data_at, header.newline, feed.delimiter, feed.quote, width)
    if count is None or not _sound(count, feed, width):
        return None
    columns = {heading: f"c{i}" for i, heading in enumerate(header.headings)}
    declared = ", ".join(f"c{i}: 'VARCHAR'" for i in range(width))
    table = f"{TABLE}_text"
    try:
        con.execute(
            f'create or replace temp table "{table}" as select * from read_csv({literal(str(text.path))}, '
            f"auto_detect = false, header = false, skip = {header.lines}, columns = {{{declared}}}, "
            f"delim = {literal(feed.delimiter)}, quote = {literal(feed.quote)}, escape = {literal(feed.quote)}, "
            f"strict_mode = true, null_padding = false, ignore_errors = false, encoding = 'utf-8', "
            f"max_line_size = {LONGEST_LINE}, new_line = {_newline_literal(header.newline)})"
        )
    except duckdb.Error:
        return None
    found = con.execute(f'select count(*) from "{table}"').fetchone()
    if found is None or found[0] != len(count):
        return None
    con.execute(f'create or replace temp view {TABLE} as select rowid + 1 as _row, * from "{table}"')
    return Records(TABLE, header.headings, columns, len(count), count.texts)


def _newline_literal(newline: str) -> str:
    return {"\n": "'\\n'", "\r\n": "'\\r\\n'", "\r": "'\\r'"}[newline]


def _sound(count: Count, feed: Feed, width: int) -> bool:
    """Whether each record that has a line end within a cell is one record to the exact reader, too."""
    for text in count.texts(count.broken_rows).values():
        splitter = Splitter(io.StringIO(text, newline=""), feed.delimiter, feed.quote)
        splitter.width = width
        first = splitter.next_record()
        if first is None or first.code or splitter.next_record() is not None:
            return False
    return True


# --- the exact way ----------------------------------------------------------------------------------------


def _exact(con: DuckDBPyConnection, text: Decoded, feed: Feed, header: Header, export: str) -> Records:
    """Every record by the splitter; faults stay with the record they are in."""
    width = len(header.headings)
    filler = Filler(con, f"{TABLE}_text", width)
    bad: list[BadRecord] = []
    splitter, records = _data(text, feed, header)
    row = 0
    for row, record in enumerate(records, start=1):
        if record.code:
            bad.append(_bad(row, record, header.headings))
        else:
            filler.add(row, record.text, record.cells)
    filler.flush()
    counted, taken = count_lines(text.path), header.above + splitter.lines
    if counted != taken:
        raise CountMismatch(export, counted, taken)
    con.execute(f'create or replace temp view {TABLE} as select * from "{TABLE}_text"')
    columns = {heading: f"c{i}" for i, heading in enumerate(header.headings)}
    return Records(TABLE, header.headings, columns, row, filler.originals, bad, _cut(text, header, row, bad, export))


def _cut(text: Decoded, header: Header, rows: int, bad: Sequence[BadRecord], export: str) -> list[Finding]:
    """Whether the last record breaks off: too few cells or an open quotation mark, and no line end after it.

    A sound last record without a line end is how many programs write; a cut within its last cell looks the same.
    """
    if not bad or bad[-1].row != rows or bad[-1].code not in CUT:
        return []
    with text.path.open("rb") as stream:
        stream.seek(-1, os.SEEK_END)
        is_ended = stream.read(1) in b"\r\n"
    is_short = bad[-1].code == "unclosed_quote" or len(bad[-1].cells) < len(header.headings)
    return [] if is_ended or not is_short else [Finding("cut_short", {"file": export, "row": rows})]


def _data(text: Decoded, feed: Feed, header: Header) -> tuple[Splitter, Iterator[Record]]:
    """A splitter that has passed the header, and the records below it."""
    splitter = Splitter(islice(_lines(text), header.above, None), feed.delimiter, feed.quote)
    splitter.next_record()
    splitter.width = len(header.headings)
    for _ in range(feed.skip_rows_after_header):
        splitter.next_record()
    return splitter, splitter.records()


def _bad(row: int, record: Record, headings: Sequence[str]) -> BadRecord:
    cells = dict(zip(headings, (readable(cell) for cell in record.cells), strict=False))
    return BadRecord(row, record.code, cells, readable(record.text))


def _refuse_wrong_encoding(export: str, raw: Path, text: Decoded, records: Records) -> None:
    """Bytes that do not decode all over the file are not slips: the declared encoding is the wrong one."""
    foreign = sum(bad.code in ("bad_encoding", "nul_character") for bad in records.bad)
    if foreign > max(BAD_RECORDS, BAD_SHARE * records.rows_read):
        raise WrongEncoding(export, text.encoding, likely_encoding(raw, text.encoding))
