"""A page lived with: reloaded, taken along, open on two screens, and open while a night publishes."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from ingestion import pipeline
from ingestion.samples import write_samples
from ingestion.settings import Settings
from tests.browser.conftest import Reader, ReaderAt
from tests.gates import open_gate

pytestmark = [pytest.mark.browser, pytest.mark.slow]

MAIN = '[data-testid="stMain"]'
LAST = (datetime.now(UTC) - timedelta(days=1)).date()


def cards(screen: Reader) -> list[str]:
    """What every card of the page says."""
    return list(screen.page.locator('[data-testid="stMetric"]').all_inner_texts())


def test_a_reloaded_page_says_the_same(reader: ReaderAt) -> None:
    screen = reader().open("response?lang=zh")
    everything = cards(screen)
    screen.open("response?lang=zh&channel=phone&period=last_6_months")
    address, filtered = screen.page.url, cards(screen)
    assert filtered != everything
    screen.page.reload()
    screen.wait()
    assert screen.page.url == address
    assert cards(screen) == filtered


def test_a_table_is_taken_along(reader: ReaderAt) -> None:
    screen = reader().open("response?lang=en")
    screen.page.get_by_role("button", name="Download").first.click()
    body = screen.page.locator('[data-testid="stPopoverBody"]')
    with screen.page.expect_download(timeout=30_000) as told:
        body.get_by_role("button", name="CSV").first.click()
    lines = Path(told.value.path()).read_text(encoding="utf-8-sig").splitlines()
    assert told.value.suggested_filename.endswith(".csv")
    assert len(lines) > 2
    assert "," in lines[0]


def test_two_readers_each_keep_their_own_view(reader: ReaderAt) -> None:
    one, other = reader().open("response?lang=zh&region=北京"), reader().open("complaints?lang=en&channel=phone")
    before = cards(one)
    other.page.get_by_role("link", name="Response and SLA").click()
    other.wait()
    one.page.get_by_role("link", name="投诉闭环").click()
    one.wait()
    assert "区域: 北京" in one.page.locator(MAIN).inner_text()
    assert "Channel: Phone" in other.page.locator(MAIN).inner_text()
    one.page.get_by_role("link", name="响应与 SLA").click()
    one.wait()
    assert cards(one) == before
    assert (one.errors, other.errors) == ([], [])


def test_a_page_that_is_open_while_a_night_publishes_shows_the_new_one_at_the_next_click(
    reader: ReaderAt, tmp_path: Path
) -> None:
    home = tmp_path / "home"

    def night(tickets: int, folder: str) -> None:
        exports = tmp_path / folder
        write_samples(exports, tickets=tickets, until=LAST, optional=False)
        with open_gate():
            assert pipeline.run(exports, Settings(home=home, settle_seconds=0)).verdict == "published"

    night(300, "first")
    screen = reader(home=home).open("response?lang=en")
    runs, before = screen.page.locator(MAIN).inner_text(), cards(screen)
    night(450, "second")
    # Nothing changes under a reader's eyes.
    assert cards(screen) == before
    screen.page.get_by_role("link", name="Complaints").click()
    screen.wait()
    screen.page.get_by_role("link", name="Response and SLA").click()
    screen.wait()
    assert screen.errors == []
    assert cards(screen) != before
    assert screen.page.locator(MAIN).inner_text() != runs
