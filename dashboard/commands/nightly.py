"""`aftercare run`: the nightly run, with a word for everything it found."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from dashboard.commands import alerts, shared
from dashboard.commands.shared import LANG, Home, Lang, t
from data_checks.gist import gist

if TYPE_CHECKING:
    from ingestion.overrides import Acceptance
    from ingestion.pipeline import Outcome
    from ingestion.publishing import Engine
    from ingestion.settings import Settings

FINDINGS_SHOWN = 12


def run(
    exports: Annotated[Path, typer.Argument(help=t("cli.run.exports"), show_default=False)],
    engine: Annotated[Literal["duckdb", "spark"], typer.Option(help=t("cli.run.engine"))] = "duckdb",
    spark_master: Annotated[str | None, typer.Option(help=t("cli.run.spark_master"), show_default=False)] = None,
    as_of: Annotated[str | None, typer.Option("--as-of", help=t("cli.run.as_of"), show_default=False)] = None,
    accept: Annotated[list[str] | None, typer.Option(help=t("cli.run.accept"), show_default=False)] = None,
    because: Annotated[str | None, typer.Option(help=t("cli.run.because"), show_default=False)] = None,
    home: Home = None,
    lang: Lang = None,
) -> None:
    accepted = _accepted(accept or [], because or "")
    settings = shared.settings(home, **({"spark_master": spark_master} if spark_master else {}))
    outcome = night(shared.folder(exports), settings, instant(as_of), engine, accepted)
    raise typer.Exit(shared.STOPPED if outcome.verdict == "stopped" else shared.PUBLISHED)


def instant(text: str | None) -> datetime | None:
    """--as-of as UTC without a zone: a time without a zone is UTC, like every instant this program prints."""
    if text is None:
        return None
    try:
        told = datetime.fromisoformat(text)
    except ValueError:
        shared.fail(t("cli.errors.bad_timestamp", text=text), shared.USAGE)
    return told.astimezone(UTC).replace(tzinfo=None) if told.tzinfo else told


def _accepted(checks: list[str], because: str) -> Acceptance | None:
    """What the user answers for; told at once where it cannot be accepted, before anything is read."""
    if not checks and not because:
        return None
    if not checks or not because.strip():
        shared.fail(t("cli.run.because_missing"), shared.USAGE)
    from data_checks.rules import rules
    from ingestion import overrides

    for check in checks:
        shared.one_of("--accept", check, [*overrides.acceptable(), *rules()])
        if not overrides.may_be_accepted(check):
            known = ", ".join(overrides.acceptable())
            shared.fail(t("cli.run.never_accepted", check=check, known=known), shared.USAGE)
    return overrides.acceptance(checks, because)


def night(
    exports: Path,
    settings: Settings,
    as_of: datetime | None = None,
    engine: Engine = "duckdb",
    accepted: Acceptance | None = None,
) -> Outcome:
    """Run, with progress on stderr, and say what came of it."""
    from ingestion import pipeline
    from ingestion.progress import showing

    zone = settings.business_timezone
    try:
        with showing(t) as progress:
            outcome = pipeline.run(
                exports, settings, as_of=as_of, engine=engine, progress=progress, accepted=accepted
            )
    except Exception as error:
        alerts.after_run(settings.home, zone, error)
        raise
    try:
        report(outcome, zone)
        _next_step(outcome, exports)
    except Exception as error:  # noqa: BLE001 - what is published stays so, whether or not it can be told
        typer.echo(t("cli.run.untold", verdict=outcome.verdict, error=gist(error)), err=True)
    alerts.after_run(settings.home, zone)
    return outcome


def report(outcome: Outcome, zone: str) -> None:
    """What came of a run: findings on stderr, the result on stdout."""
    from dashboard.words import local, sentence

    names = [load.file for load in outcome.loads]
    for load in outcome.loads:
        # The sheets of one workbook are loads of the same name.
        file = f"{load.file} ({load.source}/{load.feed})" if names.count(load.file) > 1 else load.file
        counts = {key: value for key, value in vars(load).items() if key.startswith("rows_")}
        typer.echo(t("cli.run.rows", file=file, **counts))
    for severity, finding in outcome.findings[:FINDINGS_SHOWN]:
        typer.echo(f"[{t(f'cli.run.{severity}')}] {sentence(t, LANG, finding)}", err=True)
    if len(outcome.findings) > FINDINGS_SHOWN:
        typer.echo(t("cli.run.more", count=len(outcome.findings) - FINDINGS_SHOWN), err=True)
    shown = outcome.published
    typer.echo(
        t(
            f"cli.run.{outcome.verdict}",
            files=len(outcome.loads),
            passed=outcome.checks.passed,
            warned=outcome.checks.warned,
            models=outcome.models_built,
            count=sum(severity == "stop" for severity, _ in outcome.findings),
            as_of=local(shown.as_of, zone) if shown else "",
        )
    )
    if outcome.verdict != "published":
        typer.echo(state(shown, zone))
    if outcome.verdict == "stopped":
        typer.echo(t("cli.details", log=outcome.log), err=True)


def _next_step(outcome: Outcome, exports: Path) -> None:
    """Of a stopped run, whether a person may answer for going on, and by which words; of another, who did."""
    from ingestion import overrides

    stopping = dict.fromkeys(
        overrides.check_of(finding) for severity, finding in outcome.findings if severity == "stop"
    )
    never = [check for check in stopping if not overrides.may_be_accepted(check)]
    if never:
        typer.echo(t("cli.run.may_not_accept", checks=", ".join(never)), err=True)
    elif stopping:
        options = " ".join(f"--accept {check}" for check in (*outcome.accepted.checks, *stopping))
        typer.echo(t("cli.run.may_accept", exports=exports, options=options), err=True)
    elif outcome.accepted.checks:
        told = outcome.accepted
        typer.echo(t("cli.run.accepted", by=told.by, checks=", ".join(told.checks), because=told.because), err=True)


def state(shown: object, zone: str) -> str:
    """What readers see now."""
    from dashboard.words import local
    from ingestion.warehouse.snapshots import Published

    if not isinstance(shown, Published):
        return t("cli.state_empty")
    return t("cli.state_published", as_of=local(shown.as_of, zone), published_at=local(shown.published_at, zone))
