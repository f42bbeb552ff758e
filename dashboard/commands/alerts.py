"""`aftercare alerts`, and what `aftercare run` tells once it is over: messages to the people who asked for them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from dashboard.commands import shared
from dashboard.commands.shared import Home, Lang, t
from data_checks.gist import gist

if TYPE_CHECKING:
    from datetime import datetime
    from pathlib import Path

    from dashboard.alerts.outbox import Stored
    from dashboard.alerts.rules import Rules
    from dashboard.alerts.sending import Sent

FILE = "alerts.toml"
DELIVERED_SHOWN = 30
COLUMNS = ("channel", "state", "subject", "composed_at", "attempts", "next_try_at", "delivered_at", "error")


def alerts(
    test: Annotated[bool, typer.Option("--test", help=t("cli.alerts.test"))] = False,
    show: Annotated[bool, typer.Option("--show", help=t("cli.alerts.show"))] = False,
    now: Annotated[bool, typer.Option("--now", help=t("cli.alerts.now"))] = False,
    form: Annotated[Literal["table", "json"], typer.Option("--format", help=t("cli.options.format"))] = "table",
    home: Home = None,
    lang: Lang = None,
) -> None:
    if test + show + now > 1:
        shared.fail(t("cli.alerts.one_of"), shared.USAGE)
    settings = shared.reading(home)
    from dashboard.alerts import rules

    told = rules.read(settings.home)
    if told is None:
        typer.echo(t("cli.alerts.none", file=settings.home / FILE), err=True)
        return
    if show:
        _show(settings.home, settings.business_timezone, told, form)
    elif test:
        _test(settings.business_timezone, told)
    else:
        sent = work(settings.home, settings.business_timezone, told, at_once=now)
        typer.echo(t("cli.alerts.sent", delivered=sent.delivered, waiting=sent.waiting))
        if tell_failures(sent):
            raise typer.Exit(shared.FAILED)


def after_run(home: Path, zone: str, failure: Exception | None = None) -> None:
    """Tell what a run came to. Whatever goes wrong here is said, and changes nothing of what the run came to.

    Args:
        failure: what the run ended with, where it did not come to a verdict.
    """
    if not (home / FILE).exists():
        return
    try:
        from dashboard.alerts import rules

        told = rules.read(home)
        if told is not None:
            tell_failures(work(home, zone, told, failure=failure))
    except Exception as error:  # noqa: BLE001 - the run is over, and its exit code stands
        typer.echo(invalid(error) or t("cli.alerts.troubled", error=gist(error)), err=True)


def work(home: Path, zone: str, told: Rules, *, at_once: bool = False, failure: Exception | None = None) -> Sent:
    """Keep what is new to be told, then send what is due."""
    from dashboard.alerts import noticing, outbox, sending
    from ingestion.warehouse import snapshots

    now = snapshots.now()
    with outbox.opened(home) as box:
        try:
            noticing.notice(home, zone, now, told, box, unknown_to_ledger(failure))
        finally:
            # What waits from before is sent all the same.
            sent = sending.send(home, zone, now, told, box, at_once=at_once)
    return sent


def unknown_to_ledger(failure: Exception | None) -> Any:
    """The failure of a run that ended before it wrote into the ledger; None for any other, and for slips of usage."""
    from ingestion.errors import MappingInvalid
    from ingestion.warehouse.errors import SparkMissing

    return failure.finding if isinstance(failure, MappingInvalid | SparkMissing) else None


def tell_failures(sent: Sent) -> bool:
    """Say which channels did not take a message; whether there was any."""
    for one in sent.failures:
        typer.echo(t("cli.alerts.failed", channel=one.channel, reason=reason(one.error)), err=True)
    return bool(sent.failures)


def reason(error: str) -> str:
    """A stored error in words."""
    code, _, detail = error.partition(":")
    return t(f"alerts.errors.{code}", detail=detail) if code else ""


def invalid(error: Exception) -> str:
    """Words for an alerts.toml that cannot be followed; '' for any other error."""
    from dashboard.alerts.rules import RulesInvalid

    if not isinstance(error, RulesInvalid):
        return ""
    return t("cli.alerts.invalid", file=FILE, reason=t(f"alerts.invalid.{error.code}", **error.fields))


def _test(zone: str, told: Rules) -> None:
    from dashboard.alerts import composing, sending
    from ingestion.warehouse import snapshots

    failed = False
    for channel in told.channels:
        error = sending.try_channel(channel, composing.test_message(channel, snapshots.now(), zone))
        failed |= bool(error)
        words = "cli.alerts.test_failed" if error else "cli.alerts.test_sent"
        typer.echo(t(words, channel=channel.name, reason=reason(error)), err=bool(error))
    if failed:
        raise typer.Exit(shared.FAILED)


def _show(home: Path, zone: str, told: Rules, form: Literal["table", "json"]) -> None:
    from dashboard.alerts import outbox
    from ingestion.warehouse import snapshots

    rows: list[dict[str, Any]] = []
    if (home / outbox.FILE).exists():
        with outbox.opened(home) as box:
            stored = [*box.pending(), *box.delivered(DELIVERED_SHOWN)]
        rows = [_row(one, told, snapshots.now(), zone) for one in stored]
    if form == "table" and not rows:
        typer.echo(t("cli.alerts.empty"))
        return
    if form == "table":
        rows = [
            {**row, "state": t(f"cli.alerts.states.{row['state']}"), "error": reason(row["error"])} for row in rows
        ]
        typer.echo(t("cli.zone", zone=zone))
    shared.show_rows(rows, COLUMNS, form, zone)


def _row(one: Stored, told: Rules, now: datetime, zone: str) -> dict[str, Any]:
    return {
        "channel": one.message.channel,
        "state": _state(one, told, now, zone),
        "subject": one.message.subject,
        "composed_at": one.composed_at,
        "attempts": one.attempts,
        "next_try_at": one.next_try_at,
        "delivered_at": one.delivered_at,
        "error": one.error,
    }


def _state(one: Stored, told: Rules, now: datetime, zone: str) -> str:
    from dashboard.alerts import sending

    if one.delivered_at is not None:
        return "delivered"
    if told.channel(one.message.channel) is None:
        return "no_channel"
    if sending.is_quiet(told, one, now, zone):
        return "quiet"
    return "retry" if one.attempts else "pending"
