"""Building the tables of a night from those of the night before: only what something touched is computed again.

Every model is brought from last night's table to tonight's in the order of their references. Where none of its inputs
differs it stays. Where its header says `-- by:` (keying.py) and all that differs can be followed to keys, its SELECT
runs over the rows of those keys alone, and takes their place. Otherwise it is built anew. The tables are those that a
full build would make (tests/ingestion/test_incremental.py).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import duckdb

from ingestion.sqltext import quoted
from ingestion.warehouse import linear, models
from ingestion.warehouse.errors import ModelFailed
from ingestion.warehouse.keying import SELF, cte_body, keying, places
from ingestion.warehouse.touched import READ, TOUCHED, Everything, Touched, shared_table

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import datetime

    from ingestion.warehouse.differences import Differences
    from ingestion.warehouse.keying import Keying
    from ingestion.warehouse.models import Model

TOUCHED_AT_MOST = 0.3
"""From this share of a table's rows on, building it anew costs less."""
SMALL = 2000
"""Tables of fewer rows are built anew sooner than followed."""
OLD, PLACE, FRESH, BORN = "aftercare_old", "aftercare_place", "aftercare_fresh", "aftercare_born"
REFILLED = frozenset({"core.fct_measures", "core.fct_baseline"})
"""Filled after the models, from the night's own numbers: last night's filling must not stay in them."""


