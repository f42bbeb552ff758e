"""Choices of a single page in its address, so that a link or a reload shows the same view.

The filter bar's own choices are everybody's and live in `filters`; what a page lets its reader choose besides is
kept here by page and name, read once from the link that opened it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import streamlit as st

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

_KEY: Final = "_page_params"


def of(page: str) -> dict[str, str]:
    """What the page says in the address besides the filter."""
    return {name: value for name, value in _kept(page).items() if value}


def keep(page: str, name: str, value: str) -> None:
    """Write a choice into the page's address; '' takes it out."""
    _kept(page)[name] = value


def asked(page: str, name: str) -> str:
    """What the link, or an earlier look at the page, says; '' where nothing."""
    kept = _kept(page)
    if name not in kept:
        kept[name] = st.query_params.get(name, "")
    return kept[name]


def open_link(page: str, says: dict[str, str]) -> None:
    """Let a page show what a link says, whatever was chosen on it before."""
    _kept(page).clear()
    _kept(page).update(says)
    for key in list(st.session_state):
        if str(key).startswith(f"{page}_"):
            del st.session_state[key]


def select(
    page: str,
    name: str,
    options: Sequence[str],
    *,
    label: str,
    words: Callable[[str], str],
    lang: str,
    width: int = 200,
) -> str:
    """A choice that stands in the address unless it is the first of the options, which is the default."""
    key = f"{page}_{name}_{lang}"
    if st.session_state.get(key) not in options:
        wanted = asked(page, name)
        st.session_state[key] = wanted if wanted in options else options[0]
    chosen = str(st.selectbox(label, list(options), format_func=words, key=key, width=width))
    keep(page, name, "" if chosen == options[0] else chosen)
    return chosen


def switch(
    page: str, name: str, options: Sequence[str], *, label: str, words: Callable[[str], str], lang: str
) -> str:
    """The same as a few buttons in a row."""
    key = f"{page}_{name}_{lang}"
    if st.session_state.get(key) not in options:
        wanted = asked(page, name)
        st.session_state[key] = wanted if wanted in options else options[0]
    chosen = str(
        st.segmented_control(label, options, format_func=words, key=key, required=True, label_visibility="collapsed")
    )
    keep(page, name, "" if chosen == options[0] else chosen)
    return chosen


def _kept(page: str) -> dict[str, str]:
    pages: dict[str, dict[str, str]] = st.session_state.setdefault(_KEY, {})
    return pages.setdefault(page, {})
