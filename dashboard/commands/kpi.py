"""`aftercare kpi`: any number on any page, from the published snapshot."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from dashboard.commands import catalogue, passport, shared, why
from dashboard.commands.shared import LANG, Home, Lang, Output, t

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from ingestion.warehouse.kpis import Filter, Kpi
    from ingestion.warehouse.views import Card, View

CLOSED = frozenset({"region", "area", "tier", "channel", "customer_type", "product", "product_group", "source"})
"""Dimensions of which every value is known: a filter by another one is a slip, not an empty answer."""

Period = Literal["day", "week", "month", "quarter", "year", "total"]


def kpi(
    kpi: Annotated[str | None, typer.Argument(help=t("cli.kpi.kpi"), show_default=False)] = None,
    by: Annotated[list[str] | None, typer.Option(help=t("cli.kpi.by"), show_default=False)] = None,
    period: Annotated[Period, typer.Option(help=t("cli.kpi.period"))] = "total",
    date_from: Annotated[str | None, typer.Option("--from", help=t("cli.kpi.from"), show_default=False)] = None,
    date_to: Annotated[str | None, typer.Option("--to", help=t("cli.kpi.to"), show_default=False)] = None,
    where: Annotated[list[str] | None, typer.Option(help=t("cli.kpi.where"), show_default=False)] = None,
    why_by: Annotated[list[str] | None, typer.Option("--why", help=t("cli.kpi.why"), show_default=False)] = None,
    compare: Annotated[why.Against, typer.Option(help=t("cli.kpi.compare"))] = "previous",
    as_passport: Annotated[bool, typer.Option("--passport", help=t("cli.kpi.passport"))] = False,
    restated: Annotated[bool, typer.Option("--restated", help=t("cli.kpi.restated"))] = False,
    list_all: Annotated[bool, typer.Option("--list", help=t("cli.kpi.list"))] = False,
    form: Output = "table",
    home: Home = None,
    lang: Lang = None,
) -> None:
    from ingestion.warehouse.kpis import Kpi

    if list_all:
        catalogue.show_list(form)
        return
    entry = catalogue.find(kpi)
    wanted = _filter(date_from, date_to, where)
    _check_one_question(bool(by) or period != "total", why=bool(why_by), passport=as_passport, restated=restated)
    settings = shared.reading(home)
    if not isinstance(entry, Kpi):
        is_split = bool(by or why_by or as_passport or restated) or period != "total"
        _show_other(entry, settings.home, wanted, form, is_split=is_split)
        return
    if why_by:
        why.show(entry, settings.home, wanted, why_by, compare, form)
        return
    if as_passport:
        passport.show(entry, settings.home, wanted, by or [], period)
        return
    if restated:
        passport.show_restated(entry, settings.home, wanted, form, settings.business_timezone)
        return
    asked, rows = _values(settings.home, entry, wanted, by or [], period)
    if form == "table":
        _show_table(entry, asked, rows, by or [], settings.business_timezone)
    else:
        shared.show_rows(rows, list(rows[0]) if rows else [], form)


def _show_table(kpi: Kpi, asked: Filter, rows: list[dict[str, object]], by: list[str], zone: str) -> None:
    """The values as a person reads them: in their unit, under words."""
    from dashboard import formats
    from dashboard.labels import Labels
    from dashboard.words import local

    labels = Labels(LANG, t)

    def shown(row: dict[str, Any]) -> dict[str, object]:
        period = {} if row["period"] is None else {t("cli.kpi.columns.period"): formats.day(row["period"])}
        return {
            **period,
            **{labels.dimension(name): labels.value(name, row[name]) for name in by},
            t("cli.kpi.columns.value"): formats.value(row["value"], kpi.unit, LANG),
            t("cli.kpi.columns.interval"): formats.interval(row["lower"], row["upper"], kpi.unit, LANG),
            "n": row["n"],
            t("cli.kpi.columns.state"): t(f"states.{row['state']}"),
        }

    if not rows:
        typer.echo(t("cli.kpi.nothing", label=kpi.label[LANG]))
        return
    as_of = rows[0]["as_of"]
    when = local(as_of, zone) if isinstance(as_of, datetime) else formats.MISSING
    dates = {"first": formats.day(asked.date_from), "last": formats.day(asked.date_to)}
    typer.echo(t("cli.kpi.title", label=kpi.label[LANG], kpi=kpi.id, **dates, as_of=when, zone=zone))
    told = [shown(row) for row in rows]
    shared.show_rows(told, list(told[0]), "table", zone)


def _check_one_question(is_split: bool, **asked: bool) -> None:
    """One question at a time: an option that would be passed over in silence is refused."""
    options = [f"--{name}" for name, is_asked in asked.items() if is_asked]
    if len(options) > 1 or (is_split and options and options != ["--passport"]):
        shared.fail(t("cli.errors.one_question", options=" ".join(options)), shared.USAGE)


def _show_other(entry: View | Card, home: Path, wanted: Filter, form: shared.Format, *, is_split: bool) -> None:
    """A view or a card: neither has one value that --by or --period could split."""
    from ingestion.warehouse.views import Card

    if is_split:
        shared.fail(t("cli.errors.not_split", kpi=entry.id), shared.USAGE)
    if isinstance(entry, Card):
        catalogue.show_card(entry, form)
    else:
        catalogue.show_view(entry, home, wanted, form)


def _filter(date_from: str | None, date_to: str | None, where: Sequence[str] | None) -> Filter:
    from ingestion.warehouse.kpis import Filter

    values: dict[str, tuple[str, ...]] = {}
    for name, value in shared.pairs(where, "DIM=VALUE"):
        values[name] = (*values.get(name, ()), value)
    return Filter(shared.day(date_from), shared.day(date_to), values)


def _values(
    home: Path, kpi: Kpi, wanted: Filter, by: list[str], period: Period
) -> tuple[Filter, list[dict[str, object]]]:
    """The values, and the filter with the dates they are of."""
    from dashboard.labels import named
    from dashboard.metrics import query
    from dashboard.metrics.access import Scope

    snapshot = catalogue.open_published(home)
    catalogue.tell_missing(snapshot, kpi)
    rows: list[dict[str, object]] = query.values(snapshot, Scope.everything(), kpi, wanted, by, period).to_dicts()
    for name in CLOSED.intersection(wanted.where):
        known = query.dimension_values(snapshot, Scope.everything(), name)
        for value in wanted.where[name]:
            shared.one_of(f"--where {name}", value, dict.fromkeys([*known, *_agreed(name)]), named(name))
    return query.complete_filter(snapshot, wanted), rows


def _agreed(dimension: str) -> list[str]:
    """The values the contract allows for a dimension, whether or not anything has them yet."""
    from dashboard.labels import named
    from data_checks.contract import datasets

    columns = (column for dataset in datasets().values() for column in dataset.columns)
    enumerated = [value for column in columns if column.name == dimension for value in column.values]
    return list(dict.fromkeys([*enumerated, *named(dimension).values()]))
