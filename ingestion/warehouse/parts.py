"""Building a big table a part of its keys at a time: many joins at once need memory that no spilling replaces."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

from ingestion.warehouse.keying import cte_body, keying, places

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    import duckdb

    from ingestion.warehouse.keying import Keying
    from ingestion.warehouse.models import Model

BYTES_A_ROW: Final = 100
"""Of memory for each row of each input: 15 joins of a million tickets ended at 1200 MB, in four parts not."""
FINER: Final = 2
"""How many times as many parts are taken where memory ran out all the same."""
MOST: Final = 256
_HASHES: Final = 1 << 64
_UNITS: Final = {"bytes": 1, "KiB": 1 << 10, "MiB": 1 << 20, "GiB": 1 << 30, "TiB": 1 << 40}


def first_count(con: duckdb.DuckDBPyConnection, model: Model, catalog: Callable[[str], str]) -> int:
    """In how many parts to begin: one where its inputs are short, or nothing but a scan tells a row's key."""
    keys = keying(model)
    if not are_possible(model) or keys is None or keys.keys:
        return 1
    # What the catalog says of all inputs at once: a count of each took a tenth of a night on a few rows.
    tables = [full if full.count(".") == 2 else f"{_main(con)}.{full}" for full in _tables(model, catalog).values()]
    rows = con.execute(
        "select coalesce(sum(estimated_size), 0) from duckdb_tables() "
        "where database_name || '.' || schema_name || '.' || table_name in (select unnest(?))",
        [tables],
    ).fetchall()[0][0]
    return max(1, -int(-rows * BYTES_A_ROW // _limit(con)))


def finer(model: Model, count: int) -> int:
    """How many parts to take after so many were too few; 0 where there is nothing left to try."""
    return min(count * FINER, MOST) if are_possible(model) and count < MOST else 0


def are_possible(model: Model) -> bool:
    """Whether the header says which rows a key's rows follow from, and those are not its neighbours' too."""
    keys = keying(model)
    return keys is not None and not keys.near


def statements(con: duckdb.DuckDBPyConnection, model: Model, catalog: Callable[[str], str], count: int) -> list[str]:
    """The SELECTs, `count` of them, whose rows together are the model's.

    Each reads its share of the keys from inputs that have the key, others whole, and hands on its keys' rows alone.
    """
    keys = keying(model)
    if count == 1 or keys is None:
        return [model.sql_for(catalog)]
    tables = _tables(model, catalog)
    expressions = {table: found for table, full in tables.items() if (found := _key_of(con, keys, table, full))}
    return [_part(model, keys, tables, expressions, _share(number, count)) for number in range(count)]


def memory(con: duckdb.DuckDBPyConnection) -> str:
    """What the engine's memory is taken by, in MB, for whoever reads the log of a night that ran out of it."""
    rows = con.execute(
        "select tag, memory_usage_bytes // 1000000 as size from duckdb_memory() where size > 0 order by size desc"
    ).fetchall()
    return ", ".join(f"{tag} {size} MB" for tag, size in rows)


def _tables(model: Model, catalog: Callable[[str], str]) -> dict[str, str]:
    return {table: ".".join(part for part in (catalog(table), table) if part) for table in model.references}


def _key_of(con: duckdb.DuckDBPyConnection, keys: Keying, table: str, full: str) -> str | None:
    """How the key reads in an input of which only the key's own rows count; None where it is read whole."""
    if any(via.table == table for via in keys.vias):
        return None
    return keys.keys.get(table) or (keys.by if keys.by in _columns(con, full) else None)


def _main(con: duckdb.DuckDBPyConnection) -> str:
    """The catalog of a name without one."""
    return str(con.execute("select current_database()").fetchall()[0][0])


def _columns(con: duckdb.DuckDBPyConnection, full: str) -> set[str]:
    return {row[0] for row in con.execute(f"describe {full}").fetchall()}


def _limit(con: duckdb.DuckDBPyConnection) -> float:
    """Bytes of memory that the engine may take."""
    told = str(con.execute("select current_setting('memory_limit')").fetchall()[0][0])
    found = re.fullmatch(r"([\d.]+) (\w+)", told)
    return float(found[1]) * _UNITS[found[2]] if found else float(_UNITS["GiB"])


def _share(number: int, count: int) -> str:
    """Which hashes are this part's. As a range: of an equality DuckDB expects two rows, and plans joins for those."""
    first, end = number * _HASHES // count, (number + 1) * _HASHES // count - 1
    return f"between {first}::ubigint and {end}::ubigint"


def _part(
    model: Model, keys: Keying, tables: Mapping[str, str], expressions: Mapping[str, str], condition: str
) -> str:
    bodies = [cte_body(model, name) for name in keys.shared]
    text = model.sql
    for table, begin, end, is_named in reversed(places(model)):
        source = tables[table]
        # What is asked of all keys is asked of all of them in every part.
        if table in expressions and not any(first <= begin < last for first, last in bodies):
            alias = "" if is_named else f" as {table.partition('.')[2]}"
            source = f"(select * from {source} where hash({expressions[table]}) {condition}){alias}"
        text = f"{text[:begin]}{source}{text[end:]}"
    return f"select * from (\n{text}\n) where hash({keys.by}) {condition}"
