"""The little line on a card, drawn here: a chart for each of twenty cards would keep the browser from all else."""

from __future__ import annotations

from html import escape
from typing import TYPE_CHECKING, Final

import streamlit as st

from dashboard import theme

if TYPE_CHECKING:
    from collections.abc import Sequence

_WIDTH: Final = 200
_HEIGHT: Final = 44
_ROOM: Final = 3
_COLOURS: Final = {theme.BETTER: theme.BLUE, theme.WORSE: theme.ORANGE, theme.UNCLEAR: theme.GREY}


def draw(values: Sequence[float], colour: str, label: str) -> None:
    """A line through the values, as wide as the card; `label` says the same in words. colour: a name of theme's."""
    box = f'width="100%" height="{_HEIGHT}" viewBox="0 0 {_WIDTH} {_HEIGHT}" preserveAspectRatio="none"'
    pen = f'fill="none" stroke="{_COLOURS[colour]}" stroke-width="2" vector-effect="non-scaling-stroke"'
    line = f'<polyline points="{_points(values)}" stroke-linejoin="round" {pen}/>'
    st.html(f'<svg role="img" aria-label="{escape(label, quote=True)}" {box}>{line}</svg>')


def _points(values: Sequence[float]) -> str:
    """Left to right in equal steps, the highest value at the top; what never changes lies in the middle."""
    low, high = min(values), max(values)
    step = (_WIDTH - 2 * _ROOM) / (len(values) - 1)
    span = _HEIGHT - 2 * _ROOM

    def height(value: float) -> float:
        return _HEIGHT / 2 if high == low else _HEIGHT - _ROOM - span * (value - low) / (high - low)

    return " ".join(f"{_ROOM + step * place:.1f},{height(value):.1f}" for place, value in enumerate(values))
