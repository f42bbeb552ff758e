"""Nights of random changes to what is loaded, straight into raw, and the proof that tables grown are tables built.

Landing is left out: what a file becomes is tested elsewhere. Here rows come, change, come late, lie ahead, are gone,
in one file or in a complete one, while as_of moves, sometimes alone.
"""

from __future__ import annotations

import random
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

from data_checks.contract import ENTITIES, REFERENCES, datasets
from ingestion import effects, growth, publishing, restatements
from ingestion.mapping import load_sources
from ingestion.night import Night, lock, night
from ingestion.progress import Silent
from ingestion.settings import Settings
from ingestion.sqltext import quoted
from ingestion.warehouse import cells_build, cells_grow, incremental, ledger, models, waiting
from ingestion.warehouse.kpis import load_kpis

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    import duckdb
    import pytest

STEPS = (0, 1, 5, 24, 24, 24, 26, 30 * 24)
"""Hours by which as_of moves on from one night to the next."""
OTHER = "other"


def leave_out_what_is_tested_elsewhere(patch: pytest.MonkeyPatch) -> None:
    """Reports and effects are taken from the tables; they would take most of the time."""
    patch.setattr(restatements, "record", lambda *_: None)
    patch.setattr(effects, "measure", lambda *_: None)
    # On some hundred tickets everything is small: all that can be followed by key is to be followed.
    patch.setattr(incremental, "SMALL", -1)
    patch.setattr(incremental, "TOUCHED_AT_MOST", 2)
    # Likewise cells of every fact, grown however much of it differs.
    for limit in ("LEAST_ROWS", "UNITS_A_CELL"):
        patch.setattr(cells_build, limit, 0)
    patch.setattr(cells_build, "SHORT", -1)
    patch.setattr(cells_grow, "GROWN_AT_MOST", 1e9)
    # Cells of everything, built twice a night by the comparison below, swell a file of some hundred tickets.
    patch.setattr(growth, "SWOLLEN", 1e9)


def run_night(
    home: Path, as_of: datetime, change: Any = None, *, is_compared: bool = True, is_last: bool = True
) -> tuple[Night, list[str]]:
    """One night on what `change` does to raw; returns it, closed, with the tables that differ from a full build.

    Cells are compared after the last night only: each grows out of the one before, so that a fault stays in them.
    """
    settings = Settings(home=home, settle_seconds=0, memory_limit="3GB")
    sources = load_sources(home / "mappings")
    with lock(home) as places, night(places, settings, Silent(), home) as tonight:
        if change is not None:
            change(tonight)
        waiting.release(tonight.con, tonight.run_id, waiting.namespaces_of(sources))
        aim = publishing.aim(tonight, as_of)
        publishing.build(tonight, aim, sources, "duckdb")
        wrong = differing(tonight) if is_compared else []
        wrong += differing_cells(tonight.con) if is_compared and is_last else []
        publishing.publish(tonight, aim, sources)
    return tonight, wrong


def differing(tonight: Night) -> list[str]:
    """Build every model from raw beside what was built tonight; the names of those whose rows differ."""
    con = tonight.con
    ordered = models.load_models()
    where = models.catalog_of(models.static_inputs(), ordered)
    con.execute("attach ':memory:' as whole")

    def whole(table: str) -> str:
        return where(table) if table.startswith("raw.") else "whole"

    wrong = []
    for model in ordered:
        models.build(con, model, whole)
        grown = ".".join(part for part in (where(model.name), model.name) if part)
        built = f"whole.{model.name}"
        row = con.execute(
            f"select (select count(*) from (from {grown} except all from {built})), "
            f"(select count(*) from (from {built} except all from {grown}))"
        ).fetchone()
        if row != (0, 0):
            wrong.append(f"{model.name} {row}")
    con.execute("detach whole")
    return wrong


def differing_cells(con: duckdb.DuckDBPyConnection) -> list[str]:
    """Build the cells of tonight's facts anew, beside those that are there; the tables that differ."""
    con.execute("attach ':memory:' as grown")
    con.execute("create schema grown.cells")
    tables = [name for (name,) in con.execute("select name from cells.tables").fetchall()]
    held = [*tables, "cells.tables", "cells.first_dates"]
    for table in held:
        con.execute(f"create table grown.{table} as from {table}")
    con.execute("drop schema cells cascade")
    cells_build.build(con, load_kpis())
    built = {name for (name,) in con.execute("select name from cells.tables").fetchall()}
    wrong = [f"cells of one build alone: {name}" for name in sorted(set(tables) ^ built)]
    for table in sorted({*built, "cells.tables", "cells.first_dates"} & set(held)):
        both = f"(from {table} except all from grown.{table}) union all (from grown.{table} except all from {table})"
        if con.execute(f"select 1 from ({both}) limit 1").fetchone():
            wrong.append(table)
    # The next night goes on from what grew, so that faults would add up.
    con.execute("drop schema cells cascade")
    con.execute("create schema cells")
    for table in held:
        con.execute(f"create table {table} as from grown.{table}")
    con.execute("detach grown")
    return wrong


