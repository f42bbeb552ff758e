"""Pieces that pages share: the state of the data, titles, tables, charts that may be empty, first run."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Final, cast

import altair as alt
import polars as pl
import streamlit as st

from dashboard import charts, downloads, filters, formats, health
from dashboard.labels import is_duration
from ingestion import reader_settings
from ingestion.warehouse.entries import PAGES

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from streamlit.delta_generator import DeltaGenerator

    from dashboard.charts import Drawing
    from dashboard.i18n import Translate
    from dashboard.session import View
    from ingestion.warehouse.kpis import Kpi
    from ingestion.warehouse.views import View as Table

LISTED: Final = 12
_PANEL_WIDTH: Final = 300
_PANELS_A_ROW: Final = 3
FIRST_AREA: Final = "response"
_LIST_HEIGHT: Final = 330
_LIST_ROWS: Final = 8


def data_state(view: View, quiet: DeltaGenerator, loud: DeltaGenerator) -> None:
    """How far the data reach: one line where all is well, else what is wrong, across the page."""
    snapshot = view.snapshot
    now = datetime.now(UTC).replace(tzinfo=None)
    behind = snapshot.age(now)
    fields = {
        "as_of": formats.instant(snapshot.as_of, view.zone),
        "age": formats.age(behind, view.lang),
        "run": snapshot.run_id,
    }
    settings = reader_settings.read()
    promised, ended = settings.fresh_within, health.unpublished(settings.home)
    if snapshot.instead_of:
        told = view.t("banner.older", damaged=snapshot.instead_of, fault=snapshot.fault, **fields)
        loud.error(told, icon=":material/healing:")
    if ended is not None:
        fault, last = ended
        loud.error(view.t(f"banner.{fault}", last=last.run_id, **fields), icon=":material/front_hand:")
    if snapshot.is_held:
        loud.error(view.t("banner.held", **fields), icon=":material/pause_circle:")
    elif behind > promised and ended is None:
        # Published just now and old all the same: the exports end early, and no run is to blame.
        reason = "exports_end" if now - snapshot.published_at <= promised else "old"
        loud.error(view.t(f"banner.{reason}", **fields), icon=":material/schedule:")
    elif not snapshot.instead_of and ended is None:
        quiet.caption(view.t("banner.fresh", **fields))


def title(view: View, page: str, *, is_filtered: bool = True) -> None:
    """The page's title, the question it answers, and which dates and slices it is about."""
    st.title(view.t(f"pages.{page}.title"), anchor=False)
    st.caption(view.t(f"pages.{page}.question"))
    if is_filtered:
        about(view)


def about(view: View) -> None:
    """Which dates and slices the numbers below are about."""
    st.caption(f":material/date_range: {filters.describe(view.choice, view.last_date, view.lang, view.t)}")


def section(view: View, key: str) -> None:
    """A heading with one line below that says how to read what follows."""
    heading(view.t(f"sections.{key}.title"), view.t(f"sections.{key}.note"))


def heading(title: str, note: str) -> None:
    """The same in words that come from an entry of sql/."""
    st.subheader(title, anchor=False)
    st.caption(note)
    downloads.begin_section(title, note)


def nothing(view: View) -> None:
    """Nothing was counted in these dates under this filter."""
    st.info(view.t("parts.nothing"), icon=":material/inbox:")


def needs(view: View, *datasets: str) -> bool:
    """True if the datasets are connected; else say which are not. Never a zero in their place."""
    missing = [name for name in datasets if not view.is_connected(name)]
    if missing:
        names = view.t("parts.connect", datasets=view.labels.datasets(missing))
        told = f"**{view.t('states.not_connected')}** · {names}"
        st.info(told, icon=":material/link_off:")
    return not missing


def splits(view: View, kpi: Kpi | Table) -> bool:
    """True if the KPI knows every dimension filtered by; else say which it cannot be split by."""
    missing = view.unsplit(kpi)
    if missing:
        names = view.t("parts.and").join(view.labels.dimension(name) for name in missing)
        st.info(view.t("parts.unsplit", kpi=kpi.label[view.lang], dimensions=names), icon=":material/filter_alt_off:")
    return not missing


