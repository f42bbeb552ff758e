"""Every page on real numbers: each card says what `aftercare kpi` says, in both languages, and no code shows."""

import re
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

import pytest
import streamlit as st
from streamlit.testing.v1 import AppTest

from dashboard import formats, kept
from dashboard.i18n import translator
from ingestion.warehouse.kpis import load_kpis
from tests.dashboard.asked import Answer
from tests.dashboard.opening import open_app
from tests.dashboard.test_pages import PAGES

pytestmark = pytest.mark.slow

LINKS: tuple[dict[str, Any], ...] = ({}, {"period": "last_3_months", "channel": ["chat", "phone"]})
# Names, and abbreviations that Chinese service managers use.
ALLOWED = {
    *("SLA", "CSAT", "NPS", "VIP", "KPI", "SQL", "CSV", "XLSX", "PNG", "SVG", "CRM", "JSON", "App", "Pro", "Excel"),
    *("English", "Aftercare", "aftercare", "Zendesk", "Freshdesk", "dbt_zendesk", "DuckDB", "Data", "Docs", "Great"),
    *("Expectations", "Kaplan", "Meier", "Wilson", "Pareto", "customer_precedence", "source", "toml"),
    *("APP", "IVR", "Jira", "sql", "policies", "flows", "csv"),
}
_WORD = re.compile(r"[A-Za-z][A-Za-z_]{2,}")


@pytest.fixture
def real(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AFTERCARE_HOME", str(home))
    st.cache_data.clear()
    kept.frames.clear()


@pytest.fixture
def told(aftercare: Callable[..., Answer], home: Path) -> Callable[[str, int], dict[str, Any]]:
    """What `aftercare kpi` answers for a KPI under one of the links."""

    @cache
    def ask(kpi_id: str, link: int) -> dict[str, Any]:
        # The samples end on 2025-05-31: the last three full months are March to May.
        more = ("--from", "2025-03-01", "--to", "2025-05-31", "--where", "channel=chat", "--where", "channel=phone")
        answer = aftercare("kpi", kpi_id, "--home", home, "--format", "json", *(more if link else ()))
        assert answer.code == 0, answer.err
        (row,) = answer.json
        return dict(row)

    return ask


def shown(row: dict[str, Any], unit: str, lang: str) -> str:
    """How a card writes an answer of the command line, told independently of cards.py."""
    t = translator(lang)
    if row["state"] == "small_n" and row["n"] < 10:
        return f":gray[{t('states.too_few')}]"
    if row["value"] is None:
        return f":gray[{t('states.' + row['state'])}]"
    text = formats.value(row["value"], unit, lang)
    return f":gray[{text}]" if row["state"] == "small_n" else text


@pytest.mark.parametrize(("lang", "link"), [("zh", 0), ("en", 1)])
def test_every_card_says_what_the_command_line_says(
    real: None, told: Callable[[str, int], dict[str, Any]], lang: str, link: int
) -> None:
    by_label = {kpi.label[lang]: kpi for kpi in load_kpis().values()}
    compared = 0
    for name in PAGES:
        page = open_app(name, lang=lang, **LINKS[link])
        assert not page.exception, name
        for metric in page.metric:
            kpi = by_label.get(metric.label)
            if kpi is None or (link and "channel" not in kpi.dimensions):
                continue
            assert metric.value == shown(told(kpi.id, link), kpi.unit, lang), (name, kpi.id)
            compared += 1
    assert compared > (60 if link else 80)


def texts_of(page: AppTest) -> list[str]:
    """Everything a page says in words of its own, without the values of tables."""
    said = [
        one.value
        for kind in ("title", "subheader", "caption", "markdown", "info", "warning")
        for one in page.get(kind)
    ]
    said += [metric.label for metric in page.metric]
    said += [str(heading) for frame in page.dataframe for heading in frame.value.columns]
    said += [one.label for kind in ("button", "selectbox", "toggle", "multiselect") for one in page.get(kind)]
    return [str(text) for text in said]


@pytest.mark.parametrize("name", PAGES)
def test_no_english_on_a_chinese_page_and_no_key_anywhere(real: None, name: str) -> None:
    chinese = open_app(name, lang="zh")
    stripped = [
        re.sub(r":[a-z_]+/[a-z_]+:|:(?:gray|orange|blue)\[|`[^`]*`|https?://\S+", " ", text)
        for text in texts_of(chinese)
    ]
    words = {word for text in stripped for word in _WORD.findall(text)}
    if name == "dictionary":
        # Formulas and sources name columns and systems as they are.
        words = {word for word in words if "_" not in word}
    assert sorted(words - ALLOWED) == []
    english = texts_of(open_app(name, lang="en"))
    assert [text for text in english if re.search(r"[\u4e00-\u9fff]{2,}", text) and not _is_data(text)] == []


# Names of sources, files, tables and systems, and keys as the sources write them.
NAMED = ("客户", "员工编号", "口径", "数据来源", "数据表", "文件", "文件指纹", "表", "读取", "编号")


@pytest.mark.parametrize("name", PAGES)
def test_no_code_stands_in_a_table_of_a_chinese_page(real: None, name: str) -> None:
    codes = re.compile(r"(?<![A-Za-z_:.])[a-z]{3,}(?:_[a-z]+)*(?![A-Za-z])")
    found = {
        (heading, str(value))
        for frame in open_app(name, lang="zh").dataframe
        for heading, column in frame.value.items()
        for value in column
        if heading not in NAMED and isinstance(value, str) and codes.search(value)
    }
    assert sorted(found) == []


def _is_data(text: str) -> bool:
    """Names that the business has given in its own language: products, regions, people's quotes."""
    return any(mark in text for mark in ("**", "·", "（", "`"))
