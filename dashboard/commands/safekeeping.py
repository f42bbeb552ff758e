"""`aftercare backup` and `aftercare restore`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from dashboard.commands import shared
from dashboard.commands.shared import Home, Lang, t


def backup(
    folder: Annotated[Path, typer.Argument(help=t("cli.backup.folder"), show_default=False)],
    home: Home = None,
    lang: Lang = None,
) -> None:
    from ingestion.backup import back_up

    settings = shared.reading(home)
    made = back_up(settings.home, folder.expanduser().resolve())
    size, run = f"{made.bytes / 1e6:.1f} MB", made.last_run_id or "—"
    typer.echo(
        t("cli.backup.done", home=settings.home, folder=made.folder, files=len(made.files), size=size, run=run)
    )


def restore(
    folder: Annotated[Path, typer.Argument(help=t("cli.restore.folder"), show_default=False)],
    replace: Annotated[bool, typer.Option("--replace", help=t("cli.restore.replace"))] = False,
    home: Home = None,
    lang: Lang = None,
) -> None:
    from dashboard.words import local
    from ingestion import backup as backups

    settings = shared.reading(home)
    found = backups.restore(settings.home, folder.expanduser().resolve(), replace=replace)
    run, shown = found.backup.last_run_id or "—", found.published
    typer.echo(t("cli.restore.done", home=settings.home, folder=folder, run=run))
    if shown is None:
        typer.echo(t("cli.restore.empty"))
    else:
        typer.echo(t("cli.restore.shown", as_of=local(shown.as_of, settings.business_timezone)))
    if found.set_aside is not None:
        typer.echo(t("cli.restore.aside", folder=found.set_aside))
