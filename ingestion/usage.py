"""What a run uses of the machine: how long each stage took, how much memory there is and was taken."""

from __future__ import annotations

import os
import resource
import sys
import time
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from ingestion.progress import Progress

MIB = 1 << 20
# A container may hold less than the machine has: what Linux calls it, in its newer and its older tree.
_CONTAINER = (Path("/sys/fs/cgroup/memory.max"), Path("/sys/fs/cgroup/memory/memory.limit_in_bytes"))


class Timed:
    """Progress as it is shown, with the seconds that each stage took."""

    def __init__(self, shown: Progress) -> None:
        self.shown = shown
        self.seconds: dict[str, float] = {}
        self._stage = ""
        self._began = time.monotonic()

    def stage(self, key: str, total: int | None = None, size: int = 0) -> None:
        self.end()
        self._stage = key
        self.shown.stage(key, total, size)

    def part(self, name: str) -> None:
        self.shown.part(name)

    def done(self, size: int, rows: int) -> None:
        self.shown.done(size, rows)

    def end(self) -> None:
        """Count what went by since the last stage began as that stage's."""
        now = time.monotonic()
        if self._stage:
            self.seconds[self._stage] = round(self.seconds.get(self._stage, 0) + now - self._began, 3)
        self._stage, self._began = "", now


def peak_memory() -> int:
    """The most memory that this process has held so far, in bytes."""
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak if sys.platform == "darwin" else peak * 1024


def machine_memory() -> int:
    """What this machine, or the container we run in, may hold in memory, in bytes."""
    found = [os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")]
    for file in _CONTAINER:
        # No such file, or the word "max": no limit.
        with suppress(OSError, ValueError):
            found.append(int(file.read_text(encoding="ascii")))
    return min(found)
