"""How far a run has come: a bar on a terminal, plain lines elsewhere (cron, a pipe, a log collector).

The words come from the caller (`say`), since this room knows no language.
"""

from __future__ import annotations

import sys
import time
from contextlib import contextmanager
from typing import IO, TYPE_CHECKING, Protocol

from rich.console import Console
from rich.filesize import decimal
from rich.progress import BarColumn, MofNCompleteColumn, SpinnerColumn, TextColumn, TimeElapsedColumn
from rich.progress import Progress as RichProgress

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    Say = Callable[..., str]


class Progress(Protocol):
    """What the pipeline needs: a stage with a number of parts, and a word when a part begins and ends."""

    def stage(self, key: str, total: int | None = None, size: int = 0) -> None:
        """A new stage begins: how many parts it has, None if unknown, and their bytes if they are files."""

    def part(self, name: str) -> None:
        """One part of the current stage begins."""

    def done(self, size: int, rows: int) -> None:
        """The file that the current part is has been read: so many bytes, so many records."""


class Tally:
    """How much of a stage is done, how fast, and how long the rest will take at that rate."""

    def __init__(self, size: int = 0) -> None:
        self.size = size
        self.files, self.bytes, self.rows = 0, 0, 0
        self.began = time.monotonic()

    def done(self, size: int, rows: int) -> None:
        self.files, self.bytes, self.rows = self.files + 1, self.bytes + size, self.rows + rows

    def words(self) -> dict[str, str | int]:
        """The fields of the sentences under `progress`."""
        seconds = max(time.monotonic() - self.began, 0.001)
        left = seconds * (self.size - self.bytes) / self.bytes if self.bytes else 0
        return {
            "files": self.files,
            "bytes": decimal(self.bytes),
            "size": decimal(self.size),
            "rows": f"{self.rows:,}",
            "rate": decimal(int(self.bytes / seconds)),
            "took": clock(seconds),
            "left": clock(left),
        }


def clock(seconds: float) -> str:
    """Hours, minutes and seconds: 0:01:05."""
    minutes, rest = divmod(round(seconds), 60)
    return f"{minutes // 60}:{minutes % 60:02d}:{rest:02d}"


class Silent:
    """No progress at all, for tests and callers that only want the result."""

    def stage(self, key: str, total: int | None = None, size: int = 0) -> None:
        pass

    def part(self, name: str) -> None:
        pass

    def done(self, size: int, rows: int) -> None:
        pass


class PlainLines:
    """One line a stage, one more for what its files came to: a log is read afterwards, where a bar would be noise."""

    def __init__(self, say: Say, stream: IO[str]) -> None:
        self.say = say
        self.stream = stream
        self.tally = Tally()

    def stage(self, key: str, total: int | None = None, size: int = 0) -> None:
        self.close()
        self.tally = Tally(size)
        count = "" if total is None else f" ({total})"
        self._write(f"{self.say(f'progress.{key}')}{count}")

    def part(self, name: str) -> None:
        pass

    def done(self, size: int, rows: int) -> None:
        self.tally.done(size, rows)

    def close(self) -> None:
        """Say what the files of the stage that ends came to, if it had any."""
        if self.tally.files:
            self._write("  " + self.say("progress.summed", **self.tally.words()))
        self.tally = Tally()

    def _write(self, line: str) -> None:
        self.stream.write(f"{line}\n")
        self.stream.flush()


class Bar:
    """One bar for the current stage, which names the part being worked on."""

    def __init__(self, say: Say, console: Console) -> None:
        self.say = say
        self.bar = RichProgress(
            SpinnerColumn(),
            TextColumn("{task.description}"),
            BarColumn(bar_width=24),
            MofNCompleteColumn(),
            TextColumn("{task.fields[told]}", markup=False),
            TextColumn("{task.fields[part]}", markup=False),
            TimeElapsedColumn(),
            console=console,
            transient=True,
        )
        self.task = self.bar.add_task(say("progress.look"), total=None, part="", told="")
        self.started = 0
        self.tally = Tally()

    def stage(self, key: str, total: int | None = None, size: int = 0) -> None:
        self.started, self.tally = 0, Tally(size)
        self.bar.reset(self.task, total=total, description=self.say(f"progress.{key}"), part="", told="")

    def done(self, size: int, rows: int) -> None:
        self.tally.done(size, rows)
        told = self.say("progress.so_far", **self.tally.words())
        self.bar.update(self.task, completed=self.started, told=told)

    def part(self, name: str) -> None:
        self.bar.update(self.task, completed=self.started, part=name)
        self.started += 1


@contextmanager
def showing(say: Say, stream: IO[str] | None = None) -> Iterator[Progress]:
    """Progress on stderr (stdout is for results): a bar on a terminal, plain lines elsewhere."""
    console = Console(file=stream or sys.stderr)
    if not console.is_terminal:
        lines = PlainLines(say, console.file)
        yield lines
        lines.close()
        return
    shown = Bar(say, console)
    with shown.bar:
        yield shown
