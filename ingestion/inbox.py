"""What has arrived: the files of EXPORTS_DIR that no night has taken in yet."""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from functools import cache
from types import MappingProxyType
from typing import TYPE_CHECKING

from ingestion.errors import DataThroughMissing, Finding
from ingestion.landing.joins import files_beside, identity
from ingestion.landing.through import named_end
from ingestion.mapping import find_exports
from ingestion.warehouse.snapshots import sha256

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from datetime import datetime
    from pathlib import Path

    from ingestion.mapping import ExportFile, Feed, Source

LoadKey = tuple[str, str, str, "datetime | None"]
"""Source, feed and content hash: what makes a file the same file, whatever its name; and see _day_named."""


@dataclass(frozen=True)
class Arrival:
    """One file to take in tonight."""

    file: ExportFile
    feed: Feed
    sha256: str


@dataclass(frozen=True)
class Inbox:
    """Tonight's files in loading order, and what is to be said about the others."""

    arrivals: list[Arrival] = field(default_factory=list)
    findings: list[Finding] = field(default_factory=list)


def look(
    exports: Path,
    sources: Mapping[str, Source],
    known: Mapping[LoadKey, str],
    settle_seconds: float,
    sleep: Callable[[float], None] = time.sleep,
    names: Mapping[tuple[str, str, str], Sequence[str]] = MappingProxyType({}),
) -> Inbox:
    """Find tonight's files: those of a feed, settled, and not known by content from an earlier night.

    Args:
        known: what earlier nights took in -> "loaded" or "retracted", each with how far it goes and with None.
        settle_seconds: a file changed less than this ago is waited for, once; if it changes again meanwhile,
            it is left for the next night.
        names: source, feed and content -> the names it had when it was taken in, and those it was told about.
    """
    matched, unmatched = find_exports(exports, sources)
    inbox = Inbox(findings=[Finding("unmatched_file", {"file": _name(exports, path)}) for path in unmatched])
    if not (matched or unmatched):
        inbox.findings.append(Finding("nothing_found", {"folder": str(exports)}))
    parts = {file: [file.path, *files_beside(file.path, sources[file.source].feed(file.feed))] for file in matched}
    growing = _wait({path for paths in parts.values() for path in paths}, settle_seconds, sleep)
    # One joined file stands beside many.
    digest = cache(sha256)
    taken: dict[LoadKey, str] = {}
    for file in matched:
        name = _name(exports, file.path)
        if growing.intersection(parts[file]):
            inbox.findings.append(Finding("file_still_changing", {"file": name}))
            continue
        feed = sources[file.source].feed(file.feed)
        content = identity(file.path, feed, digest)
        key = (file.source, file.feed, content, _day_named(feed, file.path.name))
        if key in taken:
            inbox.findings.append(_copy(file, name, taken[key]))
        elif known.get((file.source, file.feed, content, None)) == "retracted":
            inbox.findings.append(Finding("retracted_file", {"file": name, "sha256": content}))
        elif key not in known:
            taken[key] = name
            inbox.arrivals.append(Arrival(file, feed, content))
        elif (had := names.get((file.source, file.feed, content))) and not {name, file.path.name} & {*had}:
            # Yesterday's export under today's name: the export it should have been is missing.
            inbox.findings.append(_copy(file, name, had[0]))
    return inbox


def _copy(file: ExportFile, name: str, other: str) -> Finding:
    return Finding("same_content", {"file": name, "other": other, "source": file.source, "feed": file.feed})


def _day_named(feed: Feed, file_name: str) -> datetime | None:
    """The end of the day that a complete export speaks of, where its name tells it; None of anything else.

    What was gone yesterday and is back today makes a file like that of the day before: it says something new.
    """
    try:
        return named_end(feed, file_name) if feed.mode == "full" else None
    except DataThroughMissing:
        return None


def _name(exports: Path, path: Path) -> str:
    return path.relative_to(exports).as_posix()


def _wait(files: set[Path], settle_seconds: float, sleep: Callable[[float], None]) -> set[Path]:
    """Let files settle that were changed just now; returns those that changed again meanwhile."""
    now = time.time()
    ages = {path: now - path.stat().st_mtime for path in files}
    # A time in the future (another machine's clock) says nothing about the age, so such a file is watched too.
    fresh = {path: min(max(age, 0.0), settle_seconds) for path, age in ages.items() if age < settle_seconds}
    if not fresh:
        return set()
    before = {path: _stamp(path) for path in fresh}
    sleep(settle_seconds - min(fresh.values()))
    return {path for path in fresh if _stamp(path) != before[path]}


def _stamp(path: Path) -> tuple[int, int]:
    about = path.stat()
    return about.st_size, about.st_mtime_ns
