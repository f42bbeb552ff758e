"""From a file to a mapping for review: what is proposed, what is written, what is never written over."""

from __future__ import annotations

import csv
import re
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from ingestion.check import check_file
from ingestion.connect.settings import file_pattern
from ingestion.connect.write import ConnectRefused
from ingestion.errors import ExportEmpty, MappingInvalid
from ingestion.mapping import load_sources
from tests.ingestion.connect.conftest import NOW, written

if TYPE_CHECKING:
    from collections.abc import Callable

    from ingestion.connect.connector import Connected

pytestmark = pytest.mark.slow

# As a help desk exports it; not one heading is our own name.
FRESH = """Ticket ID,Subject,Status,Priority,Source,Type,Agent,Group,Created time,Due by Time,Resolved time,\
Closed time,Initial response time,Survey results,Full name,Contact ID,Tags
101,Broken,Resolved,High,Portal,Incident,Ann,Repairs,2025-06-02 09:00,2025-06-03 09:00,2025-06-02 12:00,,\
2025-06-02 09:30,5,Bo Li,C-7,
102,Refund,Open,Low,Email,Question,Ann,Money,2025-06-25 10:00,2025-06-26 10:00,,,2025-06-25 10:10,,Cy Wu,C-8,x
103,Where,Waiting on Customer,Low,Phone,Question,,,2025-06-26 11:00,2025-06-27 10:00,,,,,Di Ma,C-9,
"""
EXPECTED = {
    "Ticket ID": "ticket_id", "Subject": "subject", "Status": "status", "Priority": "priority", "Source": "channel",
    "Type": "kind", "Agent": "agent_id", "Group": "team", "Created time": "created_at",
    "Due by Time": "resolution_due_at", "Resolved time": "resolved_at", "Closed time": "closed_at",
    "Initial response time": "first_response_at", "Survey results": "csat_score", "Contact ID": "customer_id",
    "Tags": "category",
}  # fmt: skip


def file_of(folder: Path, name: str, text: str, encoding: str = "utf-8") -> Path:
    (folder / name).write_text(text, encoding=encoding)
    return folder / name


def proposed(done: Connected) -> dict[str, str]:
    return {match.their_heading: match.our_column for match in done.proposals[0].found}


def codes(done: Connected) -> set[str]:
    return {doubt.code for doubt in done.doubts}


def test_an_english_export_is_proposed_written_and_tried(tmp_path: Path, connected: Callable[..., Connected]) -> None:
    done = connected(file_of(tmp_path, "fresh.csv", FRESH), "fresh", "tickets", "en")
    assert [one.dataset for one in done.proposals] == ["tickets"]
    assert proposed(done) == EXPECTED
    assert done.checked is not None
    assert (done.checked.verdict, done.checked.rows_read, done.checked.rows_loaded) == ("accept", 3, 3)
    assert done.to_fill == ()
    assert codes(done) == {"timezone_assumed"}
    values = dict(done.proposals[0].values["status"])
    assert values == {"Resolved": "solved", "Open": "open", "Waiting on Customer": "pending"}
    assert dict(done.proposals[0].values["channel"]) == {"Portal": "web", "Email": "email", "Phone": "phone"}


def test_csv_files_begin_with_the_mark_by_which_excel_knows_utf_8(
    tmp_path: Path, own: Path, connected: Callable[..., Connected]
) -> None:
    connected(file_of(tmp_path, "fresh.csv", FRESH), "fresh", "tickets")
    marked = {name for name, content in written(own).items() if content.startswith(b"\xef\xbb\xbf")}
    assert marked == {name for name in written(own) if name.endswith(".csv")}


@pytest.mark.parametrize(
    ("name", "later", "other"),
    [
        ("工单明细.xlsx", ["工单明细-202611.xlsx", "工单明细20261101.xlsx", "工单明细(1).xlsx"], "工单明细投诉.xlsx"),
        ("导出2026.10.01.csv.gz", ["导出2026.11.30.csv.gz"], "导出2026.10.01.csv"),
    ],
)
def test_the_next_files_of_a_feed_have_other_digits_or_a_date_added(name: str, later: list[str], other: str) -> None:
    pattern = re.compile(file_pattern(Path(name), "tickets"))
    assert all(pattern.fullmatch(each) for each in (name, *later))
    assert not pattern.fullmatch(other)


