"""`aftercare retract` and `aftercare rollback`: take back a file, or what readers see."""

from __future__ import annotations

from typing import Annotated

import typer

from dashboard.commands import shared
from dashboard.commands.shared import Home, Lang, t


def retract(
    sha256: Annotated[str, typer.Argument(help=t("cli.retract.sha256"), show_default=False)],
    because: Annotated[str, typer.Option(help=t("cli.retract.because"), show_default=False)],
    home: Home = None,
    lang: Lang = None,
) -> None:
    from ingestion.retract import retract as withdraw

    for load in withdraw(shared.reading(home).home, sha256, because):
        typer.echo(t("cli.retract.done", source=load.source, feed=load.feed, file=load.file, rows=load.rows_loaded))
    typer.echo(t("cli.retract.next"))


def rollback(
    run_id: Annotated[str | None, typer.Argument(help=t("cli.rollback.run_id"), show_default=False)] = None,
    release: Annotated[bool, typer.Option("--release", help=t("cli.rollback.release"))] = False,
    home: Home = None,
    lang: Lang = None,
) -> None:
    from dashboard.words import local
    from ingestion import rollback as back

    if release and run_id:
        shared.fail(t("cli.errors.release_and_run"), shared.USAGE)
    settings = shared.reading(home)
    shown = back.release(settings.home) if release else back.roll_back(settings.home, run_id)
    words = "cli.rollback.released" if release else "cli.rollback.done"
    typer.echo(t(words, run_id=shown.run_id, as_of=local(shown.as_of, settings.business_timezone)))
