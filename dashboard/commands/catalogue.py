"""What `aftercare kpi` knows besides numbers: the list of everything it answers, views and cards."""

from __future__ import annotations

from typing import TYPE_CHECKING

import typer

from dashboard.commands import shared
from dashboard.commands.shared import LANG, t

if TYPE_CHECKING:
    from pathlib import Path

    from dashboard.metrics.query import Snapshot
    from ingestion.warehouse.kpis import Filter, Kpi
    from ingestion.warehouse.views import Card, View

TABLE = ("kpi", "type", "label", "unit")
LISTED = ("kpi", "type", "label_zh", "label_en", "unit", "page", "datasets", "catalogue_rows")


def show_list(form: shared.Format) -> None:
    """Every KPI, view and card, with the rows of the catalogue that each answers."""
    rows = [_listed(one, is_text=form == "csv") for one in _everything().values()]
    if form == "table":
        shown = [{**row, "label": row[f"label_{LANG}"]} for row in rows]
        shared.show_rows(shown, TABLE, form)
        return
    shared.show_rows(rows, LISTED, form)


def _everything() -> dict[str, Kpi | View | Card]:
    from ingestion.warehouse.kpis import load_kpis
    from ingestion.warehouse.views import load_cards, load_views

    return {**load_kpis(), **load_views(), **load_cards()}


def _listed(one: Kpi | View | Card, *, is_text: bool) -> dict[str, object]:
    """One line of the list; a cell of text holds several things with blanks between."""
    from ingestion.warehouse.kpis import Kpi
    from ingestion.warehouse.views import Card

    is_card = isinstance(one, Card)
    datasets = () if isinstance(one, Card) else one.datasets
    rows = one.catalogue_rows
    return {
        "kpi": one.id,
        "type": "kpi" if isinstance(one, Kpi) else "card" if is_card else "view",
        "label_zh": one.label["zh"],
        "label_en": one.label["en"],
        "unit": one.unit if isinstance(one, Kpi) else None,
        "page": None if isinstance(one, Card) else one.page,
        "datasets": " ".join(datasets) if is_text else list(datasets),
        "catalogue_rows": " ".join(map(str, rows)) if is_text else list(rows),
    }


def find(name: str | None) -> Kpi | View | Card:
    """The entry of that id; ends the command where there is none."""
    from ingestion.warehouse.kpis import load_kpi
    from ingestion.warehouse.views import load_view

    if name is None:
        shared.fail(t("cli.errors.kpi_needed"), shared.USAGE)
    alone = load_kpi(name) or load_view(name)
    if alone is not None:
        return alone
    known = _everything()
    if name not in known:
        from difflib import get_close_matches

        alike = ", ".join(get_close_matches(name, known))
        near = t("cli.errors.near", names=alike) if alike else ""
        shared.fail(t("cli.errors.unknown_kpi", kpi=name, near=near), shared.USAGE)
    return known[name]


def open_published(home: Path) -> Snapshot:
    """The published snapshot; ends the command where there is none."""
    from dashboard.metrics import query

    snapshot = query.open_snapshot(home)
    if snapshot is None:
        shared.fail(t("cli.errors.nothing_published"))
    if snapshot.instead_of:
        typer.echo(t("cli.older", damaged=snapshot.instead_of, shown=snapshot.run_id, fault=snapshot.fault), err=True)
    return snapshot


def tell_missing(snapshot: Snapshot, asked: Kpi | View) -> None:
    """On stderr, which exports the answer needs that no source has brought."""
    from dashboard.labels import Labels
    from dashboard.metrics import query

    missing = query.missing(snapshot, asked)
    if missing:
        exports = Labels(LANG, t).datasets(missing)
        typer.echo(t("cli.kpi.needs", label=asked.label[LANG], exports=exports, names=", ".join(missing)), err=True)


def show_view(view: View, home: Path, wanted: Filter, form: shared.Format) -> None:
    """The table of a view, under words where a person reads it."""
    from dashboard import formats
    from dashboard.metrics import query
    from dashboard.metrics.access import Scope

    snapshot = open_published(home)
    rows = query.view(snapshot, Scope.everything(), view, wanted).to_dicts()
    tell_missing(snapshot, view)
    if form != "table":
        shared.show_rows(rows, list(rows[0]) if rows else list(view.columns), form)
        return
    if not rows:
        typer.echo(t("cli.kpi.nothing", label=view.label[LANG]))
        return
    words = {name: view.columns[name][LANG] if name in view.columns else name for name in rows[0]}
    told = [
        {
            words[name]: formats.value(value, view.units_of[name], LANG)
            if name in view.units_of
            else view.word(name, value, LANG)
            for name, value in row.items()
        }
        for row in rows
    ]
    typer.echo(f"{view.label[LANG]} ({view.id})")
    shared.show_rows(told, list(told[0]), "table", snapshot.business_timezone)


def show_card(card: Card, form: shared.Format) -> None:
    """A card's sentence and where it comes from."""
    if form == "table":
        typer.echo(f"{card.label[LANG]}\n{card.text[LANG]}\n{card.document}: {card.quote}")
        return
    row: dict[str, object] = {
        "kpi": card.id,
        "text_zh": card.text["zh"],
        "text_en": card.text["en"],
        "document": card.document,
        "quote": card.quote,
    }
    shared.show_rows([row], list(row), form)
