"""What the overview says in sentences: what stands out, what moved and where from. Made from numbers, no model."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import streamlit as st

from dashboard import filters, formats, parts, readings, standouts
from dashboard.periods import NO_COMPARISON
from ingestion.warehouse.change import COUNTED, WEIGHED

if TYPE_CHECKING:
    from collections.abc import Sequence

    from dashboard.cards import Card
    from dashboard.session import View
    from dashboard.standouts import Standout
    from ingestion.warehouse.kpis import Kpi

PAGE_OF: Final = {
    "response": "response",
    "repair": "first_fix",
    "complaints": "complaints",
    "satisfaction": "satisfaction",
    "loyalty": "loyalty",
    "care": "care",
    "team": "team",
    "parts": "spare_parts",
    "programme": "programme",
    "quality": "data_quality",
}
"""The page on which an area of KPIs is shown."""
MOVED: Final = 6
_BY: Final = {"loyalty": "tier", "repair": "product"}


def stand_out(view: View) -> None:
    """The slices that stand out for the worse, each with the way to its page, filtered to it and to its dates."""
    parts.section(view, "standouts")
    found = standouts.find(view)
    if not found:
        st.markdown(view.t("standouts.none"))
        return
    for number, one in enumerate(found):
        with st.container(border=True, key=f"standout_{number}", gap="xsmall", horizontal=True):
            st.markdown(sentence(view, one))
            _way(view, one, number)


def sentence(view: View, one: Standout) -> str:
    """Who, in what, when, how far from what, and in what else."""
    kpi = view.kpi(one.kpi_id)
    fields = {
        "who": view.labels.value(one.dimension, one.value),
        "kpi": kpi.label[view.lang],
        "when": view.t("standouts.within", period=str(one.period)) if one.period else "",
        "value": formats.value(one.now.value, kpi.unit, view.lang),
        "usual": formats.value(one.usual, kpi.unit, view.lang),
        "n": formats.number(one.now.n, view.lang),
    }
    told = view.t("standouts.own_past" if one.is_own_past else "standouts.apart", **fields)
    if one.also:
        names = view.t("parts.and").join(view.kpi(kpi_id).label[view.lang] for kpi_id in one.also[:3])
        told = f"{told} {view.t('standouts.also', names=names)}"
    return told


def _way(view: View, one: Standout, number: int) -> None:
    kpi = view.kpi(one.kpi_id)
    page = PAGE_OF[kpi.page]
    # A cohort's months may lie outside the filter's dates; its page shows all of them anyway.
    period = None if one.is_own_past else one.period
    st.button(
        view.t("standouts.look", page=view.t(f"pages.{page}.title")),
        key=f"standout_go_{number}",
        type="tertiary",
        icon=":material/arrow_forward:",
        on_click=filters.go,
        args=(page, one.dimension, one.value, period, view.lang),
    )


def moved(view: View, cards: Sequence[Card]) -> None:
    """The KPIs that moved beyond their error, the surest first, each with the group that contributed most."""
    if view.choice.comparison == NO_COMPARISON:
        return
    changed = [(card, *_moved(card)) for card in cards]
    ranked = sorted((one for one in changed if one[1] in ("worse", "better")), key=lambda one: one[2], reverse=True)
    if not ranked:
        return
    parts.section(view, "moved")
    for card, verdict, _ in ranked[:MOVED]:
        st.markdown(_change(view, card, verdict))


def _moved(card: Card) -> tuple[readings.Verdict, float]:
    """The verdict against the first comparison, and how many half-intervals the value moved."""
    name = next(iter(card.earlier), "")
    then = card.earlier.get(name)
    verdict = card.verdict(name)
    if verdict not in ("worse", "better") or then is None:
        return verdict, 0.0
    return verdict, readings.distance(card.now, then)


def _change(view: View, card: Card, verdict: readings.Verdict) -> str:
    kpi, now = card.kpi, card.now
    then = next(iter(card.earlier.values()))
    told = view.t(
        f"moved.{verdict}",
        kpi=kpi.label[view.lang],
        value=formats.value(now.value, kpi.unit, view.lang),
        # A verdict is only passed on two values.
        change=formats.change(now.value or 0.0, then.value or 0.0, kpi.unit, view.lang),
    )
    return f"{told}{_from(view, kpi)}"


def _from(view: View, kpi: Kpi) -> str:
    """The group that contributed most to the change, where a change is a sum over groups."""
    dimension = _BY.get(kpi.page, "region")
    compared = view.compared(kpi)
    if kpi.kind not in (*WEIGHED, *COUNTED) or dimension not in kpi.dimensions or compared is None:
        return ""
    rows = view.explained(kpi, (dimension,), compared)
    if rows.is_empty() or rows["total"][0] is None:
        return ""
    total, *segments = rows.to_dicts()
    same = [row for row in segments if row["level"] == dimension and _points_with(row, total)]
    if not same:
        return ""
    most = max(same, key=lambda row: abs(row["total"]))
    # A piece of a count's change is a count; against nothing it has no per cent.
    amount = (
        f"{most['total']:+,.0f}".replace("-", formats.MINUS)
        if kpi.unit == "count"
        else formats.change(most["total"], 0, kpi.unit, view.lang)
    )
    return view.t("moved.mostly", who=view.labels.value(dimension, most[dimension]), amount=amount)


def _points_with(row: dict[str, Any], total: dict[str, Any]) -> bool:
    return bool(row["total"]) and (row["total"] > 0) == (total["total"] > 0)
