"""The SQL page: off unless a setting turns it on."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Final

import streamlit as st

from dashboard import formats, parts, sql_names
from dashboard.metrics import sql_reader
from dashboard.metrics.sql_reader import MOST_ROWS, MOST_SECONDS, SqlRefused

if TYPE_CHECKING:
    from dashboard.session import View

SETTING: Final = "AFTERCARE_SQL_PAGE"
_TEXT: Final = "sql_text"
_ASKED: Final = "_sql_asked"
_PICKED: Final = "sql_name"
_FIRST_TABLE: Final = "core.fct_tickets"


def is_on() -> bool:
    return os.environ.get(SETTING) == "1"


def show(view: View) -> None:
    """A table to begin with, the query, and its answer."""
    if not is_on():
        st.info(view.t("console.off"), icon=":material/lock:")
        return
    tables = sql_reader.tables(view.snapshot)
    editor, names = st.columns((3, 2), gap="medium")
    with names:
        _table(view, tables)
    limits = {"rows": formats.number(MOST_ROWS, view.lang), "seconds": f"{MOST_SECONDS:.0f}"}
    with editor:
        text = st.text_area(view.t("console.query"), key=_TEXT, height=240)
        _names(view, tables)
        if st.button(view.t("console.run"), type="primary", icon=":material/play_arrow:", disabled=not text.strip()):
            st.session_state[_ASKED] = text
        st.caption(view.t("console.limits", **limits))
    # Asked again only by its own button: a choice in the menu above must not run it anew.
    asked = st.session_state.get(_ASKED)
    if asked:
        _answer(view, str(asked), limits)


def _table(view: View, tables: dict[str, tuple[str, ...]]) -> None:
    """A table with its columns, to begin a query with."""
    known = sorted(tables, key=lambda name: (name != _FIRST_TABLE, name))
    with st.container(horizontal=True, vertical_alignment="bottom"):
        chosen = st.selectbox(view.t("console.table"), known, key=f"sql_table_{view.lang}", width=300)
        st.button(view.t("console.insert"), on_click=_begin, args=(chosen,), icon=":material/input:")
    st.caption(view.t("console.columns", columns=", ".join(tables[chosen])))


def _names(view: View, tables: dict[str, tuple[str, ...]]) -> None:
    """Names that complete the query, or that a search finds; a click puts one at its end."""
    wanted = st.text_input(
        view.t("console.find"), key=f"sql_find_{view.lang}", placeholder=view.t("console.find_hint"),
        icon=":material/search:",
    )  # fmt: skip
    found = sql_names.offered(str(st.session_state.get(_TEXT) or ""), wanted, tables)
    if not found:
        st.caption(view.t("console.no_name"))
        return
    st.pills(
        view.t("console.names"), found[: sql_names.SHOWN], key=_PICKED, on_change=_put, args=(wanted,),
        label_visibility="collapsed",
    )  # fmt: skip
    if len(found) > sql_names.SHOWN:
        st.caption(view.t("console.more_names", count=len(found) - sql_names.SHOWN))


def _put(wanted: str) -> None:
    name = st.session_state.get(_PICKED)
    if name:
        st.session_state[_TEXT] = sql_names.put(str(st.session_state.get(_TEXT) or ""), str(name), wanted)
    st.session_state[_PICKED] = None


def _begin(table: str) -> None:
    st.session_state[_TEXT] = f"select *\nfrom {table}\nlimit 100"


def _answer(view: View, text: str, limits: dict[str, str]) -> None:
    parts.section(view, "answer")
    try:
        found = sql_reader.run(view.snapshot, view.scope, text)
    except SqlRefused as refused:
        st.error(view.t(f"console.{refused.code}", reason=refused.reason, **limits), icon=":material/error:")
        return
    if found.is_cut:
        st.warning(view.t("console.cut", **limits), icon=":material/content_cut:")
    st.caption(
        view.t("console.rows", rows=formats.number(found.frame.height, view.lang), seconds=f"{found.seconds:.2f}")
    )
    if found.frame.is_empty():
        parts.nothing(view)
    else:
        parts.sheet(view, found.frame, height=460)
