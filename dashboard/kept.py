"""What was read is kept for the next reader: shared by all sessions, asked only once, bounded in bytes.

A published snapshot never changes and its run is part of every key, so nothing kept can go stale. Frames are handed
out as they are, not copied: nobody changes a polars frame in place.
"""

from __future__ import annotations

import threading
from collections import OrderedDict
from concurrent.futures import Future
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Callable, Hashable, Sequence

    import polars as pl

MOST_BYTES: Final = 64 << 20
"""All that a server keeps for all its readers: some four thousand answers, or a few hundred lists of units."""
_EACH: Final = 2_000
_EACH_COLUMN: Final = 1_200
"""What an entry weighs besides its values: key, frame and columns. 5,000 answers of 12 columns took 17 kB each."""


class Kept:
    """Frames by key; those not asked for longest go first."""

    def __init__(self, most_bytes: int = MOST_BYTES) -> None:
        self.most_bytes = most_bytes
        self.bytes = 0
        self._frames: OrderedDict[Hashable, pl.DataFrame] = OrderedDict()
        self._asked: dict[Hashable, Future[pl.DataFrame]] = {}
        self._lock = threading.Lock()

    def one(self, key: Hashable, read: Callable[[], pl.DataFrame]) -> pl.DataFrame:
        """The frame under a key, read where it is not there."""
        return self.many([key], lambda _: [read()])[0]

    def many(
        self, keys: Sequence[Hashable], read: Callable[[list[int]], Sequence[pl.DataFrame]]
    ) -> list[pl.DataFrame]:
        """The frames under the keys; `read` is given the places of those that nobody has read or is reading."""
        found: dict[Hashable, pl.DataFrame] = {}
        mine: dict[Hashable, int] = {}
        others: dict[Hashable, Future[pl.DataFrame]] = {}
        with self._lock:
            for place, key in enumerate(keys):
                if key in self._frames:
                    self._frames.move_to_end(key)
                    found[key] = self._frames[key]
                elif key not in mine and key in self._asked:
                    others[key] = self._asked[key]
                elif key not in mine:
                    mine[key] = place
                    self._asked[key] = Future()
        if mine:
            found |= self._read(mine, read)
        # Only now: whoever waits for this reader's frames has them.
        for key, future in others.items():
            # What another reader asked together with this may have failed, and not this: it is asked alone.
            found[key] = self._alone(key, keys, read) if future.exception() else future.result()
        return [found[key] for key in keys]

    def _alone(
        self, key: Hashable, keys: Sequence[Hashable], read: Callable[[list[int]], Sequence[pl.DataFrame]]
    ) -> pl.DataFrame:
        place = keys.index(key)
        return self.many([key], lambda _: read([place]))[0]

    def _read(
        self, mine: dict[Hashable, int], read: Callable[[list[int]], Sequence[pl.DataFrame]]
    ) -> dict[Hashable, pl.DataFrame]:
        try:
            frames = dict(zip(mine, read(list(mine.values())), strict=True))
        except BaseException as error:
            with self._lock:
                for key in mine:
                    self._asked.pop(key).set_exception(error)
            raise
        with self._lock:
            for key, frame in frames.items():
                self._asked.pop(key).set_result(frame)
            for key, frame in frames.items():
                self._keep(key, frame)
        return frames

    def _keep(self, key: Hashable, frame: pl.DataFrame) -> None:
        if _weight(frame) > self.most_bytes:
            # It would push out everything else, and then itself.
            return
        self._frames[key] = frame
        self.bytes += _weight(frame)
        while self.bytes > self.most_bytes:
            _, oldest = self._frames.popitem(last=False)
            self.bytes -= _weight(oldest)

    def clear(self) -> None:
        """Forget everything."""
        with self._lock:
            self._frames.clear()
            self.bytes = 0


def _weight(frame: pl.DataFrame) -> int:
    return int(frame.estimated_size()) + _EACH + _EACH_COLUMN * frame.width


frames = Kept()
"""The one of this process."""
