"""What the benchmarks share: times of processes and calls, medians, a table beside the JSON."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from dataclasses import dataclass
from statistics import median
from tempfile import TemporaryFile
from time import perf_counter
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from pathlib import Path

IMPORTS = (sys.executable, "-c", "import duckdb, polars")
"""The least a command that reads a snapshot can do."""


@dataclass(frozen=True)
class Took:
    """One process: seconds of the wall and of the processors, the most memory it held, and what it printed."""

    wall: float
    cpu: float
    peak_mib: float
    out: bytes


def seconds(work: Callable[[], object]) -> float:
    begun = perf_counter()
    work()
    return perf_counter() - begun


def process(command: Sequence[str], environment: Mapping[str, str] | None = None) -> Took:
    """Run a command to its end. Raises CalledProcessError where it fails: a failure is quick, and no figure."""
    begun = perf_counter()
    with (
        TemporaryFile() as said,
        subprocess.Popen(command, stdout=subprocess.PIPE, stderr=said, env=environment) as running,
    ):
        assert running.stdout is not None
        out = running.stdout.read()
        # wait4 tells the memory of this child alone; getrusage would tell the largest of all children so far.
        _, status, used = os.wait4(running.pid, 0)
        wall = perf_counter() - begun
        running.returncode = os.waitstatus_to_exitcode(status)
        if running.returncode:
            said.seek(0)
            raise subprocess.CalledProcessError(running.returncode, command, out, said.read()[-2_000:].decode())
    return Took(wall, used.ru_utime + used.ru_stime, used.ru_maxrss / 1024, out)


def interleaved(works: Mapping[str, Callable[[], float]], repeat: int) -> dict[str, float]:
    """The median of each work's own figure, one of each in turn: what slows the machine slows them all."""
    found: dict[str, list[float]] = {name: [] for name in works}
    for _ in range(repeat):
        for name, work in works.items():
            found[name].append(work())
    return {name: median(values) for name, values in found.items()}


def percentile(values: Sequence[float], share: float) -> float:
    """The smallest value that at least `share` of them do not exceed."""
    ordered = sorted(values)
    return ordered[max(0, -(-int(share * 1_000_000) * len(ordered) // 1_000_000) - 1)]


def show(
    rows: Sequence[Mapping[str, object]], file: Path | None = None, columns: Sequence[str] | None = None
) -> None:
    """A table on stderr, of the columns named or of all, and the whole rows as JSON on stdout, or in a file."""
    columns = list(columns or dict.fromkeys(name for row in rows for name in row))
    cells = [columns, *([_cell(row.get(name)) for name in columns] for row in rows)]
    widths = [max(len(line[place]) for line in cells) for place in range(len(columns))]
    for line in cells:
        print("  ".join(cell.rjust(width) for cell, width in zip(line, widths, strict=True)), file=sys.stderr)
    text = json.dumps(list(rows), indent=1, ensure_ascii=False)
    if file is None:
        print(text)
    else:
        file.write_text(f"{text}\n", encoding="utf-8")


def _cell(value: object) -> str:
    return "" if value is None else f"{value:.3f}" if isinstance(value, float) else str(value)
