"""The independent count: where records begin and end, by the parity of quotation marks over the bytes alone.

It shares no code with any reader, so that a reader which loses or joins records cannot also hide it. It takes
clean files only: everything else is for the exact reader, which is counted by physical lines.
"""

from __future__ import annotations

import mmap
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from numpy.typing import NDArray

CHUNK = 8 << 20
LF, CR = 10, 13
QUOTE, BACKSLASH, COMMA = ord('"'), ord("\\"), ord(",")
_OPENING, _CLOSING, _BLANK = (np.frombuffer(marks, np.uint8) for marks in (b"[{", b"]}", b" \t\r\n"))
ENTRIES_CHUNK = 1 << 20


@dataclass(frozen=True)
class Count:
    """Each record of a clean file, in bytes: where it begins and ends, and where line ends lie within cells."""

    path: Path
    starts: NDArray[np.int64]
    ends: NDArray[np.int64]
    inner: NDArray[np.int64]

    def __len__(self) -> int:
        return len(self.starts)

    @property
    def broken_rows(self) -> list[int]:
        """Numbers (first = 1) of the records that go on over several lines."""
        rows: list[int] = np.unique(np.searchsorted(self.starts, self.inner, side="right")).tolist()
        return rows

    def texts(self, rows: Sequence[int]) -> dict[int, str]:
        """The text of given records, cut out of the file."""
        if not len(rows):
            return {}
        with self.path.open("rb") as stream, mmap.mmap(stream.fileno(), 0, access=mmap.ACCESS_READ) as data:
            return {
                row: data[self.starts[row - 1] : self.ends[row - 1]].decode("utf-8").rstrip("\r\n") for row in rows
            }


def count_records(path: Path, start: int, newline: str, delimiter: str, quote: str, width: int) -> Count | None:
    """Count the records from byte `start` on.

    None where the file is not clean: other line ends than `newline`, a NUL byte, a quotation mark open at the
    end or away from both ends of a cell, or a record with more or fewer than `width` cells. Neither delimiter
    nor quote may be a letter beyond ASCII, which is several bytes.
    """
    if not (delimiter + quote).isascii():
        return None
    scan = _Scan(start, newline, ord(delimiter), ord(quote))
    with path.open("rb") as stream:
        stream.seek(start)
        while chunk := stream.read(CHUNK):
            if not scan.take(np.frombuffer(chunk, dtype=np.uint8)):
                return None
    return scan.finish(path, width)


class _Scan:
    """State carried from one chunk to the next."""

    def __init__(self, start: int, newline: str, delimiter: int, quote: int) -> None:
        self.start = self.position = start
        self.newline = newline
        self.terminator = CR if newline == "\r" else LF
        self.delimiter, self.quote = delimiter, quote
        self.parity, self.previous, self.delimiters = 0, self.terminator, 0
        self.beside = np.array([delimiter, quote, LF, CR], np.uint8)
        self.ends: list[NDArray[np.int64]] = []
        self.inner: list[NDArray[np.int64]] = []
        self.seen: list[NDArray[np.int64]] = []

    def take(self, data: NDArray[np.uint8]) -> bool:
        """One chunk; False where it shows that the file is not clean."""
        if self.previous == self.quote and not self.parity and data[0] not in self.beside:
            return False
        marks = data == self.quote
        if marks.any():
            # Sums of bytes wrap around at 256, which leaves their parity as it is.
            outside = ((np.cumsum(marks, dtype=np.uint8) + self.parity) & 1) == 0
            if not self._marks_at_ends(data, np.flatnonzero(marks), outside):
                return False
            self.parity = int(not outside[-1])
        else:
            outside = np.full(len(data), not self.parity)
        if not data.all() or not self._ends_alike(data, outside):
            return False
        at = np.flatnonzero(data == self.terminator)
        closing = outside[at]
        so_far = np.cumsum((data == self.delimiter) & outside, dtype=np.int32)
        self.ends.append(self.position + at[closing])
        self.inner.append(self.position + at[~closing])
        self.seen.append(self.delimiters + so_far[at[closing]].astype(np.int64))
        self.delimiters += int(so_far[-1])
        self.position, self.previous = self.position + len(data), int(data[-1])
        return True

    def _marks_at_ends(self, data: NDArray[np.uint8], at: NDArray[np.int64], outside: NDArray[np.bool_]) -> bool:
        """Whether each quotation mark is at an end of its cell, or doubled; readers differ on all others."""
        closing = outside[at]
        before = np.concatenate([[self.previous], data])[at[~closing]]
        after = data[at[closing][: -1 if outside[-1] and at[-1] == len(data) - 1 else None] + 1]
        return bool(np.isin(before, self.beside).all() and np.isin(after, self.beside).all())

    def _ends_alike(self, data: NDArray[np.uint8], outside: NDArray[np.bool_]) -> bool:
        """Whether all line ends outside quotation marks are of the same kind."""
        returns, feeds = (data == CR) & outside, (data == LF) & outside
        if self.newline == "\n":
            return not returns.any()
        if self.newline == "\r":
            return not feeds.any()
        after_return = np.concatenate([[self.previous == CR], data[:-1] == CR])
        # A lone CR shows by there being more CR than LF; one of them may be cut off by the end of the chunk.
        return bool(after_return[feeds].all()) and int(returns.sum()) <= int(feeds.sum()) + int(data[-1] == CR)

    def finish(self, path: Path, width: int) -> Count | None:
        if self.parity:
            return None
        nothing = np.array([], np.int64)
        ends, seen = np.concatenate([nothing, *self.ends]), np.concatenate([nothing, *self.seen])
        last = int(ends[-1]) + 1 if len(ends) else self.start
        if last < self.position:  # the last record lacks its line end
            ends, seen = np.append(ends, self.position), np.append(seen, self.delimiters)
        starts = np.concatenate([[self.start], ends[:-1] + 1])[: len(ends)].astype(np.int64)
        cells = np.diff(seen, prepend=0) + 1
        # A line of nothing is no record; where lines end in CRLF, the CR still lies before each end but the last.
        ending = np.full(len(ends), 1 if self.newline == "\r\n" else 0)
        if last < self.position:
            ending[-1] = 0
        kept = ends - starts > ending
        if (cells[kept] != width).any():
            return None
        return Count(path, starts[kept], ends[kept], np.concatenate([nothing, *self.inner]))


