"""From which night a build may start: the last one's tables, kept whole, where they are all that tonight adds to.

Besides the snapshot a night keeps what it built and did not publish (HOME/kept). The next night copies both and
brings the copies up to date (warehouse/incremental). They are trusted only if they are what the last build left, to
the byte, and if all that was loaded and defined then still holds; else everything is built from raw, as on the first
night. So losing them, or deleting HOME/kept, costs time and nothing else.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass
from errno import ENOSPC
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

import duckdb

from data_checks.contract import datasets
from data_checks.gist import gist
from ingestion.errors import Finding
from ingestion.night import log
from ingestion.sqltext import literal, quoted
from ingestion.steps import reached
from ingestion.warehouse import ledger, snapshots
from ingestion.warehouse.differences import Differences, loaded_by
from ingestion.warehouse.incremental import Growth

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import datetime

    from ingestion.night import Night
    from ingestion.warehouse.snapshots import Snapshot

_PROGRAM = Path(__file__).resolve().parents[1]
SWOLLEN = 2.0
"""Rows that were replaced leave gaps. Files so many times larger than when they were built whole are built anew."""


@dataclass(frozen=True)
class Kept:
    """What is written beside the kept tables of one night."""

    run_id: str
    # What built it: another program may build other tables from the same rows and definitions.
    program: str
    definitions: str
    # What was loaded then, as one text (ledger.loads_state), hashed.
    loads: str
    sha256: str
    # The size of snapshot and kept tables when everything was last built from raw.
    bytes_when_whole: int


@dataclass(frozen=True)
class Base:
    """Last night, from whose tables tonight's are made."""

    last: Snapshot
    kept: Kept


def begin(tonight: Night, definitions: str, as_of: datetime, *, is_followed: bool) -> Base | None:
    """Open the build file anew, as a copy of last night's where that may be built upon, and empty where not.

    is_followed: False where another engine builds, whose numbers may differ in the last digit.
    """
    base = _base(tonight, definitions, as_of) if is_followed else None
    tonight.con.close()
    build, beside = tonight.places.build(tonight.run_id), _beside(tonight)
    if not is_followed:
        beside = beside.with_name("not_kept.duckdb")
    build.unlink()
    is_damaged = base is not None and not _copy(tonight, base, build, beside)
    tonight.open_build_again(beside)
    if is_damaged:
        base = None
        tonight.tell("note", Finding("built_anew_damaged", {}))
    if base is not None:
        tonight.con.execute(f"attach {literal(base.last.file)} as before (read_only)")
        tonight.con.execute(f"attach {literal(tonight.places.kept(base.last.run_id))} as before_kept (read_only)")
        # The run's own records are written anew every night.
        tonight.con.execute("drop schema if exists meta cascade")
    reached("build_begun")
    return base


def _base(tonight: Night, definitions: str, as_of: datetime) -> Base | None:
    """Last night, if what was loaded and defined then still holds, and time has not been turned back."""
    last = _last(tonight)
    if last is None:
        return None
    kept = _read(tonight.places.kept_record(last.run_id))
    if kept is None:
        log.info("everything is built: the last night kept nothing to build upon")
        return None
    loads = digest(ledger.loads_state(tonight.con, until=last.run_id))
    is_same = (kept.program, kept.definitions, kept.loads) == (program(), definitions, loads)
    is_turned_back = as_of < last.as_of or ledger.is_retracted_after(tonight.con, last.run_id)
    if not is_same or is_turned_back or last.schema_version != snapshots.SCHEMA_VERSION:
        tonight.tell("note", Finding("built_anew", {}))
        return None
    size = _size(last.file) + _size(tonight.places.kept(last.run_id))
    if size > SWOLLEN * kept.bytes_when_whole:
        tonight.tell("note", Finding("built_anew_swollen", {}))
        return None
    return Base(last, kept)


def _last(tonight: Night) -> Snapshot | None:
    """What was built last, whether readers see it or it waits for a hold to be released."""
    pointer = snapshots.published(tonight.places.home)
    return pointer.waiting or pointer if pointer else None


def _size(file: Path) -> int:
    return file.stat().st_size if file.exists() else 0


def _copy(tonight: Night, base: Base, build: Path, beside: Path) -> bool:
    """Copy last night's files; False where they are not what was left."""
    places = tonight.places
    sources = ((base.last.file, build, base.last.sha256), (places.kept(base.last.run_id), beside, base.kept.sha256))
    try:
        # Both at once: neither copying nor hashing keeps the other from running.
        with ThreadPoolExecutor(len(sources)) as pool:
            is_whole = all(list(pool.map(_is_copied, *zip(*sources, strict=True))))
    except OSError as error:
        if error.errno == ENOSPC:
            # Building everything takes more room, not less.
            raise
        log.warning("last night's tables cannot be copied: %s", gist(error))
        is_whole = False
    if not is_whole:
        build.unlink(missing_ok=True)
        beside.unlink(missing_ok=True)
    return is_whole


