"""The dashboard in a real browser, on a snapshot made by the nightly run from sample exports.

Without Chromium these tests are skipped; where AFTERCARE_REQUIRE names "browser" they fail instead.
"""

import os
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.error import URLError
from urllib.request import urlopen

import pytest

from dashboard import session
from dashboard.commands import serve as serving
from tests.conftest import night_on_samples

if TYPE_CHECKING:
    from playwright.sync_api import Browser, BrowserContext, Page

ROOT = Path(session.__file__).parents[1]
CHROMIUM = ("/usr/bin/chromium", "/usr/bin/chromium-browser", "/usr/bin/google-chrome")
FLAGS = [
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]

# The menu's list has a wrapper between <ul> and <li>.
STREAMLITS_OWN = [["[data-testid=stSidebarNav]"]]


def chromium() -> str:
    found = next((path for path in CHROMIUM if Path(path).exists()), shutil.which("chromium"))
    if found is None or find_spec("playwright") is None:
        reason = "no Chromium on this machine" if found is None else "playwright is not installed"
        if "browser" in os.environ.get("AFTERCARE_REQUIRE", ""):
            pytest.fail(reason)
        pytest.skip(reason)
    return found


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@pytest.fixture(scope="session")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A home after one night on 3 000 sample tickets that end yesterday."""
    chromium()
    yesterday = (datetime.now(UTC) - timedelta(days=1)).date()
    snapshot = night_on_samples(tmp_path_factory, "recent", tickets=3_000, optional=False, until=yesterday)
    return snapshot.file.parents[1]


# Ended with their file: a browser with pages open, and its servers, go on taking a sixth of a core.
@pytest.fixture(scope="module")
def serve(tmp_path_factory: pytest.TempPathFactory) -> Iterator["Serve"]:
    servers = Serve()
    yield servers
    servers.stop()


class Serve:
    """Dashboards by home, started once each; benchmarks also have other scripts served."""

    def __init__(self) -> None:
        self.running: dict[tuple[Path, Path], tuple[str, subprocess.Popen[bytes]]] = {}

    def __call__(self, home: Path, script: Path = serving.APP) -> str:
        if (home, script) not in self.running:
            self.running[home, script] = self._start(home, script)
        return self.running[home, script][0]

    def _start(self, home: Path, script: Path) -> tuple[str, subprocess.Popen[bytes]]:
        port = free_port()
        options = {"server.port": port, "server.address": "127.0.0.1", "server.headless": "true"}
        flags = [f"--{name}={value}" for name, value in options.items()]
        command = [sys.executable, "-m", "streamlit", "run", str(script), *flags]
        environment = {**os.environ, "AFTERCARE_HOME": str(home), "PYTHONPATH": str(ROOT), "AFTERCARE_LOGIN": "0"}
        process = subprocess.Popen(command, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        base = f"http://127.0.0.1:{port}"
        wait_until_healthy(base, process)
        return base, process

    def stop(self) -> None:
        for _, process in self.running.values():
            process.terminate()
            process.wait(timeout=20)


def wait_until_healthy(base: str, process: subprocess.Popen[bytes], seconds: float = 60) -> None:
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        assert process.poll() is None, "the dashboard ended by itself"
        try:
            with urlopen(f"{base}/_stcore/health", timeout=2) as answer:  # noqa: S310 - our own address
                if answer.status == 200:
                    return
        except (URLError, OSError):
            time.sleep(0.3)
    pytest.fail("the dashboard did not start")


@pytest.fixture(scope="module")
def browser() -> Iterator["Browser"]:
    path = chromium()
    from playwright.sync_api import sync_playwright

    with sync_playwright() as driver:
        running = driver.chromium.launch(executable_path=path, args=FLAGS)
        yield running
        running.close()


class Reader:
    """One person at one screen."""

    def __init__(self, page: "Page", base: str) -> None:
        self.page = page
        self.base = base
        self.console: list[str] = []
        page.on("pageerror", lambda error: self.console.append(str(error)))
        page.on("console", lambda said: self.console.append(said.text) if said.type == "error" else None)

    def open(self, path: str = "") -> "Reader":
        self.page.goto(f"{self.base}/{path}")
        return self.wait()

    def wait(self) -> "Reader":
        """Until the script has run and the title stands."""
        self.page.wait_for_selector("h1", timeout=60_000)
        self.page.wait_for_timeout(400)
        idle = '[data-testid="stApp"][data-test-script-state="notRunning"]'
        self.page.wait_for_selector(idle, timeout=60_000)
        self.page.wait_for_timeout(400)
        return self

    @property
    def title(self) -> str:
        return str(self.page.locator("h1").first.inner_text())

    @property
    def errors(self) -> list[str]:
        return list(
            self.page.locator('[data-testid="stException"], [data-testid="stAlertContentError"]').all_inner_texts()
        )

    @property
    def faults(self) -> list[str]:
        """Errors of the browser's console, but Streamlit's own: it seeks its server under a page's address too."""
        return [said for said in self.console if "404 (Not Found)" not in said]

    @property
    def barriers(self) -> list[str]:
        """What axe-core finds serious or critical, but in one element of Streamlit's own that no page can mend."""
        from axe_playwright_python.sync_playwright import Axe

        # While a page is drawn anew what stood there fades: that is no fault of its colours.
        self.page.wait_for_function("() => !document.querySelector('[data-stale=\"true\"]')", timeout=30_000)
        self.page.wait_for_timeout(600)
        found = Axe().run(self.page, context={"exclude": STREAMLITS_OWN}).response["violations"]
        return [
            f"{one['id']}: {node['html'][:160]}"
            for one in found
            if one["impact"] in ("serious", "critical")
            for node in one["nodes"]
        ]

    @property
    def overflow(self) -> int:
        """Pixels by which the page is wider than the screen."""
        script = (
            "() => { const m = document.querySelector('[data-testid=stMain]'); return m.scrollWidth - m.clientWidth }"
        )
        return int(self.page.evaluate(script))


@pytest.fixture
def reader(browser: "Browser", serve: Serve, home: Path) -> Iterator["ReaderAt"]:
    opened = ReaderAt(browser, serve, home)
    yield opened
    opened.close()


class ReaderAt:
    """reader(width=390, scheme="dark") opens a screen of that size."""

    def __init__(self, browser: "Browser", serve: Serve, home: Path) -> None:
        self.browser, self.serve, self.home = browser, serve, home
        self.contexts: list[BrowserContext] = []

    def __call__(self, width: int = 1_440, scheme: str = "light", home: Path | None = None) -> Reader:
        context = self.browser.new_context(viewport={"width": width, "height": 900}, color_scheme=scheme)
        self.contexts.append(context)
        return Reader(context.new_page(), self.serve(home or self.home))

    def close(self) -> None:
        for context in self.contexts:
            context.close()
