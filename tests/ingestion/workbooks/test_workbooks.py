"""Where the table of a workbook stands: title rows, merged headers, sheets, hidden and merged rows."""

from __future__ import annotations

from io import BytesIO
from typing import TYPE_CHECKING

import openpyxl
import pytest
import xlsxwriter

from ingestion.errors import MappingInvalid
from tests.ingestion.workbooks.making import AT, HEADINGS, MAPPING, order, put_table, saved, table, xlsx

if TYPE_CHECKING:
    from collections.abc import Callable

    from openpyxl.worksheet.worksheet import Worksheet

    from tests.ingestion.workbooks.making import AnySheet, Make, Take

    Rewrite = Callable[[bytes, str, str, str], bytes]


# --- where the table stands -----------------------------------------------------------------------------------


def test_title_rows_a_blank_first_column_and_blank_rows(take: Take, made: Make) -> None:
    def fill(sheet: AnySheet) -> None:
        sheet.put(2, 2, "六月订单明细")
        sheet.merge(2, 2, 2, 6)
        sheet.put(3, 2, "制表：张三")
        put_table(sheet, [order(1), [None] * 5, order(2, 金额=12.5)], top=5, left=2)
        sheet.put(12, 2, "   ")  # a row that only looks empty

    for header_row in ("0", "5"):
        taken = take(*made(fill), header_row=header_row)
        assert taken.counts == (2, 2, 0, 0)
        assert taken.rows == [("D-001", "K-001", AT, 10, "门店"), ("D-002", "K-001", AT, 12.5, "门店")]
        assert taken.result.warnings == []


def test_a_header_that_is_not_found_is_named_by_what_comes_nearest(take: Take) -> None:
    def fill(sheet: Worksheet) -> None:
        sheet.append(["六月订单明细"])
        sheet.append(["订单号码", *HEADINGS[1:]])
        sheet.append(order(1))

    taken = take(xlsx(fill), header_row="0")
    (fault,) = taken.result.faults
    assert (fault.code, fault.fields["missing"], fault.fields["nearest"]) == (
        "missing_column",
        "订单编号",
        "订单编号 → 订单号码",
    )


TWO_ROWS = """their_heading,our_column
订单/编号,order_id
客户/编号,customer_id
订单/时间,ordered_at
金额,amount
渠道,channel
"""


def test_two_header_rows_follow_the_merged_cells(take: Take, made: Make) -> None:
    def fill(sheet: AnySheet) -> None:
        sheet.put(1, 1, "六月明细")
        sheet.merge(1, 1, 1, 5)
        for column, upper, lower in (
            *((1, "订单", "编号"), (2, "", "时间"), (3, "客户", "编号")),
            *((4, "金额", ""), (5, "", "渠道")),
        ):
            if upper:
                sheet.put(2, column, upper)
            if lower:
                sheet.put(3, column, lower)
        sheet.merge(2, 1, 2, 2)  # 订单 stands over 编号 and 时间
        sheet.merge(2, 4, 3, 4)  # 金额 reaches down, and not to the right
        for column, value in enumerate(["D-001", AT, "K-001", 10, "门店"], start=1):
            sheet.put(4, column, value)

    for header_row in ("0", "2"):
        taken = take(*made(fill), header_row=header_row, header_rows="2", mapping=TWO_ROWS)
        assert taken.rows == [("D-001", "K-001", AT, 10, "门店")]
        assert taken.counts == (1, 1, 0, 0)


def test_an_upper_cell_that_is_not_merged_stands_over_its_own_column_alone(take: Take) -> None:
    def fill(sheet: Worksheet) -> None:
        sheet.append(["订单", None, "客户", "金额", "渠道"])
        sheet.append(["编号", "时间", "编号", None, None])

    (fault,) = take(xlsx(fill), header_rows="2", mapping=TWO_ROWS).result.faults
    assert fault.fields["missing"] == "订单/时间"


def test_headings_broken_into_lines_are_one_line(take: Take) -> None:
    mapping = MAPPING.replace("客户编号", "Customer No")

    def fill(sheet: Worksheet) -> None:
        sheet.append(["订单\n编号", "Customer\nNo", " 下单时间 ", "金额", "渠道"])
        sheet.append(order(1, 渠道="门店\n二楼"))

    assert take(xlsx(fill), mapping=mapping).rows == [("D-001", "K-001", AT, 10, "门店\n二楼")]


@pytest.mark.parametrize(
    "odd",
    ["Ｏrder Id", "ORDER ID", "Order\u200b Id", "\ufeffOrder Id", "\u00a0Order\u00a0Id "],
    ids=["full-width", "case", "zero-width", "mark", "hard spaces"],
)
def test_a_heading_that_looks_or_means_the_same_is_the_same(take: Take, made: Make, odd: str) -> None:
    def fill(sheet: AnySheet) -> None:
        for row, values in enumerate([["订单"], [odd, *HEADINGS[1:]], order(1)], start=1):
            for column, value in enumerate(values, start=1):
                sheet.put(row, column, value)

    taken = take(*made(fill), mapping=MAPPING.replace("订单编号", "Order Id"), header_row="0")
    assert taken.rows == [("D-001", "K-001", AT, 10, "门店")]


