"""The exact way to split delimited text into records, for files that are not clean.

A fault stays with the record it is in: a row with a cell too many, bytes in another encoding, a quotation
mark that is never closed. After the latter the reader goes on with the next line of the file, so that one
stray mark cannot swallow what follows. Every character of the file ends up in exactly one record.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass
from typing import TYPE_CHECKING

from ingestion.sources.decode import UNDECODABLE

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

# A quoted cell longer than this is taken for one whose closing mark is missing. Looking for that mark must not
# take for ever, either, where a long cell is full of marks of its own.
MOST_LINES, MOST_LOOKED_AT = 10_000, 256 << 20
# With fewer columns, a line of ordinary prose could look like a record of its own.
WIDE_ENOUGH = 6


@dataclass(frozen=True)
class Record:
    """One record of the file; `code` is empty when it is well formed, else cells are what could be told."""

    cells: list[str]
    text: str
    code: str = ""
    lines: int = 1


def split_cells(text: str, delimiter: str, quote: str) -> tuple[list[str], str]:
    """The cells of one record, and '' or why it is none: 'open' (quote not closed) or 'stray' (text after it).

    Blanks around a quoted cell are not part of it.
    """
    cells: list[str] = []
    at = 0
    while True:
        if text.startswith(" ", at) and delimiter != " ":
            at = _before_quoted(text, at, delimiter, quote)
        if not text.startswith(quote, at):
            end = text.find(delimiter, at)
            if end < 0:
                return [*cells, text[at:]], ""
            cells.append(text[at:end])
            at = end + 1
            continue
        close = _closing(text, at + 1, quote)
        if close < 0:
            return [*cells, text[at + 1 :]], "open"
        cells.append(text[at + 1 : close].replace(quote * 2, quote))
        end = _past_blanks(text, close + 1, delimiter)
        if end == len(text):
            return cells, ""
        if text[end] != delimiter:
            return cells, "stray"
        at = end + 1


def _before_quoted(text: str, at: int, delimiter: str, quote: str) -> int:
    """Where a quoted cell begins that has blanks before it; `at` where there is none, whole, and nothing else."""
    start = _past_blanks(text, at, delimiter)
    if not text.startswith(quote, start):
        return at
    close = _closing(text, start + 1, quote)
    end = _past_blanks(text, close + 1, delimiter)
    return start if close >= 0 and text[end : end + 1] in ("", delimiter) else at


def _past_blanks(text: str, at: int, delimiter: str) -> int:
    while delimiter != " " and text.startswith(" ", at):
        at += 1
    return at


def _closing(text: str, at: int, quote: str) -> int:
    """Where the quoted cell that begins at `at` ends; a doubled mark is a mark within it."""
    while True:
        close = text.find(quote, at)
        if close < 0 or text[close + 1 : close + 2] != quote:
            return close
        at = close + 2


class Splitter:
    """Reads records from physical lines (with their line ends); `width` is known once the header is read."""

    def __init__(self, lines: Iterable[str], delimiter: str, quote: str) -> None:
        self.source = iter(lines)
        self.ahead: deque[str] = deque()
        self.delimiter = delimiter
        self.quote = quote
        self.width = 0
        self.characters = 0
        self.lines = 0

    def records(self) -> Iterator[Record]:
        """Every record to the end of the file; lines of nothing but blanks are not records."""
        while (record := self.next_record()) is not None:
            yield record

    def next_record(self) -> Record | None:
        while (line := self._line()) is not None:
            text = line.rstrip("\r\n")
            if not text or (text.isspace() and self.delimiter not in text):
                self._took(line, 1)
                continue
            record = self._record(line, text)
            self._took(line, record.lines)
            return record
        return None

    def _took(self, line: str, lines: int) -> None:
        self.characters += len(line)
        self.lines += lines

    def _line(self) -> str | None:
        return self.ahead.popleft() if self.ahead else next(self.source, None)

    def _record(self, line: str, text: str) -> Record:
        if self.quote not in text:
            return self._judged(text.split(self.delimiter), text)
        cells, problem = split_cells(text, self.delimiter, self.quote)
        if not problem:
            return self._judged(cells, text)
        if problem == "open":
            longer = self._continued(line)
            if longer is not None:
                return longer
        return self._judged(text.split(self.delimiter), text, "unclosed_quote")

    def _continued(self, first: str) -> Record | None:
        """The record that goes on over several lines, or None (nothing taken) if its mark is never closed."""
        taken: list[str] = []
        looked_at = 0
        while len(taken) < MOST_LINES and looked_at < MOST_LOOKED_AT and (line := self._line()) is not None:
            taken.append(line)
            # Doubled marks close nothing: without this a cell of many such lines would be read anew for each of them.
            if self.quote not in line.replace(self.quote * 2, ""):
                continue
            text = "".join([first, *taken]).rstrip("\r\n")
            cells, problem = split_cells(text, self.delimiter, self.quote)
            looked_at += len(text)
            if problem == "open":
                continue
            if problem == "stray" or self._swallows([first, *taken], cells):
                break
            self.characters += sum(map(len, taken))
            return self._judged(cells, text, lines=1 + len(taken))
        self.ahead.extendleft(reversed(taken))
        return None

    def _swallows(self, lines: list[str], cells: list[str]) -> bool:
        """Whether whole records lie inside what looks like one cell: its mark was closed by another's."""
        if not self.width:
            return False
        if len(cells) != self.width:
            return self._is_record(lines[1])
        inner = lines[1:-1]
        return bool(inner) and self.width >= WIDE_ENOUGH and all(self._is_record(line) for line in inner)

    def _is_record(self, line: str) -> bool:
        cells, problem = split_cells(line.rstrip("\r\n"), self.delimiter, self.quote)
        return not problem and len(cells) == self.width

    def _judged(self, cells: list[str], text: str, code: str = "", lines: int = 1) -> Record:
        if not text.isascii() and UNDECODABLE.search(text):
            code = "bad_encoding"
        elif "\0" in text:
            code = "nul_character"
        elif not code and self.width and len(cells) != self.width:
            code = "ragged_row"
        return Record(cells, text, code, lines)
