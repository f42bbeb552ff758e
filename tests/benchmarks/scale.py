"""A big snapshot out of a small one: `python -m tests.benchmarks.scale HOME BIG_HOME --tickets 10000000`.

Each row of a fact becomes so many rows as there shall be times more tickets: keys of their own, up to three weeks
earlier (whole weeks: the weekday stays), and the slices of other rows, each axis (region, tier, channel, customer
type, product) drawn apart. So proportions stay, and the combinations that a bigger business would have are filled.
Facts are written in the order of the small one, a stretch at a time, so that memory is bounded; then marts and cells
are built from them as a night builds them. Facts that are not grown are copied.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from time import perf_counter
from typing import TYPE_CHECKING

import duckdb

from ingestion.sqltext import literal, quoted
from ingestion.warehouse import cells, cells_build, models, snapshots
from ingestion.warehouse.kpis import load_kpis
from ingestion.warehouse.places import Places

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

FACTS = (
    "core.fct_ticket_facts",
    "core.fct_complaints",
    "core.fct_open_complaints",
    "core.fct_surveys",
    "core.fct_survey_answers",
    "core.fct_repair_chains",
    "core.fct_first_visits",
    "core.fct_orders",
    "core.fct_first_orders",
    "core.fct_customer_months",
)
"""What the dashboard's pages read."""
ROWS_AT_ONCE = 2_000_000
WEEKS = 4


def grow(home: Path, big: Path, tickets: int, facts: Sequence[str] = FACTS, memory: str = "4GB") -> int:
    """Write and publish the big snapshot; returns how many tickets it has."""
    small = snapshots.published(home)
    if small is None:
        raise SystemExit("nothing is published there")
    places = Places(big)
    for folder in (places.snapshots, places.scratch):
        folder.mkdir(parents=True, exist_ok=True)
    run_id = small.run_id
    duckdb.connect(str(places.build_people(run_id))).close()
    config = {"memory_limit": memory, "temp_directory": str(places.scratch / "spill")}
    with duckdb.connect(str(places.build(run_id)), config=config) as con:
        con.execute("set timezone = 'UTC'")
        con.execute(f"attach {literal(str(small.file))} as small (read_only)")
        times = _times(con, tickets)
        tables = _names(con, "tables", "small")
        _copy(con, tables, facts)
        for fact in facts:
            if fact in tables:
                _told(fact, lambda fact=fact: _multiply(con, fact, times))  # type: ignore[misc]
        # Marts of what has grown, and what is published as a view of it.
        wanted = tables | _names(con, "views", "small")
        for model in models.load_models():
            if model.name in wanted - _names(con, "tables"):
                _told(model.name, lambda model=model: models.create(con, model, lambda _: ""))  # type: ignore[misc]
        _told("cells", lambda: cells_build.build(con, load_kpis()))
        (count,) = con.execute("select count(*) from core.fct_tickets").fetchall()[0]
        con.execute("detach small")
    snapshots.publish(big, run_id, as_of=small.as_of, state=f"{small.state} grown to {count}")
    return int(count)


def _told(name: str, work: object) -> None:
    begun = perf_counter()
    assert callable(work)
    work()
    print(f"{perf_counter() - begun:8.1f} s  {name}", file=sys.stderr, flush=True)


def _times(con: duckdb.DuckDBPyConnection, tickets: int) -> int:
    (there,) = con.execute("select count(*) from small.core.fct_tickets").fetchall()[0]
    return max(1, round(tickets / there))


def _names(con: duckdb.DuckDBPyConnection, kind: str, catalog: str = "") -> set[str]:
    """The tables, or the views, of the big file or of the small one; its cells left out."""
    catalog = literal(catalog) if catalog else "current_database()"
    name = f"schema_name || '.' || {kind[:-1]}_name"
    sql = f"select {name} from duckdb_{kind}() where database_name = {catalog} and schema_name <> 'cells'"
    return {name for (name,) in con.execute(f"{sql} and not internal").fetchall()}


def _copy(con: duckdb.DuckDBPyConnection, tables: Iterable[str], facts: Sequence[str]) -> None:
    """All tables but those grown and the marts of those grown."""
    every = {model.name: model for model in models.load_models()}
    rebuilt = {
        mart.name
        for mart in every.values()
        if mart.schema == "marts" and any({read, *_behind(every, read)} & {*facts} for read in mart.references)
    }
    for table in sorted(tables):
        con.execute(f"create schema if not exists {table.partition('.')[0]}")
        if table not in {*facts, *rebuilt}:
            con.execute(f"create table {table} as from small.{table}")


def _behind(every: Mapping[str, models.Model], name: str) -> Iterable[str]:
    """What a view reads."""
    return every[name].references if name in every and every[name].is_view else ()


def _multiply(con: duckdb.DuckDBPyConnection, fact: str, times: int) -> None:
    columns = dict(
        con.execute(
            "select column_name, data_type from duckdb_columns() "
            "where database_name = 'small' and schema_name || '.' || table_name = ? order by column_index",
            [fact],
        ).fetchall()
    )
    (rows,) = con.execute(f"select count(*) from small.{fact}").fetchall()[0]
    con.execute(f"create table {fact} as from small.{fact} with no data")
    if not rows:
        return
    axes = [known for axis in cells.AXES.values() if (known := [name for name in axis if name in columns])]
    con.execute(
        f"create or replace temp table source as select row_number() over () - 1 as place, * from small.{fact}"
    )
    joins = ""
    for number, axis in enumerate(axes):
        con.execute(f"create or replace temp table axis_{number} as select place, {', '.join(axis)} from source")
        # Another prime for each axis: no two copies of a row have the same combination of slices.
        other = f"case when copy = 0 then source.place else (source.place + copy * {_PRIMES[number]}) % {rows} end"
        joins += f" join axis_{number} on axis_{number}.place = {other}"
    owner = {name: f"axis_{number}.{name}" for number, axis in enumerate(axes) for name in axis}
    chosen = ", ".join(owner.get(name) or _moved(name, kind) for name, kind in columns.items())
    stretch = max(1, ROWS_AT_ONCE // times)
    for first in range(0, rows, stretch):
        some = f"from source where place >= {first} and place < {first + stretch}"
        con.execute(
            f"insert into {fact} select {chosen} from ({some}) as source"
            f" cross join (select range as copy from range({times})) as copies{joins}"
        )
    con.execute("drop table source")


_PRIMES = (7_919, 104_729, 15_485_863, 32_452_843, 49_979_687)


def _moved(name: str, kind: str) -> str:
    """A column of a copy: keys get its number, days and instants go some weeks back, all of a row by as many."""
    column = f"source.{quoted(name)}"
    if kind == "VARCHAR" and name.endswith(("_key", "_id")):
        return f"case when copy = 0 then {column} else {column} || '~' || copy end"
    days = f"cast(7 * ((source.place + copy) % {WEEKS} * (copy > 0)::int) as integer)"
    if kind == "DATE":
        return f"{column} - {days}"
    if kind == "DATE[]":
        return f"list_transform({column}, lambda day: day - {days})"
    if kind == "TIMESTAMP":
        return f"{column} - to_days({days})"
    return column


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("home", type=Path)
    options.add_argument("big_home", type=Path)
    options.add_argument("--tickets", type=int, default=10_000_000)
    options.add_argument("--facts", default=",".join(FACTS))
    options.add_argument("--memory", default="4GB")
    told = options.parse_args()
    count = grow(told.home.resolve(), told.big_home.resolve(), told.tickets, told.facts.split(","), told.memory)
    print(f"{count} tickets in {told.big_home}")


if __name__ == "__main__":
    main()
