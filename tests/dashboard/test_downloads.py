"""What is taken along from a page: no formula, no lost row, no word of code."""

import csv
import io

import polars as pl
import pytest
from openpyxl import load_workbook

from dashboard import charts, downloads
from dashboard.downloads import Offer
from dashboard.i18n import translator
from tests.dashboard.conftest import OpenPage

EVIL = ["=1+1", "+cmd|' /C calc'!A0", "-2+3", "@SUM(A1)", "\t=1", "\r=1"]
PLAIN = ["-12.5", "+3%", "1,200", "北京", "−3 天", ""]


@pytest.mark.parametrize("text", EVIL)
def test_no_cell_of_a_csv_starts_a_formula(text: str) -> None:
    written = downloads.csv(pl.DataFrame({"a": [text], "n": [1]})).decode("utf-8-sig")
    ((cell, number),) = list(csv.reader(io.StringIO(written, newline="")))[1:]
    assert cell == f"'{text}"
    assert number == "1"


@pytest.mark.parametrize("text", PLAIN)
def test_other_cells_of_a_csv_stay_as_they_are(text: str) -> None:
    written = downloads.csv(pl.DataFrame({"a": [text]})).decode("utf-8-sig")
    assert list(csv.reader(io.StringIO(written, newline="")))[1:] == [[text] if text else [""]]


def test_a_csv_begins_with_the_mark_by_which_excel_knows_chinese() -> None:
    assert downloads.csv(pl.DataFrame({"区域": ["北京"]})).startswith(b"\xef\xbb\xbf")


def test_a_workbook_holds_every_table_as_text_and_numbers() -> None:
    first = Offer("各渠道对照: [a/b]?*", pl.DataFrame({"渠道": EVIL, "n": range(6), "走势": [[1.0]] * 6}))
    second = Offer("各渠道对照: [a/b]?*", pl.DataFrame({"x": [0.5]}))
    book = load_workbook(io.BytesIO(downloads.xlsx([first, second])))
    assert len(book.sheetnames) == 2
    sheet = book.worksheets[0]
    cells = list(sheet.iter_rows(values_only=True))
    # Little lines are drawings; everything else is there, and no cell is a formula.
    assert cells[0] == ("渠道", "n")
    assert [row[1] for row in cells[1:]] == list(range(6))
    assert {cell.data_type for row in sheet.iter_rows(min_row=2, max_col=1) for cell in row} == {"s"}


def test_a_chart_is_saved_as_a_picture_with_its_title() -> None:
    groups = pl.DataFrame(
        {
            "channel": ["电话", "邮件"],
            "value": [0.9, 0.8],
            "lower": [0.85, 0.7],
            "upper": [0.95, 0.9],
            "n": [50, 40],
            "state": ["ok", "ok"],
        }
    )
    drawing = charts.by_group(groups, "channel", "ratio", "zh", translator("zh"))
    assert downloads.png(drawing, "各渠道对照").startswith(b"\x89PNG")
    assert "各渠道对照" in downloads.svg(drawing, "各渠道对照").decode()


@pytest.mark.slow
def test_the_page_offers_each_of_its_tables_and_charts_by_its_heading(open_page: OpenPage) -> None:
    page = open_page("complaints")
    offered = page.selectbox(key="download_complaints_zh").options
    assert {"未结投诉：先办哪一件", "投诉原因", "投诉主题"} <= set(offered)
    assert len(set(offered)) == len(offered)
