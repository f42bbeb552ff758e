"""Which snapshot readers are served: the published one or, where its file is damaged, the newest sound one before it.

To hash a file of gigabytes takes seconds, so no reader waits for it without a cause. A file whose size and time of
change are those of its publishing is believed; it is hashed once a process where they are not, where DuckDB stumbles
over it, and by the dashboard's watcher (`hash_published`), which does so while readers already look.
"""

from __future__ import annotations

import threading
from dataclasses import dataclass
from typing import TYPE_CHECKING

from ingestion.warehouse import snapshots
from ingestion.warehouse.errors import NoSuchSnapshot, PointerDamaged, SnapshotDamaged
from ingestion.warehouse.files import sha256

if TYPE_CHECKING:
    from pathlib import Path

    from ingestion.warehouse.snapshots import Published, Seal, Snapshot

_Identity = tuple[int, int, int]

_verdicts: dict[Seal, tuple[_Identity, str]] = {}
"""What hashing a file said, '' where it is sound, for as long as the file is not changed again."""
_hashing = threading.Lock()
_HASHES_KEPT = 100


@dataclass(frozen=True)
class Served:
    """What readers are shown; `instead_of` is the published one where its file is damaged, and `fault` says how."""

    snapshot: Snapshot
    is_held: bool = False
    instead_of: Snapshot | None = None
    fault: str = ""


def serve(home: Path) -> Served | None:
    """The snapshot to show readers now; None before the first publish.

    Raises:
        PointerDamaged: published.json cannot be read.
        SnapshotUnknownSchema: another version of this program wrote it.
        SnapshotDamaged: neither the published snapshot nor any before it is sound.
    """
    while (shown := snapshots.published(home)) is not None:
        snapshots.require_schema(shown)
        found = fault(shown.seal)
        if not found:
            return Served(shown, shown.held)
        moved_on = snapshots.published(home)
        # A night may have published, and pruned this one, between the two looks.
        if moved_on is not None and moved_on.run_id == shown.run_id:
            return _before(home, shown, found)
    return None


def _before(home: Path, damaged: Published, found: str) -> Served:
    for run_id in reversed(snapshots.kept(home)):
        if run_id < damaged.run_id:
            try:
                earlier = snapshots.snapshot(home, run_id)
            except (NoSuchSnapshot, PointerDamaged):
                # Pruned meanwhile, or its record is damaged too: there may be one before it.
                continue
            if earlier.schema_version == snapshots.SCHEMA_VERSION and not (
                fault(earlier.seal) or hashed(earlier.seal)
            ):
                return Served(earlier, damaged.held, instead_of=damaged, fault=found)
    raise SnapshotDamaged(file=damaged.file.name, reason=found)


def fault(seal: Seal) -> str:
    """What is wrong with a published file, '' if nothing is known to be. Hashes it only where it looks changed."""
    try:
        size, changed, _ = identity = _identity_of(seal.file)
    except OSError as error:
        return error.strerror or type(error).__name__
    if seal.bytes and size != seal.bytes:
        return f"{size} bytes instead of {seal.bytes}"
    known = _verdicts.get(seal)
    if known is not None and known[0] == identity:
        return known[1]
    # Written by a version that did not note the time of change: mtime_ns is 0.
    return "" if changed == seal.mtime_ns else hashed(seal)


def hashed(seal: Seal, *, anew: bool = False) -> str:
    """The same by its content, once a process and file unless `anew`: seconds for a large file, one at a time."""
    with _hashing:
        try:
            identity = _identity_of(seal.file)
            known = _verdicts.get(seal)
            if anew or known is None or known[0] != identity:
                found = "" if sha256(seal.file) == seal.sha256 else "sha256 differs from the one published"
                _verdicts[seal] = known = (identity, found)
                for old in list(_verdicts)[:-_HASHES_KEPT]:
                    del _verdicts[old]
        except OSError as error:
            return error.strerror or type(error).__name__
        return known[1]


def hash_published(home: Path) -> str:
    """Hash what is published, if this process has not done so yet; what is wrong with it, '' if nothing."""
    shown = snapshots.published(home)
    return hashed(shown.seal) if shown is not None else ""


def _identity_of(file: Path) -> _Identity:
    found = file.stat()
    return found.st_size, found.st_mtime_ns, found.st_ino
