"""Answers made complete: a row for every period asked for, zeros where nothing happened, whose numbers they are."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import polars as pl

from dashboard.metrics import answers, finishing, together
from ingestion.warehouse import kpi_sql
from ingestion.warehouse.kpis import Kpi, periods_between

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from datetime import date

    from dashboard.metrics.asked import Asked
    from dashboard.metrics.query import Snapshot
    from ingestion.warehouse.views import View

_COUNTED: Final = ("count", "stock")
_TOLD: Final = {
    "place": pl.Int64,
    "kpi": pl.String,
    "definition_version": pl.String,
    "is_counted": pl.Boolean,
    "is_missing": pl.Boolean,
    "first": pl.Date,
    "last_date": pl.Date,
}


def answer(snapshot: Snapshot, asked: Sequence[Asked]) -> list[pl.DataFrame]:
    """query.values of each. Raises KpiQuestionInvalid."""
    for one in asked:
        kpi_sql.check_question(one.kpi, one.question)
    found = _wholes(snapshot, {place: one for place, one in enumerate(asked) if together.is_fit(one)})
    rest = {place: one for place, one in enumerate(asked) if place not in found}
    answered = answers.answer(snapshot, list(rest.values()))
    for (place, one), rows in zip(rest.items(), answered, strict=True):
        found[place] = _complete(snapshot, one, rows)
    return [found[place] for place in range(len(asked))]


def _wholes(snapshot: Snapshot, asked: Mapping[int, Asked]) -> dict[int, pl.DataFrame]:
    """The answers of totals and trends, made complete in one pass; those that could not be had together left out."""
    if not asked:
        return {}
    rows = together.answer(snapshot, asked)
    told = [
        (place, one.kpi.id, one.kpi.version, one.kpi.kind in _COUNTED, bool(missing(snapshot, one.kpi)), *_reach(one))
        for place, one in asked.items()
    ]
    of_place = pl.DataFrame(told, schema=_TOLD, orient="row")
    nothing, is_missing = pl.col("n") == 0, pl.col("is_missing")
    has_begun = pl.col("period").fill_null(pl.col("first")) <= pl.col("last_date")
    is_zero = nothing & has_begun & pl.col("is_counted")
    filled = (
        rows.lazy()
        .join(of_place.lazy(), on="place", how="left", maintain_order="left")
        .with_columns(pl.col("n").fill_null(0), pl.col("numerator").fill_null(0), pl.col("state").fill_null("empty"))
        .with_columns(
            pl.when(is_zero).then(0.0).otherwise("value").alias("value"),
            pl.when(is_zero).then(pl.lit("ok")).otherwise("state").alias("state"),
        )
        .with_columns(
            pl.when(is_missing).then(pl.lit("not_connected")).otherwise("state").alias("state"),
            *(pl.when(~is_missing).then(name).alias(name) for name in ("value", "numerator", "lower", "upper")),
        )
        .select("place", *_columns(snapshot, ()))
        .collect()
    )
    parts = filled.partition_by("place", maintain_order=True, as_dict=True, include_key=False)
    return {int(place): part for (place,), part in parts.items()}


def _reach(one: Asked) -> tuple[date, date]:
    return one.question.dates[0], one.question.last_date


def _columns(snapshot: Snapshot, by: Sequence[str]) -> tuple[str | pl.Expr, ...]:
    return (
        "kpi",
        "period",
        *by,
        *finishing.COLUMNS,
        pl.lit(snapshot.as_of).alias("as_of"),
        pl.lit(snapshot.run_id).alias("run_id"),
        "definition_version",
    )


def _complete(snapshot: Snapshot, asked: Asked, found: pl.DataFrame) -> pl.DataFrame:
    kpi, question = asked.kpi, asked.question
    # Lazily, so that all of it is one pass.
    filled = _fill(found, question)
    if kpi.kind in _COUNTED:
        filled = _zeros(filled, question)
    if missing(snapshot, kpi):
        filled = filled.with_columns(
            pl.lit("not_connected").alias("state"),
            *(
                pl.lit(None, dtype=found.schema[name]).alias(name)
                for name in ("value", "numerator", "lower", "upper")
            ),
        )
    named = filled.with_columns(pl.lit(kpi.id).alias("kpi"), pl.lit(kpi.version).alias("definition_version"))
    shown = named.select(_columns(snapshot, question.by))
    return shown.sort(["period", *question.by], nulls_last=True).collect()


def missing(snapshot: Snapshot, asked: Kpi | View) -> tuple[str, ...]:
    """The exports that a KPI or a view needs and that no source has brought."""
    return tuple(name for name in asked.datasets if name not in snapshot.connected)


def _fill(found: pl.DataFrame, question: kpi_sql.Question) -> pl.LazyFrame:
    """Add a row of state `empty` for every period, and combination of dimensions, that has no units."""
    filled = found.lazy()
    is_total = question.period == "total"
    if not is_total or (found.is_empty() and not question.by):
        starts = [None] if is_total else periods_between(*question.dates, question.period)
        wanted = pl.DataFrame({"period": starts}, schema={"period": pl.Date})
        if question.by:
            wanted = wanted.join(found.select(question.by).unique(), how="cross")
        filled = wanted.lazy().join(filled, on=["period", *question.by], how="left", nulls_equal=True)
    return filled.with_columns(
        pl.col("n").fill_null(0),
        pl.col("numerator").fill_null(0),
        pl.col("state").fill_null("empty"),
    )


def _zeros(filled: pl.LazyFrame, question: kpi_sql.Question) -> pl.LazyFrame:
    """A count of nothing is 0, where a rate of nothing is no rate: periods that have begun read 0."""
    first, _ = question.dates
    has_begun = pl.col("period").fill_null(first) <= question.last_date
    nothing = (pl.col("n") == 0) & has_begun
    return filled.with_columns(
        pl.when(nothing).then(0.0).otherwise("value").alias("value"),
        pl.when(nothing).then(pl.lit("ok")).otherwise("state").alias("state"),
    )