def test_the_number_of_a_customers_card_says_who_it_is_better_than_a_name(
    tmp_path: Path, connected: Callable[..., Connected]
) -> None:
    rows = "".join(f"G{n:03},2025-06-0{n} 09:00:00,已完成,张某,KH{n:04}\n" for n in range(1, 9))
    done = connected(
        file_of(tmp_path, "a.csv", "工单编号,报修时间,工单状态,客户信息/姓名,客户信息/客户卡号\n" + rows)
    )
    assert proposed(done)["客户信息/客户卡号"] == "customer_id"


def test_headings_that_are_not_recognised_stand_in_the_file_for_review(
    tmp_path: Path, own: Path, connected: Callable[..., Connected]
) -> None:
    connected(file_of(tmp_path, "fresh.csv", FRESH), "fresh", "tickets", "en")
    lines = list(csv.DictReader((own / "fresh" / "tickets.csv").read_text("utf-8-sig").splitlines()))
    assert list(lines[0]) == ["their_heading", "our_column", "required", "note"]
    assert [line["their_heading"] for line in lines if not line["our_column"]] == ["Full name"]
    assert {line["our_column"] for line in lines if line["required"]} == {"ticket_id", "created_at", "status"}
    everything = b"".join(written(own).values()).decode()
    assert not [name for name in ("Bo Li", "Broken", "C-7", "Ann") if name in everything]


@pytest.mark.parametrize(("lang", "words"), [("zh", "未能识别"), ("en", "not recognised")])
def test_notes_are_written_in_the_language_asked_for(
    lang: str, words: str, tmp_path: Path, own: Path, connected: Callable[..., Connected]
) -> None:
    connected(file_of(tmp_path, "fresh.csv", FRESH), "fresh", "tickets", lang)
    assert words in (own / "fresh" / "tickets.csv").read_text("utf-8-sig")


def test_a_gb18030_list_is_read_as_such(tmp_path: Path, own: Path, connected: Callable[..., Connected]) -> None:
    text = (
        "客户编号,客户名称,会员等级,所在省份,联系电话,建档日期\n"
        "K001,青山宾馆,钻石会员,浙江,13800000000,2024年5月6日\n"
        "K002,绿水小学,银卡,江苏,,2024年12月31日\n"
    )
    done = connected(file_of(tmp_path, "客户.csv", text, "gb18030"), "erp", "customers")
    assert [one.dataset for one in done.proposals] == ["customers"]
    assert proposed(done) == {
        "客户编号": "customer_id", "客户名称": "name", "会员等级": "tier", "所在省份": "region", "联系电话": "phone",
        "建档日期": "signup_at",
    }  # fmt: skip
    assert done.checked is not None
    assert (done.checked.verdict, done.checked.rows_loaded) == ("accept", 2)
    feed = load_sources(own)["erp"].feed("customers")
    assert (feed.encodings, feed.datetime_formats) == (("gb18030",), ("%Y年%m月%d日",))
    tiers = (own / "erp" / "values" / "customers.tier.csv").read_text("utf-8-sig")
    assert "钻石会员,vip" in tiers
    assert "银卡,silver" in tiers


def test_a_semicolon_list_with_decimal_commas(tmp_path: Path, own: Path, connected: Callable[..., Connected]) -> None:
    text = "Order No;Customer;Order Date;Total\nA-1;K-1;31.05.2025;1.234,50\nA-2;K-2;01.06.2025;99,90\n"
    done = connected(file_of(tmp_path, "sales.csv", text), "shop", "orders", "en")
    assert proposed(done) == {
        "Order No": "order_id",
        "Customer": "customer_id",
        "Order Date": "ordered_at",
        "Total": "amount",
    }
    feed = load_sources(own)["shop"].feed("orders")
    assert (feed.delimiter, feed.decimal_mark, feed.thousands_mark) == (";", ",", ".")
    assert (feed.datetime_formats, feed.currency) == (("%d.%m.%Y",), "CNY")
    assert done.checked is not None
    assert done.checked.rows_loaded == 2


def test_dates_that_nothing_decides_are_left_to_a_person(
    tmp_path: Path, own: Path, connected: Callable[..., Connected]
) -> None:
    rows = "".join(f"T-{n:03},open,0{n}/06/2025\n" for n in range(1, 10))
    done = connected(file_of(tmp_path, "t.csv", f"Ticket ID,Status,Created at\n{rows}"), "us", "tickets", "en")
    (doubt,) = [one for one in done.doubts if one.code == "dates_ambiguous"]
    assert doubt.fields == {"formats": "%d/%m/%Y", "rival": "%m/%d/%Y", "count": 9}
    toml = (own / "us" / "source.toml").read_text("utf-8").splitlines()
    at = toml.index('datetime_format = "%d/%m/%Y"')
    assert "%m/%d/%Y" in toml[at - 1]
    assert toml[at - 1].startswith("# DECIDE")


