"""What of the facts reads otherwise than at the last report: the months that are to be asked again, and their rows.

A night that starts from the last one's tables knows which rows of most facts differ; the others, and the facts of a
night that built everything, are compared month by month.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from ingestion.sqltext import quoted
from ingestion.warehouse import marks
from ingestion.warehouse.differences import SIGN
from ingestion.warehouse.marks import Sides
from ingestion.warehouse.reported import in_months

if TYPE_CHECKING:
    from datetime import date

    import duckdb

    from ingestion.warehouse.differences import Differences
    from ingestion.warehouse.kpis import Kpi
    from ingestion.warehouse.marks import Fact
    from ingestion.warehouse.reported import Window


class Moves:
    """The facts of tonight beside those of the last report, whose snapshot is attached as `previous`.

    Args:
        known: the days that the last report counted.
        differences: which rows differ from that snapshot's; None: everything was built from raw.
    """

    def __init__(self, con: duckdb.DuckDBPyConnection, known: Window, differences: Differences | None) -> None:
        self.con, self.known = con, known
        self._differences = differences
        self._months: dict[tuple[str, str], frozenset[date]] = {}

    def is_told(self, table: str) -> bool:
        """Whether the differing rows of a table are at hand: then nothing else of it need be read."""
        return self._differences is not None and self._differences.is_told(table)

    def sides(self, table: str) -> Sides:
        """A table then and now: what differs where that is at hand, else the whole."""
        if self._differences is None or not self.is_told(table):
            return Sides.whole(table)
        columns = self._differences.columns(table)
        name = self._differences.rows(table, columns)
        listed = ", ".join(quoted(each) for each in columns)
        rows, none = f"(select {listed} from {name} where {SIGN} {{}} 0)", f"(select {listed} from {table} limit 0)"
        return Sides(rows.format("<"), rows.format(">")) if name else Sides(none, none)

    def is_same(self, fact: Fact) -> bool:
        """Whether the fact reads as it did on every day that was reported."""
        if self._differences is not None and self.is_told(fact.name):
            return self._differences.rows(fact.name, (*fact.grain, *fact.used)) is None
        return not any(self._compared(fact, time) for time in dict.fromkeys(kpi.time for kpi in fact.kpis))

    def within(self, fact: Fact) -> str:
        """A condition that every unit that differs fulfils, then and now: a date of it is in a differing month."""
        if self.is_told(fact.name):
            return "true"
        times = dict.fromkeys(kpi.time for kpi in fact.kpis)
        return " or ".join(in_months(time, self._compared(fact, time)) for time in times)

    def months(self, fact: Fact, kpi: Kpi) -> frozenset[date]:
        """The months, by the KPI's date, of the units that differ in what the KPI reads."""
        if self._differences is None or not self.is_told(fact.name):
            return self._compared(fact, kpi.time)
        changed = self._differences.rows(fact.name, fact.read_by([kpi]))
        if changed is None:
            return frozenset()
        return self._asked(
            f"select distinct cast(date_trunc('month', {kpi.time}) as date) from {changed} "
            f"where {kpi.time} >= date '{self.known.first}'"
        )

    def _compared(self, fact: Fact, time: str) -> frozenset[date]:
        if (fact.name, time) not in self._months:
            self._months[fact.name, time] = self._asked(marks.differing_months_query(fact, time, self.known))
        return self._months[fact.name, time]

    def _asked(self, sql: str) -> frozenset[date]:
        return frozenset(month for (month,) in self.con.execute(sql).fetchall())
