"""Completion on the SQL page: which names are offered for a query, and where the chosen one goes."""

import pytest

from dashboard import sql_names
from tests.dashboard.conftest import OpenPage

TABLES = {
    "core.fct_tickets": ("ticket_key", "created_date", "tier"),
    "core.fct_orders": ("order_key", "ordered_date", "tier"),
    "marts.mart_tickets_daily": ("date", "ticket_count"),
}


@pytest.mark.parametrize(
    ("text", "wanted", "found"),
    [
        ("select * from core.fct_t", "", ["core.fct_tickets"]),
        ("select * from fct", "", ["core.fct_tickets", "core.fct_orders"]),
        ("select * from TICK", "", ["core.fct_tickets", "marts.mart_tickets_daily"]),
        # Columns of the tables that the query names, before tables; those that begin so, before those that hold it.
        ("select * from core.fct_tickets where t", "", ["ticket_key", "tier", "created_date", *TABLES]),
        # A word that is whole needs no completion: anything may follow.
        ("select * from core.fct_tickets where tier", "", ["ticket_key", "created_date", "tier", *TABLES]),
        ("select 1 from core.fct_orders where ", "date", ["ordered_date"]),
        ("", "date", ["date", "created_date", "ordered_date"]),
        ("", "nothing", []),
    ],
)
def test_names_are_offered_by_the_end_of_the_query_or_by_a_search(text: str, wanted: str, found: list[str]) -> None:
    got = sql_names.offered(text, wanted, TABLES)
    assert got[: len(found)] == found
    assert bool(got) is bool(found)


@pytest.mark.parametrize(
    ("text", "name", "wanted", "then"),
    [
        ("select * from core.fct_t", "core.fct_tickets", "", "select * from core.fct_tickets"),
        ("select cre", "created_date", "", "select created_date"),
        ("select count(", "tier", "", "select count(tier"),
        ("select tier,", "created_date", "", "select tier, created_date"),
        ("select * from", "core.fct_tickets", "ticket", "select * from core.fct_tickets"),
        ("", "core.fct_tickets", "", "core.fct_tickets"),
    ],
)
def test_a_name_takes_the_place_of_the_word_it_completes(text: str, name: str, wanted: str, then: str) -> None:
    assert sql_names.put(text, name, wanted) == then


@pytest.mark.slow
@pytest.mark.parametrize(("lang", "nothing"), [("zh", "没有匹配的表或列。"), ("en", "No table or column matches.")])
def test_a_click_on_a_name_completes_the_query(
    open_page: OpenPage, monkeypatch: pytest.MonkeyPatch, lang: str, nothing: str
) -> None:
    monkeypatch.setenv("AFTERCARE_SQL_PAGE", "1")
    page = open_page("sql", lang=lang)
    assert not page.exception
    page.text_area[0].set_value("select * from core.fct").run()
    (names,) = [group for group in page.get("button_group") if group.key == "sql_name"]
    assert names.options == ["core.fct_tickets"]
    names.set_value("core.fct_tickets").run()
    assert not page.exception
    assert page.text_area[0].value == "select * from core.fct_tickets"
    find = next(one for one in page.text_input if one.key == f"sql_find_{lang}")
    find.set_value("no such name").run()
    assert nothing in [caption.value for caption in page.caption]
