"""Saved views and notes: kept, shared, replaced, forgotten by their owner alone; never in the way of the numbers."""

from datetime import date
from pathlib import Path

import polars as pl
import pytest

from dashboard import shelf, shelf_menu
from tests.dashboard.conftest import OpenPage


@pytest.fixture
def place(tmp_path: Path) -> str:
    return shelf.url(tmp_path)


def test_own_and_shared_views_are_seen_and_others_are_not(place: str) -> None:
    shelf.save_view(place, "li", "周会", "response", "region=北京", is_shared=False)
    shelf.save_view(place, "li", "华东", "loyalty", "area=华东", is_shared=True)
    shelf.save_view(place, "wang", "私有", "overview", "", is_shared=False)
    assert [(one.owner, one.name) for one in shelf.views(place, "li")] == [("li", "华东"), ("li", "周会")]
    assert [(one.owner, one.name) for one in shelf.views(place, "wang")] == [("li", "华东"), ("wang", "私有")]


def test_a_view_of_the_same_name_is_replaced_and_only_its_owner_drops_it(place: str) -> None:
    shelf.save_view(place, "li", "周会", "response", "region=北京", is_shared=True)
    shelf.save_view(place, "li", " 周会 ", "loyalty", "tier=vip", is_shared=True)
    (one,) = shelf.views(place, "wang")
    assert (one.page, one.query) == ("loyalty", "tier=vip")
    shelf.drop_view(place, "wang", one.id)
    assert shelf.views(place, "li") == [one]
    shelf.drop_view(place, "li", one.id)
    assert shelf.views(place, "li") == []


@pytest.mark.parametrize("text", ["", "  ", "\n"])
def test_nothing_is_kept_without_a_name_or_a_text(place: str, text: str) -> None:
    with pytest.raises(ValueError, match="empty"):
        shelf.save_view(place, "li", text, "response", "", is_shared=False)
    with pytest.raises(ValueError, match="empty"):
        shelf.add_note(place, "li", date(2026, 1, 1), text)


def test_notes_are_everybodys_and_of_their_days(place: str) -> None:
    shelf.add_note(place, "li", date(2026, 3, 2), "暴雪，上门延误")
    shelf.add_note(place, "wang", date(2026, 5, 1), "系统切换")
    found = shelf.notes(place, date(2026, 3, 1), date(2026, 3, 31))
    assert [(one.owner, one.day, one.text) for one in found] == [("li", date(2026, 3, 2), "暴雪，上门延误")]
    shelf.drop_note(place, "wang", found[0].id)
    assert shelf.notes(place, date(2026, 3, 1), date(2026, 3, 31)) == found


def test_a_note_stands_at_the_period_its_day_falls_in(monkeypatch: pytest.MonkeyPatch) -> None:
    notes = pl.DataFrame(
        {"day": [date(2026, 3, 31), date(2026, 3, 2), date(2025, 1, 1)], "note": ["b", "a", "before"]}
    )
    monkeypatch.setattr(shelf_menu.st, "session_state", {"_notes": notes})
    points = pl.DataFrame({"period": [date(2026, 2, 1), date(2026, 3, 1), date(2026, 4, 1)]})
    assert shelf_menu.on_periods(points).rows() == [(date(2026, 3, 1), "2026-03-02 a; 2026-03-31 b")]


@pytest.mark.slow
def test_a_saved_view_brings_back_page_and_filter(
    open_page: OpenPage, place: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AFTERCARE_HOME", str(tmp_path))
    shelf.save_view(
        place, "local", "北京周会", "response", "region=北京&period=last_month&compare=last_year", is_shared=False
    )
    page = open_page("overview", channel=["chat"])
    page.button(key="view_open_1").click().run()
    assert page.title[0].value == "响应与 SLA"
    assert page.multiselect(key="region_zh").value == ["北京"]
    assert page.multiselect(key="channel_zh").value == []
    assert page.selectbox(key="period_zh").value == "last_month"
    assert page.query_params["compare"] == "last_year"


@pytest.mark.slow
def test_a_shelf_that_cannot_be_opened_takes_no_page_away(
    open_page: OpenPage, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(shelf.URL, f"sqlite:///{tmp_path}/no/such/folder/shelf.db")
    page = open_page("response")
    assert not page.exception
    assert page.metric
    assert any("数字不受影响" in warning.value for warning in page.warning)
