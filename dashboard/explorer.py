"""Any KPI by up to two dimensions: the largest groups, everything else together, the whole, and why it moved."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import polars as pl
import streamlit as st

from dashboard import address, cards, charts, charts_explore, formats, parts, readings
from dashboard.labels import Labels
from dashboard.metrics import tier_now
from dashboard.periods import NO_COMPARISON
from dashboard.session import Question
from ingestion.warehouse.change import COUNTED, WEIGHED
from ingestion.warehouse.kpis import PERIODS, load_kpis

if TYPE_CHECKING:
    from dashboard.session import View, Where
    from ingestion.warehouse.kpis import Kpi

PAGE: Final = "explore"
NONE: Final = "none"
TOPS: Final = ("8", "5", "12", "20")
FORMS: Final = ("chart", "table")
FIRST: Final = "sla_response_met"
_STEPS: Final = ("total", *(step for step in PERIODS if step != "total"))
# A cohort is taken on the first day of a month.
_COHORT_STEPS: Final = tuple(step for step in _STEPS if step not in ("day", "week"))
_SECOND_TOP: Final = 6
_CELLS: Final = 20_000


@dataclass(frozen=True)
class Asked:
    """What the reader wants to see: a KPI by dimensions and steps of time, the `top` largest groups."""

    kpi: Kpi
    by: tuple[str, ...]
    step: str
    form: str
    top: int


def controls(view: View) -> Asked:
    """The row of choices; every one of them stands in the address."""
    kpis = load_kpis()
    ids = [FIRST, *(kpi_id for kpi_id in kpis if kpi_id != FIRST)]
    t, lang = view.t, view.lang
    with st.container(horizontal=True, vertical_alignment="bottom", key="explore_controls"):
        kpi = kpis[
            address.select(
                PAGE, "kpi", ids, label=t("explore.kpi"), lang=lang, width=320,
                words=lambda kpi_id: f"{kpis[kpi_id].label[lang]} · {t(f'areas.{kpis[kpi_id].page}')}",
            )
        ]  # fmt: skip
        first = _dimension(view, "by", kpi, ())
        second = _dimension(view, "and", kpi, (first,)) if first != NONE else NONE
        step = address.select(
            PAGE, "step", steps_of(kpi), label=t("explorer.step"), words=lambda one: t(f"steps.{one}"), lang=lang,
            width=130,
        )  # fmt: skip
        top = address.select(
            PAGE, "top", TOPS, label=t("explorer.top"), words=lambda one: t("explorer.top_n", n=one), lang=lang,
            width=130,
        )  # fmt: skip
        form = address.select(
            PAGE,
            "form",
            FORMS,
            label=t("explorer.form"),
            words=lambda one: t(f"explorer.{one}"),
            lang=lang,
            width=110,
        )
    return Asked(kpi, tuple(name for name in (first, second) if name != NONE), step, form, int(top))


def steps_of(kpi: Kpi) -> tuple[str, ...]:
    """The steps of time that the KPI can be asked by."""
    return _COHORT_STEPS if kpi.over_time == "first" else _STEPS


def _dimension(view: View, name: str, kpi: Kpi, taken: tuple[str, ...]) -> str:
    # The tier then is one of the KPI's own; the tier of today is looked up, and stands behind them.
    now = [tier_now.NOW] if tier_now.knows(view.snapshot, kpi) else []
    sides = [one for one in (*kpi.dimensions, *now) if one not in taken]
    # The page opens split by one: a single number has nothing to explore.
    options = [NONE, *sides] if taken else [*sides, NONE]
    return address.select(
        PAGE,
        name,
        options,
        label=view.t(f"explorer.{name}"),
        words=lambda one: view.t("explorer.none") if one == NONE else view.labels.dimension(one),
        lang=view.lang,
        width=150,
    )


def answer(view: View, asked: Asked) -> None:
    """The KPI as asked, with everything beyond the largest groups together in one, and the whole."""
    parts.heading(asked.kpi.label[view.lang], asked.kpi.meaning[view.lang])
    cards.value_line(view, asked.kpi)
    found = groups(view, asked)
    if found.is_empty():
        parts.nothing(view)
    elif asked.form == "table":
        parts.sheet(view, table(view, asked, found), height=480)
    else:
        _draw(view, asked, found)


def groups(view: View, asked: Asked) -> pl.DataFrame:
    """Values by the dimensions, in codes: the `top` largest of the first by cases, then one row of all others.

    The others are asked for as a group of their own, so that also a median of them is exact. Columns of
    query.values; the others' code is `OTHERS`.
    """
    if not asked.by:
        return view.ask(Question(asked.kpi, (), asked.step))
    first = asked.by[0]
    sizes = view.ask(Question(asked.kpi, (first,))).filter(pl.col("n") > 0).sort("n", descending=True)
    names = [Labels.code(value) for value in sizes[first]]
    kept, rest = names[: asked.top], names[asked.top :]
    found = view.ask(Question(asked.kpi, asked.by, asked.step, where=_where(view, first, kept))) if kept else sizes
    if not rest:
        return found
    others = view.ask(Question(asked.kpi, asked.by[1:], asked.step, where=_where(view, first, rest)))
    named = others.with_columns(pl.lit(charts_explore.OTHERS).alias(first)).select(found.columns)
    return pl.concat([found.with_columns(pl.col(first).cast(pl.String)), named], how="vertical_relaxed")


def _where(view: View, dimension: str, values: list[str]) -> Where:
    """The reader's filter, narrowed to some values of a dimension."""
    return (*(one for one in view.choice.where if one[0] != dimension), (dimension, tuple(values)))


