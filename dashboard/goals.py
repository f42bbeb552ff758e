"""Staged goals against the frozen baseline: what each comes to, whether it can be reached at all, how far we are."""

from __future__ import annotations

from dataclasses import dataclass
from statistics import median
from typing import TYPE_CHECKING, Any, Final

import polars as pl
import streamlit as st

from dashboard import boards, charts_fair, formats, parts, periods, readings
from ingestion.warehouse.views import load_views

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import date

    from dashboard.session import View
    from ingestion.warehouse.kpis import Kpi

MONTHS: Final = 3
"""Full months behind a baseline, and behind what is set against it."""
_TOP: Final = {"ratio": 1.0, "score": 5.0, "points": 100.0}
_EFFECTS_SHOWN: Final = 30


@dataclass(frozen=True)
class Goal:
    """What a relative goal comes to. instead: the goal as a share of the gap closed, where the first cannot be."""

    value: float
    is_possible: bool
    instead: float | None = None


def goal(baseline: float, change: float, unit: str) -> Goal:
    """`change` (0.25 = 25 % more, -0.3 = 30 % less) applied to a baseline on a scale that may end.

    40 % more of a mean of 4.0 is 5.6 of 5: impossible whatever is done. The same effort read as a share of the gap
    to the end of the scale (4.0 + 40 % of 1.0) is possible, and is offered instead.
    """
    wanted = baseline * (1 + change)
    top = _TOP.get(unit)
    if top is None or wanted <= top + 1e-9:
        return Goal(wanted, is_possible=True)
    return Goal(wanted, is_possible=False, instead=baseline + change * (top - baseline))


def way(baseline: float, now: float, wanted: float) -> float | None:
    """The share of the way from the baseline to the goal that is behind us; below 0 where it leads away."""
    return None if wanted == baseline else (now - baseline) / (wanted - baseline)


def verdict(share: float | None, reading: readings.Reading) -> str:
    """reached, underway, away or unknown (no number, or too few cases behind it)."""
    if share is None or not reading.is_shown or reading.is_doubtful:
        return "unknown"
    if share >= 1:
        return "reached"
    return "underway" if share > 0 else "away"


def show(view: View) -> None:
    """Every staged goal, a row each; a word where no baseline has been frozen yet."""
    started, baselines = _baselines(view)
    if started is None:
        st.info(view.t("goals.no_baseline"), icon=":material/flag:")
        return
    recent = _recent(view.last_date)
    st.caption(view.t("goals.dates", frozen=formats.day(started), months=MONTHS, recent=str(recent)))
    rows = view.meta("targets").filter((pl.col("kind") == "relative") & pl.col("due_month").is_not_null())
    told = [
        _row(view, row, baselines, started, recent)
        for row in rows.sort("due_month", "kpi").to_dicts()
        if view.kpis(str(row["kpi"]))
    ]
    parts.sheet(view, pl.DataFrame(told, infer_schema_length=None))


def _row(
    view: View, row: Mapping[str, Any], baselines: Mapping[str, float], started: date, recent: periods.Period
) -> dict[str, object]:
    kpi = view.kpi(str(row["kpi"]))
    change = float(row["value"])
    due = periods.shift_months(started.replace(day=1), int(row["due_month"]))
    scope = row["scope_dimension"]
    facts: dict[str, object] = {
        view.t("goals.due"): f"{due:%Y-%m}",
        view.t("goals.kpi"): _named(view, kpi, row),
        view.t("goals.change"): f"{'+' if change > 0 else ''}{formats.percent(change, 0)}",
    }
    # Baselines are frozen of the whole; a slice has none.
    baseline = None if scope else baselines.get(kpi.id)
    if baseline is None:
        blank = [view.t(f"goals.{name}") for name in ("baseline", "goal", "now", "way")]
        return {**facts, **dict.fromkeys(blank, formats.MISSING), view.t("goals.verdict"): view.t("goals.unmeasured")}
    reading, found = view.reading(kpi, recent), goal(baseline, change, kpi.unit)
    wanted = found.value if found.instead is None else found.instead
    share = way(baseline, reading.value, wanted) if reading.value is not None else None
    told = view.t(f"goals.verdicts.{verdict(share, reading)}")
    if not found.is_possible:
        told = f"{view.t('goals.impossible', value=formats.value(found.value, kpi.unit, view.lang))} · {told}"
    return {
        **facts,
        view.t("goals.baseline"): formats.value(baseline, kpi.unit, view.lang),
        view.t("goals.goal"): formats.value(wanted, kpi.unit, view.lang),
        view.t("goals.now"): formats.value(reading.value, kpi.unit, view.lang),
        view.t("goals.way"): formats.percent(share, 0),
        view.t("goals.verdict"): told,
    }