def _is_copied(source: Path, target: Path, sha256: str) -> bool:
    """Copy a file, in the kernel; whether what is there now is what was left."""
    shutil.copyfile(source, target)
    return snapshots.sha256(target) == sha256


def grower(tonight: Night, base: Base, as_of: datetime, catalog: Callable[[str], str]) -> Growth:
    """What brings last night's tables to tonight's state. The run's inputs must be written."""
    con = tonight.con
    catalogs = {"": "before", "scratch": "before_kept"}

    def before(table: str) -> str:
        return catalogs.get(catalog(table), catalog(table))

    differences = Differences(con, catalog, before, arrived=_arrived(con, base), replaced=_replaced(con))
    return Growth(con, catalog, differences, (base.last.as_of, as_of))


def _arrived(con: duckdb.DuckDBPyConnection, base: Base) -> dict[str, str]:
    """Raw table -> condition for the rows that came since: with a load, or released from waiting."""
    rows = con.execute(
        "select load_id from warehouse.meta.loads where state = 'loaded' and run_id > ?", [base.last.run_id]
    ).fetchall()
    conditions = [loaded_by([load_id for (load_id,) in rows])] if rows else []
    released = f"""select load_id, source_row from warehouse.meta.quarantine
        where released_by > {literal(base.last.run_id)} and released_load is null"""
    if con.execute(f"{released} limit 1").fetchone():
        conditions.append(f"(rows.load_id, rows.source_row) in ({released})")
    return {f"raw.{name}": " or ".join(conditions) for name in datasets()} if conditions else {}


def _replaced(con: duckdb.DuckDBPyConnection) -> set[str]:
    """The raw tables of feeds whose newest complete export is another than last night."""
    newest = "select source, feed, arg_max(load_id, load_seq) from {}.raw.loads where is_full group by source, feed"
    now, before = newest.format("scratch"), newest.format("before_kept")
    feeds = f"select source, feed from (({now} except {before}) union all ({before} except {now}))"
    found = con.execute(f"select load_id from scratch.raw.loads where (source, feed) in ({feeds})").fetchall()
    if not found:
        return set()
    condition = loaded_by([load_id for (load_id,) in found])
    return {
        f"raw.{name}"
        for name in datasets()
        if con.execute(f"select 1 from warehouse.raw.{quoted(name)} as rows where {condition} limit 1").fetchone()
    }


def end(tonight: Night, growth: Growth) -> None:
    """Say which tables differ from last night's, and let last night's go."""
    for catalog in ("before", "before_kept"):
        tonight.con.execute(f"detach {catalog}")
    tonight.changed_tables = frozenset(growth.changed)
    log.info(
        "of %s tables %s stayed, %s were followed by key",
        *(len(growth.kept) + len(growth.changed), len(growth.kept), len(growth.followed)),
    )


def _beside(tonight: Night) -> Path:
    return tonight.workdir / "kept.duckdb"


def keep(tonight: Night, definitions: str) -> None:
    """Keep what was built beside the snapshot, for the next night. The build must be closed, and not yet shown."""
    places, run_id = tonight.places, tonight.run_id
    beside = _beside(tonight)
    if not beside.exists() or beside.with_name(f"{beside.name}.wal").exists():
        return
    last = _last(tonight)
    grown_from = _read(places.kept_record(last.run_id)) if last and tonight.changed_tables is not None else None
    size = _size(beside) + _size(places.build(run_id))
    kept = Kept(
        run_id=run_id,
        program=program(),
        definitions=definitions,
        loads=digest(ledger.loads_state(tonight.con, until=run_id)),
        sha256=snapshots.sha256(beside),
        bytes_when_whole=grown_from.bytes_when_whole if grown_from else size,
    )
    beside.rename(places.kept(run_id))
    reached("kept_renamed")
    # Written last: without it, and with one that is cut off, the tables beside it are not looked at.
    with places.kept_record(run_id).open("w", encoding="utf-8") as record:
        json.dump(asdict(kept), record, indent=1)
        record.flush()
        os.fsync(record.fileno())
    reached("kept_recorded")


def prune(tonight: Night) -> None:
    """Delete what earlier nights kept: only the last one is ever built upon."""
    for file in tonight.places.kept_folder.iterdir():
        if not file.name.startswith(f"{tonight.run_id}."):
            file.unlink()


def _read(file: Path) -> Kept | None:
    try:
        return Kept(**json.loads(file.read_text(encoding="utf-8")))
    except (OSError, ValueError, TypeError):
        return None


@cache
def program() -> str:
    """What a night is made by, beside sql/: the files of this program that write and judge, and DuckDB."""
    found = hashlib.sha256(duckdb.__version__.encode())
    for room in ("ingestion", "data_checks"):
        for file in sorted((_PROGRAM / room).rglob("*.py")):
            found.update(file.read_bytes())
    return found.hexdigest()[:16]


def digest(text: str) -> str:
    """A text, however long, as one of fixed length."""
    return hashlib.sha256(text.encode()).hexdigest()[:16]
