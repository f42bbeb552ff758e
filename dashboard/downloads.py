"""What a page shows, taken along: every table, and the figures behind every chart, as CSV or XLSX.

A page's tables offer themselves while they are drawn; the menu at the page's head then lists them. A file is made
when it is asked for. No cell can start a formula, whatever a customer wrote into a field.
"""

from __future__ import annotations

import io
import re
from typing import TYPE_CHECKING, Any, Final, NamedTuple, TypeAlias

import altair as alt
import polars as pl
import streamlit as st
import xlsxwriter

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from streamlit.delta_generator import DeltaGenerator

    from dashboard.session import View

Picture: TypeAlias = "alt.Chart | alt.LayerChart | alt.FacetChart | alt.ConcatChart"

KEY: Final = "_offered"
"""Where a session keeps what its page offers."""
_PICTURE_WIDTH: Final = 760
_STARTS_FORMULA: Final = r"^[=+\-@\t\r\n]"
_NUMBER: Final = r"^[+\-]?[0-9][0-9,]*(\.[0-9]+)?%?$"
_SHEET_NAME: Final = 31
_NOT_IN_SHEETS: Final = re.compile(r"[\[\]:*?/\\']")
_NOT_IN_FILES: Final = re.compile(r"[^\w\u4e00-\u9fff-]+")


class Section(NamedTuple):
    """The heading that what follows stands under, and how to read it."""

    title: str = ""
    note: str = ""


class Offer(NamedTuple):
    """A table of the page, or a chart with its figures, by the heading it stands under."""

    title: str
    frame: pl.DataFrame
    drawing: Picture | None = None


class _Page:
    def __init__(self) -> None:
        self.section = Section()
        self.offers: list[Offer] = []


def begin() -> None:
    """A page begins anew: nothing is offered yet."""
    st.session_state[KEY] = _Page()


def begin_section(title: str, note: str) -> None:
    _page().section = Section(title, note)


def section() -> Section:
    """The heading of what is being drawn."""
    return _page().section


def count() -> int:
    """How many tables and charts the page has drawn so far."""
    return len(_page().offers)


def offer(frame: pl.DataFrame, drawing: Picture | None = None) -> None:
    """Let the reader take a table or a chart along, under the heading it stands under."""
    page = _page()
    same = sum(one.title.partition(" #")[0] == page.section.title for one in page.offers)
    title = f"{page.section.title} #{same + 1}" if same else page.section.title
    page.offers.append(Offer(title, frame, drawing))


def menu(view: View, page: str, place: DeltaGenerator) -> None:
    """The menu of what the page has offered."""
    offers = {str(number): _headed(view, one) for number, one in enumerate(_page().offers)}
    if not offers:
        return
    name = f"aftercare-{page}-{view.last_date:%Y%m%d}"
    with place.popover(view.t("downloads.title"), icon=":material/download:"):
        st.caption(view.t("downloads.note"))
        _button(view, "all", f"{name}.xlsx", lambda: xlsx(list(offers.values())))
        chosen = st.selectbox(
            view.t("downloads.table"),
            list(offers),
            format_func=lambda number: offers[number].title,
            key=f"download_{page}_{view.lang}",
        )
        one = offers[chosen]
        short = _NOT_IN_FILES.sub("-", one.title).strip("-") or page
        _button(view, "xlsx", f"{name}-{short}.xlsx", lambda: xlsx([one]))
        _button(view, "csv", f"{name}-{short}.csv", lambda: csv(one.frame))
        if (drawing := one.drawing) is not None:
            _button(view, "png", f"{name}-{short}.png", lambda: png(drawing, one.title))
            _button(view, "svg", f"{name}-{short}.svg", lambda: svg(drawing, one.title))


def _headed(view: View, one: Offer) -> Offer:
    """With headings in words: the figures behind a chart come under the names of their columns."""
    words = {name: view.labels.column(name) for name in one.frame.columns}
    # Two columns under one heading would be one.
    told = {name: word for name, word in words.items() if list(words.values()).count(word) == 1}
    return one._replace(frame=one.frame.rename(told))


def _button(view: View, kind: str, file: str, make: Callable[[], bytes]) -> None:
    st.download_button(
        view.t(f"downloads.{kind}"), make, file_name=file, key=f"download_{kind}", on_click="ignore", width="stretch"
    )


def csv(frame: pl.DataFrame) -> bytes:
    """UTF-8 with the mark by which Excel knows it; text that would start a formula is led in by an apostrophe."""
    flat = _flat(frame)
    safe = flat.with_columns(
        pl.when(pl.col(name).str.contains(_STARTS_FORMULA) & ~pl.col(name).str.contains(_NUMBER))
        .then(pl.concat_str(pl.lit("'"), pl.col(name)))
        .otherwise(pl.col(name))
        .alias(name)
        for name, kind in flat.schema.items()
        if kind == pl.String
    )
    return safe.write_csv(include_bom=True).encode()


def xlsx(offers: Sequence[Offer]) -> bytes:
    """A workbook with a sheet a table; text stays text."""
    buffer = io.BytesIO()
    options = {"in_memory": True, "strings_to_formulas": False, "strings_to_urls": False}
    with xlsxwriter.Workbook(buffer, options) as book:
        for number, one in enumerate(offers, start=1):
            title = _NOT_IN_SHEETS.sub(" ", one.title).strip()
            _flat(one.frame).write_excel(book, worksheet=f"{number} {title}"[:_SHEET_NAME].strip(), autofit=True)
    return buffer.getvalue()


def png(drawing: Picture, title: str) -> bytes:
    """The chart as a picture for a slide: twice the screen's resolution, white behind."""
    # Loaded for who saves a picture: it is a whole browser engine.
    import vl_convert

    return vl_convert.vegalite_to_png(_described(drawing, title), scale=2, allowed_base_urls=[])


def svg(drawing: Picture, title: str) -> bytes:
    """The chart as lines and letters, sharp at any size."""
    import vl_convert

    return vl_convert.vegalite_to_svg(_described(drawing, title), allowed_base_urls=[]).encode()


def _described(drawing: Picture, title: str) -> dict[str, Any]:
    described: dict[str, Any] = drawing.to_dict(validate=False)
    return {"width": _PICTURE_WIDTH, **described, "title": title, "background": "white"}


def _flat(frame: pl.DataFrame) -> pl.DataFrame:
    """Without the little lines, which are drawings."""
    return frame.select(name for name, kind in frame.schema.items() if not kind.is_nested())


def _page() -> _Page:
    if KEY not in st.session_state:
        begin()
    page: _Page = st.session_state[KEY]
    return page
