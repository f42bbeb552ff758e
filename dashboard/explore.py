"""Looking at KPIs from several sides: over time, by dimension, several beside each other."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import polars as pl
import streamlit as st

from dashboard import address, charts, filters, formats, parts, readings, shelf_menu
from dashboard.metrics import tier_now
from dashboard.periods import NO_COMPARISON
from dashboard.session import Question

if TYPE_CHECKING:
    from collections.abc import Sequence

    from dashboard.cards import Card
    from dashboard.session import View
    from ingestion.warehouse.kpis import Kpi

DIMENSIONS: Final = ("area", "region", "tier", "channel", "customer_type", "product_group", "product")
TIER_BASES: Final = ("then", "now")
_TOP: Final = 20
_COHORT_MONTHS: Final = 36


def trend_and_groups(view: View, key: str, kpi_ids: Sequence[str], dimensions: Sequence[str] = DIMENSIONS) -> None:
    """One KPI of the reader's choice: its course beside its spread over a dimension of her choice."""
    kpi, dimension = choose(view, key, kpi_ids, dimensions)
    if not parts.needs(view, *kpi.datasets) or not parts.splits(view, kpi):
        return
    view.ahead([Question(kpi, grain=view.grain(kpi)), Question(kpi, (dimension,))])
    left, right = st.columns(2, gap="medium")
    with left:
        trend(view, kpi)
    with right:
        groups(view, kpi, dimension)


def choose(view: View, key: str, kpi_ids: Sequence[str], dimensions: Sequence[str]) -> tuple[Kpi, str]:
    """A KPI and one of its dimensions: the offered ones, then those that only this KPI has."""
    kpis = {kpi.id: kpi for kpi in view.kpis(*kpi_ids)}
    with st.container(horizontal=True):
        chosen = st.selectbox(
            view.t("explore.kpi"),
            list(kpis),
            format_func=lambda kpi_id: kpis[kpi_id].label[view.lang],
            key=f"{key}_kpi_{view.lang}",
            width=300,
        )
        kpi = kpis[chosen]
        dimension = st.selectbox(
            view.t("explore.dimension"),
            [name for name in (*dimensions, *_own(kpi)) if name in kpi.dimensions],
            format_func=view.labels.dimension,
            key=f"{key}_dimension_{view.lang}",
            width=200,
        )
    return kpi, dimension


def trend(view: View, kpi: Kpi) -> None:
    """The course of one KPI with its band and its target."""
    if not parts.splits(view, kpi):
        return
    target = view.target(kpi)
    goal = target.value if target else None
    points = _measured(view.trend(kpi))
    notes = shelf_menu.on_periods(points)
    parts.chart(
        view, points, lambda frame: charts.kpi_trend(frame, kpi.unit, view.lang, view.t, target=goal, notes=notes)
    )


def trends(view: View, kpi_ids: Sequence[str]) -> None:
    """Several KPIs of one unit in one chart."""
    kpis = view.kpis(*kpi_ids)
    view.ahead(Question(kpi, grain=view.grain(kpi)) for kpi in kpis)
    series = view.t("chart.series")
    frames = [view.trend(kpi).with_columns(pl.lit(kpi.label[view.lang]).alias(series)) for kpi in kpis]
    points = _measured(pl.concat(frames))
    parts.chart(view, points, lambda frame: charts.kpi_trend(frame, kpis[0].unit, view.lang, view.t, series=series))


def tier_trend(view: View, kpi: Kpi) -> None:
    """A cohort KPI by tier over years of matured cohorts, whatever the period: a rise and fall takes that long."""
    if not parts.splits(view, kpi):
        return
    # A cohort is known once its whole horizon has passed.
    dates = view.ripe_months(kpi, _COHORT_MONTHS)
    found = view.trend(kpi, ("tier",), "month", dates)
    points = view.named(_measured(found.filter(pl.col("state").is_in(("ok", "small_n")))), "tier")
    parts.chart(
        view,
        points.filter(pl.col("value").is_not_null()),
        lambda frame: charts.kpi_trend(frame, kpi.unit, view.lang, view.t, series="tier", order=view.labels.tiers()),
    )


def groups(view: View, kpi: Kpi, dimension: str) -> None:
    """One KPI by the values of a dimension, the twenty largest groups, with the whole's target."""
    if not parts.splits(view, kpi):
        return
    target = view.target(kpi)
    goal = target.value if target else None
    found = view.by(kpi, dimension).sort("n", descending=True)
    if found.height > _TOP:
        st.caption(view.t("explore.largest", shown=_TOP, all=found.height))
    parts.chart(
        view,
        found.head(_TOP),
        lambda frame: charts.by_group(
            frame, dimension, kpi.unit, view.lang, view.t, target=goal, is_pickable=dimension in filters.DIMENSIONS
        ),
        picks=dimension if dimension in filters.DIMENSIONS else None,
    )


