"""A message in the words of one language: short, what, how much, since when, what to do. No personal data."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Final

from dashboard import formats
from dashboard.alerts.outbox import Message
from dashboard.alerts.signals import BeyondLimits, TargetMissed
from dashboard.i18n import translator
from dashboard.periods import Period
from dashboard.words import sentence
from ingestion.warehouse.kpis import period_end

if TYPE_CHECKING:
    from datetime import date

    from dashboard.alerts.noticing import News, Overdue, Verdict
    from dashboard.alerts.rules import Channel
    from dashboard.alerts.signals import Signal
    from dashboard.i18n import Translate

MOST_BYTES: Final = 1_800
"""企业微信 takes 2,048 bytes of text, a third as many Chinese characters; the rest is left for the title."""
_FINDINGS, _SIGNALS = 5, 10
_LONGEST_LINE: Final = 160
_LEVELS: Final = {"published": "success", "held": "warning", "stopped": "failure", "failed": "failure"}


def compose(news: News, channel: Channel, *, is_urgent: bool) -> Message:
    """One message of all that the news hold; the channel wants all of it."""
    t = translator(channel.lang)
    lines: list[str] = []
    if news.verdict is not None:
        lines += _verdict_lines(t, channel.lang, news, news.verdict)
    if news.overdue is not None:
        lines.append(_overdue_line(t, channel.lang, news.overdue, news.zone))
    signals = [f"· {_signal_line(t, channel.lang, signal)}" for signal in news.signals]
    if signals:
        lines += [t("alerts.kpi_head", count=len(signals)), *_some(t, signals, _SIGNALS), t("alerts.kpi_advice")]
    if news.verdict is not None:
        # Last, since what does not fit is cut at the end: a warning comes again, a signal is told once.
        lines += _warning_lines(t, channel.lang, news.verdict)
    return Message(
        channel=channel.name,
        night=news.night,
        level=_level(news),
        is_urgent=is_urgent,
        subject=_subject(t, channel.lang, news),
        body=_fitting(t, lines),
    )


def _level(news: News) -> str:
    """How loud it is, in the words of those who deliver."""
    told = _LEVELS[news.verdict.verdict] if news.verdict else "warning"
    return "warning" if told == "success" and (news.signals or news.overdue) else told


def _subject(t: Translate, lang: str, news: News) -> str:
    parts = []
    if news.verdict is not None:
        parts.append(t(f"alerts.subject.{news.verdict.verdict}", as_of=formats.instant(news.as_of, news.zone)))
    if news.overdue is not None:
        parts.append(t("alerts.subject.freshness", age=_span(news.overdue.age, lang)))
    if news.signals:
        parts.append(t("alerts.subject.kpi", count=len(news.signals)))
    return t("alerts.subject.joined").join(parts)


def _verdict_lines(t: Translate, lang: str, news: News, verdict: Verdict) -> list[str]:
    lines = []
    if verdict.files:
        names = ("read", "loaded", "held_back", "duplicate")
        counts = {name: formats.number(count, lang) for name, count in zip(names, verdict.rows, strict=True)}
        lines.append(t("alerts.rows", files=verdict.files, **counts))
    stops = [f"· {_short(sentence(t, lang, one))}" for severity, one in verdict.findings if severity == "stop"]
    if stops:
        lines += [t("alerts.stops", count=len(stops)), *_some(t, stops, _FINDINGS)]
    if verdict.verdict != "published":
        as_of = formats.instant(news.as_of, news.zone)
        lines.append(t("alerts.still", as_of=as_of) if news.as_of else t("alerts.nothing_yet"))
        lines.append(t(f"alerts.advice.{verdict.verdict}"))
    return lines


def _warning_lines(t: Translate, lang: str, verdict: Verdict) -> list[str]:
    found = [f"· {_short(sentence(t, lang, one))}" for severity, one in verdict.findings if severity != "stop"]
    if not found:
        return []
    advice = [t("alerts.advice.published")] if verdict.verdict == "published" else []
    return [t("alerts.warnings", count=len(found)), *advice, *_some(t, found, _FINDINGS)]


def _overdue_line(t: Translate, lang: str, overdue: Overdue, zone: str) -> str:
    as_of = formats.instant(overdue.as_of, zone)
    return t("alerts.overdue", as_of=as_of, age=_span(overdue.age, lang), promise=_span(overdue.promise, lang))


def _span(span: timedelta, lang: str) -> str:
    """Whole hours: minutes would look exact and be old on arrival."""
    return formats.age(timedelta(hours=span // timedelta(hours=1)), lang)


def _signal_line(t: Translate, lang: str, signal: Signal) -> str:
    kpi = signal.kpi
    told = {
        "label": kpi.label[lang],
        "period": _period(signal.start, signal.period),
        "value": formats.value(signal.value, kpi.unit, lang),
    }
    if isinstance(signal, BeyondLimits):
        side = "above" if signal.is_above else "below"
        centre = formats.value(signal.centre, kpi.unit, lang)
        limit = formats.value(signal.limit, kpi.unit, lang)
        is_good = None if kpi.better == "neutral" else signal.is_above == (kpi.better == "higher")
        so = t(f"alerts.{ {True: 'better', False: 'worse', None: 'unusual'}[is_good] }")
        count = {"count": signal.count, "periods": t(f"alerts.periods.{signal.period}")}
        return t(f"alerts.{side}", **told, limit=limit, centre=centre, so=so, **count)
    if isinstance(signal, TargetMissed):
        sign = "≥" if kpi.better == "higher" else "≤"
        target = f"{sign} {formats.value(signal.target, kpi.unit, lang)}"
        since = f"{signal.since:%Y-%m}" if signal.period == "month" else formats.day(signal.since)
        key = "alerts.missed_longer" if signal.or_longer else "alerts.missed"
        periods = t(f"alerts.periods.{signal.period}")
        return t(key, **told, target=target, since=since, count=signal.count, periods=periods)
    raise TypeError(type(signal).__name__)


def _period(start: date, period: str) -> str:
    return f"{start:%Y-%m}" if period == "month" else str(Period(start, period_end(start, period)))


def _short(text: str) -> str:
    line = " ".join(text.split())
    return line if len(line) <= _LONGEST_LINE else f"{line[: _LONGEST_LINE - 1]}…"


def _some(t: Translate, lines: list[str], most: int) -> list[str]:
    left = len(lines) - most
    return [*lines[:most], *([t("alerts.more", count=left)] if left > 0 else [])]


def _fitting(t: Translate, lines: list[str]) -> str:
    """As many whole lines as every channel takes, and a word on those left out."""
    kept, last = list(lines), ""
    while len("\n".join([*kept, last]).encode()) > MOST_BYTES:
        kept.pop()
        last = t("alerts.cut", count=len(lines) - len(kept))
    return "\n".join([*kept, *([last] if last else [])])


def test_message(channel: Channel, at: datetime, zone: str) -> Message:
    """A message that says nothing but that messages arrive."""
    t = translator(channel.lang)
    body = t("alerts.test.body", channel=channel.name, at=formats.instant(at, zone))
    return Message(channel.name, at.date(), "info", True, t("alerts.test.subject"), body)
