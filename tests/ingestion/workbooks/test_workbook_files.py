"""Files that are no workbooks, or not the ones their names say, or that cannot be trusted; and two feeds of one."""

from __future__ import annotations

import zipfile
from datetime import datetime
from io import BytesIO
from typing import TYPE_CHECKING

import openpyxl
import pytest
import xlsxwriter
import xlwt

from ingestion.sources.sheet_facts import SheetFacts
from ingestion.sources.sheet_xml import column_number
from tests.ingestion.workbooks.making import HEADINGS, XlsSheet, order, put_table, saved, table, xlsx

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.ingestion.conftest import Shop
    from tests.ingestion.workbooks.making import Make, Take

    Rewrite = Callable[[bytes, str, str, str], bytes]

SHEET = "xl/worksheets/sheet1.xml"
OLE = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"


def old_workbook() -> bytes:
    book = xlwt.Workbook()
    put_table(XlsSheet(book, "订单"), [order(1)])
    return saved(book)


@pytest.mark.parametrize(
    ("content", "name", "found"),
    [
        (xlsx(table(order(1))), "orders.xls", "xlsx"),
        (old_workbook(), "orders.xlsx", "xls"),
        (b"<html><body><table><tr><td>1</td></tr></table>", "orders.xls", "HTML"),
        (
            b'<?xml version="1.0"?><Workbook xmlns="urn:schemas-microsoft-com:office:spreadsheet"/>',
            "orders.xls",
            "XML 2003",
        ),
        ("订单编号\t客户编号\n".encode("gb18030"), "orders.xls", "text"),
        (b"PK\x03\x04 cut", "orders.xls", "zip"),
    ],
)
def test_a_file_that_is_not_what_its_name_says_is_named(take: Take, content: bytes, name: str, found: str) -> None:
    (fault,) = take(content, name).result.faults
    assert (fault.code, fault.fields["found"]) == ("wrong_format", found)


@pytest.mark.parametrize("name", ["orders.xlsx", "orders.xls"])
def test_an_encrypted_workbook_is_told_wherever_its_directory_stands(take: Take, name: str) -> None:
    content = OLE + bytes(200_000) + "EncryptedPackage".encode("utf-16-le") + bytes(512)
    assert take(content, name).faults == ["password_protected"]


def test_an_encrypted_xls_is_told(take: Take) -> None:
    content = bytearray(old_workbook())
    after_bof = content.index(b"\x09\x08\x10\x00") + 20
    # The record behind the first one becomes FILEPASS, with which every encrypted .xls begins.
    content[after_bof : after_bof + 2] = b"\x2f\x00"
    assert take(bytes(content), "orders.xls").faults == ["password_protected"]