def _named(view: View, kpi: Kpi, row: Mapping[str, Any]) -> str:
    label = kpi.label[view.lang]
    if not row["scope_dimension"]:
        return label
    dimension = str(row["scope_dimension"])
    return f"{label} · {view.labels.dimension(dimension)}: {view.labels.value(dimension, row['scope_value'])}"


def _baselines(view: View) -> tuple[date | None, dict[str, float]]:
    """The day the baseline was frozen, and each KPI's: pooled where it can be, else the middle of its months."""
    frozen = view.baseline()
    if frozen.is_empty():
        return None, {}
    found: dict[str, float] = {}
    for row in frozen.to_dicts():
        months = [row[f"month_{number}"] for number in (1, 2, 3) if row[f"month_{number}"] is not None]
        value = row["pooled"] if row["pooled"] is not None else (median(months) if months else None)
        if value is not None:
            found[row["kpi"]] = float(value)
    return view.baseline_date(), found


def _recent(last_date: date) -> periods.Period:
    return periods.resolve("last_3_months", last_date)


def baseline_table(view: View) -> None:
    """The frozen figures themselves, whatever dates are chosen above."""
    one = load_views()["programme_baseline"]
    boards.heading(view, one)
    frozen = view.baseline()
    if frozen.is_empty():
        st.info(view.t("goals.no_baseline"), icon=":material/flag:")
        return
    parts.sheet(view, boards.readable(view, one, frozen), height=420)


def effects(view: View, view_id: str) -> None:
    """What each measure did, in the unit of its KPI, with the interval that says whether it was luck."""
    one = load_views()[view_id]
    found = boards.frame(view, one)
    if found is None:
        return
    measured = found.filter(pl.col("effect_lower").is_not_null()).head(_EFFECTS_SHOWN)
    if measured.is_empty():
        st.info(view.t("goals.no_effects"), icon=":material/science:")
        return
    for unit, rows in _by_unit(view, measured).items():
        told = [formats.change(effect, 0, unit, view.lang) for effect in rows["effect"]]
        spans = [
            formats.interval(low, high, unit, view.lang)
            for low, high in rows.select("effect_lower", "effect_upper").iter_rows()
        ]
        scale = 3600.0 if unit == "seconds" else 1.0
        frame = rows.with_columns(
            pl.col("topic").alias("measure"),
            pl.Series("effect_text", told, dtype=pl.String),
            pl.Series("interval_text", spans, dtype=pl.String),
            *(pl.col(name) / scale for name in ("effect", "effect_lower", "effect_upper")),
        )
        words = view.t("units.hours" if unit == "seconds" else f"goals.units.{unit}")
        st.markdown(view.t("goals.effects_in", unit=words))
        parts.chart(view, frame, lambda shown: charts_fair.effects(shown, "measure", view.t("goals.effect"), view.t))


def _by_unit(view: View, measured: pl.DataFrame) -> dict[str, pl.DataFrame]:
    units = [view.kpi(kpi_id).unit for kpi_id in measured["kpi"]]
    groups = measured.with_columns(pl.Series("unit", units, dtype=pl.String)).partition_by("unit", as_dict=True)
    return {str(unit): rows for (unit,), rows in groups.items()}
