"""How a view that is linear in its tables differs follows from how they do; random nights show it of all views."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING

import duckdb
import pytest

from ingestion.warehouse import cells_grow, linear, models
from ingestion.warehouse.differences import SIGN, Differences
from ingestion.warehouse.touched import Touched

if TYPE_CHECKING:
    from pathlib import Path

    from ingestion.warehouse.models import Model

TABLES = ("core.a", "core.b")
JOINED = "select a.k, a.x, b.y from core.a as a inner join core.b as b on a.x = b.x"
STARRED = """with j as (select a.*, b.y from core.a as a
        inner join core.b as b on a.x = b.x) select * from j where y < 9"""
TWICE = "select one.k, other.k as l from core.a as one cross join core.a as other where one.x = other.x"
UNION = """select k, x, 0 as y from core.a where x > 1
    union all select b.x, b.y, a.k from core.b as b cross join core.a as a"""
UNKEYED = "select a.x, b.y from core.a as a inner join core.b as b on a.x = b.x"
LEFT = "select a.k, b.y from core.a as a left join core.b as b on a.x = b.x"


def view(folder: Path, sql: str) -> Model:
    (folder / "core").mkdir()
    for name, columns in (("a", "1 as k, 2 as x, 3 as unused"), ("b", "1 as x, 2 as y")):
        text = f"-- {name}.\n-- grain: {columns[5:6]}\nselect {columns}\n"
        (folder / "core" / f"{name}.sql").write_text(text, encoding="utf-8")
    (folder / "core" / "v.sql").write_text(f"-- V.\n-- grain: k\n-- keep: view\n{sql}\n", encoding="utf-8")
    (found,) = (model for model in models.load_models(folder) if model.is_view)
    return found


@pytest.mark.parametrize(
    ("sql", "count"),
    [
        ("select k from core.a where k > 1", 1),
        ("with b as (select k, unnest(l) as x from core.a), c as (from b) select k, x from c", 1),
        (JOINED, 1), (STARRED, 1), (TWICE, 1), (UNION, 2), (LEFT, 1),
        ("with b as (select * from core.a) select k from b where k in (select other from b)", 0),
        ("with b as (select * from core.a) select k, (select other from b where other = 1) as o from b", 0),
        ("with b as (select * from core.a) select b.k from b cross join b as c", 0),
        ("select k from core.a where exists (select 1 from core.b)", 0),
        ("select count(*) as k from core.a", 0),
        ("select distinct k from core.a", 0),
        ("select k from core.a limit 3", 0),
        ("select k from core.a union select y from core.b", 0),
        ("select k from core.a union all select y from core.b limit 3", 0),
        ("select k from core.a union all select y from core.b offset 2", 0),
        ("select 1 as k, kahan_sum(k) as p from core.a", 0),
        ("select k from core.a using sample 10", 0),
        ("select k from core.a where random() < 0.5", 0),
        ("select a.k, to_json(a) as h from core.a as a", 0),
        ("select k from core.a union all by name select y as k from core.b", 0),
        ("select k, row_number() over (order by k) as n from core.a", 0),
        ("select a.k from core.a as a natural join core.b as b", 0),
        ("select a.k from core.a as a right join core.b as b on a.x = b.x", 0),
        ("select a.k from core.a as a anti join core.b as b on a.x = b.x", 0),
        ("select a.k from core.a as a asof join core.b as b on a.x >= b.x", 0),
        ("with b as (select k from core.a union all select y from core.b) select k from b", 0),
    ],
)  # fmt: skip
def test_a_view_that_holds_rows_against_others_is_not_linear(tmp_path: Path, sql: str, count: int) -> None:
    assert len(linear.branches(view(tmp_path, sql)) or ()) == count


@pytest.fixture
def con(monkeypatch: pytest.MonkeyPatch) -> duckdb.DuckDBPyConnection:
    """Tables of last night in `before`, and the same tonight."""
    monkeypatch.setattr(cells_grow, "GROWN_AT_MOST", 1e9)
    con = duckdb.connect()
    con.execute("attach ':memory:' as before")
    con.execute("create schema raw")
    con.execute("create table raw.run as select 'UTC' as business_timezone")
    for catalog in ("", "before."):
        con.execute(f"create schema {catalog}core")
        con.execute(f"create table {catalog}core.a as select i as k, i % 5 as x, i % 3 as unused from range(40) t(i)")
        con.execute(f"create table {catalog}core.b as select i % 5 as x, i as y from range(12) t(i)")
    return con


def touched(con: duckdb.DuckDBPyConnection) -> Touched:
    differences = Differences(con, lambda _: "", lambda _: "before", arrived={}, replaced=())
    for table in TABLES:
        differences.keep(table, f"from before.{table}", f"from {table}")
    return Touched(con, lambda _: "", differences, (datetime(2026, 1, 1), datetime(2026, 1, 2)))


CHANGES = (
    "update core.a set x = 1 where k = 3",
    "delete from core.a where k < 4; insert into core.a values (100, 2, 0), (101, 4, 0)",
    "update core.b set y = 50 where y = 3; delete from core.b where y = 4",
    "update core.b set x = 3 where y = 7; update core.a set x = 2 where k > 30; delete from core.a where k = 1",
    "insert into core.a select * from core.a where k = 5; insert into core.b select * from core.b where y < 3",
)


@pytest.mark.parametrize("change", CHANGES)
@pytest.mark.parametrize("sql", [JOINED, STARRED, TWICE, UNION, UNKEYED, LEFT])
def test_a_linear_view_differs_as_its_rows_do(
    con: duckdb.DuckDBPyConnection, tmp_path: Path, sql: str, change: str
) -> None:
    model = view(tmp_path, sql)
    before = f"select * from ({model.sql_for(lambda _: 'before')})"
    con.execute(change)
    con.execute(f"create view core.v as {model.sql}")
    found = touched(con)
    answer = linear.differ(model, found)
    if sql == LEFT and "core.b" in change:
        # What was joined to nothing, and now is not, follows from no row that is new.
        assert answer is None
        return
    told = con.execute(f"select * from {found.differences.table('core.v')} order by all").fetchall() if answer else []
    signed = f"select *, -1 as s from ({before}) union all select *, 1 from core.v"
    wanted = con.execute(f"select * exclude (s), sum(s) as s from ({signed}) group by all having s <> 0 order by all")
    assert told == wanted.fetchall()
    assert bool(told) is answer


def test_what_differs_in_columns_the_view_does_not_read_is_no_difference(
    con: duckdb.DuckDBPyConnection, tmp_path: Path
) -> None:
    model = view(tmp_path, JOINED)
    con.execute("update core.a set unused = 7")
    con.execute(f"create view core.v as {model.sql}")
    found = touched(con)
    assert linear.differ(model, found) is False
    assert found.differences.rows("core.v", ("k",)) is None


def test_a_view_of_tables_that_mostly_differ_is_not_told(
    con: duckdb.DuckDBPyConnection, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(cells_grow, "GROWN_AT_MOST", 0.3)
    model = view(tmp_path, JOINED)
    con.execute("update core.a set x = x + 1 where k < 20")
    con.execute(f"create view core.v as {model.sql}")
    found = touched(con)
    assert linear.differ(model, found) is None
    assert not found.differences.is_told("core.v")


@pytest.mark.parametrize(("share", "answer"), [(1, True), (0.1, None)])
def test_a_table_built_anew_is_held_against_last_nights_only_where_it_is_short(
    con: duckdb.DuckDBPyConnection, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, share: float, answer: bool | None
) -> None:
    monkeypatch.setattr(cells_grow, "GROWN_AT_MOST", share)
    model = view(tmp_path, JOINED)
    con.execute("update core.b set y = 77 where y = 1")
    con.execute(f"create view core.v as {model.sql}")
    found = touched(con)
    found.differences.leave_open("core.b")
    assert linear.differ(model, found) is answer
    assert SIGN in (found.differences.columns_of(found.differences.table("core.v")) if answer else [SIGN])
