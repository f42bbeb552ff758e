"""What cells that are built and cells that grow have in common: how a column is added up, how a date is stepped."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ingestion.warehouse.kpi_question import DECIMAL

if TYPE_CHECKING:
    from ingestion.warehouse.cells import Step


def added(source: str, sql: str) -> str:
    """The sum of a column; decimals keep the scale in which the fact's would be added up."""
    return f"sum({source})" if DECIMAL in sql else f"cast(coalesce(sum({source}), 0) as bigint)"


def date_of(time: str, step: Step) -> str:
    """A date, or the month it lies in."""
    return time if step == "day" else f"cast(date_trunc('month', {time}) as date)"
