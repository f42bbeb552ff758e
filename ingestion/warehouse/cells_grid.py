"""The one grid of durations: integer round steps, so that every human limit is an edge, never wider than 2 %.

A cell is right-closed and named by its upper edge: the cell 120 holds (118, 120]. Left-closed cells would put a
ticket that was answered after exactly two minutes with those that took longer. Up to 100 units a cell is one number,
so short times are exact; beyond, the middle of a cell lies within 1 % of everything in it.
"""

from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Sequence

    import polars as pl

_MINUTE: Final = 60
_HOUR: Final = 60 * _MINUTE
_DAY: Final = 24 * _HOUR

_STEPS: Final = (
    *(1, 2, 5, 10, 15, 30),
    *(_MINUTE, 2 * _MINUTE, 5 * _MINUTE, 10 * _MINUTE, 15 * _MINUTE, 30 * _MINUTE),
    *(_HOUR, 2 * _HOUR, 6 * _HOUR, 12 * _HOUR, _DAY, 2 * _DAY, 5 * _DAY, 10 * _DAY, 20 * _DAY),
)
_NARROWEST: Final = 50
"""A step is taken from 50 times itself on, an edge of both steps: 2 % of the shortest duration in the cell."""
BANDS: Final = tuple((step, _NARROWEST * wider) for step, wider in pairwise(_STEPS))
"""Step, and up to which duration it is taken; the last step has no end."""
LIMIT: Final = 1_000
"""A duration with a limit of its own is counted in thousandths of the limit."""


def step_of(duration: int) -> int:
    """How wide the cell is that holds a duration."""
    return next((step for step, upto in BANDS if duration <= upto), _STEPS[-1])


def edge(duration: int) -> int:
    """Upper edge of the cell that holds a duration, without regard to horizons."""
    step = step_of(duration)
    return -(-duration // step) * step


def cell(duration: str, horizons: Sequence[int] = ()) -> str:
    """SQL: the cell of an integer duration. A horizon has a cell of its own, with neither earlier nor later ones."""
    parts = [_rounded(duration, step, f"when {duration} <= {upto} then") for step, upto in BANDS]
    found = f"case {' '.join(parts)} {_rounded(duration, _STEPS[-1], 'else')} end"
    for horizon in horizons:
        upper, step = edge(horizon), step_of(horizon)
        within = f"{duration} > {upper - step} and {duration} <= {horizon}"
        found = f"case when {within} then {horizon} - cast({duration} < {horizon} as integer) else {found} end"
    return found


def _rounded(duration: str, step: int, case: str) -> str:
    return f"{case} {duration}" if step == 1 else f"{case} ({duration} + {step - 1}) // {step} * {step}"


def share_of_limit(duration: str, limit: str) -> str:
    """SQL: the cell of a duration in thousandths of its own limit; what keeps it to the second is exactly LIMIT."""
    thousandths = f"(({duration} * {LIMIT} + {limit} - 1) // {limit})"
    grid = cell(thousandths)
    return (
        f"case when {duration} = {limit} then {LIMIT} when {duration} < {limit} then least({grid}, {LIMIT - 1}) "
        f"else greatest(coalesce({grid}, {LIMIT + 1}), {LIMIT + 1}) end"
    )


def bounds(cells: pl.Series, horizons: Sequence[int] = ()) -> tuple[pl.Series, pl.Series]:
    """The shortest and the longest whole duration in each cell; null for null."""
    import polars as pl

    upper = pl.col("cell")
    width = pl.lit(_STEPS[-1])
    for step, upto in reversed(BANDS):
        width = pl.when(upper <= upto).then(step).otherwise(width)
    lower = upper - width + 1
    for horizon in horizons:
        whole, step = edge(horizon), step_of(horizon)
        before = (upper == horizon - 1) & (horizon - 1 > whole - step)
        lower = pl.when(before).then(whole - step + 1).otherwise(lower)
        lower = pl.when((upper == whole) & (whole > horizon)).then(horizon + 1).otherwise(lower)
        lower = pl.when(upper == horizon).then(horizon).otherwise(lower)
    frame = pl.DataFrame({"cell": cells.cast(pl.Int64)})
    return frame.select(lower.alias("lower"))["lower"], frame["cell"]
