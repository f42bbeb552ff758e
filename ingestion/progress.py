"""How far a run has come: a bar on a terminal, plain lines elsewhere (cron, a pipe, a log collector).

The words come from the caller (`say`), since this room knows no language.
"""

from __future__ import annotations

import sys
from contextlib import contextmanager
from typing import IO, TYPE_CHECKING, Protocol

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, SpinnerColumn, TextColumn, TimeElapsedColumn
from rich.progress import Progress as RichProgress

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    Say = Callable[..., str]


class Progress(Protocol):
    """What the pipeline needs: a stage with a number of parts, and a word when a part is done."""

    def stage(self, key: str, total: int | None = None) -> None:
        """A new stage begins; `total` is how many parts it has, None if unknown."""

    def part(self, name: str) -> None:
        """One part of the current stage begins."""


class Silent:
    """No progress at all, for tests and callers that only want the result."""

    def stage(self, key: str, total: int | None = None) -> None:
        pass

    def part(self, name: str) -> None:
        pass


class PlainLines:
    """One line a stage: a nightly log is read afterwards, where a bar would be noise."""

    def __init__(self, say: Say, stream: IO[str]) -> None:
        self.say = say
        self.stream = stream

    def stage(self, key: str, total: int | None = None) -> None:
        count = "" if total is None else f" ({total})"
        self.stream.write(f"{self.say(f'progress.{key}')}{count}\n")
        self.stream.flush()

    def part(self, name: str) -> None:
        pass


class Bar:
    """One bar for the current stage, which names the part being worked on."""

    def __init__(self, say: Say, console: Console) -> None:
        self.say = say
        self.bar = RichProgress(
            SpinnerColumn(),
            TextColumn("{task.description}"),
            BarColumn(bar_width=24),
            MofNCompleteColumn(),
            TextColumn("{task.fields[part]}", markup=False),
            TimeElapsedColumn(),
            console=console,
            transient=True,
        )
        self.task = self.bar.add_task("", total=None, part="")
        self.started = 0

    def stage(self, key: str, total: int | None = None) -> None:
        self.started = 0
        self.bar.reset(self.task, total=total, description=self.say(f"progress.{key}"), part="")

    def part(self, name: str) -> None:
        self.bar.update(self.task, completed=self.started, part=name)
        self.started += 1


@contextmanager
def showing(say: Say, stream: IO[str] | None = None) -> Iterator[Progress]:
    """Progress on stderr (stdout is for results): a bar on a terminal, plain lines elsewhere."""
    console = Console(file=stream or sys.stderr)
    if not console.is_terminal:
        yield PlainLines(say, console.file)
        return
    shown = Bar(say, console)
    with shown.bar:
        yield shown