def side_by_side(view: View, kpi_ids: Sequence[str], dimension: str) -> None:
    """A table: a row for each value of the dimension, a column for each KPI. Too few cases are named so."""
    table: pl.DataFrame | None = None
    view.ahead(Question(kpi, (dimension,)) for kpi in view.kpis(*kpi_ids))
    for kpi in view.kpis(*kpi_ids):
        found = view.by(kpi, dimension)
        texts = [_cell(view, kpi, row) for row in found.iter_rows(named=True)]
        column = found.select(dimension, pl.Series(kpi.label[view.lang], texts, dtype=pl.String))
        table = column if table is None else table.join(column, on=dimension, how="full", coalesce=True)
    if table is not None:
        if dimension in (tier_now.THEN, tier_now.NOW):
            table = table.sort(pl.col(dimension).replace_strict(_ranks(view), default=None), nulls_last=True)
        parts.table(view, table.fill_null(formats.MISSING))


def by_tier(view: View, page: str, kpi_ids: Sequence[str]) -> None:
    """KPIs by tier, beside each other."""
    parts.section(view, "by_tier")
    side_by_side(view, kpi_ids, tier_basis(view, page))


def tier_basis(view: View, page: str) -> str:
    """The dimension to split by: the tier then, which is the default, or the tier of today."""
    chosen = address.switch(
        page, "tier_as", TIER_BASES, label=view.t("tier_basis.label"),
        words=lambda one: view.t(f"tier_basis.{one}"), lang=view.lang,
    )  # fmt: skip
    st.caption(view.t(f"tier_basis.{chosen}_note"))
    return tier_now.NOW if chosen == "now" else tier_now.THEN


def attention(view: View, cards: Sequence[Card]) -> None:
    """What a director should look at first: missed targets, and changes for the worse beyond the error."""
    comparison = view.choice.comparison
    missed = [card for card in cards if card.misses_target]
    worse = [card for card in cards if _verdict(card, comparison) == "worse"]
    better = [card for card in cards if _verdict(card, comparison) == "better"]
    lines = [
        (code, view.t("parts.and").join(card.kpi.label[view.lang] for card in found))
        for code, found in (("missed", missed), ("worse", worse), ("better", better))
        if found
    ]
    with st.container(border=True, key="attention", gap="xsmall"):
        if not lines:
            is_anything_known = any(card.now.is_shown for card in cards)
            calm = "calm_alone" if comparison == NO_COMPARISON else "calm"
            st.markdown(view.t(f"attention.{calm}" if is_anything_known else "attention.empty"))
        for code, names in lines:
            st.markdown(view.t(f"attention.{code}", names=names))


def _verdict(card: Card, comparison: str) -> readings.Verdict:
    # Where both comparisons are the same dates the card holds them once, under the first name.
    name = comparison if comparison in card.earlier else next(iter(card.earlier), "")
    return card.verdict(name)


def _cell(view: View, kpi: Kpi, row: dict[str, object]) -> str:
    reading = readings.Reading.of({**row, "kpi": kpi.id})
    if not reading.is_shown:
        code = "too_few" if reading.is_too_few else reading.state
        return view.t(f"states.{code}")
    few = view.t("explore.few") if reading.is_doubtful else ""
    text = f"{formats.value(reading.value, kpi.unit, view.lang)}{few}"
    if kpi.kind in ("count", "stock"):
        return text
    return f"{text}  (n={formats.number(reading.n, view.lang)})"


def _measured(points: pl.DataFrame) -> pl.DataFrame:
    """Points of too few cases become gaps; nothing at all where no point is left."""
    few = (pl.col("state") == "small_n") & (pl.col("n") < readings.HIDE_BELOW)
    hidden = pl.when(few).then(None)
    shown = points.with_columns(hidden.otherwise(pl.col(name)).alias(name) for name in ("value", "lower", "upper"))
    return shown.filter(pl.col("value").is_not_null().any())


def _ranks(view: View) -> dict[str, int]:
    return {tier: rank for rank, tier in enumerate(view.labels.tiers())}


def _own(kpi: Kpi) -> tuple[str, ...]:
    """The dimensions that only this KPI has."""
    return tuple(name for name in kpi.dimensions if name not in (*DIMENSIONS, "is_vip", "source"))
