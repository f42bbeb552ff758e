"""Show readers an older snapshot, and hold publishing, or let it go on.

Both first settle what a killed run left: a snapshot that readers were shown is recorded as published before they
are shown another, so that the next run does not take it for unfinished work.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from ingestion.night import ledger_open, lock
from ingestion.warehouse import snapshots

if TYPE_CHECKING:
    from pathlib import Path


def roll_back(home: Path, run_id: str | None = None) -> snapshots.Published:
    """Show readers an older snapshot (default: the one before) and hold publishing.

    Raises:
        NoSuchSnapshot, SnapshotDamaged, SnapshotUnknownSchema: it cannot be shown; nothing changes.
        AnotherRun: a run is going on.
    """
    with lock(home) as places, ledger_open(places):
        return snapshots.rollback(places.home, run_id)


def release(home: Path) -> snapshots.Published:
    """Let publishing go on: the snapshot that was built meanwhile, if any, is what readers see from now.

    Raises:
        NoSuchSnapshot, SnapshotDamaged, SnapshotUnknownSchema: it cannot be shown; nothing changes.
        AnotherRun: a run is going on.
    """
    with lock(home) as places, ledger_open(places):
        return snapshots.release(places.home)
