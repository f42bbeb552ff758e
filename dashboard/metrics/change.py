"""Why a KPI changed: the read side of ingestion.warehouse.change."""

from __future__ import annotations

from collections.abc import Sequence

import polars as pl

from dashboard.metrics import query, tier_now
from dashboard.metrics.access import Scope
from dashboard.metrics.query import Snapshot
from ingestion.warehouse import kpi_sql
from ingestion.warehouse.change import explain_query
from ingestion.warehouse.kpis import Filter, Kpi


def explain(
    snapshot: Snapshot, scope: Scope, kpi: Kpi, now: Filter, before: Filter, by: Sequence[str]
) -> pl.DataFrame:
    """The change of a KPI from `before` to `now` as mix and own change of the segments of one or two dimensions.

    Columns and rows as in `explain_query`: the total first, then the segments by the size of their effect, each of
    the first dimension followed by what it is made of. No rows where an export is not connected. Raises
    KpiQuestionInvalid, also for a median or a difference, which no weights of segments explain.
    """

    def asked(wanted: Filter) -> kpi_sql.Question:
        return kpi_sql.Question(
            filter=query.complete_filter(snapshot, wanted),
            by=tuple(by),
            period="total",
            last_date=snapshot.last_date,
            regions=scope.regions,
        )

    mart_columns = snapshot.columns.get(kpi.mart.model, ()) if kpi.mart else ()
    asked_of = tier_now.of(snapshot, kpi, (*by, *now.where))
    found = snapshot.run(explain_query(asked_of, asked(now), asked(before), mart_columns))
    return found.clear() if query.missing(snapshot, kpi) else found
