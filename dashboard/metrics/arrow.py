"""Rows of DuckDB as Polars keeps them, handed over as an Arrow stream.

Not by `.pl()`, which imports pyarrow and numpy: that takes longer than most questions. Nothing here imports duckdb:
Polars remembers the class of what it read, and with it, to the last moment of the process, all that its module holds;
of its own types DuckDB would then report the loss on stderr.
"""

from __future__ import annotations

from typing import Protocol

import polars as pl


class Streaming(Protocol):
    """What can be read as an Arrow stream."""

    def __arrow_c_stream__(self, requested_schema: object | None = None) -> object: ...


class _Stream:
    __slots__ = ("_capsule",)

    def __init__(self, capsule: object) -> None:
        self._capsule = capsule

    def __arrow_c_stream__(self, requested_schema: object | None = None) -> object:
        return self._capsule


def frame(answer: Streaming) -> pl.DataFrame:
    """All rows of an answer, which is computed here, once."""
    return pl.DataFrame(_Stream(answer.__arrow_c_stream__()))
