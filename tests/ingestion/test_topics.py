"""Words of comments: cut in two languages, counted only where several customers use them, and never a name."""

from collections.abc import Iterator
from datetime import date

import duckdb
import pytest

from ingestion import topics

MARCH, APRIL = date(2025, 3, 1), date(2025, 4, 1)


@pytest.mark.parametrize(
    ("comment", "found"),
    [
        ("师傅没按约定时间来", {"师傅", "约定", "时间"}),
        ("The engineer was late, very LATE", {"engineer", "late"}),
        ("请回电 13800138000 或 ab12cd", {"回电"}),
        ("10000000001", set()),
        ("的 了 the of", set()),
        ("", set()),
        ("收费 pricing 不透明", {"收费", "pricing", "透明"}),
    ],
)
def test_words_are_cut_in_both_languages_without_digits_and_stop_words(comment: str, found: set[str]) -> None:
    assert topics.terms(comment) == found


@pytest.fixture
def con() -> Iterator[duckdb.DuckDBPyConnection]:
    """Five customers complain of the fee, two of them in April; four name a colleague; one repeats herself."""
    with duckdb.connect() as con:
        con.execute(
            "attach ':memory:' as scratch; create schema scratch.staging; create schema core; create schema marts"
        )
        con.execute(
            """create table scratch.staging.stg_customers as select '赵试远' as name union all select 'Grace Hopper';
            create table scratch.staging.stg_staff as select '透明' as name"""
        )
        said = [
            *((f"s{number}", f"c{number}", "收费不透明", number < 4) for number in range(1, 6)),
            *((f"g{number}", f"c{number}", "grace 很专业", True) for number in range(1, 7)),
            *((f"r{number}", "c9", "噪音太大", True) for number in range(1, 7)),
            ("n1", None, "收费", True),
        ]
        con.execute("create table said (survey_key varchar, customer_key varchar, comment varchar, is_march boolean)")
        con.executemany("insert into said values (?, ?, ?, ?)", said)
        con.execute(
            """create table scratch.staging.stg_survey_answers as
            select survey_key, comment, true as has_comment from said
            union all select 's1', '收费不透明', true
            union all select 's2', null, false"""
        )
        con.execute(
            """create table core.fct_surveys as
            select survey_key, customer_key, '上海' as region, '华东' as area, survey_key like 's%' as is_low_score,
                case when is_march then date '2025-03-07' else date '2025-04-07' end as rated_date,
                null::date as responded_date
            from said"""
        )
        topics.write(con)
        yield con


def counted(con: duckdb.DuckDBPyConnection) -> dict[tuple[date, str], tuple[int, int]]:
    rows = con.execute(f"select date, term, comment_count, low_count from {topics.TABLE}").fetchall()
    return {(day, term): (count, low) for day, term, count, low in rows}


def test_a_word_counts_comments_by_month_and_how_many_were_bad(con: duckdb.DuckDBPyConnection) -> None:
    found = counted(con)
    assert found[MARCH, "收费"] == (4, 3)
    assert found[APRIL, "收费"] == (2, 2)
    assert found[MARCH, "专业"] == (6, 0)
    assert found[MARCH, topics.ALL] == (16, 3)
    assert found[APRIL, topics.ALL] == (2, 2)


def test_what_fewer_than_five_customers_say_is_not_told_however_often(con: duckdb.DuckDBPyConnection) -> None:
    assert not {term for _, term in counted(con)} & {"噪音", "太大"}


def test_names_of_customers_and_staff_are_no_words(con: duckdb.DuckDBPyConnection) -> None:
    assert {term for _, term in counted(con)} == {topics.ALL, "收费", "专业"}


def test_nothing_but_counts_is_published(con: duckdb.DuckDBPyConnection) -> None:
    columns = [name for name, *_ in con.execute(f"describe {topics.TABLE}").fetchall()]
    assert columns == ["date", "region", "area", "term", "comment_count", "low_count"]
