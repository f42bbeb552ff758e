"""What the data quality page says about the night that was published: files, rows held back, checks."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import polars as pl
import streamlit as st

from dashboard import charts_counts, formats, parts, shapes, theme, words
from dashboard.metrics.query import NoSuchTable
from data_checks import contract
from data_checks.rules import rules

if TYPE_CHECKING:
    from collections.abc import Mapping

    from dashboard.session import View

_LOAD_COLUMNS: Final = (
    "source", "feed", "file", "rows_read", "rows_loaded", "rows_quarantined", "rows_duplicate",
    "state", "data_through", "loaded_at", "bytes", "sha256", "because",
)  # fmt: skip
_CHECK_COLUMNS: Final = (
    "severity", "suite", "expectation", "column_name", "unexpected_count", "element_count", "stage",
)  # fmt: skip
_ADVICE_COLUMNS: Final = ("source", "feed", "file", "dataset", "column_name", "reason", "row_count", "advice")
_OVERRIDE_COLUMNS: Final = ("overridden_at", "reason", "file_or_table", "accepted_because", "accepted_by", "run_id")
_DISAGREEMENT_COLUMNS: Final = (
    "column_name", "believed_source", "other_source", "shared_count", "differing_count", "differing_share",
)  # fmt: skip
_SEVERITIES: Final = ("stop", "warn", "note")
_COUNTS: Final = ("rows_read", "rows_loaded", "rows_quarantined", "rows_duplicate")


@dataclass(frozen=True)
class _Finding:
    """A row of meta.findings, as words.sentence asks for it."""

    code: str
    fields: dict[str, str | int]


def summary(view: View) -> None:
    """Four sums over the loads: read = loaded + held back + duplicates."""
    loads_ = view.meta("loads")
    sums = {name: int(loads_[name].sum() or 0) for name in _COUNTS}
    accuracy = sums["rows_loaded"] + sums["rows_duplicate"], sums["rows_read"]
    with st.grid(min_column_width=150):
        for name, count in sums.items():
            st.metric(view.t(f"quality.{name}"), formats.number(count, view.lang), border=True)
        share = accuracy[0] / accuracy[1] if accuracy[1] else None
        help_ = view.t("quality.accuracy_help")
        st.metric(view.t("quality.accuracy"), formats.percent(share, 2), border=True, help=help_)


def runs(view: View) -> None:
    """The last nights, how each ended, and what stopped it."""
    # The night that wrote this snapshot had not ended while it wrote: it was published, or nobody would see it.
    is_this = pl.col("verdict").is_null() & (pl.col("run_id") == view.snapshot.run_id)
    frame = view.meta("runs").with_columns(
        pl.when(is_this).then(pl.lit("published")).otherwise(pl.col("verdict")).alias("verdict"),
        pl.when(is_this).then(pl.lit(view.snapshot.as_of)).otherwise(pl.col("as_of")).alias("as_of"),
    )
    verdicts = [view.t(f"verdicts.{verdict or 'running'}") for verdict in frame["verdict"]]
    reasons = [words.reason(view.lang, code) if code else "" for code in frame["message_code"]]
    told = frame.with_columns(
        pl.Series("verdict", verdicts, dtype=pl.String), pl.Series("reason", reasons, dtype=pl.String)
    ).sort("started_at", descending=True)
    # When the night ended is left out: the snapshot is written before its own night's end.
    parts.table(view, _only(told, ("started_at", "verdict", "reason", "as_of", "run_id")))


def loads(view: View) -> None:
    """Every file of the ledger with its accounting, the newest first."""
    frame = view.meta("loads").sort("loaded_at", "file", descending=[True, False])
    states = [view.t(f"load_states.{state}") for state in frame["state"]]
    told = named(view, frame.with_columns(pl.Series("state", states, dtype=pl.String)))
    parts.table(view, _only(told, _LOAD_COLUMNS), height=parts.list_height(told))


def quarantine(view: View) -> None:
    """Why rows were held back, where they lie, and what to do about each reason."""
    frame = _quarantine(view)
    released = later_table(view, "released")
    if not released.is_empty():
        again = released["released_load"].is_not_null().sum()
        fields = {"count": released.height, "again": again, "pointing": released.height - again}
        st.caption(view.t("quality.released", **fields))
    if frame.is_empty():
        st.success(view.t("quality.no_quarantine"), icon=":material/task_alt:")
        return
    counts = shapes.counted(frame.group_by("reason").agg(pl.col("row_count").sum()), "reason", "row_count", top=20)
    draw = charts_counts.ranked_counts
    parts.chart(view, counts, lambda told: draw(told, "reason", view.lang, view.t, colour=theme.ORANGE))
    parts.table(view, _only(named(view, frame.sort("row_count", descending=True)), _ADVICE_COLUMNS))


def checks(view: View) -> None:
    """Failed checks with their reason; the passed ones as a count."""
    frame = view.meta("checks")
    failed = frame.filter(~pl.col("success"))
    st.markdown(view.t("quality.checks_passed", passed=frame.height - failed.height, all=frame.height))
    if failed.is_empty():
        return
    severities = [view.t(f"severities.{severity}") for severity in failed["severity"]]
    told = failed.with_columns(pl.Series("severity", severities, dtype=pl.String))
    told = told.rename({f"reason_{view.lang}": "reason"})
    parts.table(view, _only(told, (*_CHECK_COLUMNS[:4], "reason", *_CHECK_COLUMNS[4:])))


def findings(view: View) -> None:
    """Warnings of the night as sentences."""
    frame = view.meta("findings")
    if frame.is_empty():
        st.success(view.t("quality.no_findings"), icon=":material/task_alt:")
        return
    # What is only noted must not push what is new out of sight.
    ordered = frame.sort(pl.col("severity").replace_strict(_SEVERITIES, range(3), default=3), maintain_order=True)
    for row in ordered.head(parts.LISTED).iter_rows(named=True):
        st.markdown(f"- {_sentence(view, row)}")
    if frame.height > parts.LISTED:
        st.caption(view.t("quality.more_findings", count=frame.height - parts.LISTED))


def overrides(view: View) -> None:
    """Failed checks that somebody accepted, with who, when and why; nothing where nobody ever did."""
    frame = later_table(view, "overrides")
    if frame.is_empty():
        return
    parts.section(view, "overrides")
    reasons = [words.reason(view.lang, code) or code for code in frame["code"]]
    told = frame.rename(
        {"because": "accepted_because", "subject": "file_or_table", "accepted_at": "overridden_at"}
    ).with_columns(pl.Series("reason", reasons, dtype=pl.String))
    parts.table(view, _only(told.sort("overridden_at", descending=True), _OVERRIDE_COLUMNS))


def disagreements(view: View) -> None:
    """How often two sources tell different things of one customer, and which of them is believed."""
    frame = later_table(view, "disagreements")
    if frame.is_empty():
        st.info(view.t("quality.no_shared_customers"), icon=":material/group:")
        return
    shares = [formats.percent(row[0] / row[1], 2) for row in frame.select("differing_count", "shared_count").rows()]
    names = [view.labels.column(name) for name in frame["column_name"]]
    told = frame.with_columns(
        pl.Series("differing_share", shares, dtype=pl.String), pl.Series("column_name", names, dtype=pl.String)
    )
    parts.table(
        view, _only(told.sort("differing_count", descending=True, maintain_order=True), _DISAGREEMENT_COLUMNS)
    )


def later_table(view: View, name: str) -> pl.DataFrame:
    """A table of meta, empty where an older version wrote the snapshot: the next night brings it."""
    try:
        return view.meta(name)
    except NoSuchTable:
        return pl.DataFrame()


def datasets(view: View) -> None:
    """Which datasets hold rows, from which source; the rest are named as not connected."""
    frame = view.meta("datasets")
    connected = frame.filter(pl.col("row_count") > 0).sort("dataset", "source")
    parts.table(view, _only(named(view, connected), ("dataset", "source", "row_count", "data_through")))
    missing = [name for name in contract.datasets() if name not in set(connected["dataset"])]
    if missing:
        st.caption(f"{view.t('states.not_connected')}: {view.labels.datasets(missing)}")


def _quarantine(view: View) -> pl.DataFrame:
    """Rows held back by file, column and reason: row_count, with the reason and its advice in words."""
    places = ("source", "feed", "file", "dataset", "column_name", "code")
    counted = view.meta("quarantine").group_by(places).agg(pl.len().cast(pl.Int64).alias("row_count")).sort(places)
    known = rules()
    reasons = [words.reason(view.lang, code) or code for code in counted["code"]]
    advice = [known[code].advice[view.lang] if code in known else "" for code in counted["code"]]
    return counted.with_columns(
        pl.Series("reason", reasons, dtype=pl.String), pl.Series("advice", advice, dtype=pl.String)
    )


def named(view: View, frame: pl.DataFrame) -> pl.DataFrame:
    """Feeds and datasets in words."""
    codes = [name for name in ("feed", "dataset") if name in frame.columns]
    words_ = {name: [one and view.labels.dataset(one) for one in frame[name]] for name in codes}
    return frame.with_columns(pl.Series(name, told, dtype=pl.String) for name, told in words_.items())


def _sentence(view: View, row: Mapping[str, Any]) -> str:
    return words.sentence(view.t, view.lang, _Finding(str(row["code"]), json.loads(row["fields"] or "{}")))


def _only(frame: pl.DataFrame, names: tuple[str, ...]) -> pl.DataFrame:
    return frame.select(name for name in names if name in frame.columns)
