"""In which rows tonight's tables differ from last night's: what is gone with sign -1, what is new with sign 1."""

from __future__ import annotations

from typing import TYPE_CHECKING

from data_checks.contract import datasets
from ingestion.sqltext import literal, quoted

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Mapping

    import duckdb

RAW = frozenset(f"raw.{name}" for name in datasets())
SIGN = "aftercare_sign"
_OPEN = ""


class Differences:
    """The differences known so far, table by table.

    `before` names the catalog of last night's tables as the builder's own function names tonight's. What came to raw
    since is told by the loads (`arrived`: a condition over raw rows, '' where nothing came), as raw keeps no past.
    """

    def __init__(
        self,
        con: duckdb.DuckDBPyConnection,
        now: Callable[[str], str],
        before: Callable[[str], str],
        *,
        arrived: Mapping[str, str],
        replaced: Collection[str],
    ) -> None:
        self.con = con
        self.now = now
        self.before_catalog = before
        self._replaced = frozenset(replaced)
        # Table -> temporary table of its differences; None: there are none; _OPEN: it was built anew, ask.
        self._known: dict[str, str | None] = {}
        self._columns: dict[str, tuple[str, ...]] = {}
        self._projections: dict[tuple[str, tuple[str, ...]], str | None] = {}
        self._count = 0
        for table in RAW:
            condition = arrived.get(table, "")
            self._known[table] = self._arrivals(table, condition) if condition else None

    def before(self, table: str) -> str:
        """The catalog of last night's table. Raw has no past: what its rows were is told by `arrived` alone."""
        return self.now(table) if self.is_raw(table) else self.before_catalog(table)

    def is_raw(self, table: str) -> bool:
        """Whether it is a table of exported rows, to which nights only add."""
        return table in RAW

    def is_replaced(self, table: str) -> bool:
        """Whether a complete export of tonight may have made any row of it count no more."""
        return table in self._replaced

    def say_none(self, table: str) -> None:
        """Tonight's table is last night's."""
        self._known[table] = None

    def leave_open(self, table: str) -> None:
        """Tonight's table was built anew: whether it differs is found out when somebody asks."""
        self._known[table] = _OPEN

    def is_open(self, table: str) -> bool:
        return self._known.get(table) == _OPEN

    def is_told(self, table: str) -> bool:
        """Whether the differing rows of a table are at hand, or there are none."""
        return self._known.get(table, _OPEN) != _OPEN

    def keep(self, table: str, old: str, new: str) -> bool:
        """Write down how `new` rows differ from the `old` ones they replace; whether they do."""
        self._known[table] = self._subtract(old, new)
        return self._known[table] is not None

    def table(self, name: str) -> str:
        """The temporary table of the differences of a table that has some."""
        return self._known[name] or ""

    def rows(self, table: str, used: tuple[str, ...]) -> str | None:
        """The differences of a table in some of its columns, as a temporary table; None where there are none."""
        if self._known.get(table, _OPEN) is None:
            return None
        if (table, used) not in self._projections:
            self._projections[table, used] = self._project(table, used)
        return self._projections[table, used]

    def _project(self, table: str, used: tuple[str, ...]) -> str | None:
        known = self._known.get(table, _OPEN)
        columns = ", ".join(quoted(each) for each in used)
        if known == _OPEN:
            return self._subtract(
                f"select {columns} from {self.full(table, self.before)}",
                f"select {columns} from {self.full(table, self.now)}",
            )
        if self.is_raw(table) or used == self.columns(table):
            return known
        name = self._next()
        self.con.execute(
            f"create temp table {name} as select {columns}, cast(sum({SIGN}) as bigint) as {SIGN} "
            f"from {known} group by all having sum({SIGN}) <> 0"
        )
        return self._unless_empty(name)

    def _subtract(self, old: str, new: str) -> str | None:
        # Equal rows cancel out, as many of them as there are on both sides.
        name = self._next()
        self.con.execute(
            f"create temp table {name} as select * replace (cast(sum({SIGN}) as bigint) as {SIGN}) from "
            f"(select *, -1 as {SIGN} from ({old}) union all select *, 1 as {SIGN} from ({new})) "
            f"group by all having sum({SIGN}) <> 0"
        )
        return self._unless_empty(name)

    def _arrivals(self, table: str, condition: str) -> str | None:
        name = self._next()
        self.con.execute(
            f"create temp table {name} as select *, 1 as {SIGN} from warehouse.{table} as rows where {condition}"
        )
        return self._unless_empty(name)

    def _unless_empty(self, name: str) -> str | None:
        if self.con.execute(f"select 1 from {name} limit 1").fetchone():
            return name
        self.con.execute(f"drop table {name}")
        return None

    def _next(self) -> str:
        self._count += 1
        return f"aftercare_difference_{self._count}"

    def drop(self) -> None:
        """Give back the room the differences take."""
        for name in {*self._known.values(), *self._projections.values()} - {None, _OPEN}:
            self.con.execute(f"drop table if exists {name}")

    def full(self, table: str, catalog: Callable[[str], str]) -> str:
        """A table's name with its catalog, tonight's (`now`) or last night's (`before`)."""
        return ".".join(part for part in (catalog(table), table) if part)

    def columns(self, table: str) -> tuple[str, ...]:
        """The columns of last night's table, which are tonight's: the definitions are the same."""
        if table not in self._columns:
            self._columns[table] = self.columns_of(self.full(table, self.now))
        return self._columns[table]

    def columns_of(self, table: str) -> tuple[str, ...]:
        return tuple(name for name, _ in self._described(table))

    def instants(self, table: str) -> list[str]:
        """The columns of a table that hold a point in time."""
        described = self._described(self.full(table, self.before))
        return [name for name, kind in described if kind in ("TIMESTAMP", "DATE", "TIMESTAMP WITH TIME ZONE")]

    def type_of(self, table: str, expression: str) -> str:
        """The type of an expression over last night's rows of a table."""
        return self._described(self.full(table, self.before), expression)[0][1]

    def _described(self, table: str, columns: str = "*") -> list[tuple[str, str]]:
        rows = self.con.execute(f"describe select {columns} from {table}").fetchall()
        return [(str(row[0]), str(row[1])) for row in rows]


def loaded_by(load_ids: Collection[str]) -> str:
    """A condition over raw rows: they came with one of these loads."""
    return f"rows.load_id in ({', '.join(literal(each) for each in sorted(load_ids))})"
