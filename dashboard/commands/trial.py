"""`aftercare samples` and `aftercare demo`: see it work without data of one's own."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Annotated

import typer

from dashboard.commands import nightly, serve, shared
from dashboard.commands.shared import Lang, t

SAMPLE_SOURCE = "sample"
TICKETS, SEED = 60_000, 20_240_601
DEMO_HOME = Path("demo")

Tickets = Annotated[int, typer.Option(min=1, help=t("cli.samples.tickets"))]
Seed = Annotated[int, typer.Option(help=t("cli.samples.seed"))]
Until = Annotated[str | None, typer.Option(help=t("cli.samples.until"), show_default=False)]
CoreOnly = Annotated[bool, typer.Option("--core-only", help=t("cli.samples.core_only"))]


def samples(
    directory: Annotated[Path, typer.Argument(help=t("cli.samples.directory"), show_default=False)],
    tickets: Tickets = TICKETS,
    seed: Seed = SEED,
    until: Until = None,
    core_only: CoreOnly = False,
    lang: Lang = None,
) -> None:
    write(directory, tickets, seed, shared.day(until) or _yesterday(), core_only)


def write(directory: Path, tickets: int, seed: int, until: date, core_only: bool = False) -> None:
    """Write sample exports and say how many."""
    from ingestion.samples import write_samples

    write_samples(directory, tickets=tickets, seed=seed, until=until, optional=not core_only)
    count = sum(file.is_file() for file in (directory / SAMPLE_SOURCE).iterdir())
    typer.echo(t("cli.samples.done", directory=directory / SAMPLE_SOURCE, count=count, until=until))


def _yesterday() -> date:
    return datetime.now(UTC).date() - timedelta(days=1)


def demo(
    home: Annotated[Path, typer.Option(help=t("cli.demo.home"))] = DEMO_HOME,
    serving: Annotated[bool, typer.Option("--serve/--no-serve", help=t("cli.demo.serve"))] = True,
    tickets: Tickets = TICKETS,
    seed: Seed = SEED,
    until: Until = None,
    port: serve.Port = serve.PORT,
    lang: Lang = None,
) -> None:
    from ingestion.warehouse import records

    # Samples have just been written by ourselves: nobody is still writing them.
    settings = shared.settings(home, settle_seconds=0)
    real = sorted(records.sources(settings.home) - {SAMPLE_SOURCE})
    if real:
        shared.fail(t("cli.errors.demo_home", home=settings.home, sources=", ".join(real)), shared.USAGE)
    exports = settings.home / "exports"
    if (exports / SAMPLE_SOURCE).exists():
        # Samples of another day or size would be other customers under the same numbers.
        typer.echo(t("cli.demo.reused", directory=exports / SAMPLE_SOURCE))
    else:
        write(exports, tickets, seed, shared.day(until) or _yesterday())
    if nightly.night(exports, settings).verdict == "stopped":
        raise typer.Exit(shared.STOPPED)
    if serving:
        serve.start(settings.home, serve.ADDRESS, port)
