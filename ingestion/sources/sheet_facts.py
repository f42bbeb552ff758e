"""A second look at the sheets of a workbook: it counts the filled rows and finds what a reader of values hides.

calamine reads the values, of .xlsx and .xls alike. What it does not tell is looked up here, by other means that
share no code with it: which rows are hidden, where an error stands for a value, where a formula has no result.
"""

from __future__ import annotations

from array import array
from bisect import bisect_right
from dataclasses import dataclass, field
from io import StringIO
from typing import TYPE_CHECKING, Any, Protocol

import xlrd
from python_calamine import PasswordError

if TYPE_CHECKING:
    from collections.abc import Mapping


@dataclass
class SheetFacts:
    """What was found in one sheet. Rows count from 1 as people see them, columns from 0 as lists do.

    filled: the rows that hold anything, a fault included; rows, columns: where the last such cell stands.
    faults: row -> column -> code of a cell whose value is no value.
    padded: row -> column -> digits of a whole number that is shown with leading zeros.
    """

    filled: array[int] = field(default_factory=lambda: array("i"))
    rows: int = 0
    columns: int = 0
    hidden_rows: set[int] = field(default_factory=set)
    hidden_columns: set[int] = field(default_factory=set)
    faults: dict[int, dict[int, str]] = field(default_factory=dict)
    padded: dict[int, dict[int, int]] = field(default_factory=dict)

    def filled_below(self, row: int) -> int:
        """How many rows below this one hold anything."""
        return len(self.filled) - bisect_right(self.filled, row)


class WorkbookFacts(Protocol):
    """The same look at a whole workbook; `from_1904`: its days count from 1904, as old Macs did."""

    from_1904: bool

    def sheet(self, name: str) -> SheetFacts: ...


class XlsFacts:
    """Facts of an .xls, as xlrd sees it. Whether a formula has a result such a file does not say."""

    def __init__(self, content: bytes) -> None:
        try:
            self.book: Any = xlrd.open_workbook(
                file_contents=content,
                formatting_info=True,  # without it xlrd does not look at hidden rows and number formats
                on_demand=True,
                ignore_workbook_corruption=True,  # of the directory of streams; what cannot be read still fails
                logfile=StringIO(),
            )
        except xlrd.XLRDError as error:
            # xlrd has no class for it, and calamine does not tell it from a format that it does not know.
            raise PasswordError if "encrypted" in str(error) else error from error
        self.from_1904 = self.book.datemode == 1

    def sheet(self, name: str) -> SheetFacts:
        """Look at every cell of one sheet."""
        sheet = self.book.sheet_by_name(name)
        facts = SheetFacts(
            hidden_rows={row + 1 for row, info in sheet.rowinfo_map.items() if info.hidden},
            hidden_columns={column for column, info in sheet.colinfo_map.items() if info.hidden},
        )
        zeros = self._zeros()
        for row in range(sheet.nrows):
            is_filled = False
            for column, (kind, value) in enumerate(zip(sheet.row_types(row), sheet.row_values(row), strict=True)):
                if kind in (xlrd.XL_CELL_EMPTY, xlrd.XL_CELL_BLANK) or value == "":
                    continue
                facts.rows, facts.columns = row + 1, max(facts.columns, column + 1)
                if kind == xlrd.XL_CELL_ERROR:
                    facts.faults.setdefault(row + 1, {})[column] = "cell_error"
                elif kind == xlrd.XL_CELL_NUMBER and (digits := zeros.get(sheet.cell_xf_index(row, column))):
                    facts.padded.setdefault(row + 1, {})[column] = digits
                is_filled = is_filled or not (kind == xlrd.XL_CELL_TEXT and value.isspace())
            if is_filled:
                facts.filled.append(row + 1)
        self.book.unload_sheet(name)
        return facts

    def _zeros(self) -> Mapping[int, int]:
        """Cell style -> digits, of the styles that show a number with leading zeros."""
        formats = self.book.format_map
        digits = {i: zeros_in(formats[xf.format_key].format_str) for i, xf in enumerate(self.book.xf_list)}
        return {style: count for style, count in digits.items() if count}


def zeros_in(number_format: str) -> int:
    """To how many digits a number format fills up with zeros; 0 where it does anything else.

    Of its sections the first is for what an id can be; the others are for negative numbers, 0 and texts.
    """
    first = number_format.partition(";")[0]
    return len(first) if len(first) > 1 and not first.strip("0") else 0
