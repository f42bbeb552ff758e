"""What the cells of a workbook say: formulas, dates, numbers, ids; and any grid, cell by cell."""

from __future__ import annotations

import random
from datetime import datetime, timedelta
from io import BytesIO
from typing import TYPE_CHECKING

import pytest
import xlsxwriter
import xlwt

from tests.ingestion.workbooks.making import AT, HEADINGS, XlsSheet, order, put_table, saved, table, xlsx

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.ingestion.workbooks.making import AnySheet, Make, Take

    Rewrite = Callable[[bytes, str, str, str], bytes]


# --- cells ------------------------------------------------------------------------------------------------------


def test_a_formula_counts_by_its_result_and_one_without_is_told(take: Take) -> None:
    stream = BytesIO()
    with xlsxwriter.Workbook(stream) as book:
        sheet, day = book.add_worksheet("订单"), book.add_format({"num_format": "yyyy-mm-dd hh:mm"})
        sheet.write_row(0, 0, [*HEADINGS, "备注"])
        results: list[tuple[str, object]] = [("D2", 12.5), ("D3", "#DIV/0!"), ("D4", ""), ("E5", "=text"), ("F2", "")]
        for row in range(1, 5):
            sheet.write_row(row, 0, [f"D-{row:03d}", "K-001"])
            sheet.write_datetime(row, 2, AT, day)
            sheet.write_row(row, 3, [10, "门店", "-"])
        for cell, result in results:
            sheet.write_formula(cell, "=A1", None, result)
    taken = take(stream.getvalue())
    assert taken.counts == (4, 2, 2, 0)
    assert taken.rows == [("D-001", "K-001", AT, 12.5, "门店"), ("D-004", "K-001", AT, 10, "=text")]
    assert taken.held == [(2, "amount", "cell_error"), (3, "amount", "formula_without_value")]


def test_a_formula_whose_result_is_an_empty_text_is_a_missing_value(take: Take, rewrite: Rewrite) -> None:
    content = xlsx(table(order(1, 渠道="=A1")))
    assert take(content).held == [(1, "channel", "formula_without_value")]
    worked_out = rewrite(content, "xl/worksheets/sheet1.xml", '<c r="E2">', '<c r="E2" t="str">')
    assert take(worked_out).rows == [("D-001", "K-001", AT, 10, None)]


def test_a_row_of_nothing_but_faults_is_a_row(take: Take) -> None:
    taken = take(xlsx(table(order(1), order(2), ["=A1", None, None, "#REF!", None])))
    assert taken.counts == (3, 2, 1, 0)
    assert (3, "order_id", "formula_without_value") in taken.held
    assert (3, "amount", "cell_error") in taken.held


def test_error_values_in_xls(take: Take) -> None:
    book = xlwt.Workbook()
    sheet = XlsSheet(book, "订单")
    put_table(sheet, [order(1), order(2, 金额=None), order(3)])
    sheet.sheet.row(2).set_cell_error(3, 42)  # #N/A
    taken = take(saved(book), "orders.xls")
    assert (taken.counts, taken.held) == ((3, 2, 1, 0), [(2, "amount", "cell_error")])


@pytest.mark.parametrize("from_1904", [False, True])
def test_real_dates_text_dates_and_serial_numbers_in_one_column(take: Take, made: Make, from_1904: bool) -> None:
    day_0 = datetime(1904, 1, 1) if from_1904 else datetime(1899, 12, 30)
    serial = (AT - day_0) / timedelta(days=1)

    def fill(sheet: AnySheet) -> None:
        values = [AT, "2025-06-01 09:30", serial, int(serial), "1 June"]
        put_table(sheet, [order(i, 下单时间=value) for i, value in enumerate(values, start=1)])

    taken = take(*made(fill, from_1904=from_1904))
    assert taken.counts == (5, 4, 1, 0)
    assert [row[2] for row in taken.rows] == [AT, AT, AT, datetime(2025, 6, 1)]
    assert taken.held == [(5, "ordered_at", "bad_datetime")]


def test_ids_that_are_numbers(take: Take, made: Make) -> None:
    def fill(sheet: AnySheet) -> None:
        ids = [900100.0, 123, "00456", 123456789012345]
        put_table(sheet, [order(1, 订单编号=each) for each in ids])
        for row, (number, shown) in enumerate([(789, "000000"), (790, "000000;-000000"), (791, "0000;@")], start=6):
            sheet.put(row, 1, number, shown)
            for column, value in enumerate(order(1)[1:], start=2):
                sheet.put(row, column, value)

    taken = take(*made(fill))
    plain, padded = ["900100", "123", "00456", "123456789012345"], ["000789", "000790", "0791"]
    assert [row[0] for row in taken.rows] == plain + padded


@pytest.mark.parametrize(
    ("ids", "held"),
    [
        ([1234567890123450, 1234567890123460, "D-003"], [1, 2]),  # as a spreadsheet leaves them: 15 digits and zeros
        ([1234567890123450, 1234567890123461, "D-003"], []),  # a program wrote them: the 0 is true
        ([123456789012345678, "123456789012345678", "D-003"], [1]),  # no number tells it from its neighbours
    ],
)
def test_ids_too_long_for_a_number(take: Take, ids: list[object], held: list[int]) -> None:
    taken = take(xlsx(table(*(order(1, 订单编号=each) for each in [*ids, "D-004", "D-005"]))))
    assert taken.held == [(row, "order_id", "digits_lost") for row in held]
    assert taken.counts == (5, 5 - len(held), len(held), 0)


def test_amounts_with_formats_and_as_text(take: Take, made: Make) -> None:
    def fill(sheet: AnySheet) -> None:
        put_table(sheet, [order(i, 金额=value) for i, value in enumerate([None, None, "1,234.50", "95%"], start=1)])
        sheet.put(2, 4, 1234567.5, "#,##0.00")
        sheet.put(3, 4, 0.95, "0%")

    taken = take(*made(fill), thousands_mark=",")
    assert [float(row[3]) for row in taken.rows] == [1234567.5, 0.95, 1234.5]
    assert taken.held == [(4, "amount", "bad_number")]


# --- any sheet --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("seed", range(8))
def test_any_grid_is_accounted_for_cell_by_cell(take: Take, made: Make, seed: int) -> None:
    rng = random.Random(seed)
    top, left, expected, hidden = rng.randint(1, 9), rng.randint(1, 4), [], 0
    rows: list[list[object]] = []
    for number in range(rng.randint(1, 40)):
        if rng.random() < 0.2:
            rows.append([None] * 5)
            continue
        at = AT + timedelta(minutes=number)
        amount = rng.choice([None, number, number + 0.25])
        channel = rng.choice([None, "门店", " 电话 ", "a\nb", "0012"])
        rows.append(order(number, 下单时间=at, 金额=amount, 渠道=channel))
        expected.append((f"D-{number:03d}", "K-001", at, amount, channel and channel.strip()))
    expected_hidden = {i for i, row in enumerate(rows) if rng.random() < 0.2}

    def fill(sheet: AnySheet) -> None:
        put_table(sheet, rows, top, left)
        for i in expected_hidden:
            sheet.hide(row=top + 1 + i)

    hidden = sum(rows[i][0] is not None for i in expected_hidden)
    taken = take(*made(fill), header_row="0")
    if not expected:
        assert taken.faults == ["no_rows"]
        return
    assert (taken.rows, taken.counts) == (expected, (len(expected), len(expected), 0, 0))
    told = [finding.fields["count"] for finding in taken.result.warnings if finding.code == "hidden_rows"]
    assert told == ([hidden] if hidden else [])
