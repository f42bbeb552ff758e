"""From a number to what it is made of: counts, the rows themselves, the definition and the targets."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

import polars as pl
import streamlit as st

from dashboard import drill_passport, formats, parts, targets
from dashboard.session import ROWS_SHOWN
from ingestion.warehouse.kpis import load_kpis

if TYPE_CHECKING:
    from collections.abc import Sequence

    from dashboard.readings import Reading
    from dashboard.session import View
    from ingestion.warehouse.kpis import Kpi

_SLICES: Final = (
    "response_state", "resolution_state", "result", "grade", "reason", "region", "area", "tier", "channel",
    "customer_type", "product", "category", "priority", "team", "kind", "dimension",
)  # fmt: skip
_KEYS: Final = ("visit_key", "survey_key", "ticket_key", "complaint_key", "order_key", "customer_key", "asset_key")
_MORE: Final = ("score", "fault_code", "status", "outcome", "amount", "currency", "agent_turn_count")
# Who worked on a case is no business of a KPI's reader.
_PEOPLE: Final = ("agent_id", "owner_id", "first_owner_id", "engineer_id")
# A median is no quotient: it counts those whose wait has ended, among all that waited.
_COUNTED: Final = {"km_time": ("ended", "counted")}
_TABS: Final = ("counts", "rows", "definition", "targets", "passport")


def show(view: View, kpi: Kpi, reading: Reading) -> None:
    """Open the dialog. The rows come from the very filter that gave the number."""

    @st.dialog(kpi.label[view.lang], width="large")
    def dialog() -> None:
        counts, rows, meaning, goals, origin = st.tabs([view.t(f"drill.{name}") for name in _TABS])
        with counts:
            _counts(view, kpi, reading)
        with rows:
            _rows(view, kpi)
        with meaning:
            definition(view, kpi)
        with goals:
            goals_table(view, kpi)
        with origin:
            drill_passport.show(view, kpi, reading)

    dialog()


def entry(view: View, kpi: Kpi) -> None:
    """One entry of the dictionary, folded up."""
    with st.expander(f"**{kpi.label[view.lang]}** · {kpi.meaning[view.lang]}"):
        definition(view, kpi)
        goals_table(view, kpi)


def definition(view: View, kpi: Kpi) -> None:
    """What the KPI means, from its entry in sql/kpis."""
    lang = view.lang
    clock = view.t(f"clocks.{kpi.clock}") if kpi.clock else formats.MISSING
    facts = {
        "formula": kpi.formula[lang],
        "differs": kpi.differs[lang],
        "unit": view.t(f"units.{_unit_word(kpi)}"),
        "clock": clock,
        "maturity": view.t("dictionary.days", days=kpi.maturity_days) if kpi.maturity_days else formats.MISSING,
        "better": view.t(f"better.{kpi.better}"),
        "guardrail": load_kpis()[kpi.guardrail].label[lang] if kpi.guardrail else formats.MISSING,
        "minimum_n": str(kpi.minimum_n),
        "dimensions": view.t("parts.and").join(view.labels.dimension(name) for name in kpi.dimensions),
        "datasets": view.labels.datasets(kpi.datasets),
        "owner": view.labels.owner(kpi.owner),
        "source": view.labels.source(kpi),
        "version": f"`{kpi.version}`",
        "id": f"`{kpi.id}`",
    }
    st.markdown(kpi.meaning[lang])
    st.markdown("\n".join(f"- **{view.t(f'dictionary.{name}')}**: {text}" for name, text in facts.items()))


def goals_table(view: View, kpi: Kpi) -> None:
    rows = view.targets(kpi)
    if rows.is_empty():
        st.info(view.t("card.no_target"))
        return
    parts.table(view, targets.shown(rows, kpi.unit, view.labels))


def _counts(view: View, kpi: Kpi, reading: Reading) -> None:
    names = ("value", *_COUNTED.get(kpi.kind, ("numerator", "denominator")), "n", "interval", "state")
    texts = (
        formats.value(reading.value, kpi.unit, view.lang),
        _exact(reading.numerator),
        _exact(reading.denominator),
        _exact(reading.n),
        formats.interval(reading.lower, reading.upper, kpi.unit, view.lang),
        view.t(f"states.{reading.state}"),
    )
    frame = pl.DataFrame(
        {view.t("drill.what"): [view.t(f"drill.{name}") for name in names], view.t("drill.number"): list(texts)}
    )
    st.dataframe(frame, hide_index=True, width="stretch")
    st.caption(view.t("drill.traced", run=view.snapshot.run_id, version=kpi.version))


def _rows(view: View, kpi: Kpi) -> None:
    words = "drill.parts_of_time" if kpi.kind == "km_time" else "drill.parts"
    part = parts.pick(view, f"drill_part_{kpi.id}", ("denominator", "numerator"), words)
    frame = view.rows(kpi, part)
    if frame.height == ROWS_SHOWN:
        st.caption(view.t("drill.limited", limit=ROWS_SHOWN))
    chosen = frame.select(columns(frame.columns, kpi))
    counted = kpi.event or kpi.numerator
    if counted in chosen.columns:
        chosen = chosen.rename({counted: "has_ended" if kpi.kind == "km_time" else "in_numerator"})
    dimensions = [name for name in _SLICES if name in chosen.columns]
    parts.table(view, chosen, dimensions=dimensions, height=420)


def columns(present: Sequence[str], kpi: Kpi) -> list[str]:
    """Of a fact's many columns those that a reader needs to follow one KPI: who, when, how long, counted or not.

    Keys come last, and first only where the fact has no readable id; the columns that the KPI's entry names
    are always there.
    """
    ids = [name for name in present if name.endswith("_id") and name not in _PEOPLE]
    keys = [name for name in _KEYS if name in present and f"{name.removesuffix('_key')}_id" not in present]
    named = re.findall(r"[a-z_0-9]+", " ".join(filter(None, (kpi.duration, kpi.limit, kpi.event, kpi.numerator))))
    times = [name for name in present if name.endswith("_at")]
    wanted = [*(ids or keys), kpi.time, *named, *_SLICES, *times, *_MORE, *keys]
    return [name for name in dict.fromkeys(wanted) if name in present]


def _exact(count: float | None) -> str:
    """Counts in full: 12 345, not 1.23 万. Here a reader wants to add them up."""
    return formats.MISSING if count is None else f"{count:,.0f}"


def _unit_word(kpi: Kpi) -> str:
    return "percent" if kpi.unit == "ratio" else kpi.unit
