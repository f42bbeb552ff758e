"""Workbooks of either kind, filled by the same few calls, and what `aftercare check` makes of them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from io import BytesIO
from typing import Any

import openpyxl
import xlwt
from openpyxl.utils import get_column_letter
from openpyxl.worksheet.worksheet import Worksheet

from ingestion.check import CheckResult

HEADINGS = ["订单编号", "客户编号", "下单时间", "金额", "渠道"]
MAPPING = """their_heading,our_column
订单编号,order_id
客户编号,customer_id
下单时间,ordered_at
金额,amount
渠道,channel
"""
AT = datetime(2025, 6, 1, 9, 30)


@dataclass
class Taken:
    """What came of a workbook; rows are (order_id, customer_id, ordered_at, amount, channel) in file order."""

    result: CheckResult
    rows: list[tuple[Any, ...]]

    @property
    def counts(self) -> tuple[int, int, int, int]:
        one = self.result
        return one.rows_read, one.rows_loaded, one.rows_quarantined, one.rows_duplicate

    @property
    def held(self) -> list[tuple[int, str, str]]:
        return [(reason.row, reason.column, reason.code) for reason in self.result.reasons if reason.row]

    @property
    def faults(self) -> list[str]:
        return [finding.code for finding in self.result.faults]

    def warning(self, code: str) -> dict[str, str | int]:
        (found,) = (finding.fields for finding in self.result.warnings if finding.code == code)
        return found


class XlsSheet:
    """A sheet of an .xls. Rows and columns count from 1."""

    def __init__(self, book: xlwt.Workbook, name: str) -> None:
        self.sheet = book.add_sheet(name)
        self.day = xlwt.easyxf(num_format_str="yyyy-mm-dd hh:mm")

    def put(self, row: int, column: int, value: object, number_format: str = "") -> None:
        style = xlwt.easyxf(num_format_str=number_format) if number_format else xlwt.Style.default_style
        self.sheet.write(row - 1, column - 1, value, self.day if isinstance(value, datetime) else style)

    def merge(self, top: int, left: int, bottom: int, right: int) -> None:
        self.sheet.merge(top - 1, bottom - 1, left - 1, right - 1)

    def hide(self, row: int = 0, column: int = 0) -> None:
        if row:
            self.sheet.row(row - 1).hidden = True
        if column:
            self.sheet.col(column - 1).hidden = True


class XlsxSheet:
    """A sheet of an .xlsx, by the same calls."""

    def __init__(self, sheet: Worksheet) -> None:
        self.sheet = sheet

    def put(self, row: int, column: int, value: object, number_format: str = "") -> None:
        cell = self.sheet.cell(row, column, value)
        if number_format:
            cell.number_format = number_format

    def merge(self, top: int, left: int, bottom: int, right: int) -> None:
        self.sheet.merge_cells(start_row=top, start_column=left, end_row=bottom, end_column=right)

    def hide(self, row: int = 0, column: int = 0) -> None:
        if row:
            self.sheet.row_dimensions[row].hidden = True
        if column:
            self.sheet.column_dimensions[get_column_letter(column)].hidden = True


AnySheet = XlsSheet | XlsxSheet
Take = Callable[..., Taken]
Make = Callable[..., tuple[bytes, str]]


def order(number: int, **changes: object) -> list[object]:
    """A row of the sheet: the same order, but for what the test is about."""
    values = dict(zip(HEADINGS, [f"D-{number:03d}", "K-001", AT, 10, "门店"], strict=True))
    return list({**values, **changes}.values())


def put_table(sheet: AnySheet, rows: list[list[object]], top: int = 1, left: int = 1) -> None:
    for i, row in enumerate([HEADINGS, *rows]):
        for j, value in enumerate(row):
            if value is not None:
                sheet.put(top + i, left + j, value)


def saved(book: openpyxl.Workbook | xlwt.Workbook) -> bytes:
    stream = BytesIO()
    book.save(stream)
    return stream.getvalue()


def xlsx(fill: Callable[[Worksheet], object]) -> bytes:
    book = openpyxl.Workbook()
    sheet = book.worksheets[0]
    sheet.title = "订单"
    fill(sheet)
    return saved(book)


def table(*rows: list[object]) -> Callable[[Worksheet], None]:
    def fill(sheet: Worksheet) -> None:
        for row in [HEADINGS, *rows]:
            sheet.append(row)

    return fill
