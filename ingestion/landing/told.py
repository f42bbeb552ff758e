"""What a record held back still tells: which unit it is about, when and where, as far as it can be read.

With it a night says how far the held-back rows could move a KPI (ingestion/bounds.py). Nothing else reads it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from ingestion.landing.judge import FAULTS
from ingestion.landing.keys import HELD
from ingestion.landing.write import landing_table
from ingestion.sqltext import literal, quoted
from ingestion.warehouse.ledger import TOLD, told_columns

if TYPE_CHECKING:
    from collections.abc import Sequence

    from duckdb import DuckDBPyConnection

    from ingestion.landing.accounting import Landed
    from ingestion.landing.normalise import Typed


def write_told(con: DuckDBPyConnection, catalog: str, landed: Landed, typed: Sequence[Typed]) -> None:
    """Create the table of what held-back records tell, a row for each dataset they would have given one to."""
    columns = ", ".join(f"{name} {type}" for name, type in TOLD.items())
    table = landing_table(catalog, f"{landed.load_id}__told")
    con.execute(f"create table {table} (dataset VARCHAR, source_row BIGINT, {columns})")
    for one in typed:
        name = literal(one.map.name)
        values = ", ".join(_value(one, told, column) for told, column in told_columns(one.map.name).items())
        con.execute(
            f"insert into {table} select {name}, _row, {values} from {one.view} as rows "
            f"where _row in (select _row from {HELD})"
        )


def _value(one: Typed, told: str, column: str | None) -> str:
    """A value that is itself at fault tells nothing; a key that came twice is still a key."""
    if column is None:
        return "null"
    if told.endswith("_id"):
        return f"rows.{quoted(column)}"
    faulty = (
        f"rows._row in (select _row from {FAULTS} "
        f"where dataset = {literal(one.map.name)} and column_name = {literal(column)})"
    )
    return f"case when not {faulty} then rows.{quoted(column)} end"
