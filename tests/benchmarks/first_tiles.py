"""How soon a reader sees the first tile: `python -m tests.benchmarks.first_tiles HOME [--pages ...] [--repeat N]`.

Chromium opens each page on a real server, in turn with a Streamlit page that holds a title and nothing else: from
going to the address to the first number, and to the end of the script. Each opening is a new visitor, with nothing
kept by the browser; what the server has read stays, as it does for the second visitor of a morning.
"""

from __future__ import annotations

import argparse
from contextlib import contextmanager
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory
from time import perf_counter
from typing import TYPE_CHECKING, Final

from playwright.sync_api import sync_playwright

from tests.benchmarks.measuring import show
from tests.browser.conftest import FLAGS, Serve, chromium

if TYPE_CHECKING:
    from collections.abc import Iterator

    from playwright.sync_api import Browser

PAGES: Final = ("overview", "response", "first_fix", "complaints", "satisfaction", "loyalty")
EMPTY: Final = "import streamlit as st\nst.title('Empty')\n"
TILE: Final = '[data-testid="stMetricValue"]'
IDLE: Final = '[data-testid="stApp"][data-test-script-state="notRunning"]'
LONGEST: Final = 120_000


@contextmanager
def servers(home: Path) -> Iterator[tuple[str, str]]:
    """The dashboard's address and the empty page's."""
    running = Serve()
    with TemporaryDirectory() as folder:
        empty = Path(folder) / "empty.py"
        empty.write_text(EMPTY, encoding="utf-8")
        try:
            yield running(home), running(home, empty)
        finally:
            running.stop()


def opened(browser: Browser, address: str, first: str) -> tuple[float, float]:
    """Seconds until the first thing to wait for can be seen, and until the script has ended."""
    context = browser.new_context(viewport={"width": 1_440, "height": 900})
    try:
        page = context.new_page()
        begun = perf_counter()
        page.goto(address)
        page.wait_for_selector(first, timeout=LONGEST)
        seen = perf_counter() - begun
        page.wait_for_selector(IDLE, timeout=LONGEST)
        return seen, perf_counter() - begun
    finally:
        context.close()


def measure(home: Path, pages: tuple[str, ...], repeat: int) -> list[dict[str, object]]:
    """A line for each page: medians of the repeats, each beside an empty page opened just before."""
    lines = []
    with sync_playwright() as driver, servers(home) as (base, empty):
        browser = driver.chromium.launch(executable_path=chromium(), args=FLAGS)
        for page in pages:
            # The first visitor has the server import and read.
            opened(browser, f"{base}/{page}", TILE)
            opened(browser, empty, "h1")
            plain, tiles, whole = [], [], []
            for _ in range(repeat):
                plain.append(opened(browser, empty, "h1")[0])
                seen, ended = opened(browser, f"{base}/{page}", TILE)
                tiles.append(seen)
                whole.append(ended)
            ratios = [tile / one for tile, one in zip(tiles, plain, strict=True)]
            lines.append({
                "page": page,
                "empty_seconds": round(median(plain), 3),
                "first_tile_seconds": round(median(tiles), 3),
                "whole_seconds": round(median(whole), 3),
                "first_tile_over_empty": round(median(ratios), 2),
            })  # fmt: skip
        browser.close()
    return lines


def main() -> None:
    asked = argparse.ArgumentParser(description=__doc__)
    asked.add_argument("home", type=Path)
    asked.add_argument("--pages", default=",".join(PAGES))
    asked.add_argument("--repeat", type=int, default=5)
    asked.add_argument("--json", type=Path)
    options = asked.parse_args()
    show(measure(options.home.resolve(), tuple(options.pages.split(",")), options.repeat), options.json)


if __name__ == "__main__":
    main()
