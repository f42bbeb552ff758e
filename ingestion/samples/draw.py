"""Small vectorised drawing tools shared by every subject of the samples.

Instants are whole seconds of local wall-clock time since 1970-01-01 00:00 local; NEVER marks "has not happened".
Names, categories and the like travel as integer codes and become text only when a frame is made.
"""

from collections.abc import Sequence
from typing import Final

import numpy as np
import numpy.typing as npt
import polars as pl

Ints = npt.NDArray[np.int64]
Floats = npt.NDArray[np.float64]
Flags = npt.NDArray[np.bool_]

NEVER: Final = -1
MINUTE: Final = 60
HOUR: Final = 3_600
DAY: Final = 86_400


def subject_rng(seed: int, subject: str) -> np.random.Generator:
    """One random stream a subject, so that adding a draw to orders leaves tickets as they were."""
    return np.random.default_rng([seed, *subject.encode()])


def pick(rng: np.random.Generator, weights: Sequence[float] | Floats, size: int) -> Ints:
    """Draw codes 0..len(weights)-1 in proportion to their weights."""
    edges = np.cumsum(np.asarray(weights, dtype=np.float64))
    found = np.searchsorted(edges, rng.random(size) * edges[-1], side="right")
    return np.asarray(np.minimum(found, len(edges) - 1), dtype=np.int64)


def pick_by_row(rng: np.random.Generator, weights: Sequence[Sequence[float]], rows: Ints) -> Ints:
    """Draw one code per element of `rows`, each from its own row of weights."""
    edges = np.cumsum(np.asarray(weights, dtype=np.float64), axis=1)
    edges /= edges[:, -1:]
    draws = rng.random(len(rows))
    codes = np.zeros(len(rows), dtype=np.int64)
    for column in range(edges.shape[1] - 1):
        codes += draws >= edges[rows, column]
    return codes


def chance(rng: np.random.Generator, probability: float | Floats, size: int) -> Flags:
    """True with the given probability, one per element."""
    return np.asarray(rng.random(size) < probability, dtype=np.bool_)


def lognormal(rng: np.random.Generator, median: float | Floats, sigma: float | Floats, size: int) -> Floats:
    """Right-skewed waiting times around a median."""
    return np.asarray(median * np.exp(sigma * rng.standard_normal(size)), dtype=np.float64)


def between(rng: np.random.Generator, low: float, high: float, size: int) -> Ints:
    """Whole numbers spread evenly over [low, high)."""
    return np.asarray(low + (high - low) * rng.random(size), dtype=np.int64)


def later(start: Ints, delay: Ints | Floats | int) -> Ints:
    """Shift instants; what never happened stays so."""
    return np.where(start == NEVER, NEVER, start + np.asarray(delay).astype(np.int64))


def only(instants: Ints, when: Flags) -> Ints:
    """Keep the instants where the condition holds."""
    return np.where(when, instants, NEVER)


def known_by(horizon: int, instants: Ints) -> Ints:
    """Drop what lies after the export was taken."""
    return np.where(instants <= horizon, instants, NEVER)


def newest(*instants: Ints) -> Ints:
    """The latest of several instants, row by row."""
    return np.asarray(np.maximum.reduce(instants), dtype=np.int64)


def times(instants: Ints) -> pl.Series:
    """Instants as the text the exports carry: YYYY-MM-DD HH:MM:SS, local; NEVER becomes null."""
    moments = pl.Series(instants * 1_000_000, dtype=pl.Int64).cast(pl.Datetime("us"))
    text = moments.dt.strftime("%Y-%m-%d %H:%M:%S")
    return _masked(text, instants != NEVER)


def ids(prefix: str, numbers: Ints, width: int = 7) -> pl.Series:
    """Codes as export ids, `T0000017`; a negative code becomes null."""
    text = prefix + pl.Series(numbers + 1, dtype=pl.Int64).cast(pl.String).str.zfill(width)
    return _masked(text, numbers >= 0)


def texts(words: Sequence[str], codes: Ints) -> pl.Series:
    """Codes as words; a negative code becomes null."""
    return _masked(pl.Series(list(words), dtype=pl.String).gather(np.maximum(codes, 0)), codes >= 0)


def _masked(values: pl.Series, keep: Flags) -> pl.Series:
    if keep.all():
        return values
    return values.zip_with(pl.Series(keep), pl.Series([None], dtype=values.dtype).new_from_index(0, len(values)))