class Growth:
    """One night's build from the tables of the night before.

    Tonight's tables already hold last night's rows; `before` names last night's, which nothing writes to.
    """

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
        self.touched = Touched(con, catalog, differences, as_of)
        self.changed: set[str] = set()
        self.kept: set[str] = set()
        self.followed: set[str] = set()
        self.views: set[str] = set()

    def grow(self, model: Model) -> None:
        """Bring one model's table from last night's state to tonight's, and verify its grain.

        Raises:
            ModelFailed, GrainBroken: as models.build.
        """
        try:
            self._grow(model)
        except duckdb.Error as error:
            raise ModelFailed(model=model.name, reason=models.first_line(error)) from error

    def _grow(self, model: Model) -> None:
        if model.is_view:
            self._grow_view(model)
            return
        keys = keying(model)
        if self.views & model.references.keys():
            # A view has no rows of last night.
            self._build_anew(model)
        elif keys is None:
            if self._is_untouched(model):
                self._keep(model)
            else:
                self._build_anew(model)
        else:
            self._grow_by_key(model, keys)

    def _grow_view(self, model: Model) -> None:
        """A view holds nothing, but cells and reports are made of its rows: say how those differ."""
        if self.changed & model.references.keys() and self._differs(model):
            self.changed.add(model.name)
        self.views.add(model.name)

    def _differs(self, model: Model) -> bool:
        # Last night's rows of a view are not at hand for one that reads it.
        reads_views = bool(self.views & model.references.keys())
        return reads_views or linear.differ(model, self.touched) is not False

    def _grow_by_key(self, model: Model, keys: Keying) -> None:
        try:
            count = self.touched.touch(model, keys)
        except Everything:
            self._build_anew(model)
            return
        if count == 0:
            self._keep(model)
        elif self._is_anew_cheaper(model, keys):
            self._build_anew(model)
        elif self._follow(model, keys):
            self.followed.add(model.name)

    def _is_anew_cheaper(self, model: Model, keys: Keying) -> bool:
        """OLD: last night's rows of the touched keys. Whether they are most of the table, or the table is short."""
        table = self.touched.table(model.name)
        size = self.touched.count(table)
        if size < SMALL:
            return True
        self.con.execute(
            f"create or replace temp table {OLD} as select rowid as {PLACE}, * from {table} "
            f"where {keys.by} in (select k from {TOUCHED})"
        )
        return self.touched.count(OLD) > TOUCHED_AT_MOST * size

    def _keep(self, model: Model) -> None:
        self.differences.say_none(model.name)
        self.kept.add(model.name)

    def _build_anew(self, model: Model) -> None:
        self.con.execute(f"drop {'view' if model.is_view else 'table'} if exists {self.touched.table(model.name)}")
        models.build(self.con, model, self.catalog)
        self.differences.leave_open(model.name)
        self.changed.add(model.name)

    def _is_untouched(self, model: Model) -> bool:
        """Whether no input differs. One that was built anew counts as different without looking at it."""
        if model.name in REFILLED:
            return False
        return not any(
            self.differences.is_open(table) or self.touched.change(model, table) is not None
            for table in model.references
        )

    def _follow(self, model: Model, keys: Keying) -> bool:
        """Compute the touched keys and put them in the place of what they were; whether anything differs."""
        table = self.touched.table(model.name)
        self._compute(model, keys)
        if not self.differences.keep(model.name, f"select * exclude ({PLACE}) from {OLD}", f"select * from {FRESH}"):
            self.kept.add(model.name)
            return False
        self.con.execute(
            f"create or replace temp table {BORN} as select distinct {keys.by} as k "
            f"from {self.differences.table(model.name)}"
        )
        self.con.execute(
            f"delete from {table} where rowid in "
            f"(select {PLACE} from {OLD} where {keys.by} in (select k from {BORN}))"
        )
        self.con.execute(
            f"insert into {table} by name select * from {FRESH} where {keys.by} in (select k from {BORN})"
        )
        self._verify_grain(model, keys, table)
        self.changed.add(model.name)
        return True

    def _compute(self, model: Model, keys: Keying) -> None:
        """FRESH: the rows of the touched keys as they are tonight."""
        for _ in range(2):
            try:
                self.con.execute(
                    f"create or replace temp table {FRESH} as select * from (\n{self._narrowed(model, keys)}\n) "
                    f"where {keys.by} in (select k from {TOUCHED})"
                )
            except duckdb.BinderException:
                if model.name in self.touched.with_all_columns:
                    raise
            else:
                if self.differences.columns_of(FRESH) == self.differences.columns(model.name):
                    return
            # A star hands on columns that the text does not name.
            self.touched.with_all_columns.add(model.name)
        raise ModelFailed(model=model.name, reason="the SELECT has other columns than last night's table")

    def _narrowed(self, model: Model, keys: Keying) -> str:
        """The model's text, reading only what belongs to the touched keys."""
        bodies = [(*cte_body(model, name), f"from {shared_table(name)}") for name in keys.shared]
        named = [place for place in places(model) if not any(begin <= place[1] < end for begin, end, _ in bodies)]
        inputs = {
            table: self._narrow(model, keys, table, f"aftercare_input_{number}")
            for number, table in enumerate(sorted({place[0] for place in named}))
        }
        edits = [
            (begin, end, inputs[table] + ("" if is_named else f" as {table.partition('.')[2]}"))
            for table, begin, end, is_named in named
        ]
        text = model.sql
        for begin, end, instead in sorted([*edits, *bodies], reverse=True):
            text = f"{text[:begin]}{instead}{text[end:]}"
        return text

    def _narrow(self, model: Model, keys: Keying, table: str, name: str) -> str:
        """An input as the touched keys need it: a temporary table of their rows, or the whole where they need it."""
        columns = ", ".join(quoted(each) for each in self.touched.used(model, table))
        expression = self.touched.key_of(keys, table)
        vias = [via for via in keys.vias if via.table == table]
        if any(via.target == SELF for via in vias) or (expression is None and not vias):
            return f"(select {columns} from {self.touched.table(table)})"
        conditions = [f"{expression} in (select k from {READ})"] if expression is not None else []
        for via in vias:
            target, key = self.touched.target(model, keys, via)
            conditions.append(
                f"{via.column} in (select {via.target_column} from {target} where {key} in (select k from {READ}))"
            )
        wanted = " or ".join(conditions)
        self.con.execute(
            f"create or replace temp table {name} as select {columns} from {self.touched.table(table)} where {wanted}"
        )
        return name

    def _verify_grain(self, model: Model, keys: Keying, table: str) -> None:
        """Prove the grain where it may have been broken tonight: among the rows that are new."""
        if keys.by in model.grain:
            models.verify_grain(self.con, model, f"(select * from {FRESH})")
            return
        grain = ", ".join(quoted(column) for column in model.grain)
        models.verify_grain(
            self.con, model, f"(select {grain} from {table} where ({grain}) in (select ({grain}) from {FRESH}))"
        )
