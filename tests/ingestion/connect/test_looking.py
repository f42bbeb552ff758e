"""What is found out about a file: layout, types, date formats with their shares, likeness of headings."""

from __future__ import annotations

import gzip
import json
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from ingestion.connect.evidence import read_evidence
from ingestion.connect.formats import choose
from ingestion.connect.headings import likeness, normalised
from ingestion.connect.layout import find_layout
from ingestion.connect.words import guess
from ingestion.errors import WrongFormat
from ingestion.mapping import Feed
from ingestion.warehouse.engines import open_memory

if TYPE_CHECKING:
    from collections.abc import Callable

    from ingestion.connect.layout import Layout

ANY = Feed(source="crm", name="tickets", datasets=())


def layout_of(file: Path, work: Path) -> Layout:
    work.mkdir(exist_ok=True)
    return find_layout(file, ANY, frozenset(), work)


def shares_of(text: str, tmp_path: Path) -> tuple[dict[str, tuple[int, int, bool]], tuple[str, ...], tuple[str, ...]]:
    """Format -> (values it takes, of how many, ambiguous) of the one column `at`; the choice and its rival."""
    file = tmp_path / "dates.csv"
    file.write_text("at\n" + text, encoding="utf-8")
    work = tmp_path / "work"
    work.mkdir()
    with open_memory() as con, read_evidence(con, file, ANY, work) as evidence:
        (column,) = evidence.columns
        choice = choose(con, evidence.records, ANY, {"at": column.formats})
        told = {one.format: (one.count, one.of, one.is_ambiguous) for one in column.formats}
        return told, choice.formats, choice.rival


def test_a_value_that_only_one_order_takes_decides(tmp_path: Path) -> None:
    # Four values; the 25th can only be a day, so day first takes 4 of 4 and month first 3 of 4.
    told, chosen, rival = shares_of("01/02/2025\n03/04/2025\n25/04/2025\n05/06/2025\n", tmp_path)
    assert told == {"%d/%m/%Y": (4, 4, False), "%m/%d/%Y": (3, 4, False)}
    assert (chosen, rival) == (("%d/%m/%Y",), ())


def test_where_no_value_decides_both_orders_are_told(tmp_path: Path) -> None:
    told, chosen, rival = shares_of("01/02/2025\n03/04/2025\n05/06/2025\n", tmp_path)
    assert told == {"%d/%m/%Y": (3, 3, True), "%m/%d/%Y": (3, 3, True)}
    assert {*chosen, *rival} == {"%d/%m/%Y", "%m/%d/%Y"}


def test_of_two_possible_orders_the_one_with_days_close_together_is_written(tmp_path: Path) -> None:
    # 1 to 9 September; month first they would be scattered from January to September.
    days = "".join(f"0{day}/09/2025\n" for day in range(1, 10))
    _, chosen, rival = shares_of(days, tmp_path)
    assert (chosen, rival) == (("%d/%m/%Y",), ("%m/%d/%Y",))


def test_several_formats_of_one_column_are_all_proposed(tmp_path: Path) -> None:
    told, chosen, _ = shares_of("2025/6/3 10:00\n2025/6/4 11:30\n2025-06-05 12:00:00\n2025年6月6日\n", tmp_path)
    assert told["%Y/%m/%d %H:%M"] == (2, 4, False)
    assert set(chosen) == {"%Y/%m/%d %H:%M", "%Y-%m-%d %H:%M:%S", "%Y年%m月%d日"}


def test_ids_and_amounts_are_no_dates(tmp_path: Path) -> None:
    told, _, _ = shares_of("20001\n20002\n3500\n", tmp_path)
    assert not [name for name in told if "/" in name or "-" in name]


@pytest.mark.parametrize(
    ("name", "content", "expected"),
    [
        ("a.csv", "编号,名称\n1,甲方客户有限公司\n".encode("gb18030"), {"format": "csv", "encoding": "gb18030"}),
        ("a.csv", "编号,名称\n1,甲方\n".encode("utf-8-sig"), {"format": "csv"}),
        ("a.csv", "id,name\n1,é\n2,ü\n3,ñ\n".encode("latin-1"), {"format": "csv", "encoding": "cp1252"}),
        ("a.csv", "编号,名称\n1,甲\n".encode("utf-16"), {"format": "csv"}),
        ("a.csv", "编号,名称\n1,甲\n2,乙\n".encode("utf-16-le"), {"format": "csv", "encoding": "utf-16-le"}),
        ("a.csv", b"id;amount;day\n1;2,5;x\n2;3,5;y\n", {"format": "csv", "delimiter": ";"}),
        ("a.txt", b"id\tname\n1\ta, b\n", {"format": "csv", "delimiter": "\t"}),
        ("a.csv", "某某公司报表\n\n工单编号,状态,标题\nA1,开,x\n".encode(), {"format": "csv", "header_row": 3}),
        ("a.csv", b'{"id": 1, "via": {"channel": "web"}}\n{"id": 2}\n', {"format": "ndjson"}),
        ("a.json", json.dumps({"data": {"tickets": [{"id": 1}, {"id": 2}]}}).encode(), {"path": "data.tickets"}),
        ("a.csv.gz", gzip.compress(b"id|name\n1|x\n", mtime=0), {"format": "csv", "delimiter": "|"}),
    ],
)
def test_the_layout_of_text(name: str, content: bytes, expected: dict[str, object], tmp_path: Path) -> None:
    file = tmp_path / name
    file.write_bytes(content)
    found = layout_of(file, tmp_path / "work").options()
    assert {key: found.get(key) for key in expected} == expected
    assert found.keys() <= {*expected, "format"}