def test_what_is_missing_is_a_line_to_fill_and_the_night_goes_on(
    tmp_path: Path, own: Path, connected: Callable[..., Connected]
) -> None:
    text = "工单编号,客户名称,创建时间\nG-001,甲,2025-06-01 09:00:00\n"
    file = file_of(tmp_path, "a.csv", text)
    done = connected(file, "erp", "tickets")
    mapping = own / "erp" / "tickets.csv"
    (to_fill,) = done.to_fill
    assert to_fill == (mapping, 5, "tickets", "status")
    assert mapping.read_text("utf-8-sig").splitlines()[4].startswith("?,status,yes,")
    assert done.checked is None
    # The mapping of everybody else can still be read, and this file says what it lacks.
    assert "erp" in load_sources(own)
    result = check_file(file, "erp", "tickets", {}, {}, own_mappings=own, now=NOW)
    assert [fault.code for fault in result.faults] == ["missing_column"]
    mapping.write_text(mapping.read_text("utf-8-sig").replace("?,status", "=open,status"), "utf-8")
    assert check_file(file, "erp", "tickets", {}, {}, own_mappings=own, now=NOW).rows_loaded == 1


def test_nothing_of_the_owner_is_written_over(tmp_path: Path, own: Path, connected: Callable[..., Connected]) -> None:
    file = file_of(tmp_path, "fresh.csv", FRESH)
    connected(file, "fresh", "tickets")
    before = written(own)
    with pytest.raises(ConnectRefused) as refused:
        connected(file, "fresh", "tickets")
    assert refused.value.code == "feed_exists"
    assert written(own) == before


def test_force_writes_the_feeds_mapping_anew_and_nothing_else(
    tmp_path: Path, own: Path, connected: Callable[..., Connected]
) -> None:
    file = file_of(tmp_path, "fresh.csv", FRESH)
    connected(file, "fresh", "tickets")
    fresh = own / "fresh"
    before = written(own)
    (fresh / "tickets.csv").write_text("their_heading,our_column\n", "utf-8")
    (fresh / "values" / "tickets.status.csv").write_text("their_value,our_value\nOpen,new\n", "utf-8")
    with (fresh / "source.toml").open("a", encoding="utf-8") as toml:
        toml.write("# 王工 2025-07-01 核对\n")
    kept = written(own)
    # A mapping that cannot be read at all is replaced as well.
    done = connected(file, "fresh", "tickets", force=True)
    after = written(own)
    assert after["fresh/tickets.csv"] == before["fresh/tickets.csv"]
    assert {name for name in after if after[name] != kept[name]} == {"fresh/tickets.csv"}
    assert "values_kept" in codes(done)


def test_a_second_feed_is_added_at_the_end_of_the_owners_file(
    tmp_path: Path, own: Path, connected: Callable[..., Connected]
) -> None:
    connected(file_of(tmp_path, "fresh.csv", FRESH), "fresh", "tickets")
    toml = own / "fresh" / "source.toml"
    mine = toml.read_text("utf-8").replace("[feeds.tickets]", "# 我的说明   \n[feeds.tickets]")
    toml.write_text(mine, "utf-8")
    text = "Contact ID,Name,Plan\nC-7,Bo,gold\n"
    connected(file_of(tmp_path, "people.csv", text), "fresh", "people", wanted=["customers"])
    assert toml.read_text("utf-8").startswith(mine.rstrip("\n"))
    source = load_sources(own)["fresh"]
    assert list(source.feeds) == ["tickets", "people"]
    assert [map.name for map in source.feed("people").datasets] == ["customers"]


def test_a_broken_file_of_the_owner_is_said_and_left(
    tmp_path: Path, own: Path, connected: Callable[..., Connected]
) -> None:
    (own / "crm").mkdir(parents=True)
    (own / "crm" / "source.toml").write_text("[feeds.tickets\n", "utf-8")
    with pytest.raises(MappingInvalid):
        connected(file_of(tmp_path, "fresh.csv", FRESH))
    assert list(written(own)) == ["crm/source.toml"]