def test_a_bomb_is_refused_before_anything_opens_it(take: Take) -> None:
    stream = BytesIO(xlsx(table(order(1))))
    with zipfile.ZipFile(stream, "a", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("xl/media/image1.bin", bytes(40 << 20))
    assert take(stream.getvalue()).faults == ["too_large"]


def test_entities_are_refused(take: Take, rewrite: Rewrite) -> None:
    content = rewrite(xlsx(table(order(1))), SHEET, "<worksheet ", '<!DOCTYPE x [<!ENTITY a "a">]><worksheet ')
    assert take(content).faults == ["unreadable"]


@pytest.mark.parametrize("part", [SHEET, "xl/workbook.xml", "xl/styles.xml"])
def test_damaged_parts_are_told(take: Take, rewrite: Rewrite, part: str) -> None:
    assert take(rewrite(xlsx(table(order(1))), part, "</", "<")).faults == ["unreadable"]


# calamine takes a number below 0 for the first text.
@pytest.mark.parametrize("number", ["-1", "99"])
def test_a_text_that_the_workbook_does_not_have_is_told(take: Take, rewrite: Rewrite, number: str) -> None:
    stream = BytesIO()
    with xlsxwriter.Workbook(stream) as book:
        sheet = book.add_worksheet("订单")
        for row, values in enumerate([HEADINGS, ["D-001", "K-001", "2025-06-01 09:30", 10, "门店"]]):
            sheet.write_row(row, 0, values)
    cell = '<c r="A2" t="s"><v>{}</v>'
    assert take(rewrite(stream.getvalue(), SHEET, cell.format(5), cell.format(number))).faults == ["unreadable"]


@pytest.mark.parametrize("cut", [600, 2000, 4000])
def test_a_cut_xls_is_told(take: Take, cut: int) -> None:
    assert take(old_workbook()[:cut], "orders.xls").faults == ["unreadable"]


def test_two_counts_that_disagree_stop_the_file(take: Take, made: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    content, name = made(lambda sheet: put_table(sheet, [order(1), order(2)]))
    monkeypatch.setattr(SheetFacts, "filled_below", lambda *_: 3)
    assert take(content, name).faults == ["count_mismatch"]


def test_rows_in_any_order_and_other_namespaces_are_read(take: Take, rewrite: Rewrite) -> None:
    content = xlsx(table(order(1), order(2)))
    prefixed = content
    for old, new in (("<", "<x:"), ("<x:/", "</x:"), ('xmlns="', 'xmlns:x="')):
        prefixed = rewrite(prefixed, SHEET, old, new)
    assert take(prefixed).counts == (2, 2, 0, 0)
    moved = xlsx(lambda sheet: [*map(sheet.append, (order(1), HEADINGS, order(2)))])
    for old, new in ((1, 9), (2, 1)):
        moved = rewrite(moved, SHEET, f'row r="{old}"', f'row r="{new}"')
        for column in "ABCDE":
            moved = rewrite(moved, SHEET, f'r="{column}{old}"', f'r="{column}{new}"')
    assert [row[0] for row in take(moved).rows] == ["D-002", "D-001"]
    strict = rewrite(
        content,
        SHEET,
        "http://schemas.openxmlformats.org/spreadsheetml/2006/main",
        "http://purl.oclc.org/ooxml/spreadsheetml/main",
    )
    assert take(strict).counts == (2, 2, 0, 0)


def test_columns_are_counted_as_spreadsheets_do() -> None:
    assert [column_number(letters) for letters in ("A", "Z", "AA", "XFD")] == [0, 25, 26, 16_383]


TWO_SHEETS = """
timezone = "UTC"
datetime_format = "%Y-%m-%d %H:%M:%S"
[feeds.tickets]
file = 'book.*'
sheet = "工单"
[feeds.tickets.datasets.tickets]
[feeds.customers]
file = 'book.*'
sheet = "客户"
header_row = 0
[feeds.customers.datasets.customers]
"""


def test_two_sheets_of_one_workbook_are_two_feeds(shop: Shop) -> None:
    (shop.home / "mappings" / "shop" / "source.toml").write_text(TWO_SHEETS, encoding="utf-8")
    for file in (shop.exports / "shop").iterdir():
        file.unlink()
    book = openpyxl.Workbook()
    tickets, customers = book.worksheets[0], book.create_sheet("客户")
    tickets.title = "工单"
    tickets.append(["id", "customer", "created", "subject", "changed"])
    tickets.append(["T001", "C001", datetime(2025, 6, 1, 9), "坏了", datetime(2025, 6, 1, 9)])
    customers.append(["客户名单"])
    customers.append(["id", "name", "changed"])
    customers.append(["C001", "安娜", datetime(2025, 6, 1, 8)])
    (shop.exports / "shop" / "book-0601.xlsx").write_bytes(saved(book))
    outcome = shop.night()
    assert outcome.verdict == "published", outcome.findings
    assert shop.asked("select ticket_key, customer_id from core.fct_tickets") == [("shop:T001", "C001")]
    assert shop.ledger("select feed, rows_loaded from warehouse.meta.loads order by all") == [
        ("customers", 1),
        ("tickets", 1),
    ]
    assert shop.night().verdict == "nothing_new"
