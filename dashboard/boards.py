"""What pages are put together from besides their cards: tables of sql/views, and all KPIs of an area in one list."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import polars as pl
import streamlit as st

from dashboard import cards, drill, formats, parts, readings
from dashboard.session import TABLE_SHOWN
from ingestion.warehouse.kpis import load_kpis
from ingestion.warehouse.views import load_views

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from dashboard.cards import Card
    from dashboard.session import View
    from ingestion.warehouse.views import View as Table

_WORDED: Final = ("_zh", "_en")
"""How the columns end that hold a KPI's label for who reads the table by itself; here its id is told in words."""
_EFFECTS: Final = ("effect", "effect_lower", "effect_upper")
_BASELINES: Final = ("month_1", "month_2", "month_3", "pooled", "pooled_lower", "pooled_upper")


def tables(view: View, *view_ids: str) -> None:
    """Each view under its own heading."""
    for view_id in view_ids:
        heading(view, load_views()[view_id])
        table(view, load_views()[view_id])


def heading(view: View, one: Table) -> None:
    parts.heading(one.label[view.lang], one.meaning[view.lang])


def frame(view: View, one: Table) -> pl.DataFrame | None:
    """The table of a view under the reader's filter; None, and told, where it cannot be had."""
    if not parts.needs(view, *one.datasets) or not parts.splits(view, one):
        return None
    found = view.table(one)
    if found.is_empty():
        parts.nothing(view)
        return None
    return found


def table(view: View, one: Table) -> None:
    """The table of a view, in words."""
    found = frame(view, one)
    if found is not None:
        parts.sheet(view, readable(view, one, found))
        limited(view, found)


def limited(view: View, found: pl.DataFrame) -> None:
    """Say so where a table has more rows than a page shows."""
    if found.height == TABLE_SHOWN:
        st.caption(view.t("drill.limited", limit=formats.number(TABLE_SHOWN, view.lang)))


def readable(view: View, one: Table, found: pl.DataFrame) -> pl.DataFrame:
    """Values in their units, codes and headings in the reader's language."""
    told = {name: _told(view, one, found, name) for name in found.columns if not name.endswith(_WORDED)}
    words = {name: one.columns[name][view.lang] for name in told if name in one.columns}
    return pl.DataFrame({words.get(name, name): column for name, column in told.items()})


def _told(view: View, one: Table, found: pl.DataFrame, name: str) -> pl.Series:
    """One column as a reader reads it; a table about several KPIs has each row in its KPI's unit."""
    column = found[name]
    if name in one.units_of:
        return _texts(formats.value(value, one.units_of[name], view.lang) for value in column.cast(pl.Float64))
    if name in one.words:
        return _texts(str(one.word(name, value, view.lang)) for value in column)
    if column.dtype == pl.Date and name == "month_start":
        return column.dt.strftime("%Y-%m")
    if column.dtype.is_temporal():
        return _texts(formats.day(value) for value in column)
    if name in ("kpi", "guardrail"):
        known = load_kpis()
        return _texts(known[value].label[view.lang] if value in known else value for value in column)
    if name == "scope_dimension":
        return _texts(view.labels.dimension(value) if value else view.t("target_kinds.whole") for value in column)
    if name == "scope_value":
        pairs = zip(found["scope_dimension"], column, strict=True)
        return _texts(view.labels.value(dimension, value) if value else "" for dimension, value in pairs)
    if name == "worst_slices" and column.dtype == pl.String:
        return _texts(_slices(view, value) if value else None for value in column)
    if name == "weekday":
        return _texts(view.t(f"weekdays.{value}") for value in column)
    if name == "unit":
        return _texts(view.t(f"units.{'percent' if value == 'ratio' else value}") for value in column)
    if column.dtype == pl.String and not name.endswith(("_id", "_ids", "_key")):
        return _texts(view.labels.value(name, value) if value is not None else None for value in column)
    if name in _EFFECTS and "kpi" in found.columns:
        units = _units(found)
        return _texts(
            formats.MISSING if value is None else formats.change(value, 0, unit, view.lang)
            for value, unit in zip(column, units, strict=True)
        )
    if name in _BASELINES and "unit" in found.columns:
        pairs = zip(column, found["unit"], strict=True)
        return _texts(formats.value(value, unit, view.lang) for value, unit in pairs)
    return column


def _slices(view: View, told: str) -> str:
    """`tier=gold; area=unknown` in words."""
    pairs = (one.partition("=") for one in told.split("; "))
    words = (f"{view.labels.dimension(name)} {view.labels.value(name, value)}" for name, _, value in pairs)
    return view.t("parts.and").join(words)


def _units(found: pl.DataFrame) -> list[str]:
    known = load_kpis()
    return [known[kpi].unit if kpi in known else "number" for kpi in found["kpi"]]


def _texts(words: Iterable[str | None]) -> pl.Series:
    return pl.Series(list(words), dtype=pl.String)


def all_kpis(view: View, area: str, shown: Sequence[str]) -> None:
    """Every KPI of an area that has no card on the page, a row each; a chosen row opens its details."""
    rest = [kpi for kpi in load_kpis().values() if kpi.page == area and kpi.id not in shown]
    if not rest:
        return
    parts.section(view, "all_kpis")
    # Only for who asks: twenty KPIs more are as much work as the page itself.
    if not st.toggle(view.t("boards.show_all", count=len(rest)), key=f"all_{area}"):
        return
    ids = [kpi.id for kpi in rest]
    view.ahead(cards.questions(view, ids))
    read = [cards.read(view, kpi) for kpi in rest]
    rows = pl.DataFrame([_row(view, card) for card in read], infer_schema_length=None)
    picked = parts.sheet(view, rows, key=f"kpis_{area}")
    if picked is not None and read[picked].now.is_connected:
        drill.show(view, read[picked].kpi, read[picked].now)


def _row(view: View, card: Card) -> dict[str, object]:
    kpi, now = card.kpi, card.now
    comparison = next(iter(card.earlier), "")
    then = card.earlier.get(comparison)
    is_compared = card.verdict(comparison) != "none" and then is not None
    change = (
        formats.change(now.value, then.value, kpi.unit, view.lang)
        if is_compared and then is not None and now.value is not None and then.value is not None
        else formats.MISSING
    )
    goal = formats.MISSING
    if card.target is not None:
        sign = "≥" if kpi.better == "higher" else "≤"
        goal = f"{sign} {formats.value(card.target.value, kpi.unit, view.lang)}"
    return {
        view.t("boards.kpi"): kpi.label[view.lang],
        view.t("boards.value"): value(view, card),
        view.t("boards.change"): change,
        view.t("boards.target"): goal,
        "n": formats.number(now.n, view.lang),
        view.t("boards.state"): _state(view, card),
        view.t("boards.course"): card.course if now.is_shown and len(card.course) > 1 else [],
    }


def value(view: View, card: Card) -> str:
    """The value as text, or why there is none."""
    if not card.now.is_shown:
        return view.t(f"states.{'too_few' if card.now.is_too_few else card.now.state}")
    return formats.value(card.now.value, card.kpi.unit, view.lang)


def _state(view: View, card: Card) -> str:
    """Missed, worse or better, else how far the number may be believed."""
    if card.misses_target:
        return view.t("card.missed")
    verdict: readings.Verdict = card.verdict(next(iter(card.earlier), ""))
    if verdict in ("worse", "better"):
        return view.t(f"boards.{verdict}")
    return view.t(f"states.{card.now.state}")
