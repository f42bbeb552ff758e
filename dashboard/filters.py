"""The one filter bar: read from the URL when a page is opened, kept on every page, written back.

The URL holds codes ("last_12_months", "chat"), never words of a language, so a link sent by a Chinese
director opens the same numbers for an English reader.
"""

from __future__ import annotations

import os
from datetime import date
from typing import TYPE_CHECKING, Final

import streamlit as st

from dashboard import address, fair, periods, session
from dashboard.labels import Labels
from dashboard.session import Choice

if TYPE_CHECKING:
    from dashboard.i18n import Translate
    from dashboard.metrics.access import Scope
    from dashboard.metrics.query import Snapshot
    from dashboard.periods import Period

LANGUAGES: Final = {"zh": "中文", "en": "English"}
DIMENSIONS: Final = ("area", "region", "tier", "channel", "customer_type", "product")

_KEPT: Final = "_chosen"
_GO: Final = "_go"


def language() -> str:
    """The reader's language: her switch, the link's, a Chinese browser's, AFTERCARE_LANG, else Chinese."""
    asked = (
        st.session_state.get("lang"),
        st.query_params.get("lang"),
        "zh" if (st.context.locale or "").lower().startswith("zh") else None,
        os.environ.get("AFTERCARE_LANG"),
    )
    chosen = next((lang for lang in asked if lang in LANGUAGES), "zh")
    st.session_state["lang"] = chosen
    return chosen


def language_switch(t: Translate) -> None:
    st.segmented_control(
        t("filters.language"),
        list(LANGUAGES),
        format_func=LANGUAGES.__getitem__,
        key="lang",
        required=True,
        label_visibility="collapsed",
    )


def bar(snapshot: Snapshot, scope: Scope, lang: str, t: Translate, *, is_shown: bool = True) -> Choice:
    """Draw the bar and return what it says. A page that it cannot change leaves it out; what it said is kept."""
    kept = _kept()
    if not is_shown:
        return Choice(periods.resolve(periods.DEFAULT_PRESET, snapshot.last_date))
    labels = Labels(lang, t)
    with st.container(horizontal=True, vertical_alignment="bottom", key="filter_bar"):
        preset = _preset(kept, lang, t)
        period = _period(kept, preset, snapshot.last_date, lang, t)
        comparison = _comparison(kept, lang, t)
        # Before the button is drawn: it counts what is chosen now, not what was before the last click.
        offered = {name: _offered(kept, name, snapshot, scope, lang) for name in DIMENSIONS}
        chosen = sum(bool(st.session_state[f"{name}_{lang}"]) for name in DIMENSIONS)
        title = t("filters.more_chosen", count=chosen) if chosen else t("filters.more")
        with st.popover(title, icon=":material/filter_alt:"):
            where = {name: _values(name, offered[name], labels) for name in DIMENSIONS}
            st.button(t("filters.clear"), key="clear_filters", on_click=_clear, disabled=not chosen, width="stretch")
    chosen_where = tuple((name, tuple(values)) for name, values in where.items() if values)
    choice = Choice(period, comparison, chosen_where)
    st.session_state[_KEPT] = _codes(preset, choice)
    return choice


def write_url(lang: str, page: str = "") -> None:
    """Put the filter, where it differs from the default, the page's own choices and the language into the address.

    Which language is the default depends on who opens the link, and where.
    """
    wanted = {**link(page), "lang": lang}
    present = {name: st.query_params.get_all(name) for name in st.query_params}
    if present != {name: _listed(value) for name, value in wanted.items()}:
        st.query_params.from_dict(wanted)


def link(page: str) -> dict[str, list[str] | str]:
    """What the address of a page says besides the language."""
    kept = {name: value for name, value in st.session_state.get(_KEPT, {}).items() if value}
    return {**kept, **address.of(page)}


def open_link(page: str, says: dict[str, list[str]]) -> None:
    """Go to a page as a link would open it; a button's callback."""
    _forget()
    names = ("period", "from", "to", "compare")
    st.session_state[_KEPT] = {
        **{name: says.get(name, [""])[0] for name in names},
        **{name: says.get(name, []) for name in DIMENSIONS},
    }
    address.open_link(page, {name: values[0] for name, values in says.items() if name not in (*names, *DIMENSIONS)})
    st.session_state[_GO] = page


def _forget() -> None:
    for lang in LANGUAGES:
        for name in ("period", "dates", "compare", *DIMENSIONS):
            st.session_state.pop(f"{name}_{lang}", None)


def describe(choice: Choice, last_date: date, lang: str, t: Translate) -> str:
    """One line that says which dates and slices the numbers below are about, and what makes the others comparable."""
    labels = Labels(lang, t)
    text = str(choice.period)
    fairly = None
    if choice.comparison != periods.NO_COMPARISON:
        fairly = fair.compare(choice.period, choice.comparison, last_date=last_date)
    if fairly:
        by = t("filters.aligned", holiday=t(f"holidays.{fairly.holiday}")) if fairly.holiday else ""
        text = t("filters.describe", period=text, other=str(fairly.before), days=fairly.working_days, by=by)
    slices = [
        f"{labels.dimension(name)}: {t('parts.and').join(labels.value(name, value) for value in values)}"
        for name, values in choice.where
    ]
    return " · ".join([text, *slices])