def _draw(view: View, asked: Asked, found: pl.DataFrame) -> None:
    kpi = asked.kpi
    target = view.target(kpi)
    goal = target.value if target else None
    shown = _named(view, asked, _measured(found))
    if shown.is_empty():
        parts.nothing(view)
    elif asked.step != "total" and len(asked.by) == 2:
        if found.height > _CELLS:
            st.info(view.t("explorer.too_many"), icon=":material/grid_on:")
            return
        panels = charts_explore.multiples(shown, kpi.unit, asked.by, view.lang, view.t)
        parts.panels(view, shown, panels)
    elif asked.step != "total":
        series = asked.by[0] if asked.by else None
        parts.chart(
            view, shown,
            lambda frame: charts.kpi_trend(frame, kpi.unit, view.lang, view.t, target=goal, series=series),
        )  # fmt: skip
    elif len(asked.by) == 2:
        parts.chart(view, shown, lambda frame: charts_explore.grid(frame, kpi.unit, asked.by, view.lang, view.t))
    elif asked.by:
        others = view.t("explorer.others")
        parts.chart(
            view, shown,
            lambda frame: charts.by_group(
                frame, asked.by[0], kpi.unit, view.lang, view.t, target=goal, last=(others,)
            ),
        )  # fmt: skip
    else:
        parts.sheet(view, table(view, asked, found))


def _measured(found: pl.DataFrame) -> pl.DataFrame:
    """Without what rests on too few cases to be shown."""
    few = (pl.col("state") == "small_n") & (pl.col("n") < readings.HIDE_BELOW)
    return found.filter(pl.col("value").is_not_null() & ~few)


def _named(view: View, asked: Asked, found: pl.DataFrame) -> pl.DataFrame:
    """In words; a second dimension keeps its most frequent values."""
    if len(asked.by) == 2:
        second = asked.by[1]
        sizes = found.group_by(second).agg(pl.col("n").sum()).sort("n", descending=True)
        found = found.filter(pl.col(second).is_in(sizes[second].head(_SECOND_TOP).to_list()))
    return _worded(view, asked, found)


def _worded(view: View, asked: Asked, found: pl.DataFrame) -> pl.DataFrame:
    """Codes of the dimensions in words, the others too."""
    for name in asked.by:
        words = [
            view.t("explorer.others") if code == charts_explore.OTHERS else view.labels.value(name, code)
            for code in found[name]
        ]
        found = found.with_columns(pl.Series(name, words, dtype=pl.String))
    return found


def table(view: View, asked: Asked, found: pl.DataFrame) -> pl.DataFrame:
    """The same in rows, with the whole at the end: value in words and raw, interval, counts and state."""
    whole = view.ask(Question(asked.kpi, (), asked.step))
    named = _worded(view, asked, found)
    if asked.by:
        total = whole.with_columns(pl.lit(view.t("explorer.whole")).alias(name) for name in asked.by)
        named = pl.concat([named, total.select(named.columns)], how="vertical_relaxed")
    unit, lang = asked.kpi.unit, view.lang
    columns: dict[str, pl.Series] = {}
    if asked.step != "total":
        columns[view.t("chart.period")] = named["period"].dt.strftime("%Y-%m-%d")
    columns |= {view.labels.dimension(name): named[name] for name in asked.by}
    spans = [formats.interval(low, high, unit, lang) for low, high in named.select("lower", "upper").iter_rows()]
    columns |= {
        asked.kpi.label[lang]: pl.Series([formats.value(one, unit, lang) for one in named["value"]], dtype=pl.String),
        view.t("chart.interval"): pl.Series(spans, dtype=pl.String),
        view.t("explorer.raw"): named["value"],
        view.t("drill.numerator"): named["numerator"],
        view.t("drill.denominator"): named["denominator"],
        "n": named["n"],
        view.t("chart.state"): pl.Series([view.t(f"states.{one}") for one in named["state"]], dtype=pl.String),
    }
    return pl.DataFrame(columns)


def why(view: View, asked: Asked) -> None:
    """The change against the compared dates as a sum over the groups of the first dimension."""
    parts.section(view, "why")
    kpi = asked.kpi
    if view.choice.comparison == NO_COMPARISON:
        st.info(view.t("explorer.no_comparison"), icon=":material/compare_arrows:")
        return
    if kpi.kind not in (*WEIGHED, *COUNTED):
        st.info(view.t("explorer.no_why", kpi=kpi.label[view.lang]), icon=":material/functions:")
        return
    if not asked.by:
        st.info(view.t("explorer.choose_by"), icon=":material/call_split:")
        return
    compared = view.compared(kpi)
    rows = view.explained(kpi, asked.by[:1], compared) if compared else pl.DataFrame()
    if compared is None or rows.is_empty() or rows["total"][0] is None:
        parts.nothing(view)
        return
    st.caption(view.t("explorer.why_dates", now=str(compared.now), before=str(compared.before)))
    steps = charts_explore.steps(rows, asked.by[0], asked.top)
    words = [_step_word(view, asked.by[0], row) for row in steps.to_dicts()]
    named = steps.with_columns(pl.Series("label", words, dtype=pl.String))
    parts.chart(view, named, lambda frame: charts_explore.waterfall(frame, kpi.unit, kpi.better, view.lang, view.t))


def _step_word(view: View, dimension: str, row: dict[str, object]) -> str:
    kind = str(row["kind"])
    return view.labels.value(dimension, row["code"]) if kind == "segment" else view.t(f"explorer.steps.{kind}")
