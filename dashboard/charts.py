"""Charts over time and by group. Finished numbers in, chart out: no query, no Streamlit.

Durations arrive in seconds and shares as 0 to 1; `axis` picks a unit that people say aloud. Tooltips
show the same text as cards and tables, because both come from formats.

Channels are named by their class (alt.ColorValue, not alt.value): Altair finds the class of anything else by
comparing it with every part of its schema, which takes longer than the rest of a chart.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, TypeAlias

import altair as alt
import polars as pl
from altair.utils import schemapi

from dashboard import formats, theme, unmatured

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from dashboard.i18n import Translate

# Nor is every part compared with the schema when it is made; tests compare each chart as a whole.
schemapi.disable_debug_mode()

Drawing: TypeAlias = "alt.Chart | alt.LayerChart | alt.FacetChart"

HEIGHT: Final = 300
PICK: Final = "pick"
"""The name of the selection by which a click on a mark filters."""
ROW_HEIGHT: Final = 30
# A chart's height includes its axis and legend.
AXIS_HEIGHT: Final = 56
LEGEND_HEIGHT: Final = 56
_LEGEND_LINE: Final = 22
_DURATION_STEPS: Final = ((172_800.0 * 2, 86_400.0, "days"), (7_200.0, 3_600.0, "hours"), (120.0, 60.0, "minutes"))
_NARROW: Final = 0.06
_PHONE_WIDTH: Final = 330
_WIDE: Final = 0x2E80
_BANDS: Final = ("value", "lower", "upper")


@dataclass(frozen=True)
class Axis:
    """How a unit is drawn: values are divided by `divisor`; the title names the unit."""

    divisor: float
    title: str
    format: str
    expression: str | None = None

    def alt(self, **more: Any) -> alt.Axis:
        label: dict[str, Any] = {"labelExpr": self.expression} if self.expression else {"format": self.format}
        return alt.Axis(**label, **more)


def axis(unit: str, largest: float | None, t: Translate, lang: str, smallest: float = 0.0) -> Axis:
    """The axis for values of `unit` between `smallest` and `largest`."""
    if unit == "ratio":
        # Ticks closer than a per cent would all read the same.
        is_narrow = largest is not None and largest - smallest < _NARROW
        return Axis(1.0, t("units.percent"), ".1%" if is_narrow else ".0%")
    if unit == "seconds":
        for limit, divisor, name in _DURATION_STEPS:
            if (largest or 0.0) >= limit:
                return Axis(divisor, t(f"units.{name}"), ",~f")
        return Axis(1.0, t("units.seconds"), ",~f")
    if unit == "count":
        return Axis(1.0, t("units.count"), "~s", _wan_expression() if lang == "zh" else None)
    return Axis(1.0, t(f"units.{unit}"), ",~f")


def kpi_trend(
    points: pl.DataFrame,
    unit: str,
    lang: str,
    t: Translate,
    *,
    target: float | None = None,
    series: str | None = None,
    order: list[str] | None = None,
    notes: pl.DataFrame | None = None,
) -> Drawing:
    """One KPI over time with its 95 % band; the target is a dashed rule, unmatured periods hatched, points hollow.

    points: period (Date), value, lower, upper, n, state, and the `series` column where there is one.
    A gap stays a gap: a week without cases has no rate, which is not a rate of zero. notes: period, note: what
    readers have written on its days.
    """
    scale = axis(unit, _largest(points, target), t, lang, _smallest(points, target))
    frame = with_period_text(_with_text(_scaled(points, scale), points, unit, lang, t).sort("period"))
    base = alt.Chart(frame, height=HEIGHT)
    x = time_axis()
    y = alt.Y("value:Q", title=scale.title, axis=scale.alt(), scale=alt.Scale(zero=unit == "count"))
    colour: Any = _series_colour(points, series, order)
    tips = [
        *([alt.Tooltip(f"{series}:N", title=t("chart.series"))] if series else []),
        alt.Tooltip("period:T", title=t("chart.period"), format="%Y-%m-%d"),
        *_value_tips(t),
    ]
    layers: list[alt.Chart] = []
    if not series:
        layers.append(
            base.mark_area(opacity=0.16, color=theme.BLUE).encode(x=x, y=alt.Y("lower:Q"), y2=alt.Y2("upper:Q"))
        )
    layers.append(base.mark_line(strokeWidth=2).encode(x=x, y=y, color=colour))
    if "provisional" in set(points["state"]):
        layers.append(unmatured.band(base, x, t))
    hollow = alt.FillOpacityValue(1.0, condition={"test": "datum.state == 'provisional'", "value": 0.5})
    layers.append(
        base.mark_point(filled=True, size=52).encode(x=x, y=y, color=colour, fillOpacity=hollow, tooltip=tips)
    )
    return alt.layer(*layers, *_target_rule(target, scale, t), *_note_marks(notes, frame, t))


def _note_marks(notes: pl.DataFrame | None, frame: pl.DataFrame, t: Translate) -> Sequence[alt.Chart]:
    """A fine rule with a flag where somebody wrote something; the text is in its tooltip."""
    if notes is None or notes.is_empty():
        return ()
    placed = notes.join(frame.select("period", "period_text").unique(), on="period")
    base = alt.Chart(placed).encode(
        x=time_axis(),
        tooltip=[alt.Tooltip("note:N", title=t("chart.note"))],
    )
    top = alt.YValue(8)  # type: ignore[no-untyped-call]
    return (
        base.mark_rule(color=theme.PINK, strokeWidth=1.2, strokeDash=[2, 3], aria=False),
        base.mark_point(shape="triangle-down", filled=True, size=70, color=theme.PINK, opacity=1).encode(y=top),
    )


def by_group(
    groups: pl.DataFrame,
    name: str,
    unit: str,
    lang: str,
    t: Translate,
    *,
    target: float | None = None,
    last: Sequence[str] = (),
    is_pickable: bool = False,
) -> Drawing:
    """One KPI by the values of a dimension: a dot with its 95 % interval, best shown sorted by value.

    groups: `name` (text), value, lower, upper, n, state. Groups of few cases are grey and never ranked:
    they follow after the others, as do those in `last`. is_pickable: a click on a mark chooses its `code`.
    """
    scale = axis(unit, _largest(groups, target), t, lang, _smallest(groups, target))
    frame = _with_text(_scaled(groups, scale), groups, unit, lang, t)
    frame = frame.with_columns((pl.col("state") == "small_n").alias("is_few"))
    is_last = pl.col(name).is_in(list(last))
    order = frame.sort([is_last, "is_few", "value"], descending=[False, False, True])[name].to_list()
    base = alt.Chart(frame, height=AXIS_HEIGHT + ROW_HEIGHT * len(order))
    y = alt.Y(f"{name}:N", sort=order, title=None, axis=alt.Axis(labelLimit=130, labelFlush=False))
    colour = alt.ColorValue(theme.BLUE, condition={"test": "datum.is_few", "value": theme.PALE})
    from_zero = alt.Scale(zero=unit in ("count", "seconds"))
    x = alt.X("value:Q", title=scale.title, axis=scale.alt(tickCount=6), scale=from_zero)
    tips = [alt.Tooltip(f"{name}:N", title=t("chart.group")), *_value_tips(t)]
    if unit == "count":
        bars = base.mark_bar(height={"band": 0.65}).encode(x=x, y=y, color=colour, tooltip=tips)
        return alt.layer(_pickable(bars) if is_pickable else bars)
    whiskers = base.mark_rule(strokeWidth=2, opacity=0.55).encode(
        x=alt.X("lower:Q"), x2=alt.X2("upper:Q"), y=y, color=colour
    )
    dots = base.mark_point(filled=True, size=85, opacity=1).encode(x=x, y=y, color=colour, tooltip=tips)
    dots = _pickable(dots) if is_pickable else dots
    return alt.layer(whiskers, dots, *_target_rule(target, scale, t, vertical=True))


def _pickable(marks: alt.Chart) -> alt.Chart:
    picked: alt.Chart = marks.add_params(alt.selection_point(name=PICK, fields=["code"]))
    return picked


def survival(
    curves: pl.DataFrame,
    lang: str,
    t: Translate,
    *,
    x_title: str,
    y_title: str,
    series: str | None = None,
    order: list[str] | None = None,
    falls: bool = True,
) -> Drawing:
    """Kaplan–Meier curves as steps with their 95 % bands.

    curves: seconds, survival, lower, upper, at_risk, and the `series` column where there is one.
    falls=False draws 1 − S: the share that has happened by then. `order` names the series in the order in
    which the legend lists them.
    """
    scale = axis("seconds", number(curves["seconds"].max()), t, lang)
    frame = curves.with_columns(
        (pl.col("seconds") / scale.divisor).alias("x"),
        *(
            (pl.col(name) if falls else 1.0 - pl.col(name)).alias(drawn)
            for name, drawn in (("survival", "share"), ("lower", "share_low"), ("upper", "share_high"))
        ),
        texts(curves["seconds"], "seconds", lang).alias("after"),
        texts(curves["at_risk"], "count", lang).alias("waiting"),
    )
    base = alt.Chart(frame, height=HEIGHT)
    colour: Any = _series_colour(curves, series, order)
    x = alt.X("x:Q", title=f"{x_title} ({scale.title})", axis=alt.Axis(format=",~f"), scale=alt.Scale(nice=False))
    # Not from 0: where nine of ten stay, the curves would lie on each other at the top.
    y = alt.Y("share:Q", title=y_title, axis=alt.Axis(format=".0%"), scale=alt.Scale(zero=False))
    tips = [
        *([alt.Tooltip(f"{series}:N", title=t("chart.series"))] if series else []),
        alt.Tooltip("after:N", title=x_title),
        alt.Tooltip("share:Q", title=y_title, format=".1%"),
        alt.Tooltip("waiting:N", title=t("chart.at_risk")),
    ]
    band = base.mark_area(opacity=0.14, interpolate="step-after").encode(
        x=x, y=alt.Y("share_low:Q"), y2=alt.Y2("share_high:Q"), color=colour
    )
    line = base.mark_line(interpolate="step-after", strokeWidth=2).encode(x=x, y=y, color=colour)
    hover = base.mark_point(opacity=0, size=160).encode(x=x, y=y, color=colour, tooltip=tips)
    return alt.layer(band, line, hover)


def _scaled(points: pl.DataFrame, scale: Axis) -> pl.DataFrame:
    return points.with_columns(pl.col(name).cast(pl.Float64) / scale.divisor for name in _BANDS)


def _with_text(scaled: pl.DataFrame, points: pl.DataFrame, unit: str, lang: str, t: Translate) -> pl.DataFrame:
    spans = [formats.interval(low, high, unit, lang) for low, high in points.select("lower", "upper").iter_rows()]
    return scaled.with_columns(
        texts(points["value"], unit, lang).alias("value_text"),
        pl.Series("interval_text", spans, dtype=pl.String),
        texts(points["n"], "count", lang).alias("n_text"),
        pl.Series("state_text", [t(f"states.{state}") for state in points["state"]], dtype=pl.String),
    )


def _value_tips(t: Translate) -> list[alt.Tooltip]:
    return [
        alt.Tooltip("value_text:N", title=t("chart.value")),
        alt.Tooltip("interval_text:N", title=t("chart.interval")),
        alt.Tooltip("n_text:N", title="n"),
        alt.Tooltip("state_text:N", title=t("chart.state")),
    ]


def texts(values: pl.Series, unit: str, lang: str) -> pl.Series:
    return pl.Series("text", [formats.value(each, unit, lang) for each in values], dtype=pl.String)


def _target_rule(target: float | None, scale: Axis, t: Translate, *, vertical: bool = False) -> Sequence[alt.Chart]:
    if target is None:
        return ()
    return (_rule(target / scale.divisor, "x" if vertical else "y", theme.ORANGE, tip=t("chart.target")),)


def _rule(at: float, channel: str, colour: str, tip: str = "") -> alt.Chart:
    rule = alt.Chart().mark_rule(strokeDash=[5, 4], color=colour, strokeWidth=1.5, tooltip=tip or None, aria=False)
    placed: alt.Chart = rule.encode(**{channel: alt.XDatum(at) if channel == "x" else alt.YDatum(at)})
    return placed


def with_period_text(frame: pl.DataFrame, column: str = "period") -> pl.DataFrame:
    """Add period_text, a month or a day in digits. Text, since a browser shifts dates into its own zone."""
    days = frame[column].to_list()
    style = "%m-%d" if any(day is not None and day.day != 1 for day in days) else "%Y-%m"
    return frame.with_columns(pl.col(column).dt.strftime(style).alias("period_text"))


def time_axis() -> alt.X:
    return alt.X("period_text:O", title=None, sort=None, axis=alt.Axis(labelAngle=0, labelOverlap="greedy"))


def _series_colour(frame: pl.DataFrame, series: str | None, order: list[str] | None = None) -> Any:
    if series is None:
        return alt.ColorValue(theme.BLUE)
    present = frame[series].unique(maintain_order=True).to_list()
    names = [name for name in order or present if name in present]
    scale = alt.Scale(domain=names, range=list(theme.CATEGORIES))
    return alt.Color(f"{series}:N", title=None, scale=scale, legend=legend(names))


def legend(labels: Iterable[str]) -> alt.Legend:
    """Above the chart, in as many columns as a phone holds: Vega never wraps a legend by itself."""
    return alt.Legend(
        orient="top", columns=_legend_columns(labels), labelLimit=300, symbolType="square", symbolOpacity=1
    )


def legend_height(labels: Sequence[str]) -> int:
    """Pixels that the lines of the legend after the first take: a plot is not to be squeezed by them."""
    return _LEGEND_LINE * (-(-len(labels) // _legend_columns(labels)) - 1)


def _legend_columns(labels: Iterable[str]) -> int:
    widest = max((sum(1.0 if ord(letter) > _WIDE else 0.55 for letter in label) for label in labels), default=1.0)
    return max(1, int(_PHONE_WIDTH / (widest * 14.5 + 28)))


def _largest(points: pl.DataFrame, target: float | None) -> float | None:
    values = [x for x in (number(points["value"].max()), target) if x is not None]
    return max(values, default=None)


def _smallest(points: pl.DataFrame, target: float | None) -> float:
    values = [x for x in (number(points["value"].min()), target) if x is not None]
    return min(values, default=0.0)


def number(value: object) -> float | None:
    return float(value) if isinstance(value, int | float) else None


def _wan_expression() -> str:
    """Chinese readers count in 万: 120 000 is 12万."""
    return "abs(datum.value) >= 10000 ? format(datum.value / 10000, ',.3~g') + '万' : format(datum.value, ',')"