def _kept() -> dict[str, list[str] | str]:
    """What was chosen before: in this session, else in the link that opened it."""
    if _KEPT not in st.session_state:
        names = ("period", "from", "to", "compare", *DIMENSIONS)
        st.session_state[_KEPT] = {
            name: st.query_params.get_all(name) if name in DIMENSIONS else st.query_params.get(name, "")
            for name in names
        }
    kept: dict[str, list[str] | str] = st.session_state[_KEPT]
    return kept


def _codes(preset: str, choice: Choice) -> dict[str, list[str] | str]:
    codes: dict[str, list[str] | str] = {name: list(values) for name, values in choice.where}
    if preset != periods.DEFAULT_PRESET:
        codes["period"] = preset
    if preset == "custom":
        codes["from"], codes["to"] = choice.period.first.isoformat(), choice.period.last.isoformat()
    if choice.comparison != periods.COMPARISONS[0]:
        codes["compare"] = choice.comparison
    return codes


def _preset(kept: dict[str, list[str] | str], lang: str, t: Translate) -> str:
    # A key of its own for each language: the browser holds a widget's value as the label it shows.
    key = f"period_{lang}"
    if key not in st.session_state:
        asked = str(kept.get("period", ""))
        st.session_state[key] = asked if asked in periods.PRESETS else periods.DEFAULT_PRESET
    return st.selectbox(
        t("filters.period"), periods.PRESETS, format_func=lambda name: t(f"periods.{name}"), key=key, width=190
    )


def _period(kept: dict[str, list[str] | str], preset: str, newest: date, lang: str, t: Translate) -> Period:
    if preset != "custom":
        return periods.resolve(preset, newest)
    default = periods.resolve(periods.DEFAULT_PRESET, newest)
    key = f"dates_{lang}"
    if key not in st.session_state:
        asked = _day(kept.get("from")) or default.first, _day(kept.get("to")) or default.last
        st.session_state[key] = (min(asked), max(asked))
    picked = st.date_input(t("filters.dates"), key=key, format="YYYY-MM-DD", width=230)
    # Between the two clicks of a range only its first day is there: keep the last whole range till then.
    if isinstance(picked, tuple) and len(picked) == 2:
        return periods.Period(picked[0], picked[1])
    first, last = _day(kept.get("from")), _day(kept.get("to"))
    return periods.Period(first, last) if first and last else default


def _comparison(kept: dict[str, list[str] | str], lang: str, t: Translate) -> str:
    key = f"compare_{lang}"
    if key not in st.session_state:
        asked = str(kept.get("compare", ""))
        st.session_state[key] = asked if asked in periods.COMPARISON_CHOICES else periods.COMPARISONS[0]
    return st.selectbox(
        t("filters.compare"),
        periods.COMPARISON_CHOICES,
        format_func=lambda name: t(f"comparisons.{name}"),
        key=key,
        width=150,
    )


def _offered(kept: dict[str, list[str] | str], name: str, snapshot: Snapshot, scope: Scope, lang: str) -> list[str]:
    """The values to choose from; a widget that was not drawn yet starts with what was kept."""
    offered = session.options(snapshot, scope, name)
    key = f"{name}_{lang}"
    if key not in st.session_state:
        st.session_state[key] = [value for value in kept.get(name, []) if value in offered]
    return offered


def _values(name: str, offered: list[str], labels: Labels) -> list[str]:
    return st.multiselect(
        labels.dimension(name),
        offered,
        format_func=lambda value: labels.value(name, value),
        key=f"{name}_{labels.lang}",
        placeholder=labels.t("filters.all"),
        # Streamlit would say "Select all" in English; nothing chosen already means all.
        select_all=False,
    )


def go(page: str, dimension: str, value: str, period: Period | None, lang: str) -> None:
    """Narrow the filter and open a page; a button's callback."""
    narrow(dimension, value, period, lang)
    st.session_state[_GO] = page


def wanted_page() -> str | None:
    """The page that a click has asked for, once."""
    page: str | None = st.session_state.pop(_GO, None)
    return page


def narrow(dimension: str, value: str, period: Period | None, lang: str) -> None:
    """Filter to one value of a dimension, and to dates where some are given; a button's callback."""
    kept = _kept()
    kept[dimension] = [value]
    st.session_state[f"{dimension}_{lang}"] = [value]
    if period is not None:
        kept["period"], kept["from"], kept["to"] = "custom", period.first.isoformat(), period.last.isoformat()
        st.session_state[f"period_{lang}"] = "custom"
        st.session_state[f"dates_{lang}"] = (period.first, period.last)


def _clear() -> None:
    for name in DIMENSIONS:
        for lang in LANGUAGES:
            st.session_state.pop(f"{name}_{lang}", None)
        st.session_state[_KEPT].pop(name, None)


def _day(text: object) -> date | None:
    try:
        return date.fromisoformat(str(text)) if text else None
    except ValueError:
        return None


def _listed(value: list[str] | str) -> list[str]:
    return value if isinstance(value, list) else [value]
