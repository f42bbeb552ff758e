"""Every expectation of every suite is silent on good data and can fire: a check that cannot fail is none.

The rows that break a promise are not thought up for each of them: values that ought to be wrong are put into a good
row until its own condition is met. That a condition means what it says is for the tests of each kind to show.
"""

import re
from collections.abc import Callable, Iterator, Sequence
from itertools import combinations, product
from typing import Any

import duckdb
import pytest
import sqlglot
from sqlglot import exp

from dashboard.metrics.query import Snapshot
from data_checks.contract import datasets
from data_checks.rules import row_rules
from data_checks.suites import exports, marts, together
from ingestion.warehouse import models

pytestmark = pytest.mark.slow

VALUES = {
    "BOOLEAN": ("true", "false"),
    "DATE": ("'1990-01-01'", "'2025-06-01'", "'2025-06-11'", "'2031-01-01'"),
    "TIMESTAMP": ("'1990-01-01'", "'2025-06-01'", "'2025-06-02'", "'2031-01-01'"),
    "VARCHAR": ("''", "'x'", "'redeem'", "'nps'", "'csat'"),
    "": ("-1", "0", "1", "2", "11", "101", "1000000"),
}
OTHERS = re.compile(r" ((?:scratch\.|warehouse\.)?(?:raw|staging|core|marts)\.\w+) ")
CHECKED = [
    model
    for model in models.load_models()
    if model.schema != "staging" and marts.declared(model.name) and model.grain
]


@pytest.fixture(scope="module")
def built(full_snapshot: Snapshot) -> Iterator[duckdb.DuckDBPyConnection]:
    """A night's tables, published or not, under the names that the gate looks them up by."""
    home = full_snapshot.file.parents[1]
    (kept,) = (home / "kept").glob("*.duckdb")
    with duckdb.connect() as con:
        con.execute("set timezone = 'UTC'; create schema meta")
        con.execute("create table meta.previous_volumes (dataset varchar, row_count bigint)")
        files = {"shown": full_snapshot.file, "scratch": kept, "warehouse": home / "warehouse.duckdb"}
        for name, file in files.items():
            con.execute(f"attach '{file}' as {name} (read_only)")
        schemas = con.execute(
            "select database_name || '.' || schema_name from duckdb_schemas() "
            "where database_name in ('shown', 'scratch') and schema_name in ('core', 'marts', 'raw', 'staging')"
        ).fetchall()
        path = ",".join(["memory.main", "memory.meta", *(name for (name,) in schemas)])
        con.execute(f"set search_path = '{path}'")
        yield con


@pytest.mark.parametrize("model", CHECKED, ids=lambda model: model.name)
def test_each_check_of_a_model_can_fire_and_does_not_on_a_good_night(
    built: duckdb.DuckDBPyConnection, model: models.Model
) -> None:
    declared = marts.declared(model.name)
    assert declared is not None
    built.execute(f"create or replace temp table good as from {model.name}")
    columns = [name for name, *_ in built.execute("describe good").fetchall()]
    suite = marts.suite_for(model.name, declared, grain=model.grain, columns=columns, has_volumes=True)
    built.execute("delete from meta.previous_volumes")
    assert faults(built, suite.expectations, model.name) == []


@pytest.mark.parametrize("name", datasets())
def test_each_check_of_an_export_can_fire_and_does_not_on_good_rows(
    con: duckdb.DuckDBPyConnection, land: Callable[..., str], name: str
) -> None:
    keyed = datasets()[name].key
    texts = {column.name for column in datasets()[name].columns if column.type in ("id", "text")}
    rows = [{column: f"K{number}" for column in keyed if column in texts} for number in range(2)]
    table = land(name, rows if texts & {*keyed} else rows[:1])
    con.execute(f"create temp table good as select *, timestamp '2025-06-30' as as_of_limit from {table}")
    assert faults(con, exports.suite_for(datasets()[name], row_rules(name)).expectations, name) == []


