"""A copy of a home from which another can be made: the warehouse, the owner's mappings and rules, what readers see.

A backup is a folder of its own below the one given, complete or not there at all: it gets its name last. Everything
in it has its hash in the manifest, and nothing is restored that has another. What is not in it follows from the rest
(HOME/kept, older snapshots) or is of no use elsewhere (logs, temporary files).
"""

from __future__ import annotations

import json
import os
import shutil
from dataclasses import asdict, dataclass
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

import duckdb

from ingestion.night import ledger_open, lock
from ingestion.steps import reached
from ingestion.warehouse import engines, last_run, migrations, snapshots
from ingestion.warehouse.errors import (
    BackupDamaged,
    BackupInside,
    BackupOlder,
    NothingToBackUp,
    PointerDamaged,
    SnapshotDamaged,
    SnapshotUnknownSchema,
)
from ingestion.warehouse.files import sha256, sync_folder, write_synced
from ingestion.warehouse.places import Places

if TYPE_CHECKING:
    from collections.abc import Iterator

MANIFEST = "manifest.json"


@dataclass(frozen=True)
class Backup:
    """What a backup's manifest says. `files`: path below home -> SHA-256. created_at: UTC, without a zone."""

    folder: Path
    created_at: datetime
    # The newest run of its ledger, '' where there was none.
    last_run_id: str
    warehouse_version: int
    schema_version: int
    bytes: int
    files: dict[str, str]


@dataclass(frozen=True)
class Restored:
    """What was put in place, and where what was there before lies now (None: there was nothing)."""

    backup: Backup
    published: snapshots.Published | None
    set_aside: Path | None


def back_up(home: Path, folder: Path) -> Backup:
    """Copy the home, as it stands between two runs, into a new folder below `folder`.

    Raises:
        AnotherRun: a run is going on.
        NothingToBackUp: there is no warehouse in this home.
        BackupInside: `folder` lies in the home, and would be lost with it.
        SnapshotDamaged: what is published is not what was published.
    """
    if not Places(home).warehouse.exists():
        raise NothingToBackUp(home=str(home))
    if folder.resolve().is_relative_to(home.resolve()):
        raise BackupInside(folder=str(folder), home=str(home))
    with lock(home) as places:
        with ledger_open(places) as con:
            con.execute("checkpoint warehouse")
            last = _last_run_id(con)
        created_at = snapshots.now()
        final = _free(folder / f"aftercare-{created_at:%Y%m%dT%H%M%S}")
        draft = final.with_name(f".{final.name}.partial")
        draft.mkdir(parents=True)
        try:
            hashes = {str(name): _copied(places.home / name, draft / name) for name in _named(places)}
            reached("backup_copied")
            _verify_published(places, hashes)
            size = sum((draft / name).stat().st_size for name in hashes)
            versions = (migrations.VERSION, snapshots.SCHEMA_VERSION)
            backup = Backup(final, created_at, last, *versions, size, hashes)
            told = {**asdict(backup), "created_at": created_at.isoformat()}
            write_synced(draft / MANIFEST, {name: value for name, value in told.items() if name != "folder"})
            for each in {draft, *(file.parent for file in draft.rglob("*"))}:
                sync_folder(each)
            draft.rename(final)
            sync_folder(final.parent)
        except BaseException:
            shutil.rmtree(draft)
            raise
    return backup


def _free(folder: Path) -> Path:
    """That folder, or the first of the same name with a number that is free."""
    taken = [folder, *(folder.with_name(f"{folder.name}-{number}") for number in range(2, 1000))]
    return next(each for each in taken if not each.exists())


def _named(places: Places) -> Iterator[Path]:
    """Paths below home of all that belongs into a backup, the pointer last."""
    yield places.warehouse.relative_to(places.home)
    if places.alert_rules.is_file():
        yield places.alert_rules.relative_to(places.home)
    if places.mappings.is_dir():
        yield from (file.relative_to(places.home) for file in sorted(places.mappings.rglob("*")) if file.is_file())
    current = snapshots.published(places.home)
    for one in (current, current.waiting if current else None):
        if one is not None:
            for file in (one.file, one.people_file, places.record(one.run_id)):
                yield file.relative_to(places.home)
    if current is not None:
        yield places.pointer.relative_to(places.home)


def _verify_published(places: Places, hashes: dict[str, str]) -> None:
    current = snapshots.published(places.home)
    for one in (current, current.waiting if current else None):
        for seal in (one.seal, one.people_seal) if one is not None else ():
            if hashes[str(seal.file.relative_to(places.home))] != seal.sha256:
                raise SnapshotDamaged(file=seal.file.name, reason="sha256 differs from the one published")


def _copied(source: Path, target: Path) -> str:
    """Copy a file with its time, have it on disk, and return the hash of what arrived there."""
    target.parent.mkdir(parents=True, exist_ok=True)
    shutil.copy2(source, target)
    with target.open("rb+") as file:
        os.fsync(file.fileno())
    return sha256(target)


