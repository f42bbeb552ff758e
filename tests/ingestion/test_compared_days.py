"""Which days a night compares with earlier ones, and what kind of day each is."""

from collections.abc import Iterator
from datetime import date
from types import SimpleNamespace
from typing import Any

import duckdb
import pytest

from ingestion import gates
from ingestion.warehouse import models

DAYS = "select date, is_new, is_working, weekday, is_regular from meta.compared_days order by date"


@pytest.fixture
def tonight() -> Iterator[Any]:
    """A night as of half past midnight of 11 June in Shanghai."""
    with duckdb.connect() as con:
        con.execute("create schema meta; attach ':memory:' as scratch")
        models.create_inputs(con, "scratch")
        con.execute("insert into scratch.raw.run values ('R2', timestamp '2025-06-10 16:30', 'Asia/Shanghai')")
        yield SimpleNamespace(con=con)


def test_new_are_the_days_that_ended_since_the_night_before(tonight: Any) -> None:
    # Midnight of 8 June: that day had only begun.
    tonight.con.execute("insert into scratch.raw.nights values ('R0', '2025-06-01'), ('R1', '2025-06-07 16:00')")
    gates._write_compared_days(tonight)
    days = tonight.con.execute(DAYS).fetchall()
    assert [day for day, is_new, *_ in days if is_new] == [date(2025, 6, each) for each in (8, 9, 10)]
    assert (days[0][0], days[-1][0]) == (date(2025, 3, 30), date(2025, 6, 10))
    kinds = {day: tuple(kind) for day, _, *kind in days}
    assert kinds[date(2025, 6, 10)] == (True, 2, True)
    assert kinds[date(2025, 6, 8)] == (False, 7, True)
    # The Dragon Boat Festival, and a Sunday worked for Labour Day.
    assert kinds[date(2025, 6, 2)] == (False, 1, False)
    assert kinds[date(2025, 4, 27)] == (True, 7, False)


def test_after_a_long_pause_no_more_than_a_hundred_days_are_looked_at(tonight: Any) -> None:
    tonight.con.execute("insert into scratch.raw.nights values ('R1', '2020-06-07 16:00')")
    gates._write_compared_days(tonight)
    assert tonight.con.execute("select count(*), bool_and(is_new) from meta.compared_days").fetchall() == [
        (100, True)
    ]


def test_a_first_night_has_nothing_to_compare(tonight: Any) -> None:
    gates._write_compared_days(tonight)
    found = tonight.con.execute("select 1 from duckdb_tables() where table_name = 'compared_days'").fetchall()
    assert found == []
