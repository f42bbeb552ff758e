"""How charts mark what is not over yet: hatched, with a broken edge, and named in the legend.

Vega draws no patterns. A gradient of hard stops is one: stripes across each mark.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import altair as alt

from dashboard import theme

if TYPE_CHECKING:
    from collections.abc import Collection

    from dashboard.i18n import Translate

PARTS: Final = ("maturing", "not_due")
"""Parts of a stack that are not decided yet."""
EDGE: Final = (3, 2)
_STRIPES: Final = 9


def hatch(strength: float = 0.42) -> alt.Gradient:
    """Diagonal stripes."""
    stripe, gap = f"rgba(138,143,152,{strength})", "rgba(138,143,152,0.06)"
    step = 1 / (2 * _STRIPES)
    stops = []
    for number in range(2 * _STRIPES):
        colour = gap if number % 2 else stripe
        ends = number * step, (number + 1) * step
        stops += [alt.GradientStop(color=colour, offset=round(min(end, 1.0), 4)) for end in ends]
    return alt.Gradient(gradient="linear", stops=stops, x1=0, y1=0, x2=1, y2=1)  # type: ignore[no-untyped-call]


def edge(field: str, t: Translate) -> alt.Stroke:
    """The edge of the hatched marks, which the legend names. `field` says the same word of each of them."""
    return alt.Stroke(
        f"{field}:N",
        title=None,
        scale=alt.Scale(domain=[t("chart.unmatured")], range=[theme.GREY]),
        # Below: above, beside another legend, it would leave a phone's screen.
        legend=alt.Legend(
            orient="bottom", symbolType="square", symbolDash=list(EDGE), symbolStrokeWidth=1, labelLimit=300
        ),
    )


def band(base: alt.Chart, x: alt.X, t: Translate) -> alt.Chart:
    """Hatched over the periods of which a point is provisional; base: `state` and `period_text`."""
    drawn: alt.Chart = (
        base.transform_filter("datum.state == 'provisional'")
        .transform_aggregate(groupby=["period_text"])
        .transform_calculate(unmatured=f"'{t('chart.unmatured')}'")
        .mark_rect(color=hatch(0.2), strokeWidth=1, strokeDash=list(EDGE), strokeOpacity=0.7, aria=False)
        .encode(x=x, stroke=edge("unmatured", t))
    )
    return drawn


def of_parts(parts: Collection[str]) -> dict[str, Any]:
    """Channels that draw undecided parts of a stack lighter, with a broken edge; none where all is decided."""
    waiting = [part for part in PARTS if part in parts]
    if not waiting:
        return {}
    test = {"test": f"indexof({waiting}, datum.part_code) >= 0"}
    return {
        "fillOpacity": alt.FillOpacityValue(1.0, condition={**test, "value": 0.35}),
        "stroke": alt.StrokeValue(None, condition={**test, "value": theme.GREY}),
        "strokeDash": alt.StrokeDashValue([1, 0], condition={**test, "value": list(EDGE)}),
    }
