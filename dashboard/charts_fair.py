"""Charts that compare fairly: groups by size against chance, composites with their interval, effects, drivers."""

from __future__ import annotations

from math import sqrt
from typing import TYPE_CHECKING, Final

import altair as alt
import polars as pl

from dashboard import formats, theme
from dashboard.charts import AXIS_HEIGHT, HEIGHT

if TYPE_CHECKING:
    from dashboard.charts import Drawing
    from dashboard.i18n import Translate

_ROW: Final = 22
_LABEL_ROOM: Final = 90
"""Pixels beside the outermost dots, for the words at their right."""
MOST_PEOPLE: Final = 40
# 95 % and 99.8 %: the usual two limits of a funnel plot.
_LIMITS: Final = (1.96, 3.09)
_STEPS: Final = 60


def funnel(groups: pl.DataFrame, name: str, centre: float, lang: str, t: Translate) -> Drawing:
    """Shares of groups over their size, with the limits of chance around the whole's share.

    groups: `name` (text), value (0 to 1), denominator, n. Between the limits a group differs from the whole by no
    more than luck explains. Limits: the normal approximation of a share of that size (Spiegelhalter 2005).
    """
    sizes = groups["denominator"].cast(pl.Float64)
    least, most = max(1.0, float(sizes.min() or 1)), float(sizes.max() or 1)  # type: ignore[arg-type]
    steps = [least + (most - least) * step / _STEPS for step in range(_STEPS + 1)]
    spread = sqrt(centre * (1 - centre))
    limits = pl.DataFrame(
        {
            "size": [size for size in steps for _ in _LIMITS],
            "limit": [str(z) for _ in steps for z in _LIMITS],
            "low": [max(0.0, centre - z * spread / sqrt(size)) for size in steps for z in _LIMITS],
            "high": [min(1.0, centre + z * spread / sqrt(size)) for size in steps for z in _LIMITS],
        }
    )
    gap = (pl.col("value") - centre).abs()
    points = groups.select(
        pl.col(name).alias("group"),
        pl.col("denominator").cast(pl.Float64).alias("size"),
        "value",
        (gap > _LIMITS[1] * spread / pl.col("denominator").cast(pl.Float64).sqrt()).alias("is_beyond"),
        pl.Series("value_text", [formats.percent(share) for share in groups["value"]], dtype=pl.String),
        pl.Series("size_text", [formats.number(size, lang) for size in groups["denominator"]], dtype=pl.String),
    )
    x = alt.X("size:Q", title=t("chart.cases"), axis=alt.Axis(format="~s"), scale=alt.Scale(zero=False))
    y = alt.Y("value:Q", title=None, axis=alt.Axis(format=".0%"), scale=alt.Scale(zero=False))
    lines = [
        alt.Chart(limits)
        .mark_line(strokeDash=[4, 3], strokeWidth=1.2, color=theme.GREY, aria=False)
        .encode(x=alt.X("size:Q"), y=alt.Y(f"{edge}:Q"), detail=alt.Detail("limit:N"))
        for edge in ("low", "high")
    ]
    middle = alt.Chart().mark_rule(color=theme.GREY, aria=False).encode(y=alt.YDatum(centre))
    colour = alt.ColorValue(theme.BLUE, condition={"test": "datum.is_beyond", "value": theme.ORANGE})
    tips = [
        alt.Tooltip("group:N", title=t("chart.group")),
        alt.Tooltip("value_text:N", title=t("chart.value")),
        alt.Tooltip("size_text:N", title=t("chart.cases")),
    ]
    dots = (
        alt.Chart(points).mark_point(filled=True, size=80, opacity=0.9).encode(x=x, y=y, color=colour, tooltip=tips)
    )
    words = (
        alt.Chart(points)
        .transform_filter("datum.is_beyond")
        .mark_text(align="left", dx=8, color=theme.ORANGE, fontSize=12)
        .encode(x=x, y=y, text=alt.Text("group:N"))
    )
    return alt.layer(*lines, middle, dots, words).properties(height=HEIGHT + 40)


