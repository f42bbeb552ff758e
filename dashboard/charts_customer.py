"""One customer's history as one picture: tiers as bars, below them every event on the line of its kind."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import altair as alt

from dashboard import theme
from dashboard.charts import AXIS_HEIGHT, LEGEND_HEIGHT, ROW_HEIGHT, legend

if TYPE_CHECKING:
    import polars as pl

    from dashboard.charts import Drawing
    from dashboard.i18n import Translate

# From the lowest tier to the highest, light to dark; the words stand in the legend.
_TIERS: Final = ("#CFE1F1", "#9CC4E4", "#5F9FD0", "#2F7EC0", "#123A5E")


def timeline(
    events: pl.DataFrame, tiers: pl.DataFrame, t: Translate, *, rows: list[str], order: list[str]
) -> Drawing:
    """What happened when, and in which tier the customer was then.

    events: row (kind, in words), moment (local, without a zone), moment_text, told (what), is_bad (a complaint or a
    low score). tiers: row, tier (in words), from_at, to_at, is_assumed, span_text. rows: all lines from the top;
    order: the tiers from the lowest. A tier that is only assumed is paler, with a broken edge.
    """
    present = [tier for tier in order if tier in set(tiers["tier"])]
    shades = _TIERS[-len(present) :] if len(present) <= len(_TIERS) else theme.CATEGORIES
    y = alt.Y("row:N", sort=rows, title=None, axis=alt.Axis(labelFlush=False, labelLimit=110))
    height = ROW_HEIGHT * len(rows) + AXIS_HEIGHT + LEGEND_HEIGHT
    held = alt.Chart(tiers, height=height)
    assumed = {"test": "datum.is_assumed"}
    bars = held.mark_bar(height=14, stroke=theme.GREY).encode(
        x=alt.X("from_at:T", title=None, axis=alt.Axis(format="%Y-%m", labelOverlap=True, tickCount=8)),
        x2=alt.X2("to_at:T"),
        y=y,
        color=alt.Color(
            "tier:N", title=None, sort=present, scale=alt.Scale(domain=present, range=list(shades)),
            legend=legend(present),
        ),
        fillOpacity=alt.FillOpacityValue(1.0, condition={**assumed, "value": 0.35}),
        strokeWidth=alt.StrokeWidthValue(0.0, condition={**assumed, "value": 1.0}),
        strokeDash=alt.StrokeDashValue([1, 0], condition={**assumed, "value": [3, 2]}),
        tooltip=[
            alt.Tooltip("tier:N", title=t("dimensions.tier")),
            alt.Tooltip("span_text:N", title=t("customer.span")),
        ],
    )  # fmt: skip
    points = (
        alt.Chart(events, height=height)
        .mark_point(filled=True, size=64, opacity=0.75)
        .encode(
            x=alt.X("moment:T"),
            y=y,
            color=alt.ColorValue(theme.BLUE, condition={"test": "datum.is_bad", "value": theme.ORANGE}),
            tooltip=[
                alt.Tooltip("moment_text:N", title=t("customer.when")),
                alt.Tooltip("row:N", title=t("customer.event")),
                alt.Tooltip("told:N", title=t("customer.about")),
            ],
        )
    )
    return alt.layer(bars, points)