def count_entries(path: Path, start: int) -> int:
    """Entries of the JSON list whose bracket is byte `start`, by its brackets and commas alone."""
    depth, commas, in_text, escapes, is_filled = 1, 0, 0, 0, False
    with path.open("rb") as stream:
        stream.seek(start + 1)
        while depth and (chunk := stream.read(ENTRIES_CHUNK)):
            data = np.frombuffer(chunk, dtype=np.uint8)
            quotes = (data == QUOTE) & ~_escaped(data, escapes)
            escapes = len(chunk) - len(chunk.rstrip(b"\\")) + (0 if chunk.strip(b"\\") else escapes)
            outside = ((np.cumsum(quotes, dtype=np.uint8) + in_text) & 1) == 0
            in_text = int(not outside[-1])
            opening, closing = ((np.isin(data, marks) & outside) for marks in (_OPENING, _CLOSING))
            depths = depth + np.cumsum(opening, dtype=np.int32) - np.cumsum(closing, dtype=np.int32)
            ends = np.flatnonzero(depths == 0)
            end, depth = (int(ends[0]), 0) if len(ends) else (len(data), int(depths[-1]))
            commas += int(((data == COMMA) & outside & (depths == 1))[:end].sum())
            is_filled = is_filled or not np.isin(data[:end], _BLANK).all()
    return commas + 1 if is_filled else 0


def _escaped(data: NDArray[np.uint8], before: int) -> NDArray[np.bool_]:
    """Whether an odd number of backslashes stands before each byte; `before` of them end what came before."""
    at = np.arange(1, len(data) + 1, dtype=np.int64)
    last_other = np.maximum.accumulate(np.where(data == BACKSLASH, -before, at))
    run = at - last_other  # of backslashes up to and including this byte
    return np.concatenate([[before % 2 == 1], run[:-1] % 2 == 1])


def count_filled_lines(path: Path, skip: int) -> int:
    """Lines with anything but blanks in them, counted over the bytes."""
    with path.open("rb") as stream:
        stream.seek(skip)
        return sum(bool(part.strip()) for line in stream for part in line.split(b"\r"))


def count_lines(path: Path) -> int:
    """Physical lines of a file, whichever their ends."""
    lines, previous = 0, LF
    with path.open("rb") as stream:
        while chunk := stream.read(CHUNK):
            data = np.frombuffer(chunk, dtype=np.uint8)
            feeds, returns = data == LF, data == CR
            pairs = int((returns[:-1] & feeds[1:]).sum()) + int(previous == CR and bool(feeds[0]))
            lines += int(feeds.sum()) + int(returns.sum()) - pairs
            previous = int(data[-1])
    return lines + (previous not in (LF, CR))
