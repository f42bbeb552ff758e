"""Findings and instants in words: codes and fields inside, sentences only here at the edge."""

from __future__ import annotations

from datetime import UTC
from typing import TYPE_CHECKING, Protocol
from zoneinfo import ZoneInfo

from dashboard.i18n import TextMissing, texts
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


def sentence(t: Translate, lang: str, finding: Told, *, is_trial: bool = False) -> str:
    """What happened, where, why, and what to do. A row rule speaks by its own label and advice.

    Never fails: a finding that has no words, or lacks a field of them, is told by its code and fields, since what
    it speaks of has happened all the same.

    Args:
        is_trial: nothing was kept (`aftercare check`), so nothing may be said to be loaded.
    """
    # An empty field (no alike heading, no likely encoding) would leave a hole in the sentence.
    # Ledgers of before rows were named have no examples.
    fields: dict[str, object] = {"examples": "—"} | {
        name: "—" if value == "" else value for name, value in finding.fields.items()
    }
    if "reason_code" in fields:
        code = str(fields["reason_code"])
        fields["reason"] = reason(lang, code) or code
    if "check" in fields:
        rule_of_check = rules().get(str(fields["check"]))
        fields["advice"] = rule_of_check.advice[lang] if rule_of_check else ""
    known = texts(lang)
    keys = [f"findings.trial.{finding.code}"] if is_trial else []
    keys += [f"findings.counted.{finding.code}"] if "rows" in fields else []
    try:
        for key in (*keys, f"findings.{finding.code}"):
            if key in known:
                return t(key, **fields)
        rule = rules()[finding.code]
        words = "findings.rule" if "count" in fields else "findings.rule_of_file"
        return t(words, label=rule.label[lang], advice=rule.advice[lang], **fields)
    except (TextMissing, KeyError):
        told = ", ".join(f"{name}={value}" for name, value in finding.fields.items())
        return t("findings.untold", code=finding.code, told=told or "—")


def reason(lang: str, code: str) -> str:
    """The few words that say why a row is held back; '' for a code that no rule has."""
    rule = rules().get(code)
    return rule.label[lang] if rule else ""


def local(instant: datetime, zone: str) -> str:
    """A UTC instant as a clock on the wall of the business shows it."""
    return instant.replace(tzinfo=UTC).astimezone(ZoneInfo(zone)).strftime("%Y-%m-%d %H:%M")
