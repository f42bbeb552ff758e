"""What drives satisfaction: importance over performance, and the figures behind it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import polars as pl

from dashboard import boards, charts_fair, parts
from ingestion.warehouse.views import load_views

if TYPE_CHECKING:
    from dashboard.session import View


def show(view: View) -> None:
    """The chart, then the table that it is drawn from."""
    one = load_views()["satisfaction_drivers"]
    found = boards.frame(view, one)
    if found is None:
        return
    words = [view.labels.value("survey_dimension", code) for code in found["dimension"]]
    named = found.with_columns(pl.Series("label", words, dtype=pl.String))
    parts.chart(view, named, lambda frame: charts_fair.drivers(frame, view.lang, view.t))
    parts.sheet(view, boards.readable(view, one, found))
