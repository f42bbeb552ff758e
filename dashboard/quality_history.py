"""What the data quality page tells of more than one night, and of single rows held back."""

from __future__ import annotations

import json
from datetime import timedelta
from typing import TYPE_CHECKING, Any, Final

import polars as pl
import streamlit as st

from dashboard import formats, parts, quality, words
from dashboard.metrics.query import PeopleMissing
from ingestion.warehouse.feeds import Feed

if TYPE_CHECKING:
    from dashboard.session import View

PAGE_ROWS: Final = 100
_HELD_COLUMNS: Final = ("source", "feed", "file", "source_row", "dataset", "column_name", "reason")
_FAILED_COLUMNS: Final = ("reason", "suite", "night_count", "unexpected_count", "last_run_id")
_VOLUME_COLUMNS: Final = ("table_name", "row_count", "row_count_before", "row_count_change", "row_count_trend")
_DRIFT_COLUMNS: Final = ("run_id", "reason", "file", "columns")


def feeds(view: View) -> None:
    """How far each feed reaches beside what everything is counted as of, and whether that is usual for it."""
    frame = quality.later_table(view, "feeds")
    if frame.is_empty():
        # A table without rows and none at all are two stories.
        is_older = not frame.columns
        st.info(view.t("quality.feeds_untold" if is_older else "quality.no_feeds"), icon=":material/schedule:")
        return
    rows = [_feed(view, Feed(*row)) for row in frame.iter_rows()]
    parts.table(view, pl.DataFrame(sorted(rows, key=lambda row: row["data_through"])))


def _feed(view: View, feed: Feed) -> dict[str, Any]:
    as_of = view.snapshot.as_of
    behind = timedelta(seconds=max(0.0, feed.seconds_behind(as_of)))
    gap = timedelta(seconds=feed.longest_gap_seconds) if feed.longest_gap_seconds else None
    return {
        "source": feed.source,
        "feed": view.labels.dataset(feed.feed),
        "feed_state": view.t(f"feed_states.{feed.state(as_of, view.snapshot.run_id)}"),
        "data_through": feed.data_through,
        "behind": formats.age(behind, view.lang) if behind else "—",
        "longest_gap": formats.age(gap, view.lang) if gap else "—",
        "file": feed.file,
    }


