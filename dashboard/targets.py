"""Targets from sql/targets as they were published with the snapshot: which one holds where and when."""

from __future__ import annotations

from collections import defaultdict
from datetime import date
from typing import TYPE_CHECKING, Any, Final

import polars as pl

from dashboard import formats
from dashboard.readings import Target

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from dashboard.labels import Labels

Rows = dict[str, list[dict[str, Any]]]
"""The rows of targets by their KPI."""

_SIGNS: Final = {">=": "≥", "<=": "≤", ">": "＞", "<": "＜", "=": "="}


def by_kpi(targets: pl.DataFrame) -> Rows:
    """Taken apart once: a page asks for each of its cards, some of them thrice."""
    found: Rows = defaultdict(list)
    for row in targets.to_dicts():
        found[row["kpi"]].append(row)
    return found


def absolute(targets: Rows, kpi_id: str, where: Mapping[str, Sequence[str]], on: date) -> Target | None:
    """The absolute target valid on a day: that of the one slice filtered to, else that of the whole.

    A slice's target never stands for the whole: three minutes are promised on chat, not on e-mail.
    """
    slices = {name: values[0] for name, values in where.items() if len(values) == 1}
    best: Target | None = None
    for row in targets.get(kpi_id, []):
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


def shown(rows: pl.DataFrame, unit: str, labels: Labels) -> pl.DataFrame:
    """The targets as a reader says them: ≤ 3 minutes, on chat, by month 3."""
    t = labels.t
    told = [
        {
            "target_kind": t(f"target_kinds.{row['kind']}"),
            "target": f"{_SIGNS.get(row['operator'], row['operator'])} {_amount(row, unit, labels.lang)}",
            "scope": _scope(row, labels),
            "stage": row.get("stage"),
            "due_month": row.get("due_month"),
            "document": row.get("document"),
            "quote": row.get("quote"),
        }
        for row in rows.iter_rows(named=True)
    ]
    frame = pl.DataFrame(told, infer_schema_length=None)
    return frame.select(name for name in frame.columns if frame[name].null_count() < frame.height)


def _amount(row: Mapping[str, object], unit: str, lang: str) -> str:
    """An absolute target in the KPI's unit; a relative one as a signed share of where it started."""
    value = float(str(row["value"]))
    if "relative" not in str(row["kind"]):
        return formats.value(value, unit, lang)
    return f"{'+' if value > 0 else ''}{formats.percent(value, 0)}"


def _scope(row: Mapping[str, object], labels: Labels) -> str:
    name = row.get("scope_dimension")
    if not name:
        return labels.t("target_kinds.whole")
    return f"{labels.dimension(str(name))}: {labels.value(str(name), row.get('scope_value'))}"


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
