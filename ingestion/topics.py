"""What customers write about: words of survey comments as counts, of which nobody can be told.

Comments are personal and stay in the file of personal columns. What is published is how many comments of a month and
a region use a word, and only words that at least MIN_CUSTOMERS customers have used and that are no customer's or
employee's name. Digits never are part of a word: no phone number, no serial number.

Chinese is cut by jieba's dictionary, English by blanks; stop words are those of stopwords-iso.
"""

from __future__ import annotations

import re
from functools import lru_cache
from typing import TYPE_CHECKING, Final

import polars as pl
import rjieba
import stopwordsiso

if TYPE_CHECKING:
    import duckdb

TABLE: Final = "marts.mart_comment_terms"
READS: Final = ("core.fct_surveys", "staging.stg_customers", "staging.stg_staff", "staging.stg_survey_answers")
MIN_CUSTOMERS: Final = 5
ALL: Final = ""
"""The term of the rows that count all comments."""
_CHUNK: Final = 50_000
_MOST_CHARACTERS: Final = 2_000
# One Chinese character says too little; letters with digits between them are numbers of things.
_TERM: Final = re.compile(r"[\u4e00-\u9fff]{2,}|[a-z][a-z'-]{2,}")


def terms(comment: str) -> set[str]:
    """The words of a comment that may be a topic."""
    # Full-width letters and half-width ones are the same word; a novel is no comment.
    words = (word.strip().lower() for word in rjieba.cut(comment[:_MOST_CHARACTERS]))
    return {word for word in words if _TERM.fullmatch(word)} - _stop_words()


@lru_cache(maxsize=1)
def _stop_words() -> frozenset[str]:
    return frozenset(stopwordsiso.stopwords(["zh", "en"]))


def write(con: duckdb.DuckDBPyConnection) -> None:
    """Count the words of tonight's comments into the snapshot that is being built."""
    con.execute(
        """create or replace temp table comments as
        select survey_key, comment, dense_rank() over (order by comment) as text_no
        from (
            select survey_key, string_agg(distinct comment, chr(10) order by comment) as comment
            from scratch.staging.stg_survey_answers where has_comment group by survey_key
        )"""
    )
    con.execute("create or replace temp table comment_words (text_no bigint, term varchar)")
    # A temporary table is its connection's own, which inserts meanwhile: so a stretch at a time, not one long result.
    texts = con.execute("select coalesce(max(text_no), 0) from comments").fetchall()[0][0]
    for first in range(1, texts + 1, _CHUNK):
        chunk = con.execute(
            "select distinct text_no, comment from comments where text_no between ? and ?",
            [first, first + _CHUNK - 1],
        ).fetchall()
        found = [(number, term) for number, comment in chunk for term in terms(comment)]
        words = pl.DataFrame(found, schema={"text_no": pl.Int64, "term": pl.String}, orient="row")
        con.register("words_found", words.to_arrow())
        con.execute("insert into comment_words select * from words_found")
        con.unregister("words_found")
    con.execute(f"create or replace table {TABLE} as {_COUNTED}", {"least": MIN_CUSTOMERS, "all": ALL})
    con.execute("drop table comment_words")
    con.execute("drop table comments")


_COUNTED: Final = """
with
names as (
    select unnest(string_split(lower(name), ' ')) as term from scratch.staging.stg_customers where name is not null
    union
    select unnest(string_split(lower(name), ' ')) from scratch.staging.stg_staff where name is not null
),
said as (
    select
        comments.text_no, surveys.customer_key, surveys.region, surveys.area, surveys.is_low_score,
        cast(date_trunc('month', coalesce(surveys.rated_date, surveys.responded_date)) as date) as date
    from comments
    inner join core.fct_surveys as surveys on comments.survey_key = surveys.survey_key
    where coalesce(surveys.rated_date, surveys.responded_date) is not null
),
known as (
    select comment_words.term
    from comment_words
    inner join said on comment_words.text_no = said.text_no
    where comment_words.term not in (select term from names)
    group by comment_words.term
    having count(distinct said.customer_key) >= $least
)
select
    said.date, said.region, said.area, $all as term, count(*) as comment_count,
    count(*) filter (where said.is_low_score) as low_count
from said
group by said.date, said.region, said.area
union all
select
    said.date, said.region, said.area, comment_words.term, count(*), count(*) filter (where said.is_low_score)
from comment_words
inner join known on comment_words.term = known.term
inner join said on comment_words.text_no = said.text_no
group by said.date, said.region, said.area, comment_words.term
order by 1, 2, 4
"""
