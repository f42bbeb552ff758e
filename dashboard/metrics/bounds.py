"""In which interval a KPI would lie under a filter if the rows held back were counted: the read side."""

from __future__ import annotations

from typing import TYPE_CHECKING

from dashboard.metrics import query
from dashboard.metrics.completing import missing
from ingestion.warehouse import kpi_bounds
from ingestion.warehouse.kpi_bounds import Bound, Held
from ingestion.warehouse.kpi_sql import Question
from ingestion.warehouse.kpis import Query

if TYPE_CHECKING:
    from dashboard.metrics.access import Scope
    from dashboard.metrics.query import Snapshot
    from ingestion.warehouse.kpis import Filter, Kpi

_TABLES = ("meta.held_units", "meta.held_now")


def concerned(snapshot: Snapshot) -> frozenset[str]:
    """The datasets of which rows are held back; none where an older version wrote the snapshot."""
    if not snapshot.columns.keys() >= set(_TABLES):
        return frozenset()
    rows = snapshot.run(Query("select distinct dataset from meta.held_units", ()))
    return frozenset(rows["dataset"].to_list())


def bound(snapshot: Snapshot, scope: Scope, kpi: Kpi, wanted: Filter, sums: tuple[int, int]) -> Bound | None:
    """The interval of the KPI's total under the filter; None where nothing is held back that it could count.

    Args:
        sums: numerator and denominator of the value itself; durations are asked for again.
    """
    rule = kpi_bounds.rule_of(kpi)
    if rule is None or missing(snapshot, kpi):
        return None
    question = Question(
        query.complete_filter(snapshot, wanted), (), "total", snapshot.last_date, regions=scope.regions
    )
    if not kpi_bounds.answers(question):
        return None
    if not question.filter.where and question.regions is None and (written := _written(snapshot, kpi, question)):
        return written
    held = Held(**snapshot.run(kpi_bounds.held_query(kpi, rule, question)).row(0, named=True))
    if not held.count:
        return None
    if kpi.kind in kpi_bounds.SUMS:
        return kpi_bounds.of_sums(kpi, *sums, held)
    at_once, never = (
        _value(snapshot, kpi_bounds.duration_query(kpi, rule, question, held, at_once=at_once))
        for at_once in (True, False)
    )
    return kpi_bounds.of_durations(kpi, at_once, never, held)


def _written(snapshot: Snapshot, kpi: Kpi, question: Question) -> Bound | None:
    """What the night wrote down over its default dates; None for other dates."""
    sql = "select lower, upper, held_count from meta.kpi_bounds where kpi = ? and date_from = ? and date_to = ?"
    found = snapshot.run(Query(sql, (kpi.id, *question.dates)))
    return None if found.is_empty() else Bound(*found.row(0))


def _value(snapshot: Snapshot, asked: Query) -> float | None:
    found = snapshot.run(asked)
    return None if found.is_empty() else found["value"].item()
