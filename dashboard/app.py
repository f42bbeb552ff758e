"""The dashboard's frame: language, navigation, state of the data and filter bar around every page."""

from __future__ import annotations

import logging
import os
from pathlib import Path
from typing import Final

import duckdb
import streamlit as st

from dashboard import console, downloads, filters, parts, session, shelf_menu, theme
from dashboard.i18n import Translate, translator
from dashboard.metrics.access import Scope
from dashboard.words import sentence
from ingestion.warehouse.errors import WarehouseError
from ingestion.warehouse.kpis import KpiQuestionInvalid
from ingestion.warehouse.models import first_line

log = logging.getLogger(__name__)

FOLDER: Final = Path(__file__).parent / "app_pages"

# Section -> page and icon. The page's file, address and words all carry the same name.
SECTIONS: Final = {
    "overview": {"overview": ":material/dashboard:", "explore": ":material/travel_explore:"},
    "service": {
        "response": ":material/timer:",
        "first_fix": ":material/build:",
        "complaints": ":material/report:",
        "spare_parts": ":material/settings_suggest:",
    },
    "customers": {
        "satisfaction": ":material/sentiment_satisfied:",
        "loyalty": ":material/loyalty:",
        "care": ":material/volunteer_activism:",
        "customer": ":material/person_search:",
    },
    "improvement": {
        "programme": ":material/flag:",
        "pain_points": ":material/healing:",
        "team": ":material/groups:",
    },
    "data": {"data_quality": ":material/verified:", "dictionary": ":material/menu_book:"},
}

# Shown where AFTERCARE_SQL_PAGE is 1: analysts may ask the snapshot in SQL.
SQL_PAGE: Final = {"sql": ":material/terminal:"}

HOME_PAGE: Final = "overview"

# Pages about the load, the definitions and a single customer, which no period and no slice changes.
UNFILTERED: Final = ("customer", "data_quality", "dictionary", "sql")


def main() -> None:
    lang = filters.language()
    t = translator(lang)
    st.set_page_config(page_title=t("app.title"), page_icon=theme.ICON, layout="wide")
    st.html(theme.CSS)
    sections = {**SECTIONS, "data": {**SECTIONS["data"], **(SQL_PAGE if console.is_on() else {})}}
    page = st.navigation({t(f"navigation.{section}"): _pages(pages, t) for section, pages in sections.items()})
    wanted = filters.wanted_page()
    # A view may have been saved on a page that is turned off since.
    if any(wanted in pages for pages in sections.values()):
        st.switch_page(FOLDER / f"{wanted}.py")
    if not _may_enter(t):
        filters.language_switch(t)
        return
    try:
        snapshot = session.open_published()
    except WarehouseError as error:
        filters.language_switch(t)
        st.error(sentence(t, lang, error.finding), icon=":material/error:")
        return
    if snapshot is None:
        filters.language_switch(t)
        filters.write_url(lang)
        parts.first_run(t, str(session.home()))
        return
    scope = Scope.everything()
    with st.container(horizontal=True, horizontal_alignment="right", vertical_alignment="center", key="head"):
        state = st.container()
        kept = st.container(width="content")
        taken = st.container(width="content")
        with st.container(width="content"):
            filters.language_switch(t)
    loud = st.container()
    choice = filters.bar(snapshot, scope, lang, t, is_shown=page.url_path not in UNFILTERED)
    view = session.View(lang, t, snapshot, scope, choice)
    parts.data_state(view, state, loud)
    session.begin(view)
    downloads.begin()
    shelf_menu.begin(view)
    try:
        page.run()
        shelf_menu.menu(view, page.url_path or HOME_PAGE, kept)
        downloads.menu(view, page.url_path or HOME_PAGE, taken)
    except (KpiQuestionInvalid, duckdb.Error) as error:
        # The log has the cause; the reader is told in her own language that this page is missing.
        log.error("page %s: %s", page.title, first_line(error))
        st.error(t("parts.failed", kind=type(error).__name__), icon=":material/error:")
    # Last: the page's own choices stand in the address too.
    filters.write_url(lang, page.url_path or HOME_PAGE)


def _may_enter(t: Translate) -> bool:
    """Where `aftercare serve` opened the port to others, a reader says first who she is."""
    if os.environ.get("AFTERCARE_LOGIN") != "1" or st.user.get("is_logged_in"):
        return True
    st.title(t("login.title"), anchor=False)
    st.button(t("login.button"), on_click=st.login, type="primary", icon=":material/login:")
    return False


def _pages(pages: dict[str, str], t: Translate) -> list[st.Page]:
    return [
        st.Page(
            FOLDER / f"{name}.py",
            title=t(f"pages.{name}.title"),
            icon=icon,
            url_path=name,
            default=name == HOME_PAGE,
        )
        for name, icon in pages.items()
    ]


if __name__ == "__main__":
    main()
