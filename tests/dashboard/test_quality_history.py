"""What the data page tells of more than one night, and of single rows held back."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from dashboard.metrics.query import NoSuchTable
from dashboard.quality_history import changes
from tests.dashboard.fake_meta import META
from tests.dashboard.fakes import FakeQuery

if TYPE_CHECKING:
    import polars as pl
    from streamlit.testing.v1 import AppTest

    from tests.dashboard.conftest import OpenPage
    from tests.dashboard.fakes import FakeSnapshot


def table_with(page: AppTest, column: str) -> list[dict[str, object]]:
    (told,) = [table.value for table in page.dataframe if column in table.value.columns]
    return list(told.to_dict("records"))


def test_tables_are_compared_with_the_night_before_and_no_other() -> None:
    found = changes(META["volumes"]).to_dicts()
    assert [(row["table_name"], row["row_count"], row["row_count_before"], row["change"]) for row in found] == [
        ("core.fct_old", None, 5, -1.0),
        ("core.fct_orders", 100, 200, -0.5),
        ("core.fct_tickets", 101, 100, 0.010000000000000009),
        ("core.fct_new", 7, None, None),
    ]


def test_a_check_that_fails_again_is_one_line(open_page: OpenPage) -> None:
    rows = table_with(open_page("data_quality"), "晚数")
    assert [(row["晚数"], row["最近一次"]) for row in rows] == [(2, "R2"), (1, "R1")]
    assert "三倍" in str(rows[0])


def test_rows_held_back_can_be_narrowed_to_a_reason(open_page: OpenPage) -> None:
    page = open_page("data_quality")
    assert [row["行号"] for row in table_with(page, "行号")] == [3, 9, 12]
    page.selectbox(key="held_reason").set_value("bad_id").run()
    assert [row["行号"] for row in table_with(page, "行号")] == [3]
    page.selectbox(key="held_reason").set_value("全部").run()
    assert len(table_with(page, "行号")) == 3


def test_the_trend_of_a_table_has_every_night_in_order() -> None:
    found = {row["table_name"]: row["row_count_trend"] for row in changes(META["volumes"]).to_dicts()}
    assert found["core.fct_orders"] == [1, 200, 100]
    assert found["core.fct_new"] == [7]


def test_headings_that_changed_are_told_the_newest_first(open_page: OpenPage) -> None:
    rows = table_with(open_page("data_quality"), "涉及的列")
    assert [(row["批次"], row["涉及的列"]) for row in rows] == [("R2", "派单时间 → 派工时间"), ("R1", "region")]


@pytest.mark.parametrize(
    ("feeds", "told"),
    [(META["feeds"].clear(), "都没有说明数据截至何时"), (None, "由旧版本写出，没有记录各导出的间隔")],
)
def test_where_no_file_says_how_far_it_goes_that_is_told_and_not_laid_on_an_older_version(
    open_page: OpenPage, monkeypatch: pytest.MonkeyPatch, feeds: pl.DataFrame | None, told: str
) -> None:
    real = FakeQuery.meta

    def meta(fake: FakeQuery, snapshot: FakeSnapshot, name: str) -> pl.DataFrame:
        if name == "feeds" and feeds is None:
            raise NoSuchTable("unknown_table", table=name)
        return feeds if name == "feeds" and feeds is not None else real(fake, snapshot, name)

    monkeypatch.setattr(FakeQuery, "meta", meta)
    page = open_page("data_quality")
    assert not page.exception
    assert [one.value for one in page.info if told in one.value]


def test_each_feed_says_whether_it_came_as_usual(open_page: OpenPage) -> None:
    rows = table_with(open_page("data_quality"), "是否按时")
    assert [(row["数据来源"], row["是否按时"]) for row in rows] == [
        ("crm", "次数太少，无法判断"),
        ("crm", "已停用"),
        ("helpdesk", "逾期：到达的文件没有新内容"),
        ("helpdesk", "逾期"),
        ("helpdesk", "按时"),
    ]


def test_each_run_says_what_stopped_it(open_page: OpenPage) -> None:
    rows = table_with(open_page("data_quality"), "结果")
    assert [(row["批次"], row["原因"]) for row in rows] == [
        ("20250701T000000", ""),
        ("20250630T000000", "gzip 压缩包已损坏或不完整"),
    ]
