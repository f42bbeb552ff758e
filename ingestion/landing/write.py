"""Write what landed: the good rows in the shape of raw tables, the held back records with their text."""

from __future__ import annotations

from typing import TYPE_CHECKING

import polars as pl

from data_checks.contract import datasets
from ingestion.errors import Finding
from ingestion.landing.accounting import Reason
from ingestion.landing.judge import EXCLUDED, FAULTS, FLAGS
from ingestion.landing.keys import ABSORBED, HELD, REPEATS, version_key
from ingestion.landing.normalise import other_text_of
from ingestion.sqltext import literal, quoted
from ingestion.warehouse.raw import landed_columns, original_columns

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from duckdb import DuckDBPyConnection

    from data_checks.contract import Column
    from ingestion.landing.accounting import Landed
    from ingestion.landing.normalise import Typed

# A load that stops needs examples of what is wrong, not the text of millions of records.
MOST_ORIGINALS = 10_000
EXAMPLES = 5
HELD_COLUMNS = "dataset VARCHAR, source_row BIGINT, key VARCHAR, column_name VARCHAR, code VARCHAR, original VARCHAR"


def landing_table(catalog: str, name: str) -> str:
    return f"{quoted(catalog)}.landing.{quoted(name)}"


def write_rows(con: DuckDBPyConnection, catalog: str, landed: Landed, typed: Typed) -> None:
    """Create the table of one dataset with every row that is neither held back nor a repeat."""
    contract = datasets()[typed.map.name]
    columns = landed_columns(contract)
    shape = ", ".join(f"{quoted(name)} {type}" for name, type in columns.items())
    table = landing_table(catalog, landed.table(typed.map.name))
    con.execute(f"create table {table} ({shape})")
    cleared, flags = _cleared(con, typed), "cast([] as varchar[])"
    left_out, rows = _left_out(typed), f"{typed.view} as rows"
    of_dataset = f"where dataset = {literal(typed.map.name)}"
    if _count(con, f"select count(*) from {FLAGS} {of_dataset}"):
        flags = f"coalesce(flags, {flags})"
        rows += (
            " left join (select _row, list(distinct code order by code) as flags, "
            f"list(column_name) filter (where clears) as cleared from {FLAGS} {of_dataset} group by _row) "
            "as flagged using (_row)"
        )
    if _count(con, f"select count(*) from ({left_out})"):
        rows += f" anti join ({left_out}) as left_out using (_row)"
    values = [_value(column, cleared) for column in contract.columns]
    con.execute(
        f"insert into {table} select {literal(landed.source)}, {literal(landed.load_id)}, rows._row, "
        f"{version_key(typed.map)}, {flags}, {_original(typed, original_columns(contract))}, "
        f"rows.is_gone, {', '.join(values)} from {rows}"
    )
    landed.datasets[typed.map.name] = _count(con, f"select count(*) from {table}")


def _left_out(typed: Typed) -> str:
    """The rows of a dataset that do not land: held back, or told by another row."""
    others = (f"select _row from {table} where dataset = {literal(typed.map.name)}" for table in (REPEATS, ABSORBED))
    return " union all ".join([f"select _row from {HELD}", *others])


def _cleared(con: DuckDBPyConnection, typed: Typed) -> set[str]:
    rows = con.execute(
        f"select distinct column_name from {FLAGS} where clears and dataset = ?", [typed.map.name]
    ).fetchall()
    return {row[0] for row in rows}


def _value(column: Column, cleared: set[str]) -> str:
    value = f"rows.{quoted(column.name)}"
    if column.name not in cleared:
        return value
    return f"case when not coalesce(list_contains(cleared, {literal(column.name)}), false) then {value} end"


def _original(typed: Typed, names: Sequence[str]) -> str:
    """Their text beside our value, left out where both read the same."""
    mapped = {column.name: column for column in typed.columns}
    fields: list[str] = []
    for name in names:
        text = "cast(null as varchar)"
        if name in mapped:
            text = f"rows.{other_text_of(name)}"
        fields.append(f"{quoted(name)} := {text}")
    return f"struct_pack({', '.join(fields)})"


def main_reason(con: DuckDBPyConnection) -> Reason:
    """The reason that holds back most records of the file."""
    found = con.execute(
        f"select code, coalesce(column_name, ''), count(distinct _row) as n from {FAULTS} group by all "
        "order by n desc, 1, 2 limit 1"
    ).fetchone()
    return Reason(*found) if found else Reason("", "", 0)


