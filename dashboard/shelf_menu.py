"""The menu of saved views and notes at a page's head."""

from __future__ import annotations

import logging
from functools import partial
from typing import TYPE_CHECKING, Final
from urllib.parse import parse_qs, urlencode

import polars as pl
import streamlit as st
from sqlalchemy.exc import SQLAlchemyError

from dashboard import filters, formats, session, shelf

if TYPE_CHECKING:
    from collections.abc import Callable

    from streamlit.delta_generator import DeltaGenerator

    from dashboard.session import View

log = logging.getLogger(__name__)

_LOCAL: Final = "local"
_NOTES: Final = "_notes"


def owner() -> str:
    """Who keeps something: the one logged in, else whoever sits at this computer."""
    if st.user.get("is_logged_in"):
        return str(st.user.get("email") or st.user.get("sub") or _LOCAL)
    return _LOCAL


def menu(view: View, page: str, place: DeltaGenerator) -> None:
    """Open, save and forget views; write and take away notes."""
    with place.popover(view.t("shelf.title"), icon=":material/bookmark:"):
        try:
            _views(view, page)
            st.divider()
            _note_form(view)
        except SQLAlchemyError as error:
            # The numbers are there all the same: only what readers keep is not.
            log.error("shelf: %s", type(error).__name__)
            st.warning(view.t("shelf.failed", kind=type(error).__name__), icon=":material/sync_problem:")


def _place() -> str:
    return shelf.url(session.home())


def _views(view: View, page: str) -> None:
    me, place = owner(), _place()
    st.markdown(f"**{view.t('shelf.views')}**")
    saved = shelf.views(place, me)
    if not saved:
        st.caption(view.t("shelf.no_views"))
    for one in saved:
        with st.container(horizontal=True, key=f"view_{one.id}", gap="xsmall"):
            label = one.name if one.owner == me else view.t("shelf.of", name=one.name, owner=one.owner)
            st.button(
                label, key=f"view_open_{one.id}", on_click=filters.open_link, args=(one.page, _parsed(one.query))
            )
            if one.owner == me:
                _bin(view, f"view_drop_{one.id}", partial(shelf.drop_view, place, me, one.id))
    with st.form("save_view", clear_on_submit=True, border=False):
        name = st.text_input(
            view.t("shelf.name"), max_chars=shelf.LONGEST_NAME, placeholder=view.t("shelf.name_hint")
        )
        is_shared = st.checkbox(view.t("shelf.share"))
        if st.form_submit_button(view.t("shelf.save"), icon=":material/bookmark_add:") and name.strip():
            query = urlencode(filters.link(page), doseq=True)
            shelf.save_view(place, me, name, page, query, is_shared=is_shared)
            st.rerun()


def _note_form(view: View) -> None:
    me, place = owner(), _place()
    st.markdown(f"**{view.t('shelf.notes')}**")
    for one in shelf.notes(place, view.choice.period.first, view.choice.period.last):
        with st.container(horizontal=True, key=f"note_{one.id}", gap="xsmall"):
            # As text: what a colleague wrote must not become a link or a picture from elsewhere.
            st.text(f"{formats.day(one.day)} · {one.text}")
            if one.owner == me:
                _bin(view, f"note_drop_{one.id}", partial(shelf.drop_note, place, me, one.id))
    with st.form("add_note", clear_on_submit=True, border=False):
        day = st.date_input(view.t("shelf.day"), value=view.choice.period.last, format="YYYY-MM-DD")
        text = st.text_input(view.t("shelf.text"), max_chars=shelf.LONGEST_TEXT)
        st.caption(view.t("shelf.everybody"))
        if st.form_submit_button(view.t("shelf.add"), icon=":material/add_comment:") and text.strip() and day:
            shelf.add_note(place, me, day, text)
            st.rerun()


def _bin(view: View, key: str, drop: Callable[[], None]) -> None:
    st.button("", key=key, icon=":material/delete:", help=view.t("shelf.drop"), type="tertiary", on_click=drop)


def _parsed(query: str) -> dict[str, list[str]]:
    return parse_qs(query)


def begin(view: View) -> None:
    """Read the notes of the chosen dates, once a run."""
    try:
        found = shelf.notes(_place(), view.choice.period.first, view.choice.period.last)
    except SQLAlchemyError as error:
        log.error("shelf: %s", type(error).__name__)
        found = []
    rows = [(one.day, one.text) for one in found]
    st.session_state[_NOTES] = pl.DataFrame(rows, schema={"day": pl.Date, "note": pl.String}, orient="row")


def on_periods(points: pl.DataFrame) -> pl.DataFrame:
    """The notes by the period of a trend that their day falls in: period, note."""
    notes: pl.DataFrame = st.session_state.get(_NOTES, pl.DataFrame())
    if notes.is_empty() or points.is_empty():
        return pl.DataFrame(schema={"period": pl.Date, "note": pl.String})
    starts = points.select("period").unique().sort("period")
    placed = notes.sort("day").join_asof(
        starts, left_on="day", right_on="period", strategy="backward", coalesce=False
    )
    told = pl.format("{} {}", pl.col("day").dt.to_string("%Y-%m-%d"), pl.col("note"))
    return (
        placed.filter(pl.col("period").is_not_null())
        .with_columns(told.alias("note"))
        .group_by("period", maintain_order=True)
        .agg(pl.col("note").str.join("; "))
    )
