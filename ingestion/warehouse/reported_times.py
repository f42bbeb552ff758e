"""The Kaplan-Meier times that a night reports, month by month, whole and by the standard slices -> SQL text.

The value is that of kpi_km, without interval and curve: units are put in order once for all KPIs that share a
duration. Where nobody is censored, the share that is left falls by equal steps; so only at censored units, which are
few, it has to be worked out. A unit that left at place p of n leaves (n - p) / n, raised at each censored unit before
by r / (r - 1), where r were still there.
"""

from __future__ import annotations

from dataclasses import replace
from itertools import groupby
from typing import TYPE_CHECKING, Final

from ingestion.sqltext import literal
from ingestion.warehouse import kpi_km
from ingestion.warehouse.kpi_question import state_of
from ingestion.warehouse.kpis import Kpi, Query
from ingestion.warehouse.reported import SUM_KINDS, WHOLE, slices_of
from ingestion.warehouse.statistics import HALF_TOLERANCE

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from ingestion.warehouse.reported import Window

KIND: Final = "km_time"
ADDED_OR_TIMED: Final = (*SUM_KINDS, KIND)
"""The kinds of which many KPIs are answered at once."""


def grouped(kpis: Iterable[Kpi]) -> list[list[Kpi]]:
    """Times that one order of the units answers: same fact, same date, same duration, same slices."""

    def order(kpi: Kpi) -> tuple[str, ...]:
        words = (kpi.rows, kpi.time, kpi.denominator, kpi.duration, kpi.event, kpi.limit, kpi.over_time)
        return tuple(str(each) for each in (*words, *slices_of(kpi)))

    chosen = sorted((kpi for kpi in kpis if kpi.kind == KIND), key=order)
    return [list(group) for _, group in groupby(chosen, order)]


def times(kpis: Sequence[Kpi], source: str, window: Window, *, also: str = "", months: str = "true") -> Query:
    """reported.whole_and_slices of times that share an order of units.

    Args:
        also: a further column of `source` to group by.
        months: condition on the units' date that keeps the months wanted.
    """
    one, known = kpis[0], slices_of(kpis[0])
    by = (*([also] if also else []), *known)
    rows = f"(select * from {source} where {window.condition(one)} and ({months})) as chosen"
    asked = replace(one, rows=rows, mart=None, dimensions=(*one.dimensions, *by))
    units, binds = kpi_km.units_of(asked, window.question(by))
    cell = ", ".join((*([also] if also else []), "slice_dimension", "slice_value", "period"))
    keys = ("period", *by)
    same = " and ".join(f"units.{name} is not distinct from combinations.{name}" for name in keys)
    items = ", ".join(
        f"{{'slice_dimension': {literal(name)}, 'slice_value': {value}}}"
        for name, value in [(WHOLE, "''"), *((name, f"cast({name} as varchar)") for name in known)]
    )
    states = " ".join(f"when {literal(kpi.id)} then {state_of(kpi, 'value', 'n', '0')}" for kpi in kpis)
    return Query(
        f"""
with units as materialized ({units}
),
combinations as materialized (
    select row_number() over () as combination, * from (select distinct {", ".join(keys)} from units) as found
),
-- A whole number stands for each month and slice: text would be compared for every unit.
cells as materialized (
    select combination, {cell}, cast(dense_rank() over (order by {cell}) as integer) as cell
    from (select *, unnest([{items}], recursive := true) from combinations) as sliced
    where slice_dimension = '{WHOLE}' or period < date '{window.running}'
),
ordered as materialized (
    -- At equal durations events come first: who is censored then was still at risk.
    select cell, duration, not coalesce(is_event, false) as is_censored,
        row_number() over (partition by cell order by duration, coalesce(is_event, false) desc) as place
    from units inner join combinations on {same} inner join cells using (combination)
),
totals as materialized (
    select cell, count(*) as n, count(*) filter (where not is_censored) as numerator from ordered group by cell
),
-- Each stretch of places without a censored unit, and by how much the share left is raised in it.
raised as (
    select cell, n, place, coalesce(sum(ln((n - place + 1) / cast(n - place as double)))
            over (partition by cell order by place rows unbounded preceding), 0.0) as raise
    from ordered inner join totals using (cell)
    where is_censored and place < n
    union all
    select cell, n, 0 as place, 0.0 as raise from totals
),
stretches as (
    select *, coalesce(lead(place) over (partition by cell order by place) - 1, n) as until from raised
),
reached as (
    select kpi, cell, min(greatest(place + 1, cast(ceil(wanted) as bigint))) as place
    from (
        select kpi, cell, place, until, n * (1 - (share_left + {HALF_TOLERANCE}) / exp(raise)) as wanted
        from stretches cross join {_entries(kpis)}
    ) as asked
    where greatest(place + 1, ceil(wanted)) <= until
    group by all
),
found as (
    select reached.kpi, cell, cast(duration as double) as value
    from ordered inner join reached using (cell, place)
    where not is_censored
),
answers as (
    select entries.kpi, entries.version, cell, value, numerator, n
    from totals cross join {_entries(kpis)} left join found using (kpi, cell)
)
select kpi, version as definition_version, {cell}, value, cast(numerator as double) as numerator,
    cast(n as double) as denominator, n, case kpi {states} end as state
from answers inner join (select distinct cell, {cell} from cells) as named using (cell)""",
        tuple(binds),
    )


def _entries(kpis: Iterable[Kpi]) -> str:
    """Each KPI with its version and the share that is left when its time is reached."""
    rows = ", ".join(
        f"({literal(kpi.id)}, {literal(kpi.version)}, {round(1 - (kpi.quantile or 0.5), 6)}::double)" for kpi in kpis
    )
    return f"(values {rows}) as entries(kpi, version, share_left)"
