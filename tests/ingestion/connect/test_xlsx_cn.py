"""The shipped source for Chinese workbooks: the usual headings, one row that tells of several things, own words."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Any

import pytest

from ingestion.check import check_in
from ingestion.mapping import load_sources
from ingestion.warehouse.engines import open_memory
from tests.ingestion.connect.conftest import NOW

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from ingestion.check import CheckResult

pytestmark = pytest.mark.slow

# The headings that issue 3 names, and no others.
HEADINGS = [
    *("工单编号", "客户名称", "创建时间", "首次响应时间", "派单时间", "到场时间", "完成时间", "验收时间", "回访时间"),
    *("投诉等级", "满意度"),
]


def at(day: int, hour: int) -> datetime:
    return datetime(2025, 6, day, hour)


ROWS = [
    [
        *(
            "GD/2025-001",
            "青山宾馆（总店）",
            at(1, 9),
            at(1, 9),
            at(1, 10),
            at(1, 12),
            at(1, 13),
            at(1, 14),
            at(2, 9),
        ),
        *(None, "非常满意"),
    ],
    [
        *("GD/2025-002", "王小明", "2025/6/2 9:00", "2025-06-02 09:30", None, None, "2025年6月2日 15:00", None, None),
        *("重大", 2),
    ],
    ["GD/2025-003", "王小明", at(3, 9), None, None, None, None, None, None, "/", "-"],
]
TITLES = [["六月售后工单"], ["导出时间：2025-07-01　　单位：客服部"]]


def landed(path: Path, feed: str, own: Path | None = None) -> tuple[CheckResult, dict[str, list[tuple[Any, ...]]]]:
    """What the night would make of a file, and the rows of each dataset by a few of their columns."""
    columns = {
        "tickets": "ticket_id, customer_id, created_at, resolved_at, status, is_complaint, csat_score",
        "visits": "visit_id, visit_no, dispatched_at, arrived_at, finished_at, accepted_at",
        "complaints": "complaint_id, ticket_id, grade, received_at, resolved_at",
        "customers": "customer_id, name, tier, customer_type, region",
        "orders": "order_id, customer_id, amount, currency, status",
        "surveys": "survey_id, ticket_id, responded_at",
        "survey_answers": "survey_id, dimension, score, scale_min, scale_max",
    }
    with open_memory() as con:
        result, one = check_in(con, path, "xlsx_cn", feed, {}, {}, own_mappings=own, now=NOW)
        assert one is not None, result.faults
        rows = {
            name: con.execute(
                f'select {columns[name]} from memory.landing."{one.table(name)}" order by all'
            ).fetchall()
            for name in one.datasets
        }
    return result, rows


@pytest.fixture
def tickets(workbook: Callable[..., Path]) -> Path:
    return workbook("六月工单.xlsx", {"工单": ([*TITLES, HEADINGS, *ROWS], ["A1:K1", "A2:K2"])})


def test_one_row_gives_a_ticket_and_where_it_tells_of_one_a_visit_and_a_complaint(tickets: Path) -> None:
    result, rows = landed(tickets, "tickets")
    assert (result.verdict, result.rows_read, result.rows_loaded, result.rows_quarantined) == ("accept", 3, 3, 0)
    # Beijing is eight hours ahead.
    assert rows["tickets"] == [
        ("GD/2025-001", "青山宾馆（总店）", at(1, 1), at(1, 5), "solved", None, 5),
        ("GD/2025-002", "王小明", at(2, 1), at(2, 7), "solved", True, 2),
        ("GD/2025-003", "王小明", at(3, 1), None, "open", None, None),
    ]
    assert rows["visits"] == [("GD/2025-001", 1, at(1, 2), at(1, 4), at(1, 5), at(1, 6))]
    assert rows["complaints"] == [("GD/2025-002", "GD/2025-002", "major", at(2, 1), at(2, 7))]


def test_variants_of_headings_and_status_words(workbook: Callable[..., Path]) -> None:
    rows = [
        ["服务单号", "客户编号", "客户名称", "受理时间", "办结时间", "工单状态", "受理渠道", "是否投诉"],
        ["F-001", "K01", "甲", at(1, 9), at(1, 10), "已完结", "微信公众号", "否"],
        ["F-002", "K02", "乙", at(2, 9), None, "挂起", "传真", "是"],
        ["F-003", "K03", "丙", at(3, 9), None, "天晓得", "电话", "否"],
    ]
    result, found = landed(workbook("工单.xlsx", {"S": (rows, [])}), "tickets")
    told = [(row[0], row[1], row[4], row[5]) for row in found["tickets"]]
    assert told == [("F-001", "K01", "closed", False), ("F-002", "K02", "on_hold", True)]
    # A status nobody knows is not passed for one.
    assert [(reason.row, reason.column, reason.code) for reason in result.reasons] == [
        (3, "status", "unknown_status")
    ]


def test_an_own_values_file_adds_a_word(workbook: Callable[..., Path], own: Path) -> None:
    rows = [["工单编号", "创建时间", "状态"], ["F-003", at(3, 9), "天晓得"]]
    values = own / "xlsx_cn" / "values"
    values.mkdir(parents=True)
    (values / "tickets.status.csv").write_text("their_value,our_value\n天晓得,pending\n", encoding="utf-8")
    _, found = landed(workbook("工单.xlsx", {"S": (rows, [])}), "tickets", own)
    assert [row[4] for row in found["tickets"]] == ["pending"]


def test_customers_by_number_else_by_name(workbook: Callable[..., Path]) -> None:
    rows = [["会员编号", "姓名", "会员等级", "客户类型", "省份"], ["V1", "王小明", "钻石", "个人", "浙江"]]
    _, found = landed(workbook("会员.xlsx", {"S": (rows, [])}), "customers")
    assert found["customers"] == [("V1", "王小明", "vip", "consumer", "浙江")]
    rows = [["客户名称", "客户等级"], ["青山宾馆（总店）", "普通"]]
    _, found = landed(workbook("客户.xlsx", {"S": (rows, [])}), "customers")
    assert found["customers"] == [("青山宾馆（总店）", "青山宾馆（总店）", "standard", None, None)]


def test_surveys_say_their_scale(workbook: Callable[..., Path]) -> None:
    rows = [
        ["回访编号", "工单编号", "回访时间", "满意度", "分制"],
        ["H1", "G1", at(1, 9), "满意", "五分制"],
        ["H2", "G2", at(1, 9), 9, "10分制"],
        ["H3", "G3", at(1, 9), 88, "百分制"],
        ["H4", "G4", at(1, 9), None, "五分制"],
    ]
    result, found = landed(workbook("满意度回访.xlsx", {"S": (rows, [])}), "surveys")
    assert result.rows_loaded == 4
    assert [row[0] for row in found["surveys"]] == ["H1", "H2", "H3", "H4"]
    assert found["survey_answers"] == [
        ("H1", "overall", 4, 1, 5),
        ("H2", "overall", 9, 1, 10),
        ("H3", "overall", 88, 0, 100),
    ]


def test_orders_visits_and_complaints_have_workbooks_of_their_own(workbook: Callable[..., Path]) -> None:
    rows = [["订单号", "客户编号", "下单时间", "实付金额", "订单状态"], ["D-1", "K01", at(1, 9), 99.5, "交易成功"]]
    _, found = landed(workbook("订单.xlsx", {"S": (rows, [])}), "orders")
    assert [(row[0], float(row[2]), row[3], row[4]) for row in found["orders"]] == [("D-1", 99.5, "CNY", "paid")]
    rows = [
        ["派工单号", "工单号", "派工时间", "签到时间", "完工时间"],
        ["P-1", "G-1", at(1, 9), at(1, 10), at(1, 11)],
    ]
    _, found = landed(workbook("派工.xlsx", {"S": (rows, [])}), "visits")
    assert found["visits"] == [("P-1", 1, at(1, 1), at(1, 2), at(1, 3), None)]
    rows = [
        ["投诉单号", "客户名称", "投诉时间", "投诉等级", "办结时间"],
        ["T-1", "甲", at(1, 9), "一般投诉", at(2, 9)],
    ]
    _, found = landed(workbook("投诉.xlsx", {"S": (rows, [])}), "complaints")
    assert [(row[0], row[2], row[4]) for row in found["complaints"]] == [("T-1", "general", at(2, 1))]


@pytest.mark.parametrize(
    ("name", "feed"),
    [
        ("六月工单明细.xlsx", "tickets"),
        ("报修记录202506.xls", "tickets"),
        ("客户档案.xlsx", "customers"),
        ("客户服务单.xlsx", "tickets"),
        ("客户投诉工单.xlsx", "complaints"),
        ("工单回访.xlsx", "surveys"),
        ("派单表.xlsm", "visits"),
        ("Tickets-2025.xlsx", "tickets"),
        ("订单.csv", None),
    ],
)
def test_which_workbook_is_which(name: str, feed: str | None) -> None:
    assert [each.name for each in load_sources()["xlsx_cn"].feeds_of(name)] == ([feed] if feed else [])
