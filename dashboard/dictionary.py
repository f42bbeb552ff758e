"""The dictionary: every KPI, view and card in words, and which of them answers each row of the catalogue."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import polars as pl
import streamlit as st

from dashboard import boards, drill, parts
from ingestion.warehouse.kpis import Kpi, load_kpis
from ingestion.warehouse.views import Card, load_cards, load_views
from ingestion.warehouse.views import View as Table

if TYPE_CHECKING:
    from dashboard.session import View

Entry = Kpi | Table | Card

CATALOGUE_ROWS: Final = range(1, 145)
"""The rows of the KPI catalogue: every KPI, target and system that the source documents name."""


def everything() -> list[Entry]:
    """Every KPI, view and card, in the order of their files."""
    return [*load_kpis().values(), *load_views().values(), *load_cards().values()]


def entry(view: View, one: Entry) -> None:
    """One entry, folded up."""
    if isinstance(one, Kpi):
        drill.entry(view, one)
    elif isinstance(one, Card):
        with st.expander(f"**{one.label[view.lang]}** · {view.t('dictionary.card')}"):
            st.markdown(one.text[view.lang])
            st.caption(f"{one.document}：{one.quote}" if view.lang == "zh" else f"{one.document}: {one.quote}")
    else:
        with st.expander(f"**{one.label[view.lang]}** · {one.meaning[view.lang]}"):
            _table(view, one)


def _table(view: View, one: Table) -> None:
    facts = {
        "formula": one.formula[view.lang],
        "datasets": view.labels.datasets(one.datasets),
        "owner": view.labels.owner(one.owner),
        "source": view.labels.source(one),
        "version": f"`{one.version}`",
        "id": f"`{one.id}`",
    }
    st.markdown("\n".join(f"- **{view.t(f'dictionary.{name}')}**: {text}" for name, text in facts.items()))
    # A table is only worked out for who wants to see it: there are dozens on this page.
    is_wanted = st.toggle(view.t("dictionary.show_table"), key=f"table_{one.id}")
    if is_wanted:
        parts.about(view)
        boards.table(view, one)


def coverage(view: View) -> None:
    """Each row of the catalogue: what answers it, of which kind, and which exports that still needs."""
    parts.section(view, "coverage")
    frame = coverage_frame(view)
    answered = frame.filter(pl.col("needs") == "").height
    st.caption(view.t("dictionary.covered", rows=frame.height, answered=answered))
    headings = {name: view.t(f"dictionary.{name}") for name in frame.columns}
    st.dataframe(frame.rename(headings), hide_index=True, width="stretch", height=320)


def coverage_frame(view: View) -> pl.DataFrame:
    """Columns: row, answers, ids, needs (exports not connected, '' where the row has its number)."""
    known = everything()
    return pl.DataFrame([_covered(view, row, known) for row in CATALOGUE_ROWS])


def _covered(view: View, row: int, known: list[Entry]) -> dict[str, object]:
    found = [one for one in known if row in one.catalogue_rows]
    needs = [view.missing(one) for one in found if not isinstance(one, Card)]
    # A row that two entries answer is answered as soon as one of them has its exports.
    missing = () if not needs or () in needs else needs[0]
    return {
        "row": row,
        "answers": view.t("parts.and").join(one.label[view.lang] for one in found),
        "ids": ", ".join(one.id for one in found),
        "needs": view.labels.datasets(missing),
    }