def chart(
    view: View, frame: pl.DataFrame, draw: Callable[[pl.DataFrame], Drawing], *, picks: str | None = None
) -> None:
    """Draw the frame, or say that nothing was counted in these dates.

    picks: the dimension that a click on a mark filters by; the chart must be pickable then.
    """
    if frame.is_empty():
        nothing(view)
        return
    drawing = draw(frame)
    downloads.offer(frame, drawing)
    _draw(drawing, _picking(view, picks) if picks else {})


def panels(view: View, frame: pl.DataFrame, drawings: Sequence[Drawing]) -> None:
    """Small charts beside each other, as many as the screen holds, of one frame."""
    downloads.offer(frame, alt.concat(*drawings, columns=_PANELS_A_ROW))
    with st.grid(min_column_width=_PANEL_WIDTH):
        for one in drawings:
            _draw(one, {})


def _picking(view: View, dimension: str) -> dict[str, Any]:
    """What makes a chart filter: its key tells the filter, so that a new selection begins after each."""
    key = f"pick_{dimension}_{downloads.count()}_{hash(view.choice)}"

    def filter_by() -> None:
        chosen = st.session_state[key]["selection"].get(charts.PICK) or []
        if chosen:
            filters.narrow(dimension, str(chosen[0]["code"]), None, view.lang)

    return {"key": key, "on_select": filter_by, "selection_mode": charts.PICK}


def _draw(drawing: Drawing, more: dict[str, Any]) -> None:
    section = downloads.section()
    told = f"{section.title}. {section.note}" if section.title else None
    st.altair_chart(cast("Drawing", _Unchecked(drawing)), width="stretch", alt=told, **more)


@dataclass(frozen=True)
class _Unchecked:
    """A chart written down as it is: to compare it with Altair's schema, as tests do, takes as long as to draw it."""

    drawing: Drawing

    def to_dict(self) -> dict[str, object]:
        return self.drawing.to_dict(validate=False)


def table(
    view: View,
    frame: pl.DataFrame,
    *,
    dimensions: Sequence[str] = (),
    height: int | None = None,
    is_offered: bool = True,
) -> None:
    """A table with headings, instants and dimension values in the reader's language and time zone.

    A column of lists is drawn as a line in each row.
    """
    if frame.is_empty():
        nothing(view)
        return
    sheet(view, _readable(view, view.named(frame, *dimensions)), height=height, is_offered=is_offered)


def sheet(
    view: View, frame: pl.DataFrame, *, key: str | None = None, height: int | None = None, is_offered: bool = True
) -> int | None:
    """A table whose headings and values are words already, to be taken along by the page's download menu.

    With a key a row can be chosen: its number is returned once, by the run that the choice started.
    """
    if is_offered:
        downloads.offer(frame)
    kinds = frame.schema.items()
    drawn: dict[str, Any] = {
        name: st.column_config.NumberColumn(format="localized") for name, kind in kinds if kind.is_numeric()
    }
    drawn |= {name: st.column_config.LineChartColumn(y_min=0) for name, kind in kinds if kind == pl.List}
    look: dict[str, Any] = {
        "hide_index": True, "width": "stretch", "height": height or "auto", "column_config": drawn, "placeholder": "",
        "alt": downloads.section().title or None,
    }  # fmt: skip
    if key is None:
        st.dataframe(frame, **look)
        return None
    state = st.dataframe(frame, on_select="rerun", selection_mode="single-row", key=f"{key}_{view.lang}", **look)
    rows = state["selection"]["rows"]
    chosen = rows[0] if rows else None
    # A choice stays marked: what it opened must not open again with every later click.
    before = st.session_state.get(f"_{key}_row")
    st.session_state[f"_{key}_row"] = chosen
    return chosen if chosen != before else None


def list_height(frame: pl.DataFrame) -> int | None:
    """A long list scrolls within its height; a short one ends with its last row."""
    return _LIST_HEIGHT if frame.height > _LIST_ROWS else None


