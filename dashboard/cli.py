"""The command line, `aftercare`: the one place that may use every room, and where failures become sentences."""

from __future__ import annotations

import os
import sys
import traceback
from typing import TYPE_CHECKING

import typer

from dashboard.commands import check, connect, kpi, nightly, passport, publishing, serve, shared, status, trial
from dashboard.commands.shared import LANG, Home, Lang, t
from data_checks.gist import gist

if TYPE_CHECKING:
    from collections.abc import Callable

    from pydantic import ValidationError

app = typer.Typer(help=t("cli.about"), no_args_is_help=True, add_completion=False, pretty_exceptions_enable=False)

COMMANDS: dict[str, Callable[..., None]] = {
    "samples": trial.samples,
    "demo": trial.demo,
    "run": nightly.run,
    "serve": serve.serve,
    "kpi": kpi.kpi,
    "passport": passport.passport,
    "status": status.status,
    "check": check.check,
    "connect": connect.connect,
    "quarantine": status.quarantine,
    "retract": publishing.retract,
    "rollback": publishing.rollback,
}
for _name, _command in COMMANDS.items():
    app.command(_name, help=t(f"cli.{_name}.help"))(_command)


@app.callback()
def _before(home: Home = None, lang: Lang = None) -> None:
    # Given before the command's name, --home is the default for the command, as if set in the environment.
    if home is not None:
        os.environ["AFTERCARE_HOME"] = str(home)


def main() -> None:
    """Run the command of sys.argv; whatever goes wrong ends in a sentence and an exit code."""
    try:
        app()
    except Exception as error:  # noqa: BLE001 - the edge: Python itself would end with 1, which means "stopped"
        message, code = explain(error)
        typer.echo(message, err=True)
        sys.exit(code)


def explain(error: Exception) -> tuple[str, int]:
    """A failure in words, with its exit code."""
    from pydantic import ValidationError

    from ingestion.errors import IngestionError, MappingInvalid
    from ingestion.warehouse.entries import KpiEntryInvalid
    from ingestion.warehouse.errors import AsOfTooLate, NoSuchLoad, NoSuchSnapshot, SparkMissing, WarehouseError
    from ingestion.warehouse.kpis import KpiQuestionInvalid

    if isinstance(error, ValidationError):
        return _settings_words(error), shared.USAGE
    if isinstance(error, KpiQuestionInvalid):
        return t(f"findings.{error.code}", **error.fields), shared.USAGE
    if isinstance(error, KpiEntryInvalid):
        return t("findings.model_invalid", model="kpis", reason=str(error)), shared.USAGE
    if isinstance(error, IngestionError | WarehouseError):
        from dashboard.words import sentence

        words = sentence(t, LANG, error.finding)
        is_usage = isinstance(error, MappingInvalid | SparkMissing | AsOfTooLate | NoSuchLoad)
        # Without a name there is simply nothing to go back to.
        is_usage |= isinstance(error, NoSuchSnapshot) and bool(error.fields.get("run_id"))
        return f"{words}\n{_state()}", shared.USAGE if is_usage else shared.FAILED
    if os.environ.get("AFTERCARE_DEBUG"):
        traceback.print_exception(error)
    said = [_storage_words(error) or t("cli.unexpected", error=gist(error)), _state(), _last_log()]
    return "\n".join(filter(None, said)), shared.FAILED


def _storage_words(error: Exception) -> str:
    """Words for a full disk, a missing permission and the like; '' for any other failure."""
    if isinstance(error, OSError):
        return t("cli.storage", path=error.filename or "", reason=error.strerror or type(error).__name__)
    import duckdb

    if isinstance(error, duckdb.IOException | duckdb.OutOfMemoryException):
        return t("cli.storage", path="", reason=gist(error))
    return ""


def _last_log() -> str:
    """Where the run that failed wrote what it did; '' where no run did."""
    logs = sorted((shared.in_use[-1].home / "logs").glob("*.log")) if shared.in_use else []
    return t("cli.details", log=logs[-1]) if logs else ""


def _settings_words(error: ValidationError) -> str:
    first = error.errors()[0]
    name = str(first["loc"][0]) if first["loc"] else "?"
    return t("cli.settings_invalid", name=name, upper=name.upper(), reason=first["msg"])


def _state() -> str:
    """What readers see in spite of the failure."""
    from ingestion.warehouse import snapshots
    from ingestion.warehouse.errors import PointerDamaged

    if not shared.in_use:
        return t("cli.nothing_written")
    settings = shared.in_use[-1]
    try:
        return nightly.state(snapshots.published(settings.home), settings.business_timezone)
    except PointerDamaged:
        return t("cli.state_unreadable")


if __name__ == "__main__":
    main()
