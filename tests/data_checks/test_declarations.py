"""Declarations and models cannot drift apart: every mart is declared, every declared column exists."""

import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest
import sqlglot
from sqlglot import exp

from data_checks.contract import SQL
from data_checks.suites.declarations import FACTS, MARTS, Model

DECLARED = {**FACTS, **MARTS}


def path(model: str) -> Path:
    folder, name = model.split(".")
    return SQL / folder / f"{name}.sql"


@cache
def columns(model: str) -> set[str]:
    """The columns a model's last SELECT names."""
    return set(sqlglot.parse_one(path(model).read_text(encoding="utf-8"), read="duckdb").named_selects)


def named(model: Model) -> Iterator[str]:
    """Every column a declaration speaks of."""
    yield from (*filter(None, [model.date]), *model.filled, *model.counts, *model.ranges)
    yield from (column for pair in (*model.parts, *model.implies) for column in pair)
    yield from (column for whole, parts in model.sums.items() for column in (whole, *parts))
    yield from (measure for measure in model.totals if measure != "rows")
    for predicate in model.never.values():
        yield from (column.name for column in sqlglot.parse_one(predicate, read="duckdb").find_all(exp.Column))


def test_every_mart_is_declared_and_no_other() -> None:
    assert {f"marts.{file.stem}" for file in (SQL / "marts").glob("*.sql")} == set(MARTS)


@pytest.mark.parametrize("name", DECLARED)
def test_declared_columns_exist(name: str) -> None:
    model = DECLARED[name]
    slices = model.slices if name in MARTS else ()
    assert {*named(model), *slices} <= columns(name)


@pytest.mark.parametrize("name", DECLARED)
def test_totals_are_taken_from_models_and_columns_that_exist(name: str) -> None:
    for facts in DECLARED[name].totals.values():
        (table,) = re.findall(r"from (core\.\w+)", facts)
        found = {column.name for column in sqlglot.parse_one(facts, read="duckdb").find_all(exp.Column)}
        assert found <= columns(table), facts


def test_a_count_of_a_mart_is_declared_as_one() -> None:
    """Every ..._count must be checked for NULL and sign: a new one is easily forgotten."""
    for name, model in MARTS.items():
        counts = {column for column in columns(name) if column.endswith("_count")}
        assert counts == set(model.counts), name
