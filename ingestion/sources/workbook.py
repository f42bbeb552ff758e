"""Workbooks: .xlsx through openpyxl, which alone shows error values, counted again by calamine; .xls by calamine.

Hidden rows are rows. A formula counts by its stored result. An error value (#N/A, #DIV/0!) is a bad value of
its cell, never a missing one.
"""

from __future__ import annotations

from dataclasses import dataclass
from io import BytesIO
from typing import TYPE_CHECKING, Any, NamedTuple

import openpyxl
from python_calamine import CalamineError, CalamineSheet, CalamineWorkbook, SheetVisibleEnum

from ingestion.errors import CountMismatch, ExportEmpty, ExportUnreadable, Finding, SheetMissing
from ingestion.sources.cells import cell_text
from ingestion.sources.records import BadRecord, Filler, Records, check_headings

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from duckdb import DuckDBPyConnection

    from ingestion.mapping import Feed

TABLE = "aftercare_records"


class Cell(NamedTuple):
    """The text of a cell; `is_error` where the workbook holds an error value instead of a result."""

    text: str | None
    is_error: bool = False


BLANK = Cell(None)


@dataclass(frozen=True)
class Sheet:
    """One sheet as rows of cells from its first row on."""

    name: str
    is_visible: bool
    rows: list[list[Cell]]

    def headings(self, header_row: int) -> list[str]:
        row = self.rows[header_row - 1] if len(self.rows) >= header_row else []
        return [(cell.text or "").strip() for cell in row]

    def records(self, header_row: int) -> Iterator[list[Cell]]:
        """The rows below the header that hold anything at all."""
        return (row for row in self.rows[header_row:] if any(_is_filled(cell.text) for cell in row))


def read_workbook(con: DuckDBPyConnection, export: str, path: Path, format: str, feed: Feed) -> Records:
    """Read the declared sheet, with the columns of another sheet beside it where the feed joins one."""
    book = Book(export, path, format)
    sheet, warnings = _chosen(export, book, feed)
    headings = sheet.headings(feed.header_row)
    rows = list(sheet.records(feed.header_row))
    counted = book.count(sheet.name, feed.header_row)
    if counted != len(rows):
        raise CountMismatch(export, counted, len(rows))
    if feed.join:
        headings, rows = _joined(export, book, feed, headings, rows)
    warnings += check_headings(export, feed, headings)
    return _filled(con, feed, headings, rows, warnings)


class Book:
    """A workbook, opened once; sheets are read when asked for."""

    def __init__(self, export: str, path: Path, format: str) -> None:
        self.export = export
        try:
            content = path.read_bytes()
            self.calamine = CalamineWorkbook.from_filelike(BytesIO(content))
            self.openpyxl: Any = None
            if format == "xlsx":
                self.openpyxl = openpyxl.load_workbook(BytesIO(content), read_only=True, data_only=True)
        except Exception as error:
            raise ExportUnreadable(export, type(error).__name__) from error

    @property
    def names(self) -> list[str]:
        return list(self.calamine.sheet_names)

    def sheet(self, name: str) -> Sheet:
        """All rows of one sheet."""
        visible = {meta.name: meta.visible == SheetVisibleEnum.Visible for meta in self.calamine.sheets_metadata}
        try:
            rows = self._openpyxl_rows(name) if self.openpyxl else self._calamine_rows(name)
        except Exception as error:
            raise ExportUnreadable(self.export, type(error).__name__) from error
        return Sheet(name, visible.get(name, True), rows)

    def count(self, name: str, header_row: int) -> int:
        """Records of a sheet as the other library sees them; of .xls there is only the one."""
        rows = self._grid(name)[header_row:]
        return sum(any(_is_filled(cell_text(value)) for value in row) for row in rows)

    def _grid(self, name: str) -> list[list[Any]]:
        try:
            sheet: CalamineSheet = self.calamine.get_sheet_by_name(name)
            return sheet.to_python(skip_empty_area=False)
        except CalamineError as error:
            raise ExportUnreadable(self.export, type(error).__name__) from error

    def _calamine_rows(self, name: str) -> list[list[Cell]]:
        return [[Cell(cell_text(value)) for value in row] for row in self._grid(name)]

    def _openpyxl_rows(self, name: str) -> list[list[Cell]]:
        sheet = self.openpyxl[name]
        if not hasattr(sheet, "iter_rows"):
            return []  # a sheet that is a chart
        # The stored dimensions can be wrong, and openpyxl would cut the sheet to them.
        sheet.reset_dimensions()
        return [
            [Cell(str(cell.value), True) if cell.data_type == "e" else Cell(cell_text(cell.value)) for cell in row]
            for row in sheet.iter_rows()
        ]


