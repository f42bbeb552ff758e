"""The command line, `aftercare`: the one place that may use every room, and where failures become sentences."""

from __future__ import annotations

import importlib
import os
import sys
import traceback
from typing import TYPE_CHECKING, Any

import typer

from dashboard.commands import coercing, shared
from dashboard.commands.shared import LANG, Home, Lang, t
from data_checks.gist import gist

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pydantic import ValidationError

COMMANDS = {
    "samples": "trial",
    "demo": "trial",
    "run": "nightly",
    "serve": "serve",
    "kpi": "kpi",
    "passport": "passport",
    "status": "status",
    "alerts": "alerts",
    "check": "check",
    "connect": "connect",
    "quarantine": "status",
    "retract": "publishing",
    "rollback": "publishing",
    "backup": "safekeeping",
    "restore": "safekeeping",
}
"""Each command, a function of that name in a module of dashboard/commands, which only its own command imports."""

_VALUED = ("--home", "--lang")


def asked_for(arguments: Sequence[str]) -> str | None:
    """The one command that these arguments run; None where that takes knowing them all: for help, or a slip."""
    rest = iter(arguments)
    for argument in rest:
        if argument in COMMANDS:
            return argument
        if argument in _VALUED:
            next(rest, None)
        elif not argument.startswith(tuple(f"{name}=" for name in _VALUED)):
            return None
    return None


def program(*names: str) -> typer.Typer:
    """The command line with these commands."""
    made = typer.Typer(
        help=t("cli.about"), no_args_is_help=True, add_completion=False, pretty_exceptions_enable=False
    )
    made.callback()(_before)
    for name in names:
        function = getattr(importlib.import_module(f"dashboard.commands.{COMMANDS[name]}"), name)
        made.command(name, help=t(f"cli.{name}.help"))(function)
    return made


def command(*names: str) -> Any:
    """The same, ready to be called."""
    made = typer.main.get_command(program(*names))
    for each in (made, *getattr(made, "commands", {}).values()):
        coercing.spare(each)
    return made


def _before(home: Home = None, lang: Lang = None) -> None:
    # Given before the command's name, --home is the default for the command, as if set in the environment.
    if home is not None:
        os.environ["AFTERCARE_HOME"] = str(home)


def main() -> None:
    """Run the command of sys.argv; whatever goes wrong ends in a sentence and an exit code."""
    only = asked_for(sys.argv[1:])
    try:
        command(*([only] if only else COMMANDS))()
    except Exception as error:  # noqa: BLE001 - the edge: Python itself would end with 1, which means "stopped"
        message, code = explain(error)
        typer.echo(message, err=True)
        sys.exit(code)


def explain(error: Exception) -> tuple[str, int]:
    """A failure in words, with its exit code."""
    from dashboard.alerts.rules import RulesInvalid
    from dashboard.commands import alerts
    from ingestion.errors import IngestionError, MappingInvalid
    from ingestion.reader_settings import SettingInvalid
    from ingestion.warehouse.entries import KpiEntryInvalid
    from ingestion.warehouse.errors import (
        AsOfTooLate,
        BackupInside,
        BackupOlder,
        NoSuchLoad,
        NoSuchSnapshot,
        SparkMissing,
        WarehouseError,
    )
    from ingestion.warehouse.kpis import KpiQuestionInvalid

    if isinstance(error, SettingInvalid):
        return _setting_words(error.name, error.reason), shared.USAGE
    # Who has not imported pydantic has raised none of its errors.
    if "pydantic" in sys.modules:
        from pydantic import ValidationError

        if isinstance(error, ValidationError):
            return _settings_words(error), shared.USAGE
    if isinstance(error, KpiQuestionInvalid):
        return t(f"findings.{error.code}", **error.fields), shared.USAGE
    if isinstance(error, RulesInvalid):
        return alerts.invalid(error), shared.USAGE
    if isinstance(error, KpiEntryInvalid):
        return t("findings.model_invalid", model="kpis", reason=str(error)), shared.USAGE
    if isinstance(error, IngestionError | WarehouseError):
        from dashboard.words import sentence

        words = sentence(t, LANG, error.finding)
        is_usage = isinstance(error, MappingInvalid | SparkMissing | AsOfTooLate | NoSuchLoad)
        is_usage |= isinstance(error, BackupInside | BackupOlder)
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
    return _setting_words(name, first["msg"])


def _setting_words(name: str, reason: str) -> str:
    return t("cli.settings_invalid", name=name, upper=name.upper(), reason=reason)


def _state() -> str:
    """What readers see in spite of the failure."""
    from dashboard.commands import nightly
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
