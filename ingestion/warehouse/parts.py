"""Building a big table a part of its keys at a time: many joins at once need memory that no spilling replaces."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

from ingestion.warehouse.keying import keying, places

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    import duckdb

    from ingestion.warehouse.models import Model

BYTES_A_ROW: Final = 900
"""Of memory for each row of the longest input: 15 joins of a million tickets ended at 1200 MB, in four parts not."""
_UNITS: Final = {"bytes": 1, "KiB": 1 << 10, "MiB": 1 << 20, "GiB": 1 << 30, "TiB": 1 << 40}


def statements(con: duckdb.DuckDBPyConnection, model: Model, catalog: Callable[[str], str]) -> list[str]:
    """The SELECTs whose rows together are the model's: one where it is short, or looks beyond single keys."""
    whole = model.sql_for(catalog)
    keys = keying(model)
    tables = {table: ".".join(part for part in (catalog(table), table) if part) for table in model.references}
    if keys is None or keys.looks_beyond or not _have(con, keys.by, tables.values()):
        return [whole]
    count = _parts(con, list(tables.values()))
    if count == 1:
        return [whole]
    return [_part(model, tables, f"hash({keys.by}) % {count} = {number}") for number in range(count)]


def _have(con: duckdb.DuckDBPyConnection, key: str, tables: Iterable[str]) -> bool:
    """Whether every input has the key, so that a key's rows follow from that key's rows alone."""
    return all(key in {row[0] for row in con.execute(f"describe {table}").fetchall()} for table in tables)


def _parts(con: duckdb.DuckDBPyConnection, tables: list[str]) -> int:
    """How many parts the longest input is to be taken in."""
    rows = max(int(con.execute(f"select count(*) from {table}").fetchall()[0][0]) for table in tables)
    told = str(con.execute("select current_setting('memory_limit')").fetchall()[0][0])
    found = re.fullmatch(r"([\d.]+) (\w+)", told)
    limit = float(found[1]) * _UNITS[found[2]] if found else float(_UNITS["GiB"])
    return max(1, -int(-rows * BYTES_A_ROW // limit))


def _part(model: Model, tables: dict[str, str], condition: str) -> str:
    text = model.sql
    for table, begin, end, is_named in reversed(places(model)):
        alias = "" if is_named else f" as {table.partition('.')[2]}"
        text = f"{text[:begin]}(select * from {tables[table]} where {condition}){alias}{text[end:]}"
    return text
