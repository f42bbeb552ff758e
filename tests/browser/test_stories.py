"""Each planted story is found from the overview in at most three clicks, following what the page highlights.

Which region, product and months a story tells of is drawn from the seed; AFTERCARE_TEST_SEEDS names others.
"""

import os
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import pytest

from ingestion import pipeline
from ingestion.samples import write_samples
from ingestion.samples.catalogue import PRODUCTS
from ingestion.samples.stories import Stories, draw_stories
from ingestion.settings import Settings
from tests.browser.conftest import ReaderAt, chromium

pytestmark = [pytest.mark.browser, pytest.mark.slow]

SEEDS = [int(seed) for seed in os.environ.get("AFTERCARE_TEST_SEEDS", "7").split(",")]
TICKETS = int(os.environ.get("AFTERCARE_TEST_TICKETS", "6000"))
VIP_NEEDS = 40_000
"""Fewer tickets have too few VIP customers for a change of their churn to be more than luck."""


@pytest.fixture(scope="module", params=SEEDS)
def told(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> tuple[Stories, Path]:
    """A night on the samples of a seed, and what its stories are."""
    chromium()
    folder, exports = tmp_path_factory.mktemp("home"), tmp_path_factory.mktemp("exports")
    until: date = (datetime.now(UTC) - timedelta(days=1)).date()
    write_samples(exports, tickets=TICKETS, seed=request.param, until=until, optional=False)
    assert pipeline.run(exports, Settings(home=folder, settle_seconds=0)).verdict == "published"
    return draw_stories(request.param, until), folder


def test_the_slow_region_and_its_months_are_one_click_away(reader: ReaderAt, told: tuple[Stories, Path]) -> None:
    stories, home = told
    screen = reader(home=home).open("?lang=zh")
    screen.page.locator('[class*="st-key-standout_"]').first.wait_for(timeout=60_000)
    one = screen.page.locator('[class*="st-key-standout_"]').filter(has_text=stories.slow_region).first
    one.get_by_role("button").click()
    # On a busy machine the click is answered after the pause of `wait`.
    screen.page.wait_for_function("() => document.querySelector('h1')?.innerText !== '总览'", timeout=30_000)
    screen.wait()
    text = screen.page.locator('[data-testid="stMain"]').inner_text()
    assert screen.title in ("响应与 SLA", "满意度与 NPS")
    assert f"区域: {stories.slow_region}" in text
    # Its quarter, or a total that its quarter has made stand out.
    assert f"{stories.slow_first} – {stories.slow_last}" in text
    # The second and third click: from the red number to the very tickets.
    screen.page.locator(".st-key-details_sla_response_met button").click()
    dialog = screen.page.get_by_role("dialog")
    dialog.get_by_role("tab", name="明细行").click()
    dialog.locator('[data-testid="stDataFrame"]').nth(1).wait_for(timeout=30_000)


def test_the_product_that_comes_back_is_one_click_away(reader: ReaderAt, told: tuple[Stories, Path]) -> None:
    stories, home = told
    name = PRODUCTS[stories.repeat_product].name
    screen = reader(home=home).open("?lang=zh")
    screen.page.locator('[class*="st-key-standout_"]').first.wait_for(timeout=60_000)
    one = screen.page.locator('[class*="st-key-standout_"]').filter(has_text=name).first
    one.get_by_role("button").click()
    # On a busy machine the click is answered after the pause of `wait`.
    screen.page.wait_for_function("() => document.querySelector('h1')?.innerText !== '总览'", timeout=30_000)
    screen.wait()
    assert screen.title == "一次解决与维修链路"
    assert f"产品: {name}" in screen.page.locator('[data-testid="stMain"]').inner_text()


@pytest.mark.skipif(VIP_NEEDS > TICKETS, reason=f"VIP churn needs AFTERCARE_TEST_TICKETS={VIP_NEEDS}")
def test_the_wave_of_vip_churn_is_one_click_away(reader: ReaderAt, told: tuple[Stories, Path]) -> None:
    _, home = told
    screen = reader(home=home).open("?lang=zh")
    one = screen.page.locator('[class*="st-key-standout_"]').filter(has_text="流失").first
    one.wait_for(timeout=60_000)
    assert "VIP" in one.inner_text()
    one.get_by_role("button").click()
    # On a busy machine the click is answered after the pause of `wait`.
    screen.page.wait_for_function("() => document.querySelector('h1')?.innerText !== '总览'", timeout=30_000)
    screen.wait()
    assert screen.title == "复购与流失"
    assert "VIP" in screen.page.locator('[data-testid="stMain"]').inner_text()