def held_rows(view: View) -> None:
    """Every row held back with its reason and its number in the file, a page at a time, of one file or reason.

    Keys and the original text are personal: only who may see personal data is shown them.
    """
    frame = view.meta("quarantine")
    if frame.is_empty():
        return
    reasons = {code: words.reason(view.lang, code) or code for code in sorted(set(frame["code"]))}
    every = view.t("quality.all")
    left, right, third = st.columns([2, 2, 1])
    file = left.selectbox(view.labels.column("file"), [every, *sorted(set(frame["file"]))], key="held_file")
    code = right.selectbox(
        view.labels.column("reason"),
        [every, *reasons],
        format_func=lambda one: reasons.get(one, one),
        key="held_reason",
    )
    for column, chosen in (("file", file), ("code", code)):
        if chosen != every:
            frame = frame.filter(pl.col(column) == chosen)
    pages = max(1, -(-frame.height // PAGE_ROWS))
    page = third.number_input(view.t("quality.page", count=pages), 1, pages, key="held_page")
    shown = frame.sort("file", "source_row").slice((int(page) - 1) * PAGE_ROWS, PAGE_ROWS)
    told = shown.with_columns(pl.Series("reason", [reasons[one] for one in shown["code"]], dtype=pl.String))
    is_whole = view.scope.may_see_personal and view.scope.regions is None
    try:
        told = view.held_records(told) if is_whole else told
    except PeopleMissing:
        is_whole = False
        st.warning(view.t("quality.no_people"), icon=":material/key_off:")
    columns = (name for name in (*_HELD_COLUMNS, "key", "original") if name in told.columns)
    # What is personal is looked at and not taken along: the download menu keeps what it is offered.
    parts.table(view, quality.named(view, told.select(columns)), is_offered=not is_whole)
    # A record with two faults, or of two datasets, is one row of its file.
    counts = {"count": frame.select("load_id", "source_row").n_unique(), "reasons": frame.height}
    words_key = "quality.held_records" if is_whole else "quality.held_rows"
    st.caption(view.t(words_key, **{name: formats.number(count, view.lang) for name, count in counts.items()}))


def failed_checks(view: View) -> None:
    """In how many of the recent nights each check failed, and when last."""
    frame = quality.later_table(view, "failed_checks")
    if frame.is_empty():
        st.success(view.t("quality.no_failed_checks"), icon=":material/task_alt:")
        return
    found = (
        frame.group_by("code", "suite")
        .agg(
            pl.col("run_id").n_unique().alias("night_count"),
            pl.col("run_id").max().alias("last_run_id"),
            pl.col("unexpected_count").sort_by("run_id").last(),
        )
        .sort("last_run_id", "night_count", "code", "suite", descending=[True, True, False, False])
    )
    reasons = [words.reason(view.lang, code) or code for code in found["code"]]
    told = found.with_columns(pl.Series("reason", reasons, dtype=pl.String))
    parts.table(view, told.select(_FAILED_COLUMNS))


def drift(view: View) -> None:
    """Headings that came, went or were renamed in the files of recent nights, stopped ones among them."""
    frame = quality.later_table(view, "drift")
    if frame.is_empty():
        st.success(view.t("quality.no_drift"), icon=":material/task_alt:")
        return
    told = [{"file": "", "columns": "", **json.loads(fields)} for fields in frame["fields"]]
    named = frame.with_columns(
        pl.Series("reason", [words.reason(view.lang, code) or code for code in frame["code"]], dtype=pl.String),
        pl.Series("file", [str(one["file"]) for one in told], dtype=pl.String),
        pl.Series("columns", [str(one["columns"]) for one in told], dtype=pl.String),
    )
    parts.table(view, named.sort("run_id", "file", "reason", descending=[True, False, False]).select(_DRIFT_COLUMNS))


def volumes(view: View) -> None:
    """How many rows each published table has and had on recent nights; what changed most comes first."""
    frame = quality.later_table(view, "volumes")
    if frame.is_empty():
        st.info(view.t("quality.no_volumes"), icon=":material/table_rows:")
        return
    told = changes(frame)
    shares = [formats.percent(share, 1) for share in told["change"]]
    parts.table(
        view,
        told.with_columns(pl.Series("row_count_change", shares, dtype=pl.String)).select(_VOLUME_COLUMNS),
        height=parts.list_height(told),
    )


def changes(volumes: pl.DataFrame) -> pl.DataFrame:
    """table_name, row_count of the newest night, row_count_before of the one before it, change (share of before),
    row_count_trend of all nights told, the oldest first."""
    nights = sorted(set(volumes["run_id"]), reverse=True)[:2]
    now = volumes.filter(pl.col("run_id") == nights[0]).select(pl.col("model").alias("table_name"), "row_count")
    before = volumes.filter(pl.col("run_id").is_in(nights[1:])).select(
        pl.col("model").alias("table_name"), pl.col("row_count").alias("row_count_before")
    )
    trend = (
        volumes.sort("run_id")
        .group_by(pl.col("model").alias("table_name"))
        .agg(pl.col("row_count").alias("row_count_trend"))
    )
    both = now.join(before, on="table_name", how="full", coalesce=True).join(trend, on="table_name", how="left")
    is_known = pl.col("row_count_before") > 0
    change = pl.when(is_known).then(pl.col("row_count").fill_null(0) / pl.col("row_count_before") - 1)
    return both.with_columns(change.alias("change")).sort(
        pl.col("change").abs(), "table_name", descending=[True, False], nulls_last=True
    )
