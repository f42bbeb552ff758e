"""Make workbooks of both kinds and check them by a source of the test's own."""

from __future__ import annotations

import zipfile
from datetime import datetime
from io import BytesIO
from typing import TYPE_CHECKING

import openpyxl
import pytest
import xlwt
from openpyxl.utils.datetime import CALENDAR_MAC_1904

from ingestion.check import check_in
from ingestion.warehouse.engines import open_memory
from tests.ingestion.workbooks.making import MAPPING, Taken, XlsSheet, XlsxSheet, saved

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from tests.ingestion.workbooks.making import AnySheet, Make, Take

NOW = datetime(2025, 7, 1)
SOURCE = """
timezone = "UTC"
datetime_format = ["%Y-%m-%d %H:%M", "excel"]
[feeds.orders.datasets.orders]
"""


@pytest.fixture
def take(tmp_path: Path) -> Take:
    """Check one workbook, as `aftercare check` does: take(content, "orders.xls", header_row="0")."""

    def run(content: bytes, name: str = "orders.xlsx", *, mapping: str = MAPPING, **options: str) -> Taken:
        folder = tmp_path / "mappings" / "desk"
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "source.toml").write_text(SOURCE, encoding="utf-8")
        (folder / "orders.csv").write_text(mapping, encoding="utf-8")
        path = tmp_path / name
        path.write_bytes(content)
        rows = []
        with open_memory() as con:
            result, landed = check_in(con, path, "desk", "orders", options, {}, own_mappings=folder.parent, now=NOW)
            if landed is not None:
                assert result.rows_read == result.rows_loaded + result.rows_quarantined + result.rows_duplicate
                rows = con.execute(
                    "select order_id, customer_id, ordered_at, amount, channel "
                    'from memory.landing."checked__orders" order by source_row'
                ).fetchall()
        return Taken(result, rows)

    return run


@pytest.fixture(params=["xlsx", "xls"])
def made(request: pytest.FixtureRequest) -> Make:
    """A workbook of either kind and its name, from one function that fills its sheet."""

    def make(fill: Callable[[AnySheet], None], *, from_1904: bool = False) -> tuple[bytes, str]:
        if request.param == "xls":
            old = xlwt.Workbook()
            old.dates_1904 = from_1904
            fill(XlsSheet(old, "订单"))
            return saved(old), "orders.xls"
        book = openpyxl.Workbook()
        if from_1904:
            book.epoch = CALENDAR_MAC_1904
        sheet = book.worksheets[0]
        sheet.title = "订单"
        fill(XlsxSheet(sheet))
        return saved(book), "orders.xlsx"

    return make


@pytest.fixture
def rewrite() -> Callable[[bytes, str, str, str], bytes]:
    """The same workbook with some text of one of its parts replaced, as no library would write it."""

    def run(content: bytes, part: str, old: str, new: str) -> bytes:
        stream = BytesIO()
        with zipfile.ZipFile(BytesIO(content)) as before, zipfile.ZipFile(stream, "w") as after:
            for name in before.namelist():
                text = before.read(name)
                if name == part:
                    assert old.encode() in text, text
                    text = text.replace(old.encode(), new.encode())
                after.writestr(name, text)
        return stream.getvalue()

    return run
