"""Finding KPIs, views and cards by any word of their entry, in either language."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ingestion.warehouse.kpis import Kpi
from ingestion.warehouse.views import Card

if TYPE_CHECKING:
    from collections.abc import Iterable

    from ingestion.warehouse.views import View

    Entry = Kpi | View | Card


def entries(known: Iterable[Entry], wanted: str, page: str | None = None) -> list[Entry]:
    """Entries of the page that contain every word of `wanted`; those whose name or id holds them come first."""
    words = wanted.casefold().split()
    found = [one for one in known if page in (None, _page(one)) and all(word in _text(one) for word in words)]
    return sorted(found, key=lambda one: not all(word in _name(one) for word in words))


def _page(one: Entry) -> str | None:
    return None if isinstance(one, Card) else one.page


def _name(one: Entry) -> str:
    return " ".join((one.id, *one.label.values())).casefold()


def _text(one: Entry) -> str:
    words = [_name(one), one.document, one.quote]
    if isinstance(one, Card):
        words += one.text.values()
    else:
        words += [*one.meaning.values(), *one.formula.values(), *one.datasets, one.owner]
    if isinstance(one, Kpi):
        words += one.differs.values()
    return " ".join(words).casefold()
