"""`aftercare status` and `aftercare quarantine`: what happened, and which rows were held back and why."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated, Any, Literal, NoReturn

import typer

from dashboard.commands import shared
from dashboard.commands.shared import LANG, Home, Lang, Output, t

if TYPE_CHECKING:
    from pathlib import Path

    from ingestion.reader_settings import ReaderSettings
    from ingestion.warehouse.serving import Served

FILE_COLUMNS = ("source", "feed", "file", "rows_read", "rows_loaded", "rows_quarantined", "rows_duplicate", "state")
RUN_COLUMNS = ("run_id", "started_at", "verdict", "as_of", "message_code")
CHECK_COLUMNS = ("stage", "suite", "column_name", "severity", "unexpected_count", "reason")
OVERRIDE_COLUMNS = ("run_id", "code", "subject", "reason", "because", "accepted_by", "accepted_at")
FINDINGS_SHOWN = 12
RELEASED_COLUMNS = ("released_at", "released_load")
QUARANTINE_COLUMNS = ("source", "feed", "file", "dataset", "row", "key", "column", "code", "reason", "original")


def status(
    form: Annotated[Literal["table", "json"], typer.Option("--format", help=t("cli.options.format"))] = "table",
    check: Annotated[bool, typer.Option("--check", help=t("cli.status.check"))] = False,
    home: Home = None,
    lang: Lang = None,
) -> None:
    settings = shared.reading(home)
    if check:
        _check(settings, form)
    told = describe(settings.home)
    if form == "json":
        shared.show_json(told)
    else:
        _show(told, settings.business_timezone)


def _check(settings: ReaderSettings, form: str) -> NoReturn:
    """One line for a monitor; exit code 0 where readers see what they were promised, else 1."""
    from dashboard import health

    found = health.look(settings.home, settings.fresh_within, datetime.now(UTC).replace(tzinfo=None))
    if form == "json":
        shared.show_json(found.told())
    else:
        typer.echo(health.sentences(found, settings, t, LANG))
    raise typer.Exit(shared.STOPPED if found.faults else shared.PUBLISHED)


def describe(home: Path) -> dict[str, Any]:
    """Everything status tells, as JSON shows it."""
    from ingestion.warehouse import records, serving, snapshots
    from ingestion.warehouse.places import Places

    found = records.read(home)
    published = snapshots.published(home)
    kept = [snapshots.snapshot(home, run_id) for run_id in snapshots.kept(home)]
    logs = sorted(Places(home).logs.glob("*.log"))
    return {
        "home": str(home),
        "is_running": found.is_running,
        "published": _snapshot(published) if published else None,
        "served": _served(serving.serve(home)),
        "held": bool(published and published.held),
        "waiting": _snapshot(published.waiting) if published and published.waiting else None,
        "runs": found.runs,
        "files": found.files,
        "checks": found.checks,
        "findings": [_finding(one) for one in found.findings],
        "overrides": [{**one, "reason": _reason(one["code"])} for one in found.overrides],
        "snapshots": [{**_snapshot(one), "bytes": _size(one.file) + _size(one.people_file)} for one in kept],
        "disk_bytes": sum(_size(file) for file in home.rglob("*") if file.is_file()),
        "log": str(logs[-1]) if logs else None,
    }


def _snapshot(one: Any) -> dict[str, Any]:
    return {
        "run_id": one.run_id,
        "file": str(one.file),
        "sha256": one.sha256,
        "as_of": one.as_of,
        "published_at": one.published_at,
        "schema_version": one.schema_version,
    }


def _served(one: Served | None) -> dict[str, Any] | None:
    """What readers are shown, and what is wrong with the published snapshot where that is another."""
    if one is None:
        return None
    instead_of = one.instead_of.run_id if one.instead_of else None
    return {"run_id": one.snapshot.run_id, "instead_of": instead_of, "fault": one.fault or None}


def _finding(row: dict[str, Any]) -> dict[str, Any]:
    from dashboard.words import sentence
    from ingestion.errors import Finding

    return {**row, "sentence": sentence(t, LANG, Finding(row["code"], row["fields"]))}


def _reason(code: str) -> str:
    from dashboard.words import reason

    return reason(LANG, code)


def _size(file: Path) -> int:
    """0 where the file went away meanwhile: a run may be cleaning up."""
    return file.stat().st_size if file.exists() else 0


def _show(told: dict[str, Any], zone: str) -> None:
    from dashboard.words import local

    published = told["published"]
    typer.echo(t("cli.zone", zone=zone))
    if told["is_running"]:
        typer.echo(t("cli.status.running"))
    if published is None:
        typer.echo(t("cli.status.empty"))
    else:
        typer.echo(
            t(
                "cli.status.published",
                run_id=published["run_id"],
                as_of=local(published["as_of"], zone),
                published_at=local(published["published_at"], zone),
                held=t("cli.status.held") if told["held"] else "",
            )
        )
    served = told["served"]
    if served and served["instead_of"]:
        typer.echo(t("cli.older", damaged=served["instead_of"], shown=served["run_id"], fault=served["fault"]))
    if told["findings"]:
        typer.echo(f"\n{t('cli.status.findings', run_id=told['findings'][0]['run_id'])}")
    for one in told["findings"][:FINDINGS_SHOWN]:
        typer.echo(f"[{t('cli.run.' + one['severity'])}] {one['sentence']}")
    if len(told["findings"]) > FINDINGS_SHOWN:
        typer.echo(t("cli.run.more", count=len(told["findings"]) - FINDINGS_SHOWN))
    failed = [{**check, "reason": check[f"reason_{LANG}"]} for check in told["checks"] if not check["success"]]
    for title, rows, columns in (
        ("runs", told["runs"], RUN_COLUMNS),
        ("files", told["files"], FILE_COLUMNS),
        ("checks", failed, CHECK_COLUMNS),
        ("overrides", told["overrides"], OVERRIDE_COLUMNS),
    ):
        if rows:
            typer.echo(f"\n{t(f'cli.status.{title}')}")
            shared.show_rows(rows, columns, "table", zone)
    size = f"{told['disk_bytes'] / 1e6:.1f} MB"
    typer.echo(t("cli.status.disk", size=size, count=len(told["snapshots"])))
    if told["log"]:
        typer.echo(t("cli.status.log", log=told["log"]))


def quarantine(
    form: Output = "table",
    every: Annotated[bool, typer.Option("--all", help=t("cli.quarantine.all"))] = False,
    home: Home = None,
    lang: Lang = None,
) -> None:
    from dashboard.words import reason
    from ingestion.warehouse import records

    settings = shared.reading(home)
    rows = [
        {
            **row,
            "row": row["source_row"],
            "column": row["column_name"],
            "reason": reason(LANG, row["code"]),
        }
        for row in records.quarantine(settings.home, also_released=every)
    ]
    if not rows and form == "table":
        typer.echo(t("cli.quarantine.empty"))
        return
    columns = (*QUARANTINE_COLUMNS, *RELEASED_COLUMNS) if every else QUARANTINE_COLUMNS
    told = [{column: row[column] for column in columns} for row in rows]
    shared.show_rows(told, columns, form, settings.business_timezone)
