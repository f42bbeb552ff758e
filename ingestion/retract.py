"""Withdraw a file that was loaded, as if it had never come."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ingestion.mapping import load_sources
from ingestion.night import ledger_open, lock
from ingestion.warehouse import ledger
from ingestion.warehouse.waiting import namespaces_of

if TYPE_CHECKING:
    from pathlib import Path


def retract(home: Path, sha256: str, because: str) -> list[ledger.Load]:
    """Take the rows of every load with that content out of the warehouse; the next run publishes without them.

    The same content may have been loaded several times: by two sources, or as two feeds.

    The same content is not taken in again, wherever it still lies; a corrected export has another hash.

    Raises:
        NoSuchLoad: nothing loaded has that hash.
        AnotherRun: a run is going on.
    """
    with lock(home) as places, ledger_open(places) as con:
        return ledger.retract(con, sha256, because, namespaces_of(load_sources(places.mappings)))
