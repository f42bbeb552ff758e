"""Deliver what lies in the outbox. The addresses come from the environment, go to apprise, and nowhere else."""

from __future__ import annotations

import logging
import os
import re
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Final
from zoneinfo import ZoneInfo

from filelock import FileLock, Timeout

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from dashboard.alerts.outbox import Message, Outbox, Stored
    from dashboard.alerts.rules import Channel, Rules

LOCK: Final = "alerts.lock"
_WAIT_SECONDS: Final = 60
_TRIES: Final = 2
# Their lines may hold an address, or the answer of the other side.
_LOGGERS: Final = ("apprise", "urllib3", "requests", "requests_oauthlib", "oauthlib")
# These answer 200 whatever happened; what happened stands in their answer.
_ANSWERS: Final = {"wecombot": "errcode", "dingtalk": "errcode", "feishu": "code", "lark": "code"}


@dataclass(frozen=True)
class Failure:
    """A channel that did not take a message; `error` as in `alerts.errors`: code, or code:detail."""

    channel: str
    error: str


@dataclass(frozen=True)
class Sent:
    """What came of one call. waiting: messages that wait for the end of quiet hours or for their next try."""

    delivered: int
    waiting: int
    failures: tuple[Failure, ...]


def send(home: Path, zone: str, now: datetime, rules: Rules, outbox: Outbox, *, at_once: bool = False) -> Sent:
    """Send what is due, for each channel the oldest first; a channel that fails is left alone until its pause ends.

    Marked after delivery: killed between the two, a message comes twice, but never not at all.

    Args:
        at_once: heed neither pauses nor quiet hours.
    """
    try:
        with FileLock(home / LOCK, timeout=_WAIT_SECONDS, mode=0o600):
            return _send(zone, now, rules, outbox, at_once)
    except Timeout:
        return Sent(0, len(outbox.pending()), ())


def _send(zone: str, now: datetime, rules: Rules, outbox: Outbox, at_once: bool) -> Sent:
    delivered, failures, blocked = 0, [], set()
    for one in outbox.pending():
        channel = rules.channel(one.message.channel)
        if one.message.channel in blocked or channel is None:
            continue
        if not at_once and is_quiet(rules, one, now, zone):
            continue
        if not at_once and one.next_try_at is not None and now < one.next_try_at:
            blocked.add(channel.name)
            continue
        if error := try_channel(channel, one.message):
            outbox.fail(one, error, now)
            failures.append(Failure(channel.name, error))
            blocked.add(channel.name)
        else:
            outbox.deliver(one.id, now)
            delivered += 1
    return Sent(delivered, len(outbox.pending()) - len(failures), tuple(failures))


def is_quiet(rules: Rules, one: Stored, now: datetime, zone: str) -> bool:
    """Whether a message waits for the end of quiet hours."""
    if rules.quiet is None or one.message.is_urgent:
        return False
    return rules.quiet.holds(now.replace(tzinfo=UTC).astimezone(ZoneInfo(zone)).time())


def try_channel(channel: Channel, message: Message) -> str:
    """Deliver one message, trying again at once where it fails; '' or the code of what went wrong."""
    address = os.environ.get(channel.env, "").strip()
    if not address:
        return f"not_set:{channel.env}"
    error = ""
    for _ in range(_TRIES):
        try:
            error = by_apprise(address, message)
        except Exception as failure:  # noqa: BLE001 - whatever a service's code raises, other channels are served
            error = f"broken:{type(failure).__name__}"
        if not error or error in ("bad_address", "several"):
            break
    return error


def by_apprise(address: str, message: Message) -> str:
    """Hand a message to the service that an apprise URL names."""
    with _silent():
        import apprise

        # Without plugins, configuration or storage from this machine's disk.
        asset = apprise.AppriseAsset(app_id="Aftercare", app_desc="Aftercare", async_mode=False, plugin_paths=[])
        service = apprise.Apprise(asset=asset)
        if not service.add(address):
            return "bad_address"
        if len(service) != 1:
            return "several"
        capture: Any = apprise.LogCapture
        with _answers() as answers, capture(level=logging.WARNING) as said:
            is_sent = service.notify(
                body=message.body, title=message.subject, notify_type=message.level, body_format="text"
            )
            words = said.getvalue()
        if not is_sent:
            status = re.search(r"error=(\d{3})\b", words)
            return f"http:{status.group(1)}" if status else "not_delivered"
        return _refusal(service[0], answers)


def _refusal(service: Any, answers: list[Any]) -> str:
    """What a service that answers 200 to everything says in its answer; '' where it took the message."""
    scheme = str(service.secure_protocol)
    field = _ANSWERS.get(scheme)
    for answer in answers if field else ():
        try:
            told = answer.json()
        except ValueError:
            continue
        code = told.get(field, 0) if isinstance(told, dict) else 0
        if code != 0:
            # A number and no more: its words may quote the address.
            return f"refused:{code}" if isinstance(code, int) else "refused:?"
    return ""


@contextmanager
def _answers() -> Iterator[list[Any]]:
    """Every answer that comes over HTTP meanwhile: apprise looks at their status alone, and hands none out."""
    from requests import sessions

    answers: list[Any] = []
    send_ = sessions.Session.send

    def noting(session: Any, *args: Any, **kwargs: Any) -> Any:
        answer = send_(session, *args, **kwargs)
        answers.append(answer)
        return answer

    sessions.Session.send = noting  # type: ignore[method-assign,assignment]
    try:
        yield answers
    finally:
        sessions.Session.send = send_  # type: ignore[method-assign]


@contextmanager
def _silent() -> Iterator[None]:
    """Nothing that the libraries log reaches a log or the terminal."""
    loggers = [logging.getLogger(name) for name in _LOGGERS]
    before = [(logger.propagate, logger.handlers[:]) for logger in loggers]
    for logger in loggers:
        logger.propagate, logger.handlers = False, [logging.NullHandler()]
    try:
        yield
    finally:
        for logger, (propagate, handlers) in zip(loggers, before, strict=True):
            logger.propagate, logger.handlers = propagate, handlers
