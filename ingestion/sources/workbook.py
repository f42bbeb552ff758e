"""Workbooks, .xlsx and .xls: calamine reads the values, and another look (sheet_facts) counts the rows.

Hidden rows are rows. A formula counts by its stored result. An error value (#N/A) or a formula without a result
is a bad value of its cell, never a missing one. A merged cell holds for every row it covers.
"""

from __future__ import annotations

from contextlib import contextmanager
from io import BytesIO
from itertools import islice
from typing import TYPE_CHECKING, Any, NamedTuple

from python_calamine import CalamineSheet, CalamineWorkbook, PasswordError, SheetTypeEnum, SheetVisibleEnum

from ingestion.errors import (
    CountMismatch,
    ExportEmpty,
    ExportUnreadable,
    Finding,
    IngestionError,
    PasswordProtected,
    SheetMissing,
    SheetTooWide,
)
from ingestion.sources.cells import cell_text
from ingestion.sources.records import Records, as_declared, check_headings
from ingestion.sources.sheet_facts import SheetFacts, WorkbookFacts, XlsFacts
from ingestion.sources.sheet_rows import Filling, Span
from ingestion.sources.sheet_xml import XlsxFacts

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from duckdb import DuckDBPyConnection

    from ingestion.mapping import Feed

TABLE = "aftercare_records"
# Where header_row = 0 says to look for it, the header is among the first rows.
SEARCHED_ROWS = 20
# calamine holds the whole rectangle from the first to the last cell in memory, about 32 bytes a cell.
MOST_CELLS = 50_000_000


class Header(NamedTuple):
    """The headings of a sheet, and the last row that they take up."""

    row: int
    headings: list[str]


def read_workbook(con: DuckDBPyConnection, export: str, path: Path, format: str, feed: Feed) -> Records:
    """Read the declared sheet, else the only one that fits."""
    with _readable(export):
        book = Book(export, path, format)
        sheet, warnings = _chosen(export, book, feed)
        header = sheet.header(feed)
        warnings += check_headings(export, feed, header.headings)
        filling = Filling(con, TABLE, feed, header.headings, sheet.facts, book.from_1904)
        filling.spread(span for span in sheet.spans if span.top > header.row)
        for number, values in sheet.rows(header.row):
            filling.take(number, values)
        filling.end()
    counted = sheet.facts.filled_below(header.row)
    if counted != filling.records:
        raise CountMismatch(export, counted, filling.records)
    columns = {heading: f"c{i}" for i, heading in enumerate(header.headings)}
    return Records(
        TABLE,
        header.headings,
        columns,
        counted,
        filling.filler.originals,
        filling.bad,
        [*warnings, *filling.findings(export, sheet.name)],
        typed=True,
    )


class Book:
    """A workbook, opened once; sheets are read when asked for."""

    def __init__(self, export: str, path: Path, format: str) -> None:
        self.export = export
        content = path.read_bytes()
        self.facts: WorkbookFacts = XlsxFacts(BytesIO(content)) if format == "xlsx" else XlsFacts(content)
        self.calamine = CalamineWorkbook.from_filelike(BytesIO(content))
        self.from_1904 = self.facts.from_1904
        sheets = [meta for meta in self.calamine.sheets_metadata if meta.typ == SheetTypeEnum.WorkSheet]
        self.visible = {meta.name: meta.visible == SheetVisibleEnum.Visible for meta in sheets}

    @property
    def names(self) -> list[str]:
        """The sheets that hold cells; those that are charts do not."""
        return list(self.visible)

    def sheet(self, name: str) -> Sheet:
        facts = self.facts.sheet(name)
        if facts.rows * facts.columns > MOST_CELLS:
            raise SheetTooWide(self.export, name, facts.rows, facts.columns)
        return Sheet(name, self.visible[name], self.calamine.get_sheet_by_name(name), facts)


