"""Show 2: a workbook nobody has described, connected with `aftercare connect` and edits to what it wrote."""

from __future__ import annotations

import csv
import shutil
from datetime import date, datetime
from typing import TYPE_CHECKING

import pytest

from dashboard.metrics import query
from dashboard.metrics.access import Scope
from ingestion import pipeline
from ingestion.settings import Settings
from ingestion.warehouse.kpis import Filter, load_kpis

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

# Titles and a remark above, two header rows with merged cells, none of the headings a usual one.
TITLE = ["某某电器 2025 年 6 月报障登记簿"]
REMARK = ["填表：客户服务部　　打印于 2025-07-01"]
UPPER = ["报障", "", "", "经过", "", "", "", "眼下情形", "客户感受"]
LOWER = ["报障流水", "申报方", "登记时点", "头一次联络", "出发", "抵达", "处置完毕", "", ""]
MERGED = ["A1:I1", "A2:I2", "A3:C3", "D3:G3", "H3:H4", "I3:I4"]


def day(day: int, hour: int, minute: int = 0) -> datetime:
    return datetime(2025, 6, day, hour, minute)


ROWS = [
    ["BZ-0601", "K01", day(2, 9), day(2, 9, 20), day(2, 10), day(2, 11), day(2, 13), "弄好了", "挺好"],
    # Dates as text stand beside real ones.
    ["BZ-0602", "K02", "2025/6/3 10:00", "2025/6/3 10:40", None, None, "2025/6/4 10:00", "弄好了", "不行"],
    ["BZ-0603", "K01", day(5, 9), day(5, 10), None, None, day(5, 15), "弄好了", "挺好"],
    ["BZ-0604", "K03", day(28, 9), None, None, None, None, "还在弄", None],
    ["BZ-0605", "K03", day(30, 9), None, None, None, None, "还在弄", None],
]
CUSTOMERS = [
    ["报障单位名录", "", "", ""],
    ["申报方", "单位全称", "待遇", "落在哪省"],
    ["K01", "青山宾馆", "上宾", "浙江"],
    ["K02", "绿水小学", "平常", "江苏"],
    ["K03", "蓝天超市", "平常", "浙江"],
]


@pytest.fixture
def book(workbook: Callable[..., Path]) -> Path:
    sheets = {
        "登记簿": ([TITLE, REMARK, UPPER, LOWER, *ROWS], MERGED),
        "名录": (CUSTOMERS, ["A1:D1"]),
    }
    return workbook("报障登记簿_20250630.xlsx", sheets)


def edit(file: Path, mapping: dict[str, str]) -> None:
    """What a person does with a spreadsheet: put our column beside their heading, and take out the question marks."""
    with file.open(encoding="utf-8-sig", newline="") as lines:
        header, *rows = list(csv.reader(lines))
    kept = [row for row in rows if row[0] != "?"]
    for row in kept:
        row[1] = mapping.get(row[0], row[1])
    with file.open("w", encoding="utf-8", newline="") as lines:
        csv.writer(lines).writerows([header, *kept])


def connect_by_hand(book: Path, own: Path, connected: Callable[..., object]) -> None:
    """The whole way of a service analyst: two connects, and edits of text."""
    connected(book, "baozhang", "tickets", options={"sheet": "登记簿"}, wanted=["tickets", "visits"])
    connected(book, "baozhang", "customers", options={"sheet": "名录"}, wanted=["customers"])
    folder = own / "baozhang"
    ours = {
        "报障/报障流水": "ticket_id", "报障/申报方": "customer_id", "报障/登记时点": "created_at",
        "经过/头一次联络": "first_response_at", "经过/处置完毕": "resolved_at", "眼下情形": "status",
        "客户感受": "csat_score",
    }  # fmt: skip
    edit(folder / "tickets.csv", ours)
    edit(folder / "tickets_visits.csv", {"经过/出发": "dispatched_at", "经过/抵达": "arrived_at"})
    with (folder / "tickets_visits.csv").open("a", encoding="utf-8") as lines:
        lines.write("报障/报障流水,visit_id,yes,\n报障/报障流水,ticket_id,yes,\n经过/处置完毕,finished_at,,\n")
    edit(
        folder / "customers.csv",
        {"申报方": "customer_id", "单位全称": "name", "待遇": "tier", "落在哪省": "region"},
    )
    values = folder / "values"
    values.mkdir(exist_ok=True)
    (values / "tickets.status.csv").write_text("their_value,our_value\n弄好了,solved\n还在弄,open\n*,\n", "utf-8")
    (values / "csat_score.csv").write_text("their_value,our_value\n挺好,5\n不行,1\n", "utf-8")
    (values / "customers.tier.csv").write_text("their_value,our_value\n上宾,vip\n平常,standard\n", "utf-8")
    toml = (folder / "source.toml").read_text("utf-8")
    toml = toml.replace(
        "[feeds.tickets.datasets.visits]\n", '[feeds.tickets.datasets.visits]\nwhere = "dispatched_at is not null"\n'
    )
    (folder / "source.toml").write_text(toml, "utf-8")


@pytest.mark.slow
def test_a_new_workbook_is_connected_by_edits_of_mapping_files_alone(
    book: Path, own: Path, tmp_path: Path, connected: Callable[..., object]
) -> None:
    connect_by_hand(book, own, connected)
    inbox = tmp_path / "exports" / "baozhang"
    inbox.mkdir(parents=True)
    shutil.copy2(book, inbox)
    outcome = pipeline.run(tmp_path / "exports", Settings(home=own.parent, settle_seconds=0))
    assert outcome.verdict == "published", outcome.findings
    assert sorted((load.feed, load.rows_read, load.rows_loaded) for load in outcome.loads) == [
        ("customers", 3, 3),
        ("tickets", 5, 5),
    ]
    snapshot = query.open_snapshot(own.parent)
    assert snapshot is not None

    june = Filter(date_from=date(2025, 6, 1), date_to=date(2025, 6, 30))

    def asked(kpi: str, *by: str) -> list[dict[str, object]]:
        return query.values(snapshot, Scope.everything(), load_kpis()[kpi], june, by=by).to_dicts()

    assert [row["value"] for row in asked("ticket_volume")] == [5]
    assert {row["tier"]: row["value"] for row in asked("ticket_volume", "tier")} == {"vip": 2, "standard": 3}
    # Scores of 5, 1 and 5: two of three are satisfied.
    assert [(row["numerator"], row["denominator"]) for row in asked("csat")] == [(2, 3)]
    # Answered after 20, 40 and 60 minutes.
    assert [row["value"] for row in asked("first_response_time_calendar")] == [40 * 60]
