"""Tables as landing and the builder leave them, small enough to plant one fault in."""

from collections.abc import Callable, Iterator
from typing import Any

import duckdb
import pytest

from data_checks.contract import datasets
from data_checks.suites.declarations import SLICES

Rows = list[dict[str, Any]]

# A legal value of each type, for required columns that play no part in a test.
LEGAL = {"id": "X{0}", "text": "x", "int": 1, "decimal": 1, "bool": True, "date": "2025-06-01"}
NOON = "2025-06-01 12:00:00"


@pytest.fixture
def con() -> Iterator[duckdb.DuckDBPyConnection]:
    with duckdb.connect() as connection:
        connection.execute("create schema landing; create schema core; create schema marts; create schema meta")
        yield connection


@pytest.fixture
def land(con: duckdb.DuckDBPyConnection) -> Callable[..., str]:
    """Create the landed table of a dataset; columns that a row leaves out are legal or NULL. Returns its name."""

    def land(name: str, rows: Rows, table: str = "") -> str:
        dataset = datasets()[name]
        table = table or f'memory.landing."{name}"'
        typed = ", ".join(f"{column.name} {column.duckdb_type}" for column in dataset.columns)
        con.execute(f"create table {table} (source varchar, version_key varchar, flags varchar[], {typed})")
        for number, row in enumerate(rows):
            legal = {
                column.name: column.values[0] if column.values else NOON if column.type == "instant"
                else str(LEGAL[column.type]).format(number)
                for column in dataset.required_columns
            }  # fmt: skip
            insert(con, table, {"source": "crm", "version_key": "", **legal, **row})
        return table

    return land


@pytest.fixture
def model(con: duckdb.DuckDBPyConnection) -> Callable[..., None]:
    """Create a model from rows; its columns are those of the first row, the slices come by themselves."""

    def model(name: str, rows: Rows, types: dict[str, str] | None = None) -> None:
        slices: dict[str, Any] = dict.fromkeys(SLICES, "unknown") | {"is_vip": False}
        kinds = {bool: "boolean", int: "bigint", str: "varchar"}
        full = [{**slices, **row} for row in rows]
        typed = {column: kinds[type(value)] for column, value in full[0].items()}
        columns = {**typed, **({"date": "date"} if "date" in full[0] else {}), **(types or {})}
        con.execute(f"create table {name} ({', '.join(f'{column} {kind}' for column, kind in columns.items())})")
        for row in full:
            insert(con, name, row)

    return model


def insert(con: duckdb.DuckDBPyConnection, table: str, row: dict[str, Any]) -> None:
    marks = ", ".join("?" for _ in row)
    con.execute(f"insert into {table} ({', '.join(row)}) values ({marks})", list(row.values()))
