"""`aftercare passport`, and what `aftercare kpi` tells of a number's origin and of its earlier reports."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from dashboard.commands import catalogue, shared
from dashboard.commands.shared import LANG, Home, Lang, t

if TYPE_CHECKING:
    from collections.abc import Sequence

    from dashboard.metrics.query import Snapshot
    from ingestion.warehouse.kpis import Filter, Kpi

NEEDED = {"kpi", "label", "run_id", "snapshot", "sql", "parameters", "result", "rows", "files", "datasets"}
SHOWN = 60
"""How much of a told or found thing one line of a difference shows."""


def show(kpi: Kpi, home: Path, wanted: Filter, by: Sequence[str], period: str) -> None:
    """The passport of a value as JSON, to be kept and verified later."""
    from dashboard.metrics import passport as passports
    from dashboard.metrics.access import Scope

    snapshot = catalogue.open_published(home)
    catalogue.tell_missing(snapshot, kpi)
    shared.show_json(passports.passport(snapshot, Scope.everything(), kpi, wanted, by, period))


def show_restated(kpi: Kpi, home: Path, wanted: Filter, form: shared.Format, zone: str) -> None:
    """What was reported of each month, what is reported now, and what moved it."""
    from dashboard import restated_words
    from dashboard.metrics import restated
    from dashboard.metrics.access import Scope
    from ingestion.warehouse.reported import slices_of

    snapshot = catalogue.open_published(home)
    catalogue.tell_missing(snapshot, kpi)
    cell = restated.cell_of(kpi, wanted.where)
    if cell is None:
        known = ", ".join(slices_of(kpi)) or "—"
        shared.fail(t("cli.errors.slice_not_reported", kpi=kpi.id, known=known), shared.USAGE)
    found = restated.restated(snapshot, Scope.everything(), kpi, None, *cell)
    rows = [
        row
        for row in found.to_dicts()
        if (wanted.date_from is None or row["period"] >= wanted.date_from.replace(day=1))
        and (wanted.date_to is None or row["period"] <= wanted.date_to)
    ]
    if form != "table":
        shared.show_rows(rows, found.columns, form)
    elif rows:
        told = [restated_words.row(t, LANG, kpi, row, zone) for row in rows]
        shared.show_rows(told, list(told[0]), "table", zone)
    else:
        typer.echo(t("cli.kpi.not_reported", label=kpi.label[LANG]))


def passport(
    file: Annotated[Path, typer.Argument(help=t("cli.passport.file"), show_default=False)],
    rows: Annotated[
        Literal["denominator", "numerator"] | None, typer.Option(help=t("cli.passport.rows"), show_default=False)
    ] = None,
    form: Annotated[Literal["table", "json"], typer.Option("--format", help=t("cli.options.format"))] = "table",
    home: Home = None,
    lang: Lang = None,
) -> None:
    from dashboard.metrics import passport as passports

    told = _read(file)
    settings = shared.reading(home)
    snapshot = _snapshot(settings.home, str(told["run_id"]))
    if rows is not None:
        listed = passports.rows(snapshot, told, rows)
        shared.show_rows(listed.to_dicts(), listed.columns, "json" if form == "json" else "csv")
        return
    differences = passports.verify(snapshot, told)
    if form == "json":
        shared.show_json({"is_same": not differences, "differences": differences})
    else:
        _tell(told, differences)
    if differences:
        raise typer.Exit(shared.STOPPED)


def _read(file: Path) -> dict[str, Any]:
    """A passport from a file, or from standard input where the file is `-`."""
    try:
        text = sys.stdin.read() if str(file) == "-" else file.read_text(encoding="utf-8-sig")
        told = json.loads(text)
        is_one = set(told) >= NEEDED
    except (OSError, ValueError, TypeError):
        is_one = False
    if not is_one:
        shared.fail(t("cli.errors.no_passport", file=file), shared.USAGE)
    return dict(told)


def _snapshot(home: Path, run_id: str) -> Snapshot:
    """The snapshot a passport was written of. Raises NoSuchSnapshot where it is not kept any more."""
    from dashboard.metrics import query
    from ingestion.warehouse import snapshots

    one = snapshots.snapshot(home, run_id)
    snapshots.require_schema(one)
    return query.Snapshot(run_id=one.run_id, as_of=one.as_of, published_at=one.published_at, file=one.file)


def _tell(told: dict[str, Any], differences: list[dict[str, Any]]) -> None:
    """The verdict in words, then every difference on a line."""
    asked = told.get("question", {})
    names = {"label": told["label"][LANG], "kpi": told["kpi"], "run": told["run_id"]}
    dates = {"first": asked.get("from", ""), "last": asked.get("to", "")}
    verdict = "different" if differences else "same"
    typer.echo(t(f"cli.passport.{verdict}", **names, **dates, count=len(differences)))
    for one in differences:
        what = t(f"cli.passport.what.{one['what']}", place=_place(one))
        typer.echo(f"  {what}")
        typer.echo(f"    {t('cli.passport.told', told=_short(one['told']), found=_short(one['found']))}")


def _place(one: dict[str, Any]) -> str:
    """Which value, part or file a difference is about."""
    slice_ = ", ".join(f"{name}={value}" for name, value in one.get("slice", {}).items() if value is not None)
    parts = (one.get("column"), one.get("part"), one.get("load_id"), slice_)
    return " ".join(str(part) for part in parts if part)


def _short(thing: object) -> str:
    text = thing if isinstance(thing, str) else json.dumps(thing, ensure_ascii=False)
    return text if len(text) <= SHOWN else f"{text[:SHOWN]}…"