def composites(people: pl.DataFrame, lang: str, t: Translate) -> Drawing:
    """The best by their composite, each with its 95 % interval. people: staff_key, composite, lower, upper."""
    shown = people.sort("composite", descending=True).head(MOST_PEOPLE)
    spans = [formats.interval(low, high, "ratio", lang) for low, high in shown.select("lower", "upper").iter_rows()]
    frame = shown.select(
        "staff_key", "composite", "lower", "upper",
        pl.Series("value_text", [formats.percent(value) for value in shown["composite"]], dtype=pl.String),
        pl.Series("interval_text", spans, dtype=pl.String),
    )  # fmt: skip
    tips = [
        alt.Tooltip("staff_key:N", title=t("chart.group")),
        alt.Tooltip("value_text:N", title=t("chart.value")),
        alt.Tooltip("interval_text:N", title=t("chart.interval")),
    ]
    return _dots(frame, "staff_key", "composite", ".0%", tips, None)


def effects(rows: pl.DataFrame, name: str, title: str, t: Translate) -> Drawing:
    """Measured effects with their intervals about zero. rows: `name`, effect, effect_lower, effect_upper, verdict."""
    frame = rows.rename({"effect_lower": "lower", "effect_upper": "upper"})
    tips = [
        alt.Tooltip(f"{name}:N", title=t("chart.group")),
        alt.Tooltip("effect_text:N", title=title),
        alt.Tooltip("interval_text:N", title=t("chart.interval")),
    ]
    return _dots(frame, name, "effect", ".3~f", tips, 0.0)


def drivers(rows: pl.DataFrame, lang: str, t: Translate) -> Drawing:
    """Importance over performance of each dimension: at the upper left is what to improve first.

    rows: label, importance, importance_lower, importance_upper, mean_score, is_first_to_improve.
    """
    frame = rows.with_columns(
        pl.Series(
            "score_text", [formats.value(score, "score", lang) for score in rows["mean_score"]], dtype=pl.String
        ),
        pl.Series(
            "interval_text",
            [
                formats.interval(low, high, "number", lang)
                for low, high in rows.select("importance_lower", "importance_upper").iter_rows()
            ],
            dtype=pl.String,
        ),
    )
    base = alt.Chart(frame, height=HEIGHT)
    x = alt.X("mean_score:Q", title=t("chart.performance"), scale=alt.Scale(zero=False, padding=_LABEL_ROOM))
    y = alt.Y("importance:Q", title=t("chart.importance"), scale=alt.Scale(zero=False))
    colour = alt.ColorValue(theme.BLUE, condition={"test": "datum.is_first_to_improve", "value": theme.ORANGE})
    tips = [
        alt.Tooltip("label:N", title=t("chart.group")),
        alt.Tooltip("score_text:N", title=t("chart.performance")),
        alt.Tooltip("importance:Q", title=t("chart.importance"), format=".2f"),
        alt.Tooltip("interval_text:N", title=t("chart.interval")),
    ]
    whiskers = base.mark_rule(strokeWidth=2, opacity=0.5).encode(
        x=x, y=alt.Y("importance_lower:Q"), y2=alt.Y2("importance_upper:Q"), color=colour
    )
    dots = base.mark_point(filled=True, size=110, opacity=1).encode(x=x, y=y, color=colour, tooltip=tips)
    words = base.mark_text(align="left", dx=9, dy=-9, color=theme.GREY).encode(x=x, y=y, text=alt.Text("label:N"))
    return alt.layer(whiskers, dots, words)


def _dots(
    frame: pl.DataFrame, name: str, value: str, form: str, tips: list[alt.Tooltip], zero: float | None
) -> Drawing:
    """A dot with its interval for each row, in the order of the rows."""
    order = frame[name].to_list()
    base = alt.Chart(frame, height=AXIS_HEIGHT + _ROW * frame.height)
    y = alt.Y(f"{name}:N", sort=order, title=None, axis=alt.Axis(labelLimit=210, labelFlush=False))
    scale = alt.Scale(zero=zero is not None)
    x = alt.X(f"{value}:Q", title=None, axis=alt.Axis(format=form), scale=scale)
    whiskers = base.mark_rule(strokeWidth=2, opacity=0.5, color=theme.BLUE).encode(
        x=alt.X("lower:Q", scale=scale), x2=alt.X2("upper:Q"), y=y
    )
    dots = base.mark_point(filled=True, size=70, opacity=1, color=theme.BLUE).encode(x=x, y=y, tooltip=tips)
    rule = () if zero is None else (alt.Chart().mark_rule(color=theme.GREY, aria=False).encode(x=alt.XDatum(zero)),)
    return alt.layer(*rule, whiskers, dots)