def examples(con: DuckDBPyConnection) -> str:
    """The numbers of the first records held back."""
    rows = con.execute(f"select _row from {HELD} order by _row limit {EXAMPLES}").fetchall()
    return ", ".join(str(row) for (row,) in rows)


def count_records(con: DuckDBPyConnection, catalog: str, landed: Landed) -> None:
    """Count what became of each record: held back, a row somewhere (its own or one it is part of), or a repeat.

    A record that gives rows to several datasets is a repeat only if it adds a row to none of them.
    """
    if len(landed.datasets) == 1:
        _count_single(con, catalog, landed)
        return
    tables = [f"select source_row as _row from {landing_table(catalog, landed.table(d))}" for d in landed.datasets]
    written = " union ".join(tables)
    repeats = f"select _row from {REPEATS} except ({written}) except (from {HELD})"
    parts = " union ".join([*tables, f"select _row from {ABSORBED}", f"select _row from {EXCLUDED}"])
    landed.rows_quarantined = _count(con, f"select count(*) from {HELD}")
    landed.rows_duplicate = _count(con, f"select count(*) from ({repeats})")
    landed.rows_loaded = _count(con, f"select count(*) from (({parts}) except (from {HELD}) except ({repeats}))")


def _count_single(con: DuckDBPyConnection, catalog: str, landed: Landed) -> None:
    """The same where a record makes one row at most: then none is in two of these sets, but for those held back."""
    (dataset,) = landed.datasets
    rows = f"select source_row as _row from {landing_table(catalog, landed.table(dataset))}"
    apart = f"anti join {HELD} using (_row)"
    repeats = f"select distinct _row from {REPEATS} {apart}"
    landed.rows_quarantined = _count(con, f"select count(*) from {HELD}")
    landed.rows_duplicate = _count(con, f"select count(*) from ({repeats})")
    others = f"select _row from {ABSORBED} union select _row from {EXCLUDED}"
    landed.rows_loaded = _count(con, f"select count(*) from ({rows}) {apart}")
    landed.rows_loaded += _count(con, f"select count(*) from ({others}) {apart} anti join ({repeats}) using (_row)")


def write_held(
    con: DuckDBPyConnection, catalog: str, landed: Landed, originals: Callable[[Sequence[int]], dict[int, str]]
) -> None:
    """Create the table of records held back, one line a reason, with their text as it stands in the file."""
    table = landing_table(catalog, f"{landed.load_id}__held")
    con.execute(f"create table {table} ({HELD_COLUMNS})")
    limit = MOST_ORIGINALS if any(fault.code not in landed.accepted for fault in landed.faults) else 1 << 62
    rows = con.execute(f"select _row from {HELD} order by _row limit {limit}").fetchall()
    with_texts(con, originals([row[0] for row in rows]))
    con.execute(
        f"insert into {table} select dataset, _row, any_value(key), column_name, code, "
        f"any_value(coalesce(faults.text, texts.text)) from {FAULTS} as faults left join aftercare_texts as texts "
        "using (_row) group by dataset, _row, column_name, code order by _row, dataset, column_name, code"
    )


def with_texts(con: DuckDBPyConnection, texts: dict[int, str]) -> None:
    """Make texts of records, by number, joinable as aftercare_texts (_row, text)."""
    frame = pl.DataFrame({"_row": list(texts), "text": list(texts.values())}, {"_row": pl.Int64, "text": pl.String})
    con.register("aftercare_texts_frame", frame.to_arrow())
    con.execute("create or replace temp table aftercare_texts as from aftercare_texts_frame")
    con.unregister("aftercare_texts_frame")


def flag_findings(con: DuckDBPyConnection, landed: Landed) -> list[Finding]:
    """How many rows that loaded carry which flag: a cleared instant must be counted, not only missing."""
    rows = con.execute(
        f"select dataset, column_name, code, count(distinct _row) from {FLAGS} "
        f"where _row not in (from {HELD}) group by all order by all"
    ).fetchall()
    return [
        Finding(code, {"file": landed.file, "dataset": dataset, "column": column, "count": count})
        for dataset, column, code, count in rows
    ]


def _count(con: DuckDBPyConnection, sql: str) -> int:
    row = con.execute(sql).fetchone()
    return int(row[0]) if row else 0
