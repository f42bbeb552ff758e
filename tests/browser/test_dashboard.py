"""What a person sees and does: pages on every screen, filters that stay, languages, drills."""

from pathlib import Path

import pytest

from tests.browser.conftest import ReaderAt

pytestmark = [pytest.mark.browser, pytest.mark.slow]

PAGES = (
    "", "explore", "response", "first_fix", "complaints", "spare_parts", "satisfaction", "loyalty", "care",
    "customer", "programme", "pain_points", "team", "data_quality", "dictionary",
)  # fmt: skip


@pytest.mark.parametrize("path", PAGES)
@pytest.mark.parametrize(("width", "lang"), [(390, "en"), (1_440, "zh")])
def test_every_page_fits_the_screen_without_an_error(reader: ReaderAt, path: str, width: int, lang: str) -> None:
    screen = reader(width).open(f"{path}?lang={lang}")
    assert screen.errors == []
    assert screen.faults == []
    assert screen.overflow <= 0
    if width > 1_000:
        assert screen.barriers == []


def test_the_dark_page_has_contrast_too(reader: ReaderAt) -> None:
    screen = reader(1_440, "dark").open("response?lang=zh")
    assert screen.barriers == []


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_charts_are_drawn_in_both_themes(reader: ReaderAt, scheme: str) -> None:
    screen = reader(2_560, scheme).open("response")
    fifth = screen.page.locator('[data-testid="stVegaLiteChart"] svg, [data-testid="stVegaLiteChart"] canvas').nth(4)
    fifth.wait_for(timeout=60_000)
    assert screen.overflow <= 0


def test_filters_stay_in_the_address_and_on_the_next_page(reader: ReaderAt) -> None:
    screen = reader().open("?region=北京&period=last_6_months")
    assert "北京" in screen.page.locator('[data-testid="stMain"]').inner_text()
    screen.page.get_by_role("link", name="投诉闭环").click()
    screen.wait()
    assert screen.title == "投诉闭环"
    assert "period=last_6_months" in screen.page.url
    assert "region=" in screen.page.url
    assert "区域: 北京" in screen.page.locator('[data-testid="stMain"]').inner_text()


def test_english_is_one_click_away_and_keeps_the_filter(reader: ReaderAt) -> None:
    screen = reader().open("response?channel=phone")
    screen.page.get_by_text("English", exact=True).click()
    screen.wait()
    assert screen.title == "Response and SLA"
    assert "lang=en" in screen.page.url
    assert "Channel: Phone" in screen.page.locator('[data-testid="stMain"]').inner_text()


def test_a_card_opens_its_rows(reader: ReaderAt) -> None:
    screen = reader().open("response?lang=en")
    screen.page.locator(".st-key-details_sla_response_met button").click()
    dialog = screen.page.get_by_role("dialog")
    dialog.get_by_role("tab", name="Rows").click()
    dialog.locator('[data-testid="stDataFrame"]').nth(1).wait_for(timeout=30_000)
    dialog.get_by_role("tab", name="Definition").click()
    assert "sla_response_met" in dialog.inner_text()


def test_nothing_published_yet_says_what_to_do(reader: ReaderAt, tmp_path: Path) -> None:
    screen = reader(home=tmp_path).open()
    assert screen.title == "还没有可以显示的数据"
    assert "aftercare demo" in screen.page.locator('[data-testid="stMain"]').inner_text()