class Sheet:
    """One sheet: its values, and what else is known of it."""

    def __init__(self, name: str, is_visible: bool, values: CalamineSheet, facts: SheetFacts) -> None:
        self.name, self.is_visible, self.facts = name, is_visible, facts
        self._values = values
        self._header: Header | None = None

    @property
    def spans(self) -> list[Span]:
        """Every range of merged cells; rows count from 1, columns from 0."""
        ranges = self._values.merged_cell_ranges or []
        return [Span(top + 1, left, bottom + 1, right) for (top, left), (bottom, right) in ranges]

    def rows(self, above: int = 0) -> Iterator[tuple[int, list[Any]]]:
        """Every row below the row `above`, with its number. All are equally wide."""
        start = self._values.start
        left: list[Any] = [""] * (start[1] if start else 0)
        for number, row in enumerate(islice(self._values.iter_rows(), above, None), start=above + 1):
            yield number, [*left, *row] if left else row

    def header(self, feed: Feed) -> Header:
        """The declared header, or the first that has all that is needed; failing that, the one that has most."""
        if self._header is None:
            rows = dict(islice(self.rows(), max(feed.header_row, SEARCHED_ROWS) + feed.header_rows - 1))
            first = [feed.header_row] if feed.header_row else range(1, SEARCHED_ROWS + 1)
            spans = self.spans if feed.header_rows > 1 else []
            found = [
                Header(row + feed.header_rows - 1, as_declared(feed, _headings(rows, spans, row, feed.header_rows)))
                for row in first
            ]
            # Of equals the first: `min` keeps the order.
            self._header = min(found, key=lambda one: (len(feed.missing(one.headings)), -_named(one)))
        return self._header


def _named(header: Header) -> int:
    return sum(map(bool, header.headings))


def _headings(rows: dict[int, list[Any]], spans: list[Span], first: int, count: int) -> list[str]:
    """One heading a column; of several header rows "upper/lower", or the one that is filled.

    A merged upper cell stands over all its columns. A cell that is blank without being merged stays blank.
    """
    lines = [[heading_text(cell_text(value)) for value in rows.get(first + i, [])] for i in range(count)]
    for span in spans:
        line = lines[span.top - first] if first <= span.top < first + count - 1 else []
        for column in range(span.left + 1, min(span.right + 1, len(line))):
            line[column] = line[span.left]
    width = max(map(len, lines), default=0)
    padded = [line + [""] * (width - len(line)) for line in lines]
    headings = ["/".join(filter(None, column)) for column in zip(*padded, strict=True)]
    while headings and not headings[-1]:
        headings.pop()
    return headings


def heading_text(text: str | None) -> str:
    """A heading as it is called: lines broken to make the column narrow are one line."""
    pieces = (text or "").split("\n")
    whole = pieces[0].strip()
    for piece in map(str.strip, pieces[1:]):
        is_spaced = whole[-1:].isascii() and piece[:1].isascii()
        whole += f" {piece}" if is_spaced and whole else piece
    return whole.strip()


def _chosen(export: str, book: Book, feed: Feed) -> tuple[Sheet, list[Finding]]:
    """The declared sheet; else the only one that has the required headings, a hidden one only if no other has."""
    if feed.sheet:
        name = next((name for name in book.names if name.strip() == feed.sheet.strip()), "")
        name = feed.sheet if feed.sheet in book.names else name
        if not name:
            raise SheetMissing(export, feed.sheet, book.names)
        sheet = book.sheet(name)
        if not sheet.facts.filled:
            raise ExportEmpty(export)
        return sheet, []
    filled = [sheet for name in book.names if (sheet := book.sheet(name)).facts.filled]
    fitting = [sheet for sheet in filled if not feed.missing(sheet.header(feed).headings)]
    # A hidden sheet may hold lists that a menu offers; that it fits at all is worth telling.
    visible = [sheet for sheet in filled if sheet.is_visible]
    seen = [sheet for sheet in fitting if sheet.is_visible] or fitting
    if len(seen) > 1:
        raise SheetMissing(export, "", [sheet.name for sheet in seen])
    if not (visible or seen):
        raise ExportEmpty(export)
    chosen = seen[0] if seen else min(visible, key=lambda sheet: len(feed.missing(sheet.header(feed).headings)))
    others = [sheet.name for sheet in filled if sheet is not chosen and (sheet.is_visible or sheet in fitting)]
    if not others:
        return chosen, []
    return chosen, [Finding("sheet_chosen", {"file": export, "sheet": chosen.name, "others": ", ".join(others)})]


@contextmanager
def _readable(export: str) -> Iterator[None]:
    """Whatever a library makes of a damaged workbook, it is said of the file."""
    try:
        yield
    except IngestionError:
        raise
    except PasswordError as error:
        raise PasswordProtected(export) from error
    except Exception as error:
        raise ExportUnreadable(export, type(error).__name__) from error
    except BaseException as error:
        # A Rust library that gives up is no Exception to Python.
        if type(error).__name__ != "PanicException":
            raise
        raise ExportUnreadable(export, "PanicException") from error
