"""Which sheet of a workbook holds the records, and where its header stands: title rows above, two rows merged."""

from __future__ import annotations

from dataclasses import dataclass, replace
from io import BytesIO
from typing import TYPE_CHECKING, Any

from python_calamine import CalamineError, CalamineWorkbook, SheetVisibleEnum, ZipError

from ingestion.connect.headings import familiar
from ingestion.errors import ExportEmpty, ExportUnreadable, SheetMissing
from ingestion.sources.workbook import heading_text

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

ROWS_LOOKED_AT = 60
ROWS_ABOVE = 20
# A header names most of the columns; a title or a remark above it stands in one or two cells.
MOST = 0.6
Row = list[Any]
Merge = tuple[tuple[int, int], tuple[int, int]]


@dataclass(frozen=True)
class FoundSheet:
    """A sheet with its header: `header_row` counts from 1; `headings` as far as they can be told here.

    others: further sheets that hold a table. is_only: the workbook has no other sheet at all.
    """

    name: str
    header_row: int
    header_rows: int
    headings: tuple[str, ...]
    rows: int
    others: tuple[str, ...] = ()
    is_only: bool = True


def chosen_sheet(export: str, content: Path, declared: str) -> FoundSheet:
    """The declared sheet, else the visible one whose headings are the most familiar, then the longest.

    Raises:
        SheetMissing: the declared sheet is not there. ExportEmpty: no sheet holds anything.
    """
    try:
        book = CalamineWorkbook.from_filelike(BytesIO(content.read_bytes()))
        visible = [one.name for one in book.sheets_metadata if one.visible == SheetVisibleEnum.Visible]
        if declared and declared not in book.sheet_names:
            raise SheetMissing(export, declared, list(book.sheet_names))
        found = [_find_header(book, name) for name in book.sheet_names]
    except (CalamineError, ZipError, OSError) as error:
        raise ExportUnreadable(export, type(error).__name__) from error
    filled = [sheet for sheet in found if sheet.rows and sheet.headings]
    wanted = [sheet for sheet in filled if (sheet.name == declared if declared else sheet.name in visible)]
    if not wanted:
        raise ExportEmpty(export)
    best = max(wanted, key=lambda sheet: (familiar(sheet.headings), sheet.rows))
    others = tuple(sheet.name for sheet in filled if sheet.name != best.name)
    return replace(best, others=others, is_only=len(found) == 1)


def _find_header(book: CalamineWorkbook, name: str) -> FoundSheet:
    sheet = book.get_sheet_by_name(name)
    rows: list[Row] = sheet.to_python(skip_empty_area=False, nrows=ROWS_LOOKED_AT)
    merges: list[Merge] = sheet.merged_cell_ranges or []
    width = max((_filled(row) for row in rows), default=0)
    for i, row in enumerate(rows[:ROWS_ABOVE]):
        if not width:
            break
        upper = _spread(row, i, merges)
        if _filled(upper) < max(2, MOST * width) or not _is_words(upper) or len(set(_texts(upper))) == 1:
            continue
        below = rows[i + 1] if i + 1 < len(rows) else []
        both = _is_two_rows(upper, below, i, merges)
        headings = _joined(upper, below) if both else _texts(upper)
        left = (sheet.end[0] + 1 if sheet.end else 0) - i - (2 if both else 1)
        return FoundSheet(name, i + 1, 2 if both else 1, tuple(headings), left)
    return FoundSheet(name, 1, 1, (), 0)


def _spread(row: Row, number: int, merges: Sequence[Merge]) -> Row:
    """The row with every cell merged across columns written into all of them."""
    wide = list(row)
    for (top, left), (bottom, right) in merges:
        if top <= number <= bottom and right > left:
            wide[left : right + 1] = [wide[left] if left < len(wide) else ""] * (right + 1 - left)
    return wide


def _is_two_rows(upper: Row, below: Row, number: int, merges: Sequence[Merge]) -> bool:
    """Whether a cell above is merged over several headings below it, each of them words of its own."""
    for (top, left), (bottom, right) in merges:
        if top <= number <= bottom == number and right > left:
            parts = [str(cell).strip() for cell in below[left : right + 1]]
            if len(parts) > 1 and all(parts) and len(set(parts)) == len(parts) and _is_words(below):
                return True
    return False


def _joined(upper: Row, below: Row) -> list[str]:
    cells = [tuple(heading_text(str(each or "")) for each in pair) for pair in zip(upper, below, strict=False)]
    return ["/".join(dict.fromkeys(filter(None, cell))) for cell in cells if any(cell)]


def _filled(row: Row) -> int:
    return len(_texts(row))


def _texts(row: Row) -> list[str]:
    return [text for cell in row if cell is not None and (text := heading_text(str(cell)))]


def _is_words(row: Row) -> bool:
    """Headings are text: a number, a date or a truth value is a record's."""
    filled = [cell for cell in row if cell is not None and str(cell).strip()]
    return all(isinstance(cell, str) and not _is_plain_number(cell) for cell in filled)


def _is_plain_number(text: str) -> bool:
    return text.strip().replace(".", "", 1).replace("-", "").replace("/", "").replace(":", "").isdecimal()
