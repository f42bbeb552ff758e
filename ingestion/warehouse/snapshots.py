"""Published snapshots and the pointer to the one that readers see. This module alone moves the pointer.

Publishing is one `os.replace` of published.json: before it readers see the old snapshot, after it the new one,
and never anything between. A snapshot has its own file name for ever, since a process that has a file open
would go on seeing its old content if the name were used again.
"""

from __future__ import annotations

import json
import os
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, NamedTuple
from zoneinfo import ZoneInfo

from ingestion.steps import reached
from ingestion.warehouse.errors import NoSuchSnapshot, PointerDamaged, SnapshotDamaged, SnapshotUnknownSchema
from ingestion.warehouse.files import sha256 as sha256
from ingestion.warehouse.files import sync_folder, write_synced
from ingestion.warehouse.places import Places

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

SCHEMA_VERSION = 1
"""Raised when a snapshot's tables change so that older pages could not read it."""

_SEALED = ("bytes", "mtime_ns", "people_bytes", "people_mtime_ns")


class Seal(NamedTuple):
    """A file as it was when it was published: its hash, its size, and when it was changed last (0: not noted)."""

    file: Path
    sha256: str
    bytes: int
    mtime_ns: int


@dataclass(frozen=True)
class Snapshot:
    """One snapshot file with its companion of personal columns. Instants are UTC, without a zone."""

    run_id: str
    file: Path
    sha256: str
    people_file: Path
    people_sha256: str
    as_of: datetime
    published_at: datetime
    schema_version: int
    # What was built from (loads, definitions, as_of): equal state, equal numbers.
    state: str
    bytes: int = 0
    mtime_ns: int = 0
    people_bytes: int = 0
    people_mtime_ns: int = 0

    @property
    def seal(self) -> Seal:
        return Seal(self.file, self.sha256, self.bytes, self.mtime_ns)

    @property
    def people_seal(self) -> Seal:
        return Seal(self.people_file, self.people_sha256, self.people_bytes, self.people_mtime_ns)


@dataclass(frozen=True)
class Published(Snapshot):
    """What published.json says: the snapshot readers see, and whether publishing is held."""

    held: bool = False
    # Built while publishing was held; becomes the published one when the hold is released.
    waiting: Snapshot | None = None


def published(home: Path) -> Published | None:
    """What readers see now, None before the first publish.

    Raises:
        PointerDamaged: published.json is there but is not ours.
    """
    told = _read(Places(home).pointer)
    if told is None:
        return None
    try:
        waiting = told.get("waiting")
        return Published(
            **_fields(home, told),
            held=bool(told["held"]),
            waiting=Snapshot(**_fields(home, waiting)) if waiting else None,
        )
    except (AttributeError, TypeError, KeyError, ValueError) as error:
        raise PointerDamaged(file=str(Places(home).pointer)) from error


def snapshot(home: Path, run_id: str) -> Snapshot:
    """What was published, or built, as `run_id`.

    Raises:
        NoSuchSnapshot: it is not kept.
        PointerDamaged: its record is there but is not ours.
    """
    record = Places(home).record(run_id)
    told = _read(record)
    if told is None:
        raise NoSuchSnapshot(run_id=run_id, kept=", ".join(kept(home)))
    try:
        return Snapshot(**_fields(home, told))
    except (AttributeError, TypeError, KeyError, ValueError) as error:
        raise PointerDamaged(file=str(record)) from error


