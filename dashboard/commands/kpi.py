"""`aftercare kpi`: any number on any page, from the published snapshot."""

from __future__ import annotations

from difflib import get_close_matches
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from dashboard.commands import shared
from dashboard.commands.shared import LANG, Home, Lang, Output, t

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from ingestion.warehouse.kpis import Filter, Kpi

Period = Literal["day", "week", "month", "quarter", "year", "total"]


def kpi(
    kpi: Annotated[str | None, typer.Argument(help=t("cli.kpi.kpi"), show_default=False)] = None,
    by: Annotated[list[str] | None, typer.Option(help=t("cli.kpi.by"), show_default=False)] = None,
    period: Annotated[Period, typer.Option(help=t("cli.kpi.period"))] = "total",
    date_from: Annotated[str | None, typer.Option("--from", help=t("cli.kpi.from"), show_default=False)] = None,
    date_to: Annotated[str | None, typer.Option("--to", help=t("cli.kpi.to"), show_default=False)] = None,
    where: Annotated[list[str] | None, typer.Option(help=t("cli.kpi.where"), show_default=False)] = None,
    list_all: Annotated[bool, typer.Option("--list", help=t("cli.kpi.list"))] = False,
    form: Output = "table",
    home: Home = None,
    lang: Lang = None,
) -> None:
    from ingestion.warehouse.kpis import load_kpis

    if list_all:
        _show_list(load_kpis(), form)
        return
    entry = _entry(load_kpis(), kpi)
    wanted = _filter(date_from, date_to, where)
    rows = _values(shared.settings(home).home, entry, wanted, by or [], period)
    columns = list(rows[0]) if rows else []
    shared.show_rows(rows, columns, form)


def _show_list(kpis: Mapping[str, Kpi], form: shared.Format) -> None:
    if form == "table":
        rows: list[dict[str, object]] = [
            {"kpi": one.id, "label": one.label[LANG], "unit": one.unit} for one in kpis.values()
        ]
        shared.show_rows(rows, ["kpi", "label", "unit"], form)
        return
    entries: list[dict[str, object]] = [
        {
            "kpi": one.id,
            "label_zh": one.label["zh"],
            "label_en": one.label["en"],
            "unit": one.unit,
            "catalogue_rows": one.catalogue_rows if form == "json" else " ".join(map(str, one.catalogue_rows)),
        }
        for one in kpis.values()
    ]
    shared.show_rows(entries, ["kpi", "label_zh", "label_en", "unit", "catalogue_rows"], form)


def _entry(kpis: Mapping[str, Kpi], name: str | None) -> Kpi:
    if name is None:
        shared.fail(t("cli.errors.kpi_needed"), shared.USAGE)
    if name not in kpis:
        alike = ", ".join(get_close_matches(name, kpis))
        near = t("cli.errors.unknown_kpi_near", names=alike) if alike else ""
        shared.fail(t("cli.errors.unknown_kpi", kpi=name, near=near), shared.USAGE)
    return kpis[name]


def _filter(date_from: str | None, date_to: str | None, where: Sequence[str] | None) -> Filter:
    from ingestion.warehouse.kpis import Filter

    values: dict[str, tuple[str, ...]] = {}
    for name, value in shared.pairs(where, "DIM=VALUE"):
        values[name] = (*values.get(name, ()), value)
    return Filter(shared.day(date_from), shared.day(date_to), values)


def _values(home: object, kpi: Kpi, wanted: Filter, by: list[str], period: Period) -> list[dict[str, object]]:
    from pathlib import Path

    from dashboard.metrics import query
    from dashboard.metrics.access import Scope

    snapshot = query.open_snapshot(Path(str(home)))
    if snapshot is None:
        shared.fail(t("cli.errors.nothing_published"))
    return query.values(snapshot, Scope.everything(), kpi, wanted, by, period).to_dicts()