@pytest.mark.parametrize(
    ("source", "feed", "code"),
    [("helpdesk", "tickets", "shipped_source"), ("../x", "tickets", "bad_name"), ("a", "a b", "bad_name")],
)
def test_names_that_cannot_be_are_refused(
    source: str, feed: str, code: str, tmp_path: Path, own: Path, connected: Callable[..., Connected]
) -> None:
    with pytest.raises(ConnectRefused) as refused:
        connected(file_of(tmp_path, "fresh.csv", FRESH), source, feed)
    assert refused.value.code == code
    assert not own.exists()


def test_an_empty_file_writes_nothing(tmp_path: Path, own: Path, connected: Callable[..., Connected]) -> None:
    with pytest.raises(ExportEmpty):
        connected(file_of(tmp_path, "a.csv", ""))
    assert not own.exists()


def test_a_heading_that_stands_twice_is_not_used(tmp_path: Path, connected: Callable[..., Connected]) -> None:
    text = "工单编号,状态,创建时间,创建时间\nG-001,新建,2025-06-01 09:00:00,2025-06-01 09:00:00\n"
    done = connected(file_of(tmp_path, "a.csv", text))
    assert "heading_twice" in codes(done)
    assert [column for _, _, _, column in done.to_fill] == ["created_at"]


def test_ticket_visit_and_complaint_of_one_row(
    workbook: Callable[..., Path], own: Path, connected: Callable[..., Connected]
) -> None:
    rows = [
        ["工单编号", "状态", "创建时间", "派单时间", "到场时间", "完成时间", "投诉等级"],
        ["G-001", "已完成", "2025-06-01 09:00", "2025-06-01 10:00", "2025-06-01 11:00", "2025-06-01 12:00", None],
        ["G-002", "已完成", "2025-06-02 09:00", None, None, "2025-06-02 12:00", "重大"],
        ["G-003", "处理中", "2025-06-03 09:00", None, None, None, None],
    ]
    done = connected(workbook("a.xlsx", {"台账": (rows, [])}), wanted=["tickets", "visits", "complaints"])
    assert [one.where for one in done.proposals] == [
        "",
        "dispatched_at is not null or arrived_at is not null",
        "grade is not null",
    ]
    assert done.checked is not None
    assert (done.checked.verdict, done.checked.rows_loaded, done.checked.rows_quarantined) == ("accept", 3, 0)


def test_numbers_that_repeat_are_said(tmp_path: Path, connected: Callable[..., Connected]) -> None:
    text = "订单编号,客户编号,下单时间,金额\nD-1,K-1,2025-06-01,5\nD-1,K-1,2025-06-01,7\nD-2,K-1,2025-06-02,9\n"
    done = connected(file_of(tmp_path, "a.csv", text), "shop", "orders", wanted=["orders"])
    (doubt,) = [one for one in done.doubts if one.code == "key_repeats"]
    assert doubt.fields == {"dataset": "orders", "heading": "订单编号", "count": 1}


def test_scores_on_another_scale_are_said(tmp_path: Path, own: Path, connected: Callable[..., Connected]) -> None:
    text = "回访编号,回访时间,推荐度\nH-1,2025-06-01,10\nH-2,2025-06-02,0\n"
    file = file_of(tmp_path, "a.csv", text)
    connected(file, "nps", "surveys", wanted=["surveys", "survey_answers"], options={"tz": "UTC"})
    lines = (own / "nps" / "surveys_survey_answers.csv").read_text("utf-8-sig").splitlines()
    assert [line.split(",")[:2] for line in lines if line.startswith("=")] == [
        ["=nps", "dimension"],
        ["=0", "scale_min"],
        ["=10", "scale_max"],
    ]
    assert load_sources(own)["nps"].feed("surveys").timezone == "UTC"


def test_json_records_below_a_path(tmp_path: Path, own: Path, connected: Callable[..., Connected]) -> None:
    text = (
        '{"count": 1, "tickets": [{"id": 35436, "status": "open", "created_at": "2025-06-01T09:00:00Z", '
        '"requester": {"id": 99}}]}'
    )
    done = connected(file_of(tmp_path, "page.json", text), "desk", "tickets", "en")
    assert proposed(done) == {
        "id": "ticket_id",
        "status": "status",
        "created_at": "created_at",
        "requester.id": "customer_id",
    }
    feed = load_sources(own)["desk"].feed("tickets")
    assert (feed.path, feed.datetime_formats) == ("tickets", ("iso",))
    # The values say their zone themselves.
    assert "timezone_assumed" not in codes(done)
    assert done.checked is not None
    assert done.checked.rows_loaded == 1
