"""Charts of counts and what they are made of: stacks, chains, ranked reasons, spread scores."""

from __future__ import annotations

from typing import TYPE_CHECKING

import altair as alt
import polars as pl

from dashboard import charts, formats, theme, unmatured

if TYPE_CHECKING:
    from dashboard.charts import Drawing
    from dashboard.i18n import Translate


def stacked(
    counts: pl.DataFrame,
    x: str,
    part: str,
    colours: dict[str, str],
    lang: str,
    t: Translate,
    *,
    part_labels: dict[str, str],
    is_time: bool = True,
) -> Drawing:
    """Counts stacked by part, in the order of `colours`. counts: x, part (code), count."""
    shown = [code for code in colours if code in set(counts[part].to_list())]
    order = pl.Enum(list(colours))
    frame = (
        counts.filter(pl.col(part).is_in(shown))
        .with_columns(
            pl.col(part).cast(order).to_physical().alias("part_order"),
            pl.col(part).cast(pl.String).alias("part_code"),
            pl.col(part).replace_strict(part_labels, default=pl.col(part)).alias("part_label"),
            charts.texts(counts.filter(pl.col(part).is_in(shown))["count"], "count", lang).alias("text"),
        )
        .with_columns((pl.col("count") / pl.col("count").sum().over(x)).alias("share"))
    )
    scale = charts.axis("count", None, t, lang)
    labels = [part_labels[code] for code in shown]
    if is_time:
        frame = charts.with_period_text(frame, x)
    across = charts.time_axis() if is_time else alt.X(f"{x}:O", title=None, axis=alt.Axis(labelAngle=0), sort=None)
    drawing: alt.Chart = (
        alt.Chart(frame, height=charts.HEIGHT + charts.legend_height(labels))
        .mark_bar(width={"band": 0.78})
        .encode(
            x=across,
            y=alt.Y("count:Q", title=scale.title, axis=scale.alt()),
            color=alt.Color(
                "part_label:N",
                title=None,
                sort=labels,
                scale=alt.Scale(domain=labels, range=[colours[code] for code in shown]),
                legend=charts.legend(labels),
            ),
            order=alt.Order("part_order:Q"),
            **unmatured.of_parts(shown),
            tooltip=[
                alt.Tooltip("period_text:N", title=t("chart.period"))
                if is_time
                else alt.Tooltip(f"{x}:N", title=t("chart.group")),
                alt.Tooltip("part_label:N", title=t("chart.part")),
                alt.Tooltip("text:N", title=t("chart.count")),
                alt.Tooltip("share:Q", title=t("chart.share"), format=".1%"),
            ],
        )
    )
    return drawing


def funnel(steps: pl.DataFrame, lang: str, t: Translate) -> Drawing:
    """Stages of a chain from top to bottom: how many reach each, and which share of the first that is.

    steps: step (text, in order), count, share (of the first step).
    """
    text = [
        f"{formats.number(count, lang)} · {formats.percent(share)}"
        for count, share in steps.select("count", "share").iter_rows()
    ]
    frame = steps.with_columns(pl.Series("text", text, dtype=pl.String))
    order = steps["step"].to_list()
    base = alt.Chart(frame, height=charts.AXIS_HEIGHT + 40 * len(order))
    y = alt.Y("step:N", sort=order, title=None, axis=alt.Axis(labelLimit=110, labelFlush=False))
    scale = charts.axis("count", None, t, lang)
    bars = base.mark_bar(color=theme.BLUE, height={"band": 0.7}, opacity=0.85).encode(
        x=alt.X("count:Q", title=scale.title, axis=scale.alt(), scale=alt.Scale(padding=0)),
        y=y,
        tooltip=[alt.Tooltip("step:N", title=t("chart.step")), alt.Tooltip("text:N", title=t("chart.count"))],
    )
    # Inside the bar: outside, the longest bar would push its label off a phone's screen.
    words = base.mark_text(align="left", dx=6, color="white", fontWeight=600).encode(
        x=alt.XValue(0),  # type: ignore[no-untyped-call]
        y=y,
        text=alt.Text("text:N"),
    )
    return alt.layer(bars, words)


def ranked_counts(counts: pl.DataFrame, name: str, lang: str, t: Translate, *, colour: str = theme.BLUE) -> Drawing:
    """Counts by name, the largest first, each with its share of all. counts: name (text), count, share."""
    text = [
        f"{formats.number(count, lang)} · {formats.percent(share)}"
        for count, share in counts.select("count", "share").iter_rows()
    ]
    frame = counts.with_columns(pl.Series("text", text, dtype=pl.String))
    base = alt.Chart(frame, height=charts.AXIS_HEIGHT + charts.ROW_HEIGHT * counts.height)
    y = alt.Y(f"{name}:N", sort="-x", title=None, axis=alt.Axis(labelLimit=150, labelFlush=False))
    scale = charts.axis("count", None, t, lang)
    most = charts.number(counts["count"].max()) or 1.0
    x = alt.X("count:Q", title=scale.title, axis=scale.alt(tickCount=4), scale=alt.Scale(domain=[0, most * 1.45]))
    tips = [alt.Tooltip(f"{name}:N", title=t("chart.group")), alt.Tooltip("text:N", title=t("chart.count"))]
    bars = base.mark_bar(color=colour, height={"band": 0.65}).encode(x=x, y=y, tooltip=tips)
    words = base.mark_text(align="left", dx=5, color=theme.GREY).encode(x=x, y=y, text=alt.Text("text:N"))
    return alt.layer(bars, words)


def score_bars(counts: pl.DataFrame, lang: str, t: Translate) -> Drawing:
    """How the scores 1 to 5 are spread, a full bar for each question. counts: dimension, score, count, share."""
    frame = counts.with_columns(
        charts.texts(counts["count"], "count", lang).alias("text"),
        pl.col("score").cast(pl.String).alias("score_text"),
    )
    drawing: alt.Chart = (
        alt.Chart(frame, height=charts.AXIS_HEIGHT + charts.LEGEND_HEIGHT + 34 * counts["dimension"].n_unique())
        .mark_bar(height={"band": 0.7})
        .encode(
            x=alt.X("count:Q", stack="normalize", title=t("chart.share"), axis=alt.Axis(format=".0%")),
            y=alt.Y("dimension:N", title=None, axis=alt.Axis(labelLimit=110, labelFlush=False)),
            color=alt.Color(
                "score_text:N",
                title=t("chart.score"),
                scale=alt.Scale(domain=["1", "2", "3", "4", "5"], range=list(theme.SCORE_COLOURS)),
                legend=alt.Legend(orient="top", columns=5),
            ),
            order=alt.Order("score:Q"),
            tooltip=[
                alt.Tooltip("dimension:N", title=t("chart.group")),
                alt.Tooltip("score:Q", title=t("chart.score")),
                alt.Tooltip("text:N", title=t("chart.count")),
                alt.Tooltip("share:Q", title=t("chart.share"), format=".1%"),
            ],
        )
    )
    return drawing