def test_wrong_dimensions_lose_nothing(take: Take, rewrite: Rewrite) -> None:
    content = xlsx(table(order(1), order(2)))
    cut = rewrite(content, "xl/worksheets/sheet1.xml", 'ref="A1:E3"', 'ref="A1:B2"')
    assert take(cut).counts == (2, 2, 0, 0)


def test_a_cell_far_away_is_named_and_not_unrolled_in_memory(take: Take) -> None:
    def fill(sheet: Worksheet) -> None:
        table(order(1))(sheet)
        sheet.cell(1_048_576, 16_384, "x")

    (fault,) = take(xlsx(fill)).result.faults
    assert (fault.code, fault.fields["rows"], fault.fields["columns"]) == ("sheet_too_wide", 1_048_576, 16_384)


def test_cells_below_no_heading_are_counted(take: Take) -> None:
    taken = take(xlsx(table([*order(1), None, "已核对"], order(2))))
    assert (taken.counts, taken.warning("unnamed_cells")["count"]) == ((2, 2, 0, 0), 1)


# --- sheets -----------------------------------------------------------------------------------------------------


def sheets(*names: str, hidden: str = "") -> bytes:
    book = openpyxl.Workbook()
    book.remove(book.worksheets[0])
    for number, name in enumerate(names, start=1):
        sheet = book.create_sheet(name)
        if name.startswith("说明"):
            sheet.append(["本表每日导出"])
        else:
            table(order(number))(sheet)
        sheet.sheet_state = "hidden" if name == hidden else "visible"
    return saved(book)


def test_the_sheet_is_named_in_the_source_or_the_only_one_that_fits(take: Take) -> None:
    chosen = take(sheets("说明", "订单"))
    assert (chosen.rows[0][0], chosen.warning("sheet_chosen")["others"]) == ("D-002", "说明")
    assert take(sheets("五月", "六月")).faults == ["missing_sheet"]
    named = take(sheets("五月", "六月 "), sheet="六月")
    assert (named.rows[0][0], named.result.warnings) == ("D-002", [])


def test_hidden_sheets_come_last_and_are_told(take: Take) -> None:
    taken = take(sheets("订单", "旧订单", hidden="旧订单"))
    assert (taken.rows[0][0], taken.warning("sheet_chosen")["others"]) == ("D-001", "旧订单")
    taken = take(sheets("说明", "旧订单", hidden="旧订单"))
    assert (taken.rows[0][0], taken.warning("sheet_chosen")["sheet"]) == ("D-002", "旧订单")


def test_a_workbook_of_charts_alone_is_empty(take: Take) -> None:
    stream = BytesIO()
    with xlsxwriter.Workbook(stream) as book:
        chart = book.add_chart({"type": "bar"})
        chart.add_series({"values": "=订单!$A$1:$A$3"})
        book.add_worksheet("订单")
        book.add_chartsheet("图").set_chart(chart)
    assert take(stream.getvalue()).faults == ["empty_file"]


# --- rows -------------------------------------------------------------------------------------------------------


def test_hidden_rows_and_columns_are_read_and_told(take: Take, made: Make) -> None:
    def fill(sheet: AnySheet) -> None:
        put_table(sheet, [order(1), order(2), order(3)])
        for row in (3, 4, 9):  # row 9 holds nothing
            sheet.hide(row=row)
        sheet.hide(column=4)

    content, name = made(fill)
    taken = take(content, name)
    assert (taken.counts, [row[3] for row in taken.rows]) == ((3, 3, 0, 0), [10, 10, 10])
    assert taken.warning("hidden_rows") == {"file": name, "sheet": "订单", "count": 2}
    assert taken.warning("hidden_columns") == {"file": name, "sheet": "订单", "columns": "金额"}


def test_a_row_of_totals_at_the_end_is_held_back(take: Take, made: Make) -> None:
    def fill(sheet: AnySheet) -> None:
        put_table(sheet, [order(1), order(2), ["合计", None, None, 20, None]])

    taken = take(*made(fill))
    assert taken.counts == (3, 2, 1, 0)
    assert taken.held == [
        (3, "customer_id", "missing_value"),
        (3, "order_id", "bad_id"),
        (3, "ordered_at", "missing_value"),
    ]


def test_a_merged_cell_holds_for_its_rows_and_a_merged_number_counts_once(take: Take, made: Make) -> None:
    def fill(sheet: AnySheet) -> None:
        bare = {"客户编号": None, "渠道": None, "金额": None}
        put_table(sheet, [order(1, 金额=30), order(2, **bare), order(3, **bare), order(4, 渠道=None)])
        for column in (2, 4, 5):
            sheet.merge(2, column, 4, column)

    taken = take(*made(fill))
    assert taken.rows == [
        ("D-001", "K-001", AT, 30, "门店"),
        ("D-002", "K-001", AT, None, "门店"),
        ("D-003", "K-001", AT, None, "门店"),
        ("D-004", "K-001", AT, 10, None),
    ]
    assert taken.warning("merged_cells")["count"] == 4


def test_a_header_is_looked_for_in_workbooks_only(take: Take) -> None:
    for options in ({"header_row": "0"}, {"header_rows": "2"}):
        with pytest.raises(MappingInvalid, match="for workbooks"):
            take(b"a,b\n1,2\n", "orders.csv", **options)
    for options in ({"header_rows": "0"}, {"header_row": "first"}, {"ambiguous_dates": "guess"}):
        with pytest.raises(MappingInvalid):
            take(b"a,b\n1,2\n", "orders.csv", **options)