def complaint_list(view: View, waiting: pl.DataFrame) -> None:
    """Open complaints, the least time left first; the time left in words, since it decides what to do."""
    if waiting.is_empty():
        st.success(view.t("complaint_list.none"), icon=":material/task_alt:")
        return
    words = [_time_left(view, left) for left in waiting["left_seconds"]]
    ages = [formats.duration(age, view.lang) for age in waiting["age_seconds"]]
    late = sum(left is not None and left < 0 for left in waiting["left_seconds"])
    st.markdown(view.t("complaint_list.summary", day=formats.day(view.last_date), open=waiting.height, late=late))
    frame = waiting.with_columns(
        pl.Series("time_left", words, dtype=pl.String), pl.Series("age", ages, dtype=pl.String)
    )
    dimensions = ("grade", "reason", "region", "tier", "product")
    names = ("complaint_id", "time_left", "age", "received_at", "due_at", *dimensions)
    table(
        view,
        frame.select(name for name in names if name in frame.columns),
        dimensions=dimensions,
        height=list_height(frame),
    )


def score_table(view: View, means: pl.DataFrame) -> None:
    """Mean score by question with the number of answers."""
    rows = {
        view.t("chart.group"): [view.labels.value("survey_dimension", name) for name in means["dimension"]],
        view.t("chart.mean"): [formats.value(mean, "score", view.lang) for mean in means["value"]],
        "n": [formats.number(n, view.lang) for n in means["n"]],
    }
    if means.is_empty():
        nothing(view)
        return
    sheet(view, pl.DataFrame(rows))


def pick(view: View, key: str, options: Sequence[str], words: str) -> str:
    """A small either-or above a chart. `words` is the folder of the options' names in the language files."""
    chosen = st.segmented_control(
        view.t(f"{words}.label"),
        options,
        format_func=lambda code: view.t(f"{words}.{code}"),
        default=options[0],
        required=True,
        key=f"{key}_{view.lang}",
        label_visibility="collapsed",
    )
    return str(chosen)


def area(view: View, key: str) -> str | None:
    """Which part of the service to look at; None, where the reader lets go of it: all of it."""
    chosen = st.pills(
        view.t("areas.label"),
        PAGES,
        default=FIRST_AREA,
        format_func=lambda code: view.t(f"areas.{code}"),
        key=f"{key}_{view.lang}",
        label_visibility="collapsed",
    )
    return None if chosen is None else str(chosen)


def first_run(t: Translate, home: str) -> None:
    """Nothing has been published yet: say so, and what to do."""
    st.title(t("first_run.title"), anchor=False)
    st.info(t("first_run.meaning", home=home), icon=":material/rocket_launch:")
    st.markdown(t("first_run.demo"))
    st.code("aftercare demo", language="bash")
    st.markdown(t("first_run.own"))
    st.code("aftercare run EXPORTS_DIR\naftercare serve", language="bash")
    st.caption(t("first_run.stopped"))


def _time_left(view: View, seconds: float | None) -> str:
    if seconds is None:
        return formats.MISSING
    key = "late" if seconds < 0 else "left"
    return view.t(f"complaint_list.{key}", time=formats.duration(abs(seconds), view.lang))


def _readable(view: View, frame: pl.DataFrame) -> pl.DataFrame:
    renamed: dict[str, str] = {}
    columns: list[pl.Expr] = []
    for name, kind in frame.schema.items():
        column = pl.col(name)
        if isinstance(kind, pl.Datetime):
            column = _local(column, kind, view.zone)
        elif isinstance(kind, pl.Date):
            column = column.dt.strftime("%Y-%m-%d")
        elif is_duration(name):
            # In the words of the cards, so that a row and the median above it can be compared at sight.
            words = [formats.duration(seconds, view.lang) for seconds in frame[name].cast(pl.Float64)]
            column = pl.lit(pl.Series(name, words, dtype=pl.String))
        elif isinstance(kind, pl.Decimal):
            column = column.cast(pl.Float64)
        columns.append(column)
        renamed[name] = view.labels.column(name)
    return frame.with_columns(columns).rename(renamed)


def _local(column: pl.Expr, kind: pl.Datetime, zone: str) -> pl.Expr:
    aware = column if kind.time_zone else column.dt.replace_time_zone("UTC")
    return aware.dt.convert_time_zone(zone).dt.strftime("%Y-%m-%d %H:%M")
