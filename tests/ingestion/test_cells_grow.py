"""Cells that are added to night by night, at their edges; that they equal cells built whole, random nights show."""

from __future__ import annotations

from datetime import date

import duckdb
import pytest

from ingestion.warehouse import cells, cells_build, cells_grow
from ingestion.warehouse.cells import Durations, Subject
from ingestion.warehouse.differences import Differences

SUBJECT = Subject(
    "core.fct_things",
    "day",
    frozenset({"region", "tier"}),
    ("cast(is_good as integer)",),
    (Durations("true", "seconds", "is_over", None, ()),),
)
ROWS = [
    (number, date(2026, 1, 1 + number % 20), ("north", None)[number % 2], "gold", number % 3 == 0, number, True)
    for number in range(200)
]


@pytest.fixture
def con(monkeypatch: pytest.MonkeyPatch) -> duckdb.DuckDBPyConnection:
    """A fact of last night in `before`, the same tonight, and its cells."""
    for limit in ("LEAST_ROWS", "UNITS_A_CELL"):
        monkeypatch.setattr(cells_build, limit, 0)
    monkeypatch.setattr(cells_build, "SHORT", -1)
    con = duckdb.connect()
    con.execute("attach ':memory:' as before")
    for catalog in ("", "before."):
        con.execute(f"create schema {catalog}core")
        con.execute(
            f"create table {catalog}core.fct_things (id integer, day date, region varchar, tier varchar, "
            "is_good boolean, seconds bigint, is_over boolean)"
        )
        con.executemany(f"insert into {catalog}core.fct_things values (?, ?, ?, ?, ?, ?, ?)", ROWS)
    con.execute("create schema cells")
    con.execute(cells_build._REGISTRY)
    cells_build._Builder(con, SUBJECT).build()
    return con


def grow(con: duckdb.DuckDBPyConnection) -> bool:
    differences = Differences(con, lambda _: "", lambda _: "before", arrived={}, replaced=())
    differences.keep("core.fct_things", "from before.core.fct_things", "from core.fct_things")
    return cells_grow.grow(con, SUBJECT, differences)


def content(con: duckdb.DuckDBPyConnection) -> dict[str, list[tuple[object, ...]]]:
    names = [name for (name,) in con.execute(f"select name from {cells.REGISTRY}").fetchall()]
    return {name: con.execute(f"from {name} order by all").fetchall() for name in [*names, cells.REGISTRY]}


def built_anew(con: duckdb.DuckDBPyConnection) -> dict[str, list[tuple[object, ...]]]:
    cells_build._forget(con, SUBJECT)
    cells_build._Builder(con, SUBJECT).build()
    return content(con)


@pytest.mark.parametrize(
    "change",
    [
        "delete from core.fct_things where id < 5",
        "delete from core.fct_things where day = date '2026-01-03'",
        "update core.fct_things set tier = null where id = 7",
        "update core.fct_things set is_over = false, is_good = not is_good where id between 10 and 20",
        "update core.fct_things set day = null where id = 8",
        "insert into core.fct_things select * replace (id + 1000 as id) from core.fct_things where id % 50 = 0",
        "insert into core.fct_things values (900, date '2026-03-01', 'south', 'gold', false, 5, false)",
        "update core.fct_things set id = id + 5000 where id = 3",
    ],
)
def test_cells_that_grew_are_cells_that_were_built(con: duckdb.DuckDBPyConnection, change: str) -> None:
    con.execute(change)
    assert grow(con)
    assert content(con) == built_anew(con)


def test_a_unit_that_went_and_is_not_there_has_all_built_anew(con: duckdb.DuckDBPyConnection) -> None:
    con.execute("delete from cells.fct_things_day_units_0 where cell_0 = 4")
    con.execute("delete from core.fct_things where id = 4")
    assert not grow(con)


def test_cells_of_other_measures_are_not_added_to(con: duckdb.DuckDBPyConnection) -> None:
    con.execute("update cells.tables set measures = ['is_bad'] where kind = 'sums'")
    con.execute("delete from core.fct_things where id = 4")
    assert not grow(con)


def test_where_most_rows_differ_all_is_built_anew(con: duckdb.DuckDBPyConnection) -> None:
    con.execute("delete from core.fct_things where id > 40")
    assert not grow(con)
