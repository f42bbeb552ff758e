"""A child process and what it took: wall and processor seconds, and the most memory it held."""

from __future__ import annotations

import os
import subprocess
import sys
from dataclasses import dataclass
from time import perf_counter
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path


@dataclass(frozen=True)
class Cost:
    """What one process took. Its own children count where it waited for them; `output` is what it printed."""

    seconds: float
    cpu_seconds: float
    peak_mib: float
    output: str


def python(arguments: Sequence[str], log: Path) -> Cost:
    """Run this interpreter with the arguments, its output into `log`.

    Raises:
        CalledProcessError: it failed; the log says why.
    """
    command = [sys.executable, *arguments]
    begun = perf_counter()
    with log.open("w", encoding="utf-8") as said:
        child = subprocess.Popen(command, stdout=said, stderr=subprocess.STDOUT)
        # wait4 tells the memory of this child alone; getrusage would tell the largest of all children so far.
        _, status, used = os.wait4(child.pid, 0)
    seconds = perf_counter() - begun
    child.returncode = os.waitstatus_to_exitcode(status)
    if child.returncode:
        raise subprocess.CalledProcessError(child.returncode, command, log.read_text(encoding="utf-8")[-2_000:])
    return Cost(seconds, used.ru_utime + used.ru_stime, used.ru_maxrss / 1024, log.read_text(encoding="utf-8"))


def size(path: Path) -> int:
    """Bytes of a file, or of all files below a folder."""
    if path.is_file():
        return path.stat().st_size
    return sum(file.stat().st_size for file in path.rglob("*") if file.is_file())
