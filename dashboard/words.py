"""Findings and instants in words: codes and fields inside, sentences only here at the edge."""

from __future__ import annotations

from datetime import UTC
from typing import TYPE_CHECKING, Protocol
from zoneinfo import ZoneInfo

from dashboard.i18n import texts
from data_checks.rules import rules

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

    from dashboard.i18n import Translate


class Told(Protocol):
    """A finding: a code of sql/checks or of an error, and what its sentence needs."""

    @property
    def code(self) -> str: ...
    @property
    def fields(self) -> Mapping[str, str | int]: ...


def sentence(t: Translate, lang: str, finding: Told) -> str:
    """What happened, where, why, and what to do. A row rule speaks by its own label and advice."""
    # An empty field (no alike heading, no likely encoding) would leave a hole in the sentence.
    fields = {name: "—" if value == "" else value for name, value in finding.fields.items()}
    if f"findings.{finding.code}" in texts(lang):
        return t(f"findings.{finding.code}", **fields)
    rule = rules()[finding.code]
    return t("findings.rule", label=rule.label[lang], advice=rule.advice[lang], **fields)


def reason(lang: str, code: str) -> str:
    """The few words that say why a row is held back; '' for a code that no rule has."""
    rule = rules().get(code)
    return rule.label[lang] if rule else ""


def local(instant: datetime, zone: str) -> str:
    """A UTC instant as a clock on the wall of the business shows it."""
    return instant.replace(tzinfo=UTC).astimezone(ZoneInfo(zone)).strftime("%Y-%m-%d %H:%M")
