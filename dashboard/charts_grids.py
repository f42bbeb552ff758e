"""Charts drawn as a grid of cells: hours by weekdays, cohorts by months, tiers by tiers."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import altair as alt
import polars as pl

from dashboard import formats, theme, unmatured
from dashboard.charts import AXIS_HEIGHT, LEGEND_HEIGHT

if TYPE_CHECKING:
    from dashboard.charts import Drawing
    from dashboard.i18n import Translate

_BLUES: Final = ("#E3EEF8", "#2F7EC0", "#123A5E")
_CELL: Final = 26


def heat_map(cells: pl.DataFrame, unit: str, lang: str, t: Translate, *, title: str) -> Drawing:
    """Hours across, weekdays down. cells: weekday (1 = Monday … 7), hour (0…23), value, n.

    An hour without cases stays empty: no rate is not a rate of zero.
    """
    days = [t(f"weekdays.{day}") for day in range(1, 8)]
    text = [formats.value(value, unit, lang) for value in cells["value"]]
    frame = cells.with_columns(
        pl.Series("text", text, dtype=pl.String),
        pl.Series("day", [days[number - 1] for number in cells["weekday"]], dtype=pl.String),
    )
    drawing: alt.Chart = (
        alt.Chart(frame, height=7 * _CELL + AXIS_HEIGHT + LEGEND_HEIGHT)
        .mark_rect(stroke="#8A8F98", strokeWidth=0.2)
        .encode(
            x=alt.X(
                "hour:O", title=t("chart.hour"), axis=alt.Axis(labelAngle=0, labelOverlap=True, labelFlush=False)
            ),
            y=alt.Y("day:N", sort=days, title=None, axis=alt.Axis(labelOverlap=False, labelFlush=False)),
            color=_colour("value", unit, title),
            tooltip=[
                alt.Tooltip("day:N", title=t("chart.weekday")),
                alt.Tooltip("hour:O", title=t("chart.hour")),
                alt.Tooltip("text:N", title=title),
                alt.Tooltip("n:Q", title="n", format=","),
            ],
        )
    )
    return drawing


def cohorts(cells: pl.DataFrame, lang: str, t: Translate) -> Drawing:
    """The repurchase triangle: cohorts down, months since the first order across, cumulative share as colour.

    cells: cohort (Date), months_since, share, customers, repeats, is_matured. A cell whose months have not
    fully passed for the whole cohort is hatched: its share can only still grow.
    """
    words = {True: t("cohort.matured"), False: t("cohort.unmatured")}
    frame = cells.with_columns(
        pl.col("cohort").dt.strftime("%Y-%m").alias("cohort_text"),
        pl.Series("share_text", [formats.percent(share) for share in cells["share"]], dtype=pl.String),
        pl.Series("customer_text", [formats.number(n, lang) for n in cells["customers"]], dtype=pl.String),
        pl.Series("maturity", [words[flag] for flag in cells["is_matured"]], dtype=pl.String),
    )
    rows = frame["cohort_text"].n_unique()
    base = alt.Chart(frame, height=22 * rows + AXIS_HEIGHT + 2 * LEGEND_HEIGHT)
    x = alt.X(
        "months_since:O",
        title=t("cohort.months_since"),
        axis=alt.Axis(labelAngle=0, labelOverlap=True, labelFlush=False),
    )
    y = alt.Y(
        "cohort_text:N",
        title=t("cohort.cohort"),
        sort="ascending",
        axis=alt.Axis(labelOverlap=False, labelFlush=False),
    )
    tips = [
        alt.Tooltip("cohort_text:N", title=t("cohort.cohort")),
        alt.Tooltip("months_since:O", title=t("cohort.months_since")),
        alt.Tooltip("share_text:N", title=t("cohort.share")),
        alt.Tooltip("customer_text:N", title=t("cohort.customers")),
        alt.Tooltip("maturity:N", title=t("chart.state")),
    ]
    matured = (
        base.transform_filter("datum.is_matured")
        .mark_rect()
        .encode(x=x, y=y, color=_colour("share", "ratio", t("cohort.share")), tooltip=tips)
    )
    waiting = (
        base.transform_filter("!datum.is_matured")
        .transform_calculate(unmatured=f"'{t('chart.unmatured')}'")
        .mark_rect(color=unmatured.hatch(), strokeDash=list(unmatured.EDGE), strokeWidth=1)
        .encode(x=x, y=y, stroke=unmatured.edge("unmatured", t), tooltip=tips)
    )
    return alt.layer(matured, waiting)


def matrix(cells: pl.DataFrame, lang: str, t: Translate, *, order: list[str], titles: tuple[str, str]) -> Drawing:
    """Moves between ordered groups. cells: from_label, to_label, count, share (of the row).

    The diagonal is grey: staying is not a move, and would drown the moves.
    """
    text = [formats.number(count, lang) for count in cells["count"]]
    frame = cells.with_columns(
        pl.Series("text", text, dtype=pl.String),
        (pl.col("from_label") == pl.col("to_label")).alias("has_stayed"),
        pl.when(pl.col("from_label") == pl.col("to_label")).then(None).otherwise(pl.col("share")).alias("moved"),
        pl.Series("share_text", [formats.percent(share) for share in cells["share"]], dtype=pl.String),
    )
    base = alt.Chart(frame, height=40 * len(order) + AXIS_HEIGHT)
    # No label may be dropped: a column without a name says nothing.
    across = alt.Axis(
        labelAngle=0, orient="top", labelLimit=62, labelOverlap=False, labelFlush=False, labelFontSize=10
    )
    x = alt.X("to_label:N", sort=order, title=titles[1], axis=across)
    y = alt.Y("from_label:N", sort=order, title=titles[0], axis=alt.Axis(labelLimit=110, labelFlush=False))
    tips = [
        alt.Tooltip("from_label:N", title=titles[0]),
        alt.Tooltip("to_label:N", title=titles[1]),
        alt.Tooltip("text:N", title=t("chart.count")),
        alt.Tooltip("share_text:N", title=t("chart.share")),
    ]
    # Light to mid blue only: the numbers on the cells stay readable in black.
    most = max((share for share in frame["moved"] if share is not None), default=1.0)
    shade = alt.Color("moved:Q", legend=None, scale=alt.Scale(domain=[0, most], range=["#EAF2FA", "#7FB2DE"]))
    colour = alt.condition("datum.has_stayed", alt.value("#E4E6EA"), shade)
    cell = base.mark_rect(stroke=theme.PALE, strokeWidth=0.5, invalid=None)
    rects = cell.encode(x=x, y=y, color=colour, tooltip=tips)
    words = base.mark_text(color="#1B2430", fontSize=12).encode(x=x, y=y, text=alt.Text("text:N"))
    return alt.layer(rects, words)


def _colour(field: str, unit: str, title: str) -> alt.Color:
    label: dict[str, Any] = {"format": ".0%"} if unit == "ratio" else {"format": "~s"}
    return alt.Color(
        f"{field}:Q",
        title=title,
        scale=alt.Scale(range=list(_BLUES)),
        legend=alt.Legend(orient="top", gradientLength=160, gradientThickness=10, **label),
    )