def faults(con: duckdb.DuckDBPyConnection, expectations: Sequence[Any], name: str) -> list[str]:
    """What fires on the table `good`, and what cannot be brought to fire."""
    found = []
    for expectation in expectations:
        told = f"{name} {expectation.meta['code']} {expectation.meta['column'] or expectation.meta['en']}"
        if is_broken(con, expectation, "good"):
            found.append(f"{told}: fires on good rows")
        elif not fires(con, expectation, name):
            found.append(f"{told}: never fires")
    return found


def question(expectation: Any, table: str) -> str:
    condition = together._condition(expectation)
    query = f"from {{batch}} where {condition}" if condition else together._query(expectation)
    assert query, expectation.expectation_type
    return query.replace("{batch}", table)


def is_broken(con: duckdb.DuckDBPyConnection, expectation: Any, table: str) -> bool:
    return finds(con, question(expectation, table))


def finds(con: duckdb.DuckDBPyConnection, query: str) -> bool:
    return con.execute(f"select exists (select 1 from ({query}))").fetchall()[0][0] is True


def fires(con: duckdb.DuckDBPyConnection, expectation: Any, name: str) -> bool:
    if expectation.meta["code"] == "volume_unusual":
        con.execute("insert into meta.previous_volumes select ?, 1000000000 from range(7)", [name])
        return is_broken(con, expectation, "good")
    condition = together._condition(expectation)
    for rows in row_faults(con, condition) if condition else table_faults(con):
        con.execute(f"create or replace temp table planted as {rows}")
        if is_broken(con, expectation, "planted"):
            return True
    # It is not about the table alone: rows may get lost on the way to it.
    query = question(expectation, "good")
    others = dict.fromkeys(OTHERS.findall(query))
    return any(finds(con, query.replace(f" {other} ", f" (from {other} limit 0) ")) for other in others)


def table_faults(con: duckdb.DuckDBPyConnection) -> Iterator[str]:
    """The good table without its rows, with each twice, with one more, and with one more that holds other numbers."""
    yield "from good where false"
    yield "from good union all from good"
    yield "from good union all (from good limit 1)"
    yield f"from good union all ({a_row()}) union all ({a_row()})"
    kinds = {name: kind for name, kind, *_ in con.execute("describe good").fetchall()}
    numbers = [name for name, kind in kinds.items() if kind in ("BIGINT", "HUGEINT", "INTEGER", "DOUBLE")]
    one = ", ".join(f"1 as {name}" for name in numbers)
    yield f"from good union all by name (select * {f'replace ({one})' if one else ''} from ({a_row()}))"


def a_row() -> str:
    """A good row, and one of NULLs where there is none."""
    return "select good.* from (select 1) left join (from good limit 1) as good on true"


def row_faults(con: duckdb.DuckDBPyConnection, condition: str) -> Iterator[str]:
    """The good table and a row in which one, two or three of the condition's columns hold something else."""
    kinds = {name: kind for name, kind, *_ in con.execute("describe good").fetchall()}
    parsed = sqlglot.parse_one(f"select 1 from good where {condition}", read="duckdb")
    named = [name for name in dict.fromkeys(one.name for one in parsed.find_all(exp.Column)) if name in kinds]
    # Three of many columns would be tens of thousands of rows to look for one in.
    for size in (1, 2, 3) if len(named) <= 4 else (1, 2):
        changes = [
            ", ".join(f"cast({value} as {kinds[name]}) as {name}" for name, value in zip(some, values, strict=True))
            for some in combinations(named[:8], size)
            for values in product(*(choices(con, name, kinds[name]) for name in some))
        ]
        if changes:
            every = " union all ".join(f"select * replace ({change}) from ({a_row()})" for change in changes)
            yield f"from good union all (from ({every}) where {condition} limit 1)"


def choices(con: duckdb.DuckDBPyConnection, name: str, kind: str) -> list[str]:
    listed = next(values for prefix, values in VALUES.items() if kind.startswith(prefix))
    there = con.execute(f"select distinct {name} from good where {name} is not null order by 1 limit 3").fetchall()
    return ["null", *listed, *(f"'{value}'" for (value,) in there if kind == "VARCHAR" and "'" not in value)]
