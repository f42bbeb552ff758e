"""People and teams beside each other, so that nobody is judged by the luck of few cases."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import polars as pl
import streamlit as st

from dashboard import boards, charts_fair, explore, parts
from ingestion.warehouse.views import load_views

if TYPE_CHECKING:
    from dashboard.session import View

FUNNEL_KPIS: Final = ("csat", "sla_response_met", "sla_resolution_met", "first_contact_resolution", "first_fix_rate")
FUNNEL_UNITS: Final = ("region", "team", "product", "channel")
_STARS: Final = {"service_stars": ("rank_from", "rank_to"), "engineer_stars": ("star_level",)}


def funnel(view: View) -> None:
    """Groups by size, with the limits within which chance alone would leave them."""
    kpi, unit = explore.choose(view, "funnel", FUNNEL_KPIS, FUNNEL_UNITS)
    if not parts.needs(view, *kpi.datasets) or not parts.splits(view, kpi):
        return
    total = view.reading(kpi)
    groups = view.by(kpi, unit).filter(pl.col("denominator") > 0)
    if total.value is None or groups.is_empty():
        parts.nothing(view)
        return
    centre = total.value
    parts.chart(view, groups, lambda frame: charts_fair.funnel(frame, unit, centre, view.lang, view.t))


def stars(view: View, view_id: str) -> None:
    """The people of a view by their shrunken composite, with its interval; below, the table it is made of."""
    one = load_views()[view_id]
    boards.heading(view, one)
    found = boards.frame(view, one)
    if found is None:
        return
    ranked = found.filter(pl.col(_STARS[view_id][0]).is_not_null())
    if ranked.is_empty():
        st.info(view.t("staff.nobody_ranked"), icon=":material/groups:")
    else:
        parts.chart(view, ranked, lambda frame: charts_fair.composites(frame, view.lang, view.t))
    parts.sheet(view, boards.readable(view, one, found))