class Changes:
    """Random changes to raw, the same for the same seed."""

    def __init__(self, seed: int, as_of: datetime) -> None:
        self.dice = random.Random(seed)
        self.as_of = as_of
        self.count = 0

    def __call__(self, tonight: Night) -> None:
        """Load some rows of some datasets."""
        first = ledger.next_load_seq(tonight.con)
        names = [name for name in datasets() if self.dice.random() < 0.3]
        for name in {*names, *self.dice.sample(["tickets", "ticket_events", "customers", "surveys", "orders"], 2)}:
            if self._rows(tonight.con, name, "true", 1):
                self._load(tonight, name, first + self.count)
                self.count += 1

    def _rows(self, con: duckdb.DuckDBPyConnection, name: str, condition: str, limit: int) -> list[dict[str, Any]]:
        # No count of rows is left to chance: without an order every look would find others.
        return ledger.fetch(
            con,
            f"select * from warehouse.raw.{quoted(name)} where {condition} "
            f"order by hash(load_id || source_row || {self.dice.randrange(10**6)}) limit {limit}",
        )

    def _load(self, tonight: Night, name: str, load_seq: int) -> None:
        is_full = self.dice.random() < 0.08
        rows = self._rows(tonight.con, name, "true", 10**6 if is_full else self.dice.choice((1, 2, 3, 6)))
        kept = [row for row in rows if not is_full or self.dice.random() < 0.98]
        donors = self._rows(tonight.con, name, "true", 40)
        source = OTHER if self.dice.random() < 0.15 else rows[0]["source"]
        load_id = f"{tonight.run_id}-{load_seq:03d}"
        through = self.as_of + timedelta(hours=self.dice.choice((0, 0, 0, -30, 12)))
        for number, row in enumerate(kept, start=1):
            row |= {"load_seq": load_seq, "load_id": load_id, "source_row": number, "source": source}
            if not is_full or self.dice.random() < 0.02:
                self._change(name, row, donors)
        columns = list(kept[0]) if kept else []
        for row in kept:
            marks = ", ".join("?" for _ in columns)
            tonight.con.execute(
                f"insert into warehouse.raw.{quoted(name)} ({', '.join(map(quoted, columns))}) values ({marks})",
                list(row.values()),
            )
        ledger.record_load(
            tonight.con,
            ledger.Load(
                load_id=load_id, load_seq=load_seq, run_id=tonight.run_id, source=source, feed=name, file=name,
                sha256=load_id, bytes=1, rows_read=len(kept), rows_loaded=len(kept), rows_quarantined=0,
                rows_duplicate=0, data_through=through, loaded_at=tonight.started_at, is_full=is_full,
            ),
        )  # fmt: skip

    def _change(self, name: str, row: dict[str, Any], donors: list[dict[str, Any]]) -> None:
        """A new version of a row, or a new row like it; sometimes late, sometimes one that says it is gone."""
        row["version_key"] = str(self.as_of + timedelta(hours=self.dice.choice((0, 0, 0, 20, -24 * 400))))
        key = ENTITIES[name]
        if self.dice.random() < 0.08:
            row["is_gone"] = True
            return
        if self.dice.random() < 0.4 and (name, key[0]) not in REFERENCES:
            row[key[0]] = f"{row[key[0]]}-{self.dice.randrange(10**6)}"
        for column in datasets()[name].columns:
            is_fixed = column.name in key or column.name == "master_customer_id"
            if not is_fixed and self.dice.random() < 0.35:
                row[column.name] = self._value(column.duckdb_type, column.name, donors)

    def _value(self, kind: str, column: str, donors: list[dict[str, Any]]) -> object:
        if kind == "TIMESTAMP" and self.dice.random() < 0.7:
            return self.as_of + timedelta(seconds=self.dice.randrange(-20 * 86400, 3 * 86400))
        return self.dice.choice(donors)[column]


def instants(seed: int, first: datetime, nights: int) -> Iterator[datetime]:
    """as_of of each night."""
    dice = random.Random(seed)
    for _ in range(nights):
        first += timedelta(hours=dice.choice(STEPS))
        yield first


__all__ = ["Changes", "differing", "growth", "instants", "leave_out_what_is_tested_elsewhere", "run_night"]
