"""What there is to tell now: how the newest night ended, what its KPIs signal, and whether the data are overdue.

Read from the ledger and the snapshot, not handed over by the run: what a killed process could not tell, the next call
of `aftercare alerts` does.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, timedelta
from typing import TYPE_CHECKING, Final
from zoneinfo import ZoneInfo

from dashboard.alerts import composing, signals
from dashboard.alerts.rules import Channel, Rules
from dashboard.metrics import query
from ingestion.errors import Finding
from ingestion.warehouse import records, snapshots
from ingestion.warehouse.errors import WarehouseError

if TYPE_CHECKING:
    from pathlib import Path

    from dashboard.alerts.outbox import Outbox
    from dashboard.alerts.signals import Signal

_HALF_A_DAY: Final = timedelta(hours=12)
_SUMS: Final = ("rows_read", "rows_loaded", "rows_quarantined", "rows_duplicate")


@dataclass(frozen=True)
class Verdict:
    """How a run ended, with what it stopped or warned for."""

    run_id: str
    verdict: str
    night: date
    findings: tuple[tuple[str, Finding], ...]
    files: int = 0
    rows: tuple[int, ...] = (0,) * len(_SUMS)

    def keys(self) -> list[tuple[str, str]]:
        """What a channel knows once it is told: the verdict, and each finding, whatever its counts."""
        told = []
        for severity, finding in self.findings:
            fields = {name: value for name, value in finding.fields.items() if not isinstance(value, int | float)}
            text = json.dumps([severity, finding.code, fields], sort_keys=True, default=str)
            told.append(("finding", hashlib.sha256(text.encode()).hexdigest()[:16]))
        return [("verdict", self.verdict), *told]


@dataclass(frozen=True)
class Overdue:
    """The published data are older than was promised."""

    as_of: datetime
    age: timedelta
    promise: timedelta


@dataclass(frozen=True)
class News:
    """Everything of a night that somebody may want to be told. as_of: how far the data reach that readers see."""

    night: date
    as_of: datetime | None
    zone: str
    verdict: Verdict | None = None
    signals: tuple[Signal, ...] = ()
    overdue: Overdue | None = None


def notice(
    home: Path, zone: str, now: datetime, rules: Rules, outbox: Outbox, failure: Finding | None = None
) -> None:
    """Put a message for every channel that something new is to be told into the outbox.

    Args:
        failure: why a run failed of which the ledger knows nothing, since it read nothing.
    """
    published, verdict = None, None
    try:
        published = snapshots.published(home)
        verdict = _verdict(home, zone)
    except WarehouseError as error:
        # What cannot be read cannot be renewed either: a night is lost that the ledger will never name.
        failure = failure or error.finding
    if failure is not None:
        verdict = Verdict("", "failed", night_of(now, zone), (("stop", failure),))
    news = News(
        night=night_of(now, zone),
        as_of=published.as_of if published else None,
        zone=zone,
        verdict=verdict,
        overdue=_overdue(published, rules, now),
    )
    judged = published is not None and not outbox.was_judged(published.run_id, rules.digest)
    try:
        if judged:
            news = replace(news, signals=_signals(home, rules))
    finally:
        # Whatever becomes of the KPIs, how the night ended is told.
        with outbox.composing():
            for channel in rules.channels:
                _tell(news, channel, rules, outbox, now)
            outbox.forget(now)
    if published is not None and judged:
        outbox.judge(published.run_id, rules.digest)


def night_of(instant: datetime, zone: str) -> date:
    """The night an instant belongs to, by the day on which it began: from noon to noon on the business clock."""
    return (instant.replace(tzinfo=UTC).astimezone(ZoneInfo(zone)) - _HALF_A_DAY).date()


def _verdict(home: Path, zone: str) -> Verdict | None:
    """Of the newest run that did something; None while one is going on, or where there was none."""
    told = records.read(home)
    runs = [run for run in told.runs if run["verdict"] != "nothing_new"]
    if told.is_running or not runs:
        return None
    run = runs[0]
    files = [one for one in told.files if one["run_id"] == run["run_id"]]
    findings = [one for one in told.findings if one["run_id"] == run["run_id"]]
    severities = {"stop": 0, "warn": 1}
    findings.sort(key=lambda one: severities.get(one["severity"], len(severities)))
    return Verdict(
        run_id=run["run_id"],
        # A run that holds the ledger no more and never ended was killed.
        verdict=run["verdict"] or "failed",
        night=night_of(run["started_at"], zone),
        findings=tuple((one["severity"], Finding(one["code"], one["fields"])) for one in findings),
        files=len(files),
        rows=tuple(sum(one[name] for one in files) for name in _SUMS),
    )


def _overdue(published: snapshots.Published | None, rules: Rules, now: datetime) -> Overdue | None:
    if published is None or rules.promise is None or now - published.as_of <= rules.promise:
        return None
    return Overdue(published.as_of, now - published.as_of, rules.promise)


def _signals(home: Path, rules: Rules) -> tuple[Signal, ...]:
    snapshot = query.open_snapshot(home) if rules.kpis else None
    return tuple(signals.of(snapshot, rules.kpis)) if snapshot else ()


def _tell(news: News, channel: Channel, rules: Rules, outbox: Outbox, now: datetime) -> None:
    """One message to one channel, of all that is new to it and that it wants to know."""
    verdict = _new_verdict(news.verdict, channel, outbox)
    signals_, overdue = news.signals, news.overdue
    if "kpi" not in channel.tell:
        signals_ = ()
    # Once a night as long as it lasts, whether or not a run was tried in it.
    late = [("freshness", night_of(now, news.zone).isoformat())]
    if "freshness" not in channel.tell or outbox.was_told(channel.name, *late[0]):
        overdue = None
    wanted = replace(
        news,
        night=verdict.night if verdict else news.night,
        verdict=verdict if verdict and verdict.verdict in channel.tell else None,
        signals=tuple(one for one in signals_ if not outbox.was_told(channel.name, "kpi", one.key)),
        overdue=overdue,
    )
    outbox.note(channel.name, wanted.night, [("kpi", one.key) for one in wanted.signals])
    if overdue is not None:
        outbox.note(channel.name, wanted.night, late)
    if wanted.verdict is None and not wanted.signals and overdue is None:
        return
    is_urgent = bool(rules.quiet and wanted.verdict and wanted.verdict.verdict in rules.quiet.urgent)
    outbox.add(composing.compose(wanted, channel, is_urgent=is_urgent), now)


def _new_verdict(verdict: Verdict | None, channel: Channel, outbox: Outbox) -> Verdict | None:
    """The verdict where it is another than the night's last one, or brings a finding that this night has not told.

    What a channel is not to be told counts too: stopped is news again once a run was published in between.
    """
    if verdict is None or outbox.was_told(channel.name, "run", verdict.run_id):
        return None
    named, *findings = keys = verdict.keys()
    is_new = outbox.last_told(channel.name, named[0], verdict.night) != verdict.verdict
    is_new |= not all(outbox.was_told(channel.name, *key, verdict.night) for key in findings)
    if verdict.run_id:
        keys.append(("run", verdict.run_id))
    outbox.note(channel.name, verdict.night, keys)
    return verdict if is_new else None