def read(folder: Path) -> Backup:
    """The manifest of a backup. Raises BackupDamaged."""
    try:
        told = json.loads((folder / MANIFEST).read_text(encoding="utf-8"))
        return Backup(
            folder=folder,
            created_at=datetime.fromisoformat(told["created_at"]),
            last_run_id=str(told["last_run_id"]),
            warehouse_version=int(told["warehouse_version"]),
            schema_version=int(told["schema_version"]),
            bytes=int(told["bytes"]),
            files={str(name): str(content) for name, content in told["files"].items()},
        )
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise BackupDamaged(folder=str(folder), file=MANIFEST, reason=type(error).__name__) from error


def restore(home: Path, folder: Path, *, replace: bool = False) -> Restored:
    """Make the home what the backup says; what was there is set aside, and readers see old or new, never between.

    Raises:
        AnotherRun: a run is going on.
        BackupDamaged: a file is missing or not what the manifest says; nothing is changed.
        BackupOlder: the home has runs that the backup lacks, or cannot tell, and `replace` was not said.
        WarehouseNewer, SnapshotUnknownSchema: a newer program wrote it; nothing is changed.
    """
    backup = read(folder)
    migrations.refuse_newer(backup.warehouse_version, str(folder))
    if backup.schema_version != snapshots.SCHEMA_VERSION:
        raise SnapshotUnknownSchema(
            run_id=backup.last_run_id, found=backup.schema_version, known=snapshots.SCHEMA_VERSION
        )
    with lock(home) as places:
        if not replace:
            _refuse_newer_home(places, backup)
        draft = places.scratch / "restored"
        shutil.rmtree(draft, ignore_errors=True)
        for name, content in backup.files.items():
            _verified(folder, name, content, draft)
        reached("restore_copied")
        set_aside = _exchange(places, backup, draft)
        places.last_run.unlink(missing_ok=True)
        with ledger_open(places) as con:
            last_run.keep(con, places)
        return Restored(backup, snapshots.published(places.home), set_aside)


def _verified(folder: Path, name: str, content: str, draft: Path) -> None:
    target = (draft / name).resolve()
    if not target.is_relative_to(draft.resolve()):
        raise BackupDamaged(folder=str(folder), file=MANIFEST, reason="a path leads out of the backup")
    try:
        found = _copied(folder / name, target)
    except FileNotFoundError as error:
        raise BackupDamaged(folder=str(folder), file=name, reason="it is missing") from error
    if found != content:
        raise BackupDamaged(folder=str(folder), file=name, reason="sha256 differs from the manifest's")


def _refuse_newer_home(places: Places, backup: Backup) -> None:
    newest = _newest_run(places)
    if newest is None or newest > backup.last_run_id:
        raise BackupOlder(home=str(places.home), newest=newest or "?", backup=backup.last_run_id)


def _newest_run(places: Places) -> str | None:
    """The newest run that left a trace in the home, '' in an empty one; None where the warehouse does not tell."""
    found = last_run.read(places)
    traces = [found.run_id if found else "", *snapshots.kept(places.home)]
    try:
        if places.warehouse.exists():
            with engines.open_reader(places.warehouse) as con:
                traces.append(_last_run_id(con, catalog=None))
        current = snapshots.published(places.home)
    except (duckdb.Error, PointerDamaged):
        return None
    return max([*traces, current.run_id if current else ""])


def _last_run_id(con: duckdb.DuckDBPyConnection, catalog: str | None = "warehouse") -> str:
    row = con.execute(f"select max(run_id) from {f'{catalog}.' if catalog else ''}meta.runs").fetchone()
    return str(row[0]) if row and row[0] else ""


def _exchange(places: Places, backup: Backup, draft: Path) -> Path | None:
    """Put the copies in place, each by a rename; the pointer before anything that readers may be looking at goes."""
    aside = _free(places.home / "replaced" / f"{snapshots.now():%Y%m%dT%H%M%S}")
    pointer = places.pointer.name
    brought = [Path(name) for name in backup.files if name != pointer]
    for name in brought:
        _set_aside(places.home, aside, name)
        (places.home / name).parent.mkdir(parents=True, exist_ok=True)
        (draft / name).rename(places.home / name)
    reached("restore_placed")
    if places.pointer.exists():
        _copied(places.pointer, aside / pointer)
    if pointer in backup.files:
        (draft / pointer).rename(places.pointer)
    else:
        places.pointer.unlink(missing_ok=True)
    sync_folder(places.home)
    reached("restore_switched")
    # What the restored state knows nothing of: later snapshots, other mappings, and what the next night would reuse.
    for folder in (places.snapshots, places.mappings, places.kept_folder):
        for file in sorted(folder.rglob("*")) if folder.is_dir() else ():
            name = file.relative_to(places.home)
            if file.is_file() and name not in brought:
                _set_aside(places.home, aside, name)
    shutil.rmtree(draft)
    return aside if aside.exists() else None


def _set_aside(home: Path, aside: Path, name: Path) -> None:
    for each in (name, name.with_name(f"{name.name}.wal")):
        if (home / each).exists():
            (aside / each).parent.mkdir(parents=True, exist_ok=True)
            (home / each).rename(aside / each)
