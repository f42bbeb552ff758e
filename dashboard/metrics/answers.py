"""Questions asked together: one scan for all KPIs that share a table and its dates, the rest side by side.

Cells answer where they can (ingestion/warehouse/kpi_cells.py), facts where they cannot. A Kaplan-Meier value that was
read from cells is given only where it provably lies within the bounds of survival.py; else its group, alone, is asked
of the fact.
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, Final

import polars as pl

from dashboard.metrics import finishing, survival
from dashboard.metrics.asked import MOST_CARRIED, Asked, side_by_side
from ingestion.warehouse import cells, kpi_cells, kpi_sql
from ingestion.warehouse.kpis import Kpi, Query, load_kpis, period_end

if TYPE_CHECKING:
    from collections.abc import Callable, Hashable, Sequence

    from dashboard.metrics.query import Snapshot
    from ingestion.warehouse.cells import Durations
    from ingestion.warehouse.kpi_cells import Plan

_TOGETHER: Final = 12
"""KPIs in one query: more make it longer to plan than a second one takes."""

Found = list[tuple[int, pl.DataFrame]]


def answer(snapshot: Snapshot, asked: Sequence[Asked]) -> list[pl.DataFrame]:
    """For each: period, the dimensions, value, numerator, denominator, n, lower, upper, state; a row for each group.

    Groups without units are the caller's to fill in. Raises KpiQuestionInvalid.
    """
    for one in asked:
        kpi_sql.check_question(one.kpi, one.question)
    found = dict(pair for pairs in side_by_side(_work(snapshot, asked)) for pair in pairs)
    return [found[place] for place in range(len(asked))]


def _work(snapshot: Snapshot, asked: Sequence[Asked]) -> list[Callable[[], Found]]:
    together: dict[Hashable, list[int]] = defaultdict(list)
    plans: dict[int, Plan] = {}
    work: list[Callable[[], Found]] = []
    for place, one in enumerate(asked):
        if one.kpi.kind in kpi_sql.SUM_KINDS:
            plans[place] = kpi_cells.sums_plan(one.kpi, one.question, snapshot.cells)
            if finishing.is_simple(one.kpi):
                together[_scan(one, plans[place])].append(place)
            else:
                work.append(partial(_rate, snapshot, place, one, plans[place]))
        else:
            work.append(partial(_one, snapshot, place, one))
    for places in together.values():
        work += [
            partial(_sums, snapshot, asked, places[start : start + _TOGETHER], plans[places[0]])
            for start in range(0, len(places), _TOGETHER)
        ]
    return work


def _one(snapshot: Snapshot, place: int, one: Asked) -> Found:
    return [(place, _alone(snapshot, one))]


def _rate(snapshot: Snapshot, place: int, one: Asked, plan: Plan) -> Found:
    return [(place, _typed(snapshot.run(kpi_cells.value_query(one.kpi, one.question, plan)), one.kpi))]


def _scan(one: Asked, plan: Plan) -> Hashable:
    """What KPIs must have in common to be read in one scan: fact, dates, conditions, slices."""
    kpi, question = one.kpi, one.question
    where = tuple(sorted((name, tuple(values)) for name, values in question.filter.where.items()))
    rest = (question.dates, where, question.by, question.period, question.last_date, question.regions)
    return (kpi.rows, kpi.time, kpi.over_time, "region" in kpi.dimensions, plan, rest)


def _sums(snapshot: Snapshot, asked: Sequence[Asked], places: Sequence[int], plan: Plan) -> Found:
    question = asked[places[0]].question
    kpis = [asked[place].kpi for place in places]
    groups = ("period", *question.by)
    rows, names = snapshot.run(kpi_cells.sums_query(kpis, question, plan)), kpi_cells.named(kpis)

    def sums(kpi: Kpi) -> dict[str, pl.Expr]:
        columns = kpi_sql.sums_of(kpi).items()
        return {name: pl.col(names[sql]) if sql in names else pl.lit(0) for name, sql in columns}

    return [
        (place, finishing.finished(kpi, rows, groups, sums(kpi))) for place, kpi in zip(places, kpis, strict=True)
    ]


def _typed(rows: pl.DataFrame, kpi: Kpi) -> pl.DataFrame:
    return rows.with_columns(pl.col("numerator").cast(pl.Float64 if kpi.is_decimal else pl.Int64))


def _alone(snapshot: Snapshot, one: Asked) -> pl.DataFrame:
    """A Kaplan-Meier KPI from cells where they tell enough; it and every difference from the fact elsewhere."""
    kpi, question = one.kpi, one.question
    groups = ("period", *question.by)
    timed, plan = _timed(snapshot, one)
    if timed is None:
        is_long = any(table.model == kpi.rows for table in snapshot.cells)
        return _exactly(snapshot, kpi, question, MOST_CARRIED + 1 if is_long else 0)
    asked = kpi_cells.durations_query(kpi, question, timed, plan)
    counts = snapshot.run(Query(f"{asked.sql}\nlimit {MOST_CARRIED + 1}", asked.binds))
    if counts.height > MOST_CARRIED:
        # So many slices that cells are nearly units: DuckDB's own work, within its memory.
        return _exactly(snapshot, kpi, question, MOST_CARRIED + 1)
    rows = survival.values(kpi.kind, survival.told(kpi, counts, timed), groups)
    return _surely(snapshot, kpi, question, rows)


def _surely(snapshot: Snapshot, kpi: Kpi, question: kpi_sql.Question, rows: pl.DataFrame) -> pl.DataFrame:
    """The rows, those that cells do not tell well enough replaced by what the fact itself says."""
    groups = ("period", *question.by)
    unsure = rows.filter(~pl.col("is_exact_enough")).select(*groups, "n")
    rows = rows.drop("is_exact_enough")
    if unsure.is_empty():
        return rows
    found = exact(snapshot, kpi, question, unsure).select(rows.columns).cast(rows.schema)
    return pl.concat([rows.join(unsure, on=groups, how="anti", nulls_equal=True), found])


def exact(snapshot: Snapshot, kpi: Kpi, question: kpi_sql.Question, unsure: pl.DataFrame) -> pl.DataFrame:
    """What the fact says of some groups alone: period, the dimensions and n, as cells tell them."""
    groups = ("period", *question.by)
    found = _exactly(snapshot, kpi, _narrowed(question, unsure), int(unsure["n"].sum()))
    return found.join(unsure.drop("n"), on=groups, how="semi", nulls_equal=True)


def _exactly(snapshot: Snapshot, kpi: Kpi, question: kpi_sql.Question, units: int) -> pl.DataFrame:
    """The answer of the fact itself: DuckDB's where so many units would have to be carried out of it, else ours."""
    by_duckdb = partial(snapshot.run, kpi_sql.value_query(kpi, question))
    if kpi.kind == "difference" or units > MOST_CARRIED:
        return _typed(by_duckdb(), kpi)
    asked = kpi_cells.exact_durations_query(kpi, question)
    counts = snapshot.run(Query(f"{asked.sql}\nlimit {MOST_CARRIED + 1}", asked.binds))
    if counts.height > MOST_CARRIED:
        # Between two short groups may lie long ones, which nobody asked for and which are carried along.
        return _typed(by_duckdb(), kpi)
    found = survival.values(kpi.kind, survival.told(kpi, counts, None), ("period", *question.by))
    return found.drop("is_exact_enough")


