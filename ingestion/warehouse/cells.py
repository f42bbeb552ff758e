"""Cells: what the KPIs of a fact add up to by day or month and slice: a page's cost follows cells, not units.

Everything follows from the entries of sql/kpis; no KPI has SQL of its own here. A fact's sums (numerator,
denominator, squares, how many count, how many are pending) are additive, so months from month cells and the days at
either end from day cells or facts make any dates exactly. Durations are counted by the cells of one grid
(cells_grid), events and all that leave apart, which is all that Kaplan-Meier needs. cells.tables names what each
column holds by the SQL that filled it: a reader with another definition of it finds nothing there, and asks the fact.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import groupby
from typing import TYPE_CHECKING, Final, Literal

from ingestion.warehouse import cells_grid
from ingestion.warehouse.kpi_sql import NOTHING, SUM_KINDS, sums_of

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Mapping

    from ingestion.warehouse.kpis import Kpi

REGISTRY: Final = "cells.tables"
Step = Literal["day", "month"]
Kind = Literal["sums", "durations", "units"]

SCHEMA: Final = "cells"
FIRST_DATES: Final = "cells.first_dates"
LEAST_ROWS: Final = 250_000
"""Below that a scan of the fact takes no longer than one of cells: nothing is gained, and the file grows."""
UNIT_COUNT: Final = "unit_count"
"""The column of a sums table that says for how many units a row stands: with the last of them it goes."""
SHORT: Final = 25_000
"""A table that short is read at once: none is made of it that would be shorter."""
UNITS_A_CELL: Final = 4
"""A table is built only where a row of it stands for so many units: longer, it reads hardly faster than the fact."""

AXES: Final = {
    "region": ("region", "area"),
    "tier": ("tier", "is_vip"),
    "channel": ("channel",),
    "customer_type": ("customer_type",),
    "product": ("product", "product_group"),
}
"""What a filter can touch. What follows from the first of an axis rides along: it makes no row more."""
_SERVICE: Final = ("region", "tier", "channel", "customer_type")
SUM_GRAINS: Final[tuple[tuple[Step, tuple[str, ...]], ...]] = (
    ("day", _SERVICE),
    ("day", ("region", "tier")),
    ("day", ("tier", "channel", "customer_type")),
    ("day", ("product",)),
    ("month", (*_SERVICE, "product")),
    ("month", _SERVICE),
)
DURATION_GRAINS: Final[tuple[tuple[Step, tuple[str, ...]], ...]] = (
    ("day", ()),
    ("month", ("region", "tier", "customer_type")),
    ("month", ("region", "channel")),
    ("month", ("region", "product")),
    ("month", ("tier", "channel", "customer_type")),
    ("month", ("tier", "customer_type", "product")),
    ("month", ("channel", "customer_type", "product")),
)
"""Any two axes are in one of them: the slice that a reader filters by, and the one a chart is split by."""


@dataclass(frozen=True)
class Durations:
    """A duration that Kaplan-Meier KPIs share: which units, how long, and whether it ended."""

    denominator: str
    duration: str
    event: str
    limit: str | None
    horizons: tuple[int, ...]

    @property
    def cell(self) -> str:
        if self.limit:
            return cells_grid.share_of_limit(self.duration, self.limit)
        return cells_grid.cell(self.duration, self.horizons)

    @property
    def condition(self) -> str:
        return f"({self.denominator}) and {self._has_duration}"

    @property
    def _has_duration(self) -> str:
        return f"{self.duration} is not null" + (f" and {self.limit} is not null" if self.limit else "")

    @property
    def sql(self) -> str:
        """What is counted, in full: equal text, equal counts. No statement, but its name in snapshots."""
        return f"{self.cell} of {self.event} where {self.denominator} and {self._has_duration}"


@dataclass(frozen=True)
class Subject:
    """A fact and one of its dates, with what the KPIs add up and time on it."""

    model: str
    time: str
    columns: frozenset[str]
    sums: tuple[str, ...]
    durations: tuple[Durations, ...]
    is_by_day: bool = False
    """Every KPI of it is taken at single days: months of it would never be read."""
    own: tuple[str, ...] = ()
    """Columns that every table of it is split by besides."""

    def grains(self, kind: Kind) -> list[tuple[Step, tuple[str, ...]]]:
        """The grains of a kind with the axes that the fact knows, no grain twice."""
        known = [
            (step, tuple(axis for axis in axes if axis in self.columns))
            for step, axes in (SUM_GRAINS if kind == "sums" else DURATION_GRAINS)
        ]
        wanted = self.sums if kind == "sums" else self.durations
        return list(dict.fromkeys(known)) if wanted else []

    def dimensions(self, axes: Iterable[str]) -> tuple[str, ...]:
        known = (name for axis in axes for name in AXES[axis] if name in self.columns)
        return (*known, *self.own)


def durations_of(kpi: Kpi, kpis: Mapping[str, Kpi]) -> Durations | None:
    """The duration behind a Kaplan-Meier KPI, with the horizons of all that share it; None for other kinds."""
    if not kpi.kind.startswith("km_") or kpi.duration is None or kpi.event is None:
        return None
    what = _timed(kpi)
    horizons = {one.horizon for one in kpis.values() if one.horizon and _timed(one) == what}
    return Durations(kpi.denominator, kpi.duration, kpi.event, kpi.limit, tuple(sorted(horizons)))


def _timed(kpi: Kpi) -> tuple[str | None, ...]:
    return (kpi.rows, kpi.time, kpi.denominator, kpi.duration, kpi.event, kpi.limit)


def subjects(kpis: Mapping[str, Kpi], columns: Mapping[str, Collection[str]]) -> list[Subject]:
    """What to build cells of: every fact of `columns` (its name -> its columns) that a KPI reads."""

    def subject(kpi: Kpi) -> tuple[str, str]:
        return kpi.rows, kpi.time

    found = []
    built = sorted((kpi for kpi in kpis.values() if kpi.rows in columns), key=subject)
    for (model, time), shared in groupby(built, subject):
        entries = list(shared)
        added = (sql for kpi in entries if kpi.kind in SUM_KINDS for sql in sums_of(kpi).values())
        timed = (durations for kpi in entries if (durations := durations_of(kpi, kpis)))
        known = frozenset(columns[model]) & {name for kpi in entries for name in kpi.dimensions}
        sums = tuple(sql for sql in dict.fromkeys(added) if sql != NOTHING)
        is_by_day = all(kpi.over_time != "sum" for kpi in entries)
        found.append(Subject(model, time, known, sums, tuple(dict.fromkeys(timed)), is_by_day))
    return found


def marts(columns: Mapping[str, Collection[str]]) -> list[Subject]:
    """The same of the counts that charts read from marts; what else a mart is split by, its cells are, too."""
    shared = {"date", "source", *(name for names in AXES.values() for name in names)}
    found = []
    for model, known in columns.items():
        counts = tuple(name for name in known if name.endswith("_count"))
        own = tuple(name for name in known if name not in shared and name not in counts)
        if model.startswith("marts.") and "date" in known:
            found.append(Subject(model, "date", frozenset(known), counts, (), own=own))
    return found


def column(place: int) -> str:
    """The column of the measure at a place of a sums table."""
    return f"sum_{place}"


def cell_column(place: int) -> str:
    """The column of a units table with the cell of the measure at a place; NULL where the unit does not count."""
    return f"cell_{place}"


def event_column(place: int) -> str:
    """The column of a units table that says whether the duration at a place ended."""
    return f"is_event_{place}"
