"""Charts of the explore page: grids, small multiples, and the steps of a change."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import altair as alt
import polars as pl

from dashboard import charts, formats, theme, unmatured
from dashboard.charts import AXIS_HEIGHT

if TYPE_CHECKING:
    from dashboard.charts import Drawing
    from dashboard.i18n import Translate

OTHERS: Final = "\u0000others"
"""The code of everything beyond the largest groups; no value of a dimension can be it."""
_ROW: Final = 30
_PANEL_HEIGHT: Final = 220
_BLUES: Final = ("#EAF2FA", "#7FB2DE")


def grid(cells: pl.DataFrame, unit: str, by: tuple[str, ...], lang: str, t: Translate) -> Drawing:
    """Two dimensions crossed, the value written into each cell. cells: both dimensions (text), value, n."""
    down, across = by
    frame = cells.with_columns(
        pl.Series("text", [formats.value(value, unit, lang) for value in cells["value"]], dtype=pl.String),
        pl.Series("n_text", [formats.number(n, lang) for n in cells["n"]], dtype=pl.String),
    )
    base = alt.Chart(frame, height=AXIS_HEIGHT + _ROW * frame[down].n_unique())
    label = alt.Axis(labelAngle=0, orient="top", labelLimit=110, labelFlush=False)
    x = alt.X(f"{across}:N", title=None, sort=None, axis=label)
    y = alt.Y(f"{down}:N", title=None, sort=None, axis=alt.Axis(labelLimit=130, labelFlush=False))
    tips = [
        alt.Tooltip(f"{down}:N", title=t("chart.group")),
        alt.Tooltip(f"{across}:N", title=t("chart.series")),
        alt.Tooltip("text:N", title=t("chart.value")),
        alt.Tooltip("n_text:N", title="n"),
    ]
    shade = alt.Color("value:Q", legend=None, scale=alt.Scale(range=list(_BLUES)))
    rects = base.mark_rect(stroke=theme.PALE, strokeWidth=0.5).encode(x=x, y=y, color=shade, tooltip=tips)
    words = base.mark_text(color="#1B2430", fontSize=12).encode(x=x, y=y, text=alt.Text("text:N"))
    return alt.layer(rects, words)


def multiples(points: pl.DataFrame, unit: str, by: tuple[str, ...], lang: str, t: Translate) -> list[Drawing]:
    """A small course for each value of the first dimension, a line for each of the second, all on one scale."""
    panel, line = by
    scale = charts.axis(unit, charts.number(points["value"].max()), t, lang)
    frame = charts.with_period_text(
        points.with_columns(
            (pl.col("value").cast(pl.Float64) / scale.divisor).alias("value"),
            pl.Series("text", [formats.value(value, unit, lang) for value in points["value"]], dtype=pl.String),
        ).sort("period")
    )
    names = frame[line].unique(maintain_order=True).to_list()
    low, high = charts.number(frame["value"].min()) or 0.0, charts.number(frame["value"].max()) or 1.0
    span = [0.0 if unit == "count" else low, high]
    drawn = frame.partition_by(panel, maintain_order=True, as_dict=True)
    return [_panel(str(value), part, line, names, span, scale, t) for (value,), part in drawn.items()]


def _panel(
    title: str, part: pl.DataFrame, line: str, names: list[str], span: list[float], scale: charts.Axis, t: Translate
) -> Drawing:
    tips = [
        alt.Tooltip(f"{line}:N", title=t("chart.series")),
        alt.Tooltip("period_text:N", title=t("chart.period")),
        alt.Tooltip("text:N", title=t("chart.value")),
        alt.Tooltip("n:Q", title="n"),
    ]
    base = alt.Chart(part, height=_PANEL_HEIGHT)
    x = alt.X("period_text:O", title=None, sort=None, axis=alt.Axis(labelAngle=0, labelOverlap="greedy"))
    y = alt.Y("value:Q", title=scale.title, axis=scale.alt(tickCount=4), scale=alt.Scale(domain=span))
    colours = alt.Scale(domain=names, range=list(theme.CATEGORIES))
    colour = alt.Color(f"{line}:N", title=None, scale=colours, legend=alt.Legend(orient="top", columns=3))
    lines = base.mark_line(strokeWidth=1.8, point=alt.OverlayMarkDef(size=18)).encode(
        x=x, y=y, color=colour, tooltip=tips
    )
    hatched = [unmatured.band(base, x, t)] if "provisional" in set(part["state"]) else []
    return alt.layer(*hatched, lines, title=title)


def steps(rows: pl.DataFrame, dimension: str, top: int) -> pl.DataFrame:
    """From the value before to the value now: kind, code, start, end, effect, mix, own.

    rows: those of change.explain by one dimension. kind: before, segment, others, residual, now. Segments with the
    largest effect come first; those beyond `top` stand together as others, so that the steps add up.
    """
    total = rows.filter(pl.col("level") == "total").row(0, named=True)
    segments = rows.filter(pl.col("level") == dimension).sort(pl.col("total").abs(), descending=True, nulls_last=True)
    before = float(total["rate_before"] or 0.0)
    moves: list[tuple[str, Any, float, float | None, float | None]] = [
        ("segment", row[dimension], float(row["total"] or 0.0), row["mix"], row["rate_effect"])
        for row in segments.head(top).to_dicts()
    ]
    rest = segments.slice(top)
    if not rest.is_empty():
        effect, mix, own = (float(rest[name].sum() or 0.0) for name in ("total", "mix", "rate_effect"))
        moves.append(("others", None, effect, mix, own))
    left = rows.filter(pl.col("level") == "residual")
    if not left.is_empty():
        moves.append(("residual", None, float(left["total"][0] or 0.0), None, None))
    told: list[dict[str, object]] = [{"kind": "before", "start": 0.0, "end": before, "effect": before}]
    at = before
    for kind, code, step, by_mix, by_own in moves:
        fields = {"kind": kind, "code": None if code is None else str(code), "mix": by_mix, "own": by_own}
        told.append({**fields, "start": at, "end": at + step, "effect": step})
        at += step
    now = float(total["rate_now"] or 0.0)
    told.append({"kind": "now", "start": 0.0, "end": now, "effect": now})
    schema = {"kind": pl.String, "code": pl.String, "start": pl.Float64, "end": pl.Float64, "effect": pl.Float64}
    return pl.DataFrame(told, schema={**schema, "mix": pl.Float64, "own": pl.Float64})


def waterfall(frame: pl.DataFrame, unit: str, better: str, lang: str, t: Translate) -> Drawing:
    """The steps from before to now. frame: those of `steps` with label (text), in order."""
    scale = charts.axis(unit, charts.number(frame["end"].max()), t, lang)
    is_end = pl.col("kind").is_in(("before", "now"))
    helps = pl.col("effect") >= 0 if better != "lower" else pl.col("effect") <= 0
    inner = frame.filter(~is_end)
    ends = [*frame["end"].to_list(), *inner["start"].to_list()]
    low = min(ends, default=0.0)
    room = (max(ends, default=1.0) - low) or abs(low) or 1.0
    # Bars of a change stand far from zero: the two ends are cut, as the axis says.
    floor = max(0.0, low - room * 0.6) if low > 0 else low
    told = [
        formats.value(row["effect"], unit, lang)
        if row["kind"] in ("before", "now")
        else formats.change(row["effect"], 0, unit, lang)
        for row in frame.to_dicts()
    ]
    drawn = frame.with_columns(
        pl.when(is_end).then(floor).otherwise(pl.col("start")).alias("start"),
        pl.Series("text", told, dtype=pl.String),
        pl.when(is_end)
        .then(pl.lit("end"))
        .when(helps & (better != "neutral"))
        .then(pl.lit("helps"))
        .when(pl.lit(better == "neutral"))
        .then(pl.lit("end"))
        .otherwise(pl.lit("hurts"))
        .alias("tone"),
        *(_part(frame, name, unit, lang) for name in ("mix", "own")),
    ).with_columns(pl.col("start") / scale.divisor, pl.col("end") / scale.divisor)
    order = drawn["label"].to_list()
    tones = alt.Scale(domain=["end", "helps", "hurts"], range=[theme.GREY, theme.BLUE, theme.ORANGE])
    base = alt.Chart(drawn, height=AXIS_HEIGHT + _ROW * drawn.height)
    y = alt.Y("label:N", sort=order, title=None, axis=alt.Axis(labelLimit=150, labelFlush=False))
    tips = [
        alt.Tooltip("label:N", title=t("chart.group")),
        alt.Tooltip("text:N", title=t("chart.value")),
        alt.Tooltip("own_text:N", title=t("explorer.own")),
        alt.Tooltip("mix_text:N", title=t("explorer.mix")),
    ]
    span = alt.Scale(zero=False, nice=False, domainMin=floor / scale.divisor)
    bars = base.mark_bar(height={"band": 0.62}).encode(
        x=alt.X("start:Q", title=scale.title, axis=scale.alt(tickCount=6), scale=span),
        x2=alt.X2("end:Q"),
        y=y,
        color=alt.Color("tone:N", scale=tones, legend=None),
        tooltip=tips,
    )
    words = base.mark_text(align="left", dx=6, color=theme.GREY).encode(
        x=alt.X("right:Q"), y=y, text=alt.Text("text:N")
    )
    return alt.layer(bars, words.transform_calculate(right="max(datum.start, datum.end)"))


def _part(frame: pl.DataFrame, name: str, unit: str, lang: str) -> pl.Series:
    told = [formats.MISSING if one is None else formats.change(one, 0, unit, lang) for one in frame[name]]
    return pl.Series(f"{name}_text", told, dtype=pl.String)
