"""A webhook on this machine that keeps what it is sent, a shop with rules, and a clock that stands."""

from __future__ import annotations

import json
import threading
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from http.server import BaseHTTPRequestHandler, HTTPServer
from typing import TYPE_CHECKING, Any

import pytest

from ingestion.warehouse import snapshots
from tests.ingestion.conftest import shop_in

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.ingestion.conftest import Shop

RULES = """
[[channel]]
name = "ops"
env = "AFTERCARE_TEST_HOOK"
lang = "en"
"""
SECRET = "s3cret-t0ken"  # noqa: S105 - what must never be seen


@dataclass
class Hook:
    """What arrived, and what to answer."""

    port: int = 0
    status: int = 200
    answer: str = "ok"
    got: list[dict[str, Any]] = field(default_factory=list)
    tries: int = 0

    @property
    def url(self) -> str:
        return f"json://127.0.0.1:{self.port}/{SECRET}"

    @property
    def subjects(self) -> list[str]:
        return [one["title"] for one in self.got]


@pytest.fixture
def hook() -> Iterator[Hook]:
    known = Hook()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            known.tries += 1
            if known.status == 200:
                known.got.append(body)
            self.send_response(known.status)
            self.end_headers()
            self.wfile.write(known.answer.encode())

        def log_message(self, *_: object) -> None:
            """Silence."""

    server = HTTPServer(("127.0.0.1", 0), Handler)
    known.port = server.server_port
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield known
    server.shutdown()
    server.server_close()
    thread.join()


@dataclass
class Clock:
    """What time it is, UTC."""

    now: datetime

    def on(self, **later: float) -> None:
        self.now += timedelta(**later)


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    """01:30 in Shanghai, the night of 1 June."""
    standing = Clock(datetime(2025, 6, 1, 17, 30))
    monkeypatch.setattr(snapshots, "now", lambda: standing.now)
    return standing


@pytest.fixture
def shop(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, hook: Hook, clock: Clock) -> Iterator[Shop]:
    """The small shop, its home with one channel that goes to the webhook."""
    monkeypatch.setenv("AFTERCARE_TEST_HOOK", hook.url)
    monkeypatch.setenv("AFTERCARE_SETTLE_SECONDS", "0")
    with shop_in(tmp_path) as small:
        (small.home / "alerts.toml").write_text(RULES, encoding="utf-8")
        yield small
