"""Words of comments for everybody, comments for who may read them."""

from __future__ import annotations

from dataclasses import replace
from datetime import date, datetime
from typing import TYPE_CHECKING, Any

import duckdb
import polars as pl
import pytest

from dashboard import downloads
from dashboard.metrics import comments
from dashboard.metrics.access import Scope
from dashboard.metrics.query import PeopleMissing, PersonalForbidden, Snapshot
from ingestion.warehouse.kpis import Filter
from tests.dashboard import fakes

if TYPE_CHECKING:
    from pathlib import Path

    from tests.dashboard.conftest import OpenPage
    from tests.dashboard.fakes import FakeQuery

MAY = Scope(regions=None, may_see_personal=True)
SPRING = Filter(date(2025, 3, 1), date(2025, 5, 31))

SQL = """
create schema core; create schema meta;
create table meta.run as select 'Asia/Shanghai' as business_timezone;
create table core.fct_surveys as
select *, 'vip' as tier, '空调' as product, cast(responded_at as date) as responded_date
from (values
    ('s1', timestamp '2025-03-01 08:00', true, '上海', true),
    ('s2', timestamp '2025-04-01 08:00', false, '北京', true),
    ('s3', timestamp '2025-05-01 08:00', false, '上海', false),
    ('s4', timestamp '2025-06-01 08:00', true, '上海', true)
) as t(survey_key, responded_at, is_low_score, region, has_comment)
"""
PEOPLE = """
create schema people;
create table people.survey_comments as select * from (values
    ('s1', '太慢'), ('s1', '没人管'), ('s2', '很好'), ('s4', '六月的话')
) as t(survey_key, comment)
"""


@pytest.fixture
def snapshot(tmp_path: Path) -> Snapshot:
    for name, sql in (("R1.duckdb", SQL), ("R1.people.duckdb", PEOPLE)):
        with duckdb.connect(str(tmp_path / name)) as con:
            con.execute(sql)
    now = datetime(2025, 7, 1)
    return Snapshot(run_id="R1", as_of=now, published_at=now, file=tmp_path / "R1.duckdb")


def told(snapshot: Snapshot, scope: Scope, wanted: Filter = SPRING, limit: int = 10) -> list[tuple[object, ...]]:
    return comments.quotes(snapshot, scope, wanted, limit).select("survey_key", "comment", "is_low_score").rows()


def test_comments_of_the_dates_come_newest_first_one_a_survey(snapshot: Snapshot) -> None:
    assert told(snapshot, MAY) == [("s2", "很好", False), ("s1", "太慢 / 没人管", True)]
    assert told(snapshot, MAY, limit=1) == [("s2", "很好", False)]


def test_comments_follow_filter_and_scope(snapshot: Snapshot) -> None:
    shanghai = replace(SPRING, where={"region": ("上海",)})
    assert [row[0] for row in told(snapshot, MAY, shanghai)] == ["s1"]
    assert [row[0] for row in told(snapshot, Scope(("北京",), may_see_personal=True))] == ["s2"]


def test_nobody_else_reads_comments(snapshot: Snapshot) -> None:
    with pytest.raises(PersonalForbidden):
        comments.quotes(snapshot, Scope.everything(), SPRING, 10)
    snapshot.file.with_suffix(".people.duckdb").unlink()
    with pytest.raises(PeopleMissing):
        comments.quotes(snapshot, MAY, SPRING, 10)


@pytest.fixture
def words(fake_query: FakeQuery, monkeypatch: pytest.MonkeyPatch) -> None:
    """Twenty comments, eight of them with low scores."""
    counted = pl.DataFrame(
        [("", 20, 8), ("师傅", 11, 1), ("收费", 6, 6), ("太久", 4, 4)],
        schema=["term", "comment_count", "low_count"],
        orient="row",
    )
    assert fake_query.snapshot is not None
    columns = {**fake_query.snapshot.columns, "marts.mart_comment_terms": ("date", "term")}
    fake_query.snapshot = replace(fake_query.snapshot, columns=columns)
    monkeypatch.setitem(fakes.MARTS, "marts.mart_comment_terms", lambda _: counted)


def offered(page: Any) -> dict[str, pl.DataFrame]:
    return {one.title: one.frame for one in page.session_state[downloads.KEY].offers if "term" in one.frame.columns}


@pytest.mark.slow
@pytest.mark.parametrize(
    ("lang", "title", "low", "other"),
    [
        ("zh", "客户在说什么", "**低分评价** · 留言 8 条", "**其余评价** · 留言 12 条"),
        (
            "en",
            "What customers write about",
            "**Low scores** · 8 with a comment",
            "**All others** · 12 with a comment",
        ),
    ],
)
def test_words_stand_by_verdict_with_their_share_of_its_comments(
    open_page: OpenPage, words: None, lang: str, title: str, low: str, other: str
) -> None:
    page = open_page("satisfaction", lang=lang)
    assert not page.exception
    assert {low, other} <= {one.value for one in page.markdown}
    frames = offered(page)
    # Four comments are too few to show.
    assert frames[title].rows() == [("收费", 6, 0.75)]
    assert frames[f"{title} #2"].rows() == [("师傅", 10, 10 / 12)]


@pytest.mark.slow
def test_words_refuse_a_filter_they_are_not_counted_by(open_page: OpenPage, words: None) -> None:
    page = open_page("satisfaction", tier=["vip"])
    assert "不能按客户等级筛选" in " ".join(one.value for one in page.info)
    assert not offered(page)


@pytest.mark.slow
def test_a_snapshot_from_before_says_that_the_next_night_brings_them(open_page: OpenPage) -> None:
    assert "下一次夜间批次" in " ".join(one.value for one in open_page("satisfaction").info)


@pytest.mark.slow
def test_comments_are_shown_to_who_may_see_personal_data_and_not_taken_along(
    open_page: OpenPage, words: None, snapshot: Snapshot, monkeypatch: pytest.MonkeyPatch
) -> None:
    read = comments.quotes
    monkeypatch.setattr(comments, "quotes", lambda _, scope, wanted, limit: read(snapshot, scope, SPRING, limit))
    assert not any("原话" in one.value.columns for one in open_page("satisfaction").dataframe)
    monkeypatch.setattr(Scope, "everything", classmethod(lambda _: MAY))
    page = open_page("satisfaction")
    assert not page.exception
    (quotes,) = [one.value for one in page.dataframe if "原话" in one.value.columns]
    assert quotes["原话"].to_list() == ["很好", "太慢 / 没人管"]
    assert quotes["评价"].to_list() == ["其余", "低分"]
    offers = page.session_state[downloads.KEY].offers
    assert not any("没人管" in downloads.csv(one.frame).decode() for one in offers)
