"""Which keys of a model something touched since last night: what its header says (keying.py), asked of the tables."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ingestion.sqltext import quoted
from ingestion.warehouse.keying import SELF, cte_body, keying, places, words

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import datetime

    import duckdb

    from ingestion.warehouse.differences import Differences
    from ingestion.warehouse.keying import Keying, Move, Via
    from ingestion.warehouse.models import Model

TOUCHED, READ, TIMES = "aftercare_touched", "aftercare_read", "aftercare_times"
# A run names itself otherwise every night: models that show its id follow it, the others do not.
RUN, LOADS = "raw.run", "raw.loads"


class Everything(Exception):
    """What differs cannot be followed to keys: the model is to be built anew. No error."""


class Touched:
    """Fills TOUCHED with the keys of one model at a time, and READ with those and their neighbours."""

    def __init__(
        self,
        con: duckdb.DuckDBPyConnection,
        catalog: Callable[[str], str],
        differences: Differences,
        as_of: tuple[datetime, datetime],
    ) -> None:
        self.con = con
        self.catalog = catalog
        self.differences = differences
        self.as_of = as_of
        # Models through which a star hands on columns that their text does not name.
        self.with_all_columns: set[str] = set()
        self._tell_times()

    def _tell_times(self) -> None:
        """What conditions of headers may name: the instants as_of moves between, and what crosses them."""
        before, now = (f"timestamp '{instant.isoformat(sep=' ')}'" for instant in self.as_of)
        self.con.execute(
            f"""create or replace temp table {TIMES} as
            select old_as_of, new_as_of,
                cast(old_as_of at time zone 'UTC' at time zone business_timezone as date) as old_date,
                cast(new_as_of at time zone 'UTC' at time zone business_timezone as date) as new_date
            from (select {before} as old_as_of, {now} as new_as_of)
            cross join (select business_timezone from {self.table(RUN)})"""
        )
        self.con.execute(
            f"create or replace temp macro crosses(x) as "
            f"(x >= {before} - interval 2 day and x < {now} + interval 2 day)"
        )
        self.con.execute(
            "create or replace temp macro crosses_year(x) as crosses(x) or crosses(x + interval 365 day)"
        )

    def change(self, model: Model, table: str) -> str | None:
        """The rows of an input that differ in a column the model can read, None where there are none."""
        return self.differences.rows(table, self.used(model, table))

    def used(self, model: Model, table: str) -> tuple[str, ...]:
        columns = self.differences.columns(table)
        keys = keying(model)
        if keys is not None and table in keys.reads:
            return keys.reads[table]
        if model.name in self.with_all_columns:
            return columns
        # Of a table that is only counted any column may tell that it differs.
        return tuple(column for column in columns if column.lower() in words(model.sql)) or columns

    def touch(self, model: Model, keys: Keying) -> int:
        """Fill TOUCHED with every key whose rows may differ; how many. Raises Everything."""
        key_type = self._type_of_key(model, keys)
        self.con.execute(f"create or replace temp table {TOUCHED} (k {key_type})")
        is_from_raw = any(self.differences.is_raw(table) for table in model.references)
        if keys.timed and self.as_of[0] != self.as_of[1]:
            self._add_moving(model, keys)
        for table in sorted(model.references.keys() - set(keys.timed)):
            if table == RUN:
                self._touch_by_time(model, keys)
            elif table == LOADS and is_from_raw:
                # Loads only order and date their rows, for good; complete exports are looked at with the rows.
                continue
            elif self.differences.is_raw(table) and self.differences.is_replaced(table):
                raise Everything
            else:
                self._touch_by_input(model, keys, table)
        for name in keys.shared:
            if self._is_shared_different(model, name):
                raise Everything
        self._spread(keys, TOUCHED, TOUCHED)
        self._spread(keys, TOUCHED, READ)
        return self.count(TOUCHED)

    def _spread(self, keys: Keying, origin: str, target: str) -> None:
        """`target`: the keys of `origin` and their neighbours, each once."""
        nearby = []
        for table, column in keys.near:
            rows, key = self.table(table), self.key_of(keys, table)
            nearby.append(
                f"select {key} from {rows} where {column} in (select {column} from {rows} "
                f"where {key} in (select k from {origin}))"
            )
        spread = " union ".join([f"select k from {origin} where k is not null", *nearby])
        self.con.execute(f"create or replace temp table {target} as select distinct k from ({spread}) as t(k)")

    def _touch_by_input(self, model: Model, keys: Keying, table: str) -> None:
        change = self.change(model, table)
        if change is None:
            return
        expression = self.key_of(keys, table)
        vias = [via for via in keys.vias if via.table == table]
        if expression is None and not vias:
            raise Everything
        if expression is not None:
            self._add(f"select {expression} from {change}")
        for via in vias:
            target, key = self.target(model, keys, via)
            self._add(f"select {key} from {target} where {via.target_column} in (select {via.column} from {change})")
        # A key that left its neighbours, or is gone, is none of theirs any more: they are found by what it was.
        for near, column in keys.near:
            if near == table:
                self._add(
                    f"select {expression} from {self.table(table)} where {column} in (select {column} from {change})"
                )

    def _touch_by_time(self, model: Model, keys: Keying) -> None:
        used = words(model.sql)
        if "run_id" in used:
            raise Everything
        if "as_of" not in used or self.as_of[0] == self.as_of[1]:
            return
        if not keys.has_moves:
            raise Everything
        self._add_moving(model, keys)

    def _add_moving(self, model: Model, keys: Keying) -> None:
        for move in keys.moves:
            self._add(self._moving(model, keys, move))

    def _moving(self, model: Model, keys: Keying, move: Move) -> str:
        """A query for the keys of the rows that move with as_of alone."""
        table = model.name if move.table == SELF else move.table
        before, now = (f"timestamp '{instant.isoformat(sep=' ')}'" for instant in self.as_of)
        condition = move.condition
        if condition is None:
            instants = self.differences.instants(table)
            passed = (f"({quoted(each)} > {before} and {quoted(each)} <= {now})" for each in instants)
            condition = " or ".join(passed) or "false"
        rows = f"from (select * from {self.table(table)} cross join {TIMES}) where {condition}"
        if move.table == SELF:
            return f"select {keys.by} {rows}"
        key = self.key_of(keys, table)
        found = [f"select {key} {rows}"] if key is not None else []
        for via in keys.vias:
            if via.table == table:
                target, target_key = self.target(model, keys, via)
                found.append(
                    f"select {target_key} from {target} where {via.target_column} in (select {via.column} {rows})"
                )
        if not found:
            raise Everything
        return " union all ".join(found)

    def target(self, model: Model, keys: Keying, via: Via) -> tuple[str, str]:
        if via.target == SELF:
            return self.table(model.name), keys.by
        key = self.key_of(keys, via.target)
        if key is None:
            raise Everything
        return self.table(via.target), key

    def key_of(self, keys: Keying, table: str) -> str | None:
        """How the key reads in a table; None where it has none."""
        if table in keys.keys:
            return keys.keys[table]
        return keys.by if keys.by in self.differences.columns(table) else None

    def _type_of_key(self, model: Model, keys: Keying) -> str:
        return self.differences.type_of(model.name, keys.by)

    def _is_shared_different(self, model: Model, name: str) -> bool:
        """Whether a CTE over all keys says tonight what it did not say last night, or the other way round."""
        now, before = self._shared(model, name, self.catalog), self._shared(model, name, self.differences.before)
        self.con.execute(f"create or replace temp table {shared_table(name)} as {now}")
        found = self.con.execute(
            f"select 1 where exists (select * from {shared_table(name)} except ({before})) "
            f"or exists (({before}) except select * from {shared_table(name)})"
        ).fetchone()
        return found is not None

    def _shared(self, model: Model, name: str, catalog: Callable[[str], str]) -> str:
        end = cte_body(model, name)[1] + 1
        text = model.sql[:end]
        for table, begin, _, _ in reversed([place for place in places(model) if place[1] < end]):
            text = f"{text[:begin]}{dotted(catalog(table))}{text[begin:]}"
        return f"select * from (\n{text}\nselect * from {name})"

    def _add(self, select: str) -> None:
        self.con.execute(f"insert into {TOUCHED} {select}")

    def table(self, name: str) -> str:
        return f"{dotted(self.catalog(name))}{name}"

    def count(self, table: str) -> int:
        row = self.con.execute(f"select count(*) from {table}").fetchone()
        return int(row[0]) if row else 0


def dotted(catalog: str) -> str:
    return f"{catalog}." if catalog else ""


def shared_table(name: str) -> str:
    return f"aftercare_shared_{name}"