def _timed(snapshot: Snapshot, one: Asked) -> tuple[Durations | None, Plan]:
    """The KPI's duration and the cells to read it from; None where it has none, or none that serve."""
    # A small snapshot has no cells, and need not know what other entries there are.
    timed = cells.durations_of(one.kpi, load_kpis()) if snapshot.cells else None
    plan = kpi_cells.durations_plan(one.kpi, one.question, timed, snapshot.cells) if timed else ()
    return (None, ()) if kpi_cells.is_straight(plan) else (timed, plan)


def _narrowed(question: kpi_sql.Question, groups: pl.DataFrame) -> kpi_sql.Question:
    """The question about no more periods and slices than those of the groups."""
    first, last = question.dates
    periods = groups["period"].drop_nulls().to_list()
    if periods:
        first = max(first, min(periods))
        last = min(last, period_end(max(periods), question.period))
    where = dict(question.filter.where)
    for name in question.by:
        values = groups[name].unique()
        if values.null_count() == 0:
            where[name] = tuple(values.cast(pl.String).sort().to_list())
    return replace(question, filter=replace(question.filter, date_from=first, date_to=last, where=where))


def curve(snapshot: Snapshot, one: Asked) -> pl.DataFrame:
    """The Kaplan-Meier curve: the dimensions, duration, events, at_risk, survival, lower, upper.

    From cells where they tell each share as closely as a value's, else from the fact.
    """
    straight = kpi_sql.curve_query(one.kpi, one.question)
    timed, plan = _timed(snapshot, one)
    if timed is None or timed.limit:
        return snapshot.run(straight)
    counts = snapshot.run(kpi_cells.durations_query(one.kpi, one.question, timed, plan))
    found, is_close = survival.curve(counts, one.question.by)
    return found if is_close else snapshot.run(straight)
