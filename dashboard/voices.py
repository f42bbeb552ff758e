"""The voice of the customer: which words comments use, and the comments themselves for who may read them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import polars as pl
import streamlit as st

from dashboard import charts_counts, formats, parts, theme
from dashboard.metrics import comments
from dashboard.metrics.query import PeopleMissing

if TYPE_CHECKING:
    from dashboard.session import View

QUOTES_SHOWN: Final = 200
_MART: Final = "mart_comment_terms"
# The term of the rows that count all comments (ingestion/topics.py).
_ALL: Final = ""
_TOP: Final = 12
# Fewer comments than this say nothing about what customers write about, and might be told apart.
_LEAST: Final = 5
_SLICES: Final = ("region", "area")


def show(view: View) -> None:
    """Words of low scores and of all other comments, then the comments."""
    parts.section(view, "topics")
    if f"marts.{_MART}" not in view.snapshot.columns:
        st.info(view.t("voices.next_night"), icon=":material/hourglass_empty:")
    elif not _narrowed_otherwise(view):
        _words(view)
    if view.scope.may_see_personal:
        parts.section(view, "quotes")
        _quotes(view)


def _narrowed_otherwise(view: View) -> bool:
    """Whether the filter names what words are not counted by; then it is told."""
    others = [name for name, _ in view.choice.where if name not in _SLICES]
    if others:
        names = view.t("parts.and").join(view.labels.dimension(name) for name in others)
        st.info(view.t("voices.unsplit", dimensions=names), icon=":material/filter_alt_off:")
    return bool(others)


def _words(view: View) -> None:
    counted = view.sums(_MART, by=("term",))
    sides = counted.select(
        "term", pl.col("low_count").alias("low"), (pl.col("comment_count") - pl.col("low_count")).alias("other")
    )
    columns = st.columns(2, gap="medium")
    for column, side, colour in zip(columns, ("low", "other"), (theme.ORANGE, theme.BLUE), strict=True):
        with column:
            said = int(sides.filter(pl.col("term") == _ALL)[side].sum())
            st.markdown(view.t(f"voices.{side}", count=formats.number(said, view.lang)))
            words = (
                sides.filter((pl.col("term") != _ALL) & (pl.col(side) >= _LEAST))
                .select("term", pl.col(side).alias("count"), (pl.col(side) / max(said, 1)).alias("share"))
                .sort("count", "term", descending=[True, False])
                .head(_TOP)
            )
            parts.chart(
                view,
                words,
                lambda frame, colour=colour: charts_counts.ranked_counts(  # type: ignore[misc]
                    frame, "term", view.lang, view.t, colour=colour
                ),
            )


def _quotes(view: View) -> None:
    try:
        # Read anew in every run, and never kept.
        found = comments.quotes(view.snapshot, view.scope, view.filter(), QUOTES_SHOWN)
    except PeopleMissing:
        st.warning(view.t("voices.no_people"), icon=":material/key_off:")
        return
    if found.height == QUOTES_SHOWN:
        st.caption(view.t("voices.newest", limit=QUOTES_SHOWN))
    verdicts = [view.t(f"voices.verdicts.{'low' if low else 'other'}") for low in found["is_low_score"]]
    told = found.with_columns(pl.Series("comment_verdict", verdicts, dtype=pl.String))
    shown = told.select("responded_at", "comment_verdict", "comment", "product", "region", "tier", "survey_key")
    # What is personal is looked at and not taken along: the download menu keeps what it is offered.
    parts.table(view, shown, dimensions=("product", "region", "tier"), height=420, is_offered=False)
