"""Questions about KPIs and the hands that answer them, side by side."""

from __future__ import annotations

import os
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from ingestion.warehouse.kpi_sql import Question
    from ingestion.warehouse.kpis import Kpi

MOST_CARRIED: Final = 250_000
"""Units whose durations are counted here. More are DuckDB's work, which has a memory limit."""
_WORKERS: Final = min(4, os.cpu_count() or 1)

_Found = TypeVar("_Found")
_pool: list[ThreadPoolExecutor] = []


@dataclass(frozen=True)
class Asked:
    """A KPI and a complete question about it."""

    kpi: Kpi
    question: Question


def side_by_side(work: Sequence[Callable[[], _Found]]) -> list[_Found]:
    """What each piece of work brings, in order."""
    if len(work) <= 1 or _WORKERS == 1:
        return [each() for each in work]
    if not _pool:
        _pool.append(ThreadPoolExecutor(_WORKERS, thread_name_prefix="answers"))
    return list(_pool[0].map(lambda each: each(), work))
