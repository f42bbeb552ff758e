"""The tier of today as a dimension beside the tier then: what other dashboards show, and why the two differ.

No fact and no cell carries it, since it would change overnight with the customer. It is looked up when it is asked
for, and the answer comes from the fact, as slow as that is long.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Collection

    from dashboard.metrics.query import Snapshot
    from ingestion.warehouse.kpis import Kpi

THEN: Final = "tier"
NOW: Final = "tier_now"

# How a unit leads to its customer: by its own key, else by the ticket or the complaint it is part of.
_PATHS: Final = {"customer_key": None, "ticket_key": "core.fct_tickets", "complaint_key": "core.fct_complaints"}


def knows(snapshot: Snapshot, kpi: Kpi) -> bool:
    """Whether the units of the KPI lead to a customer, and belong to a tier."""
    return THEN in kpi.dimensions and _path(snapshot, kpi) is not None


def of(snapshot: Snapshot, kpi: Kpi, slices: Collection[str]) -> Kpi:
    """The KPI with the tier of today among its dimensions, where a question names it; else the KPI as it is."""
    if NOW not in slices or not knows(snapshot, kpi):
        return kpi
    key = _path(snapshot, kpi)
    through = _PATHS[str(key)]
    customers = "core.dim_customers as customers"
    joins = f"left join {customers} on units.customer_key = customers.customer_key"
    if through is not None:
        joins = f"""left join {through} as owned on units.{key} = owned.{key}
            left join {customers} on owned.customer_key = customers.customer_key"""
    rows = f"""(
        select units.*, coalesce(customers.tier_now, 'unknown') as {NOW}
        from {kpi.rows} as units
        {joins}
    ) as units_with_tier_now"""
    return replace(kpi, rows=rows, dimensions=(*kpi.dimensions, NOW))


def _path(snapshot: Snapshot, kpi: Kpi) -> str | None:
    columns = snapshot.columns.get(kpi.rows, ())
    return next((key for key in _PATHS if key in columns), None)
