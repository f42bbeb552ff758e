"""The raw tables: one a dataset, whatever the source. What a landed row is made of, and keeping it.

`raw.<dataset>` exists for every dataset of the contract, empty where nothing is connected.
`waiting.<dataset>` holds the rows whose reference was missing, in the same shape, to be judged again.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from data_checks.contract import Dataset, datasets
from ingestion.sqltext import quoted

if TYPE_CHECKING:
    import duckdb

SCHEMAS = ("raw", "waiting")


def original_columns(dataset: Dataset) -> list[str]:
    """The fields of `original`: text and ids are kept as found, for the rest the text stands beside the value."""
    names = [column.name for column in dataset.columns if column.type not in {"id", "text"}]
    # DuckDB has no STRUCT without fields.
    return names or ["nothing"]


def landed_columns(dataset: Dataset) -> dict[str, str]:
    """Column name -> DuckDB type of a landed row.

    source_row counts the file's records, the first is 1. is_gone: the record says that its key is gone from this
    version on; NULL, in rows of before there was such a mark, means that it is not.
    """
    fields = ", ".join(f"{quoted(text)} VARCHAR" for text in original_columns(dataset))
    return {
        "source": "VARCHAR",
        "load_id": "VARCHAR",
        "source_row": "BIGINT",
        "version_key": "VARCHAR",
        "flags": "VARCHAR[]",
        "original": f"STRUCT({fields})",
        "is_gone": "BOOLEAN",
        **{column.name: column.duckdb_type for column in dataset.columns},
    }


def raw_columns(dataset: Dataset) -> dict[str, str]:
    """A landed row plus load_seq, the order in which files were loaded."""
    return {"load_seq": "BIGINT", **landed_columns(dataset)}


def create_tables(con: duckdb.DuckDBPyConnection, catalog: str, schemas: tuple[str, ...] = SCHEMAS) -> None:
    """Create what is missing: schemas, tables, and columns that the contract gained since."""
    for schema in schemas:
        con.execute(f"create schema if not exists {catalog}.{schema}")
        present = _present(con, catalog, schema)
        for dataset in datasets().values():
            _create_table(con, f"{catalog}.{schema}.{quoted(dataset.name)}", dataset, present.get(dataset.name, {}))


def _present(con: duckdb.DuckDBPyConnection, catalog: str, schema: str) -> dict[str, dict[str, str]]:
    found: dict[str, dict[str, str]] = {}
    rows = con.execute(
        "select table_name, column_name, data_type from duckdb_columns() where database_name = ? and schema_name = ?",
        [catalog, schema],
    ).fetchall()
    for table, column, data_type in rows:
        found.setdefault(table, {})[column] = data_type
    return found


def _create_table(con: duckdb.DuckDBPyConnection, table: str, dataset: Dataset, present: dict[str, str]) -> None:
    columns = raw_columns(dataset)
    if not present:
        listed = ", ".join(f"{quoted(column)} {data_type}" for column, data_type in columns.items())
        con.execute(f"create table {table} ({listed})")
        return
    for column, data_type in columns.items():
        if column not in present:
            con.execute(f"alter table {table} add column {quoted(column)} {data_type}")
    kept = present["original"].replace('"', "")
    for text in original_columns(dataset):
        if f"{text} " not in kept:
            con.execute(f"alter table {table} add column original.{quoted(text)} VARCHAR")


def append(con: duckdb.DuckDBPyConnection, schema: str, dataset: str, landed_table: str, load_seq: int) -> None:
    """Insert the rows of a landed table into warehouse.<schema>.<dataset>."""
    con.execute(
        f"insert into warehouse.{schema}.{quoted(dataset)} by name select ? as load_seq, * from {landed_table}",
        [load_seq],
    )


def delete_load(con: duckdb.DuckDBPyConnection, catalog: str, load_id: str) -> None:
    """Remove every row of one load, wherever it was kept."""
    for schema in SCHEMAS:
        for dataset in datasets():
            con.execute(f"delete from {catalog}.{schema}.{quoted(dataset)} where load_id = ?", [load_id])
