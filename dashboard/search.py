"""Finding KPIs by any word of their entry, in either language."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable

    from ingestion.warehouse.kpis import Kpi


def kpis(entries: Iterable[Kpi], wanted: str) -> list[Kpi]:
    """Entries that contain every word of `wanted`; those whose name or id holds them come first."""
    words = wanted.casefold().split()
    found = [kpi for kpi in entries if all(word in _text(kpi) for word in words)]
    return sorted(found, key=lambda kpi: not all(word in _name(kpi) for word in words))


def _name(kpi: Kpi) -> str:
    return " ".join((kpi.id, *kpi.label.values())).casefold()


def _text(kpi: Kpi) -> str:
    words = (*kpi.meaning.values(), *kpi.formula.values(), *kpi.differs.values(), *kpi.datasets)
    return f"{_name(kpi)} {' '.join((*words, kpi.owner, kpi.source))}".casefold()