def _is_filled(text: str | None) -> bool:
    return text is not None and not text.isspace() and text != ""


def _chosen(export: str, book: Book, feed: Feed) -> tuple[Sheet, list[Finding]]:
    """The declared sheet, else the only visible one that has the required headings."""
    if feed.sheet:
        if feed.sheet not in book.names:
            raise SheetMissing(export, feed.sheet, book.names)
        return book.sheet(feed.sheet), []
    sheets = [sheet for name in book.names if (sheet := book.sheet(name)).is_visible]
    filled = [sheet for sheet in sheets if sheet.rows]
    if not filled:
        raise ExportEmpty(export)
    needed = {heading for dataset in feed.datasets for heading in dataset.required_headings}
    fitting = [sheet for sheet in filled if needed <= set(sheet.headings(feed.header_row))]
    if len(fitting) > 1:
        raise SheetMissing(export, "", [sheet.name for sheet in fitting])
    chosen = fitting[0] if fitting else filled[0]
    if len(filled) == 1:
        return chosen, []
    others = ", ".join(sheet.name for sheet in filled if sheet is not chosen)
    return chosen, [Finding("sheet_chosen", {"file": export, "sheet": chosen.name, "others": others})]


def _joined(
    export: str, book: Book, feed: Feed, headings: list[str], rows: Sequence[list[Cell]]
) -> tuple[list[str], list[list[Cell]]]:
    """Every record with the columns of the other sheet's first row that has the same text under `on`."""
    join = feed.join
    if join is None or join.sheet not in book.names:
        raise SheetMissing(export, join.sheet if join else "", book.names)
    other = book.sheet(join.sheet)
    theirs = other.headings(1)
    if join.on not in theirs or join.on not in headings:
        raise SheetMissing(export, f"{join.sheet}: {join.on}", [*theirs])
    brought = [i for i, h in enumerate(theirs) if h and h != join.on and join.prefix + h not in headings]
    at = theirs.index(join.on)
    first: dict[str, list[Cell]] = {}
    for row in other.records(1):
        key = _at(row, at).text
        if key is not None:
            first.setdefault(key.strip(), [_at(row, i) for i in brought])
    on, width = headings.index(join.on), len(headings)
    nothing = [BLANK] * len(brought)
    wide = [
        [*(_at(row, i) for i in range(width)), *first.get((_at(row, on).text or "").strip(), nothing)] for row in rows
    ]
    return [*headings, *(join.prefix + theirs[i] for i in brought)], wide


def _at(row: Sequence[Cell], i: int) -> Cell:
    return row[i] if i < len(row) else BLANK


def _filled(
    con: DuckDBPyConnection, feed: Feed, headings: list[str], rows: Sequence[list[Cell]], warnings: list[Finding]
) -> Records:
    used = set(feed.headings)
    bad: list[BadRecord] = []
    filler = Filler(con, f"{TABLE}_text", len(headings))
    for number, row in enumerate(rows, start=1):
        cells = [_at(row, i) for i in range(len(headings))]
        extra = [cell.text for cell in row[len(headings) :] if _is_filled(cell.text)]
        text = "\t".join(cell.text or "" for cell in row)
        known = {h: cell.text or "" for h, cell in zip(headings, cells, strict=True)}
        if extra:
            bad.append(BadRecord(number, "ragged_row", known, text))
            continue
        bad += [
            BadRecord(number, "cell_error", known, text, heading)
            for heading, cell in zip(headings, cells, strict=True)
            if cell.is_error and heading in used
        ]
        filler.add(number, text, (None if cell.is_error else cell.text for cell in cells))
    filler.flush()
    con.execute(f'create or replace temp view {TABLE} as select * from "{TABLE}_text"')
    columns = {heading: f"c{i}" for i, heading in enumerate(headings)}
    return Records(TABLE, headings, columns, len(rows), filler.originals, bad, warnings, typed=True)