def _read(file: Path) -> dict[str, Any] | None:
    try:
        told = json.loads(file.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return None
    except (OSError, ValueError) as error:
        raise PointerDamaged(file=str(file)) from error
    return dict(told) if isinstance(told, dict) else {}


def _fields(home: Path, told: dict[str, Any]) -> dict[str, Any]:
    """JSON to the fields of a Snapshot: paths are kept relative to home, so that a home can be moved."""
    return {
        "run_id": str(told["run_id"]),
        "file": home / told["file"],
        "sha256": str(told["sha256"]),
        "people_file": home / told["people_file"],
        "people_sha256": str(told["people_sha256"]),
        "as_of": datetime.fromisoformat(told["as_of"]),
        "published_at": datetime.fromisoformat(told["published_at"]),
        "schema_version": int(told["schema_version"]),
        "state": str(told["state"]),
        # Absent in what older versions published.
        **{name: int(told.get(name, 0)) for name in _SEALED},
    }


def _json(home: Path, one: Snapshot) -> dict[str, Any]:
    told: dict[str, Any] = {
        "run_id": one.run_id,
        "file": one.file.relative_to(home).as_posix(),
        "sha256": one.sha256,
        "as_of": one.as_of.isoformat(),
        "published_at": one.published_at.isoformat(),
        "schema_version": one.schema_version,
        "people_file": one.people_file.relative_to(home).as_posix(),
        "people_sha256": one.people_sha256,
        "state": one.state,
        **{name: getattr(one, name) for name in _SEALED},
    }
    if isinstance(one, Published):
        told["held"] = one.held
        told["waiting"] = _json(home, one.waiting) if one.waiting else None
    return told


def require_schema(one: Snapshot) -> None:
    """Prove that this program can read the snapshot's tables. Raises SnapshotUnknownSchema."""
    if one.schema_version != SCHEMA_VERSION:
        raise SnapshotUnknownSchema(run_id=one.run_id, found=one.schema_version, known=SCHEMA_VERSION)


def verify(one: Snapshot) -> None:
    """Prove that both files are what was published, and that this program can read them.

    Raises:
        SnapshotUnknownSchema: its tables are of another version.
        SnapshotDamaged: a file is missing, or its hash differs.
    """
    require_schema(one)
    for seal in (one.seal, one.people_seal):
        try:
            found = sha256(seal.file)
        except OSError as error:
            raise SnapshotDamaged(file=seal.file.name, reason=error.strerror or type(error).__name__) from error
        if found != seal.sha256:
            raise SnapshotDamaged(file=seal.file.name, reason="sha256 differs from the one published")


def publish(home: Path, run_id: str, *, as_of: datetime, state: str) -> Published:
    """Make the closed build files of a run the published snapshot; while held, let them wait instead.

    Raises:
        SnapshotDamaged: a build file still has a write-ahead log, so it was not closed cleanly.
    """
    places = Places(home)
    numbers = _settle(places.build(run_id), places.snapshot(run_id), "snapshot")
    people = _settle(places.build_people(run_id), places.people(run_id), "people")
    new = Snapshot(
        run_id=run_id,
        file=numbers.file,
        sha256=numbers.sha256,
        bytes=numbers.bytes,
        mtime_ns=numbers.mtime_ns,
        people_file=people.file,
        people_sha256=people.sha256,
        people_bytes=people.bytes,
        people_mtime_ns=people.mtime_ns,
        as_of=as_of,
        published_at=now(),
        schema_version=SCHEMA_VERSION,
        state=state,
    )
    write_synced(places.record(run_id), _json(home, new))
    sync_folder(places.snapshots)
    reached("snapshots_synced")
    before = published(home)
    if before is not None and before.held:
        return _point(home, replace(before, waiting=new))
    return _point(home, Published(**vars(new)))


def _settle(build: Path, final: Path, which: str) -> Seal:
    """Put one finished file on disk under its final name."""
    if build.with_name(f"{build.name}.wal").exists():
        raise SnapshotDamaged(file=build.name, reason="a write-ahead log was left behind")
    content = sha256(build)
    with build.open("rb+") as file:
        os.fsync(file.fileno())
    reached(f"{which}_synced")
    build.rename(final)
    reached(f"{which}_renamed")
    found = final.stat()
    return Seal(final, content, found.st_size, found.st_mtime_ns)


def _point(home: Path, to: Published) -> Published:
    """Replace published.json in one act, durable when this returns."""
    pointer = Places(home).pointer
    draft = pointer.with_name(f"{pointer.name}.tmp")
    write_synced(draft, _json(home, to))
    reached("pointer_written")
    draft.replace(pointer)
    reached("pointer_switched")
    sync_folder(home)
    reached("pointer_synced")
    return to


def kept(home: Path) -> list[str]:
    """Run ids of the complete snapshots on disk, oldest first: run ids sort by time."""
    return sorted(file.stem for file in Places(home).snapshots.glob("*.json"))


def prune(home: Path, keep: int, *, days: int = 0, zone: str = "UTC") -> list[str]:
    """Delete all but the newest `keep` snapshots, and the last one of each of the past `days` days in `zone`.

    The published and the waiting one stay in any case.
    """
    current, known = published(home), kept(home)
    needed = {one.run_id for one in (current, current.waiting if current else None) if one is not None}
    needed |= {*known[-keep:], *_last_of_days(home, known, days, ZoneInfo(zone))}
    surplus = [run_id for run_id in known if run_id not in needed]
    for run_id in surplus:
        discard(home, run_id)
    return surplus


def _last_of_days(home: Path, known: Sequence[str], days: int, zone: ZoneInfo) -> set[str]:
    if not days:
        return set()
    today = now().replace(tzinfo=UTC).astimezone(zone).date()
    instants = {}
    for run_id in known:
        # A record that cannot be read says no day: its files stay only as one of the newest.
        with suppress(PointerDamaged):
            instants[run_id] = snapshot(home, run_id).published_at
    of_days = {at.replace(tzinfo=UTC).astimezone(zone).date(): run_id for run_id, at in sorted(instants.items())}
    return {run_id for day, run_id in of_days.items() if (today - day).days <= days}


def discard(home: Path, run_id: str) -> None:
    """Delete the files of one snapshot. A reader that has them open keeps reading until it closes them."""
    places = Places(home)
    # The record first: without it the snapshot is no longer offered, even if we are killed right here.
    for file in (places.record(run_id), places.snapshot(run_id), places.people(run_id)):
        file.unlink(missing_ok=True)


def rollback(home: Path, run_id: str | None = None) -> Published:
    """Show readers an older snapshot (default: the one before) and hold publishing.

    Raises:
        NoSuchSnapshot: there is none, or none before the published one.
        SnapshotDamaged, SnapshotUnknownSchema: it is not what was published then, or cannot be read; nothing changes.
    """
    if run_id is None:
        current = published(home)
        earlier = [one for one in kept(home) if current is not None and one < current.run_id]
        if not earlier:
            raise NoSuchSnapshot(run_id="", kept=", ".join(kept(home)))
        run_id = earlier[-1]
    target = snapshot(home, run_id)
    verify(target)
    return _point(home, Published(**vars(target), held=True))


def release(home: Path) -> Published:
    """Let publishing go on: the snapshot that was built meanwhile, if any, is what readers see from now.

    Raises:
        NoSuchSnapshot: nothing is published.
        SnapshotDamaged: the waiting snapshot is not what was built; nothing changes.
    """
    current = published(home)
    if current is None:
        raise NoSuchSnapshot(run_id="", kept="")
    if current.waiting is None:
        return _point(home, replace(current, held=False))
    verify(current.waiting)
    return _point(home, Published(**vars(current.waiting)))


def now() -> datetime:
    """This instant, UTC without a zone, whole seconds."""
    return datetime.now(UTC).replace(tzinfo=None, microsecond=0)
