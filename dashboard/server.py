"""What `aftercare serve` starts: the pages, and beside them /healthz for a monitor, which needs no login.

Streamlit finds `app` by reading this file and serves it; its own /_stcore/health says that the server runs, and
nothing of the data.
"""

from __future__ import annotations

import asyncio
import logging
from contextlib import asynccontextmanager, suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Final

import streamlit as st
from starlette.responses import JSONResponse
from starlette.routing import Route

from dashboard import health
from ingestion import reader_settings
from ingestion.warehouse import serving
from ingestion.warehouse.errors import WarehouseError

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from starlette.requests import Request

log = logging.getLogger(__name__)

LOOK_SECONDS: Final = 5.0
"""How often the server looks whether a snapshot was published that it has not hashed yet."""


def healthz(request: Request) -> JSONResponse:
    """200 where readers see what they were promised, else 503; the body says why."""
    settings = reader_settings.read()
    found = health.look(settings.home, settings.fresh_within, datetime.now(UTC).replace(tzinfo=None))
    code = 503 if found.faults else 200
    return JSONResponse(found.told(), status_code=code, headers={"Cache-Control": "no-store"})


@asynccontextmanager
async def watching(_: st.App) -> AsyncIterator[None]:
    """Hash every newly published snapshot while the server runs, beside the readers rather than before them."""
    watcher = asyncio.create_task(_watch())
    yield
    watcher.cancel()
    with suppress(asyncio.CancelledError):
        await watcher


async def _watch() -> None:
    home = reader_settings.read().home
    while True:
        try:
            found = await asyncio.to_thread(serving.hash_published, home)
        except WarehouseError as error:
            # Pages and /healthz say so themselves.
            found = error.code
        if found:
            log.error("the published snapshot cannot be served: %s", found)
        await asyncio.sleep(LOOK_SECONDS)


app = st.App(
    Path(__file__).with_name("app.py"), routes=[Route("/healthz", healthz, methods=["GET"])], lifespan=watching
)
