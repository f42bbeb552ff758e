"""Targets from sql/targets as they were published with the snapshot: which one holds where and when."""

from __future__ import annotations

from datetime import date
from typing import TYPE_CHECKING, Final

import polars as pl

from dashboard.readings import Target

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

_SHOWN: Final = (
    "kind", "operator", "value", "scope_dimension", "scope_value", "stage", "due_month", "document", "quote",
)  # fmt: skip


def absolute(targets: pl.DataFrame, kpi_id: str, where: Mapping[str, Sequence[str]], on: date) -> Target | None:
    """The absolute target valid on a day: that of the one slice filtered to, else that of the whole.

    A slice's target never stands for the whole: three minutes are promised on chat, not on e-mail.
    """
    slices = {name: values[0] for name, values in where.items() if len(values) == 1}
    best: Target | None = None
    for row in rows_of(targets, kpi_id).iter_rows(named=True):
        target = _absolute_on(row, on)
        scope = row.get("scope_dimension")
        if target is None:
            continue
        if scope and slices.get(scope) == row.get("scope_value"):
            return target
        if not scope:
            best = best or target
    return best


def rows_of(targets: pl.DataFrame, kpi_id: str) -> pl.DataFrame:
    return targets.filter(pl.col("kpi") == kpi_id)


def shown(rows: pl.DataFrame) -> pl.DataFrame:
    """The columns a reader wants of a target, those that exist."""
    return rows.select(name for name in _SHOWN if name in rows.columns)


def _absolute_on(row: Mapping[str, object], on: date) -> Target | None:
    first, last = _day(row.get("valid_from")), _day(row.get("valid_to"))
    if row.get("kind") != "absolute" or (first and first > on) or (last and last < on):
        return None
    source = row.get("document") or ""
    return Target(float(str(row["value"])), str(source), first, last)


def _day(value: object) -> date | None:
    """Targets may arrive as dates or as the text of the CSV."""
    if isinstance(value, date):
        return value
    return date.fromisoformat(str(value)) if value else None