def test_titles_and_two_header_rows_of_a_workbook(workbook: Callable[..., Path], tmp_path: Path) -> None:
    rows = [
        ["六月工单", "", "", ""],
        ["工单", "", "时间", ""],
        ["编号", "状态", "创建", "完成"],
        ["A1", "已关闭", "x", "y"],
    ]
    file = workbook("a.xlsx", {"说明": ([["本表由系统导出"]], []), "明细": (rows, ["A1:D1", "A2:B2", "C2:D2"])})
    found = layout_of(file, tmp_path / "work")
    assert (found.sheet, found.header_row, found.header_rows) == ("明细", 2, 2)


def test_a_title_alone_does_not_make_two_header_rows(workbook: Callable[..., Path], tmp_path: Path) -> None:
    rows = [["六月工单", "", ""], ["工单编号", "状态", "创建时间"], ["A1", "已关闭", "2025-06-01"]]
    found = layout_of(workbook("a.xlsx", {"明细": (rows, ["A1:C1"])}), tmp_path / "work")
    assert (found.sheet, found.header_row, found.header_rows) == ("", 2, 1)


def test_text_that_is_called_a_workbook_is_taken_for_text(tmp_path: Path) -> None:
    (tmp_path / "a.xls").write_bytes("编号\t状态\nA1\t已关闭\nA2\t已关闭\n".encode("gb18030"))
    assert layout_of(tmp_path / "a.xls", tmp_path / "work").options() == {
        "format": "csv", "encoding": "gb18030", "delimiter": "\t",
    }  # fmt: skip


def test_a_web_page_that_is_called_a_workbook_is_named_as_what_it_is(tmp_path: Path) -> None:
    (tmp_path / "a.xls").write_text("<html><table><tr><td>编号</td></tr></table></html>", encoding="utf-8")
    with pytest.raises(WrongFormat) as refused:
        layout_of(tmp_path / "a.xls", tmp_path / "work")
    assert (refused.value.expected, refused.value.found) == ("xls", "HTML")


def test_a_workbook_named_csv_is_taken_for_a_workbook(workbook: Callable[..., Path], tmp_path: Path) -> None:
    file = workbook("a.xlsx", {"S": ([["id", "name"], ["A1", "x"]], [])}).rename(tmp_path / "a.csv")
    assert layout_of(file, tmp_path / "work").format == "xlsx"


def test_headings_are_compared_without_width_case_and_remarks() -> None:
    assert normalised("ＴicketＩＤ（必填）") == "ticket id"
    assert normalised("工单 编号*") == "工单编号"
    assert normalised("First_Response-Time") == "first response time"


@pytest.mark.parametrize(
    ("heading", "dataset", "column"),
    [
        ("工单号", "tickets", "ticket_id"),
        ("服务单流水号", "tickets", "ticket_id"),
        ("建单日期", "tickets", "created_at"),
        ("时间/创建", "tickets", "created_at"),
        ("Date/Time Opened", "tickets", "created_at"),
        ("requester.id", "tickets", "customer_id"),
        ("Ticket Status", "tickets", "status"),
        ("到达现场时间", "visits", "arrived_at"),
        ("会员等级", "customers", "tier"),
        ("billingState", "customers", "region"),
        ("实付金额(元)", "orders", "amount"),
    ],
)
def test_the_likeliest_column_of_a_heading(heading: str, dataset: str, column: str) -> None:
    from data_checks.contract import datasets

    names = datasets()[dataset].column_names
    assert max(names, key=lambda name: likeness(heading, dataset, name)) == column
    assert likeness(heading, dataset, column) > 0.72


def test_short_words_that_differ_are_not_alike() -> None:
    assert likeness("派单时间", "tickets", "created_at") < 0.72
    assert likeness("客户电话", "customers", "tier") < 0.72


@pytest.mark.parametrize(
    ("dataset", "column", "theirs", "ours"),
    [
        ("tickets", "status", "待受理", "new"),
        ("tickets", "status", "Waiting on Customer", "pending"),
        ("tickets", "status", "天晓得", ""),
        ("tickets", "channel", "微信公众号", "wechat"),
        ("tickets", "channel", "传真", "传真"),
        ("customers", "tier", "钻石会员", "vip"),
        ("customers", "tier", "奇怪", "?"),
        ("complaints", "outcome", "处理中", ""),
        ("tickets", "csat_score", "非常满意", "5"),
    ],
)
def test_usual_words_are_guessed_and_others_left_to_a_person(
    dataset: str, column: str, theirs: str, ours: str
) -> None:
    assert guess(dataset, column, theirs) == ours
