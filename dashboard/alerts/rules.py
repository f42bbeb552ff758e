"""HOME/alerts.toml: who is told what, in which language, and when not. README.md beside this file explains it."""

from __future__ import annotations

import hashlib
import re
import tomllib
from dataclasses import dataclass
from datetime import time, timedelta
from difflib import get_close_matches
from typing import TYPE_CHECKING, Any, Final

from dashboard.i18n import LANGUAGES
from ingestion.warehouse import kpis
from ingestion.warehouse.places import Places

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

FILE: Final = "alerts.toml"
VERDICTS: Final = ("published", "held", "stopped", "failed")
TOPICS: Final = ("verdict", *VERDICTS, "kpi", "freshness")
PERIODS: Final = ("week", "month")
BASELINE: Final = 12
FEWEST_POINTS: Final = 8
"""Limits from fewer earlier periods would move with each of them."""
_MOST_POINTS: Final = 60
_VARIABLE: Final = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_REQUIRED: Final = object()


class RulesInvalid(Exception):
    """alerts.toml cannot be followed: `alerts.invalid.<code>` says why.

    Quotes names of keys, KPIs and channels, and no other value: it may be a secret in the wrong place.
    """

    def __init__(self, code: str, **fields: str) -> None:
        super().__init__(f"{code}: {fields}")
        self.code = code
        self.fields = fields


@dataclass(frozen=True)
class Channel:
    """One place that messages go to. env: the environment variable that holds its address, and nothing else does."""

    name: str
    env: str
    lang: str
    tell: frozenset[str]


@dataclass(frozen=True)
class KpiRule:
    """Which KPIs are watched, and for what. target_periods: so many in a row miss the target; 0: not watched."""

    kpis: tuple[str, ...]
    period: str
    limits: bool
    baseline: int
    target_periods: int


@dataclass(frozen=True)
class Quiet:
    """From when until when nothing is sent, on the clock of the business; `urgent` verdicts are, all the same."""

    first: time
    last: time
    urgent: frozenset[str]

    def holds(self, at: time) -> bool:
        if self.first < self.last:
            return self.first <= at < self.last
        return at >= self.first or at < self.last


@dataclass(frozen=True)
class Rules:
    """The whole of alerts.toml. digest: changes with any of it."""

    channels: tuple[Channel, ...]
    kpis: tuple[KpiRule, ...]
    promise: timedelta | None
    quiet: Quiet | None
    digest: str

    def channel(self, name: str) -> Channel | None:
        return next((one for one in self.channels if one.name == name), None)


def read(home: Path) -> Rules | None:
    """What alerts.toml says; None where there is none, and nothing is sent.

    Raises:
        RulesInvalid: it cannot be followed as a whole; none of it is.
    """
    try:
        text = Places(home).alert_rules.read_text(encoding="utf-8-sig")
    except FileNotFoundError:
        return None
    except UnicodeDecodeError as error:
        raise RulesInvalid("syntax", place=f"byte {error.start}") from error
    try:
        told = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        place = re.search(r"line \d+, column \d+|end of document", str(error))
        raise RulesInvalid("syntax", place=place.group() if place else "?") from error
    _only(told, ("channel", "kpi", "freshness", "quiet"), "")
    channels = tuple(_channel(one, f"[[channel]] {n}") for n, one in enumerate(_tables(told, "channel"), 1))
    if not channels:
        raise RulesInvalid("no_channel")
    names = [one.name for one in channels]
    if twice := next((name for name in names if names.count(name) > 1), None):
        raise RulesInvalid("twice", name=twice)
    watched = tuple(_kpi(one, f"[[kpi]] {n}") for n, one in enumerate(_tables(told, "kpi"), 1))
    digest = hashlib.sha256(text.encode()).hexdigest()
    return Rules(channels, watched, _promise(told), _quiet(told), digest)


def _channel(told: Mapping[str, Any], where: str) -> Channel:
    _only(told, ("name", "env", "lang", "tell"), where)
    name, env = _get(told, "name", str, where), _get(told, "env", str, where)
    if not name.strip():
        raise RulesInvalid("empty", where=where, key="name")
    if not _VARIABLE.fullmatch(env):
        raise RulesInvalid("not_a_variable", where=where)
    lang = _one_of(_get(told, "lang", str, where, "zh"), LANGUAGES, where, "lang")
    tell = _names(told, "tell", TOPICS, where, ("verdict", "kpi", "freshness"))
    return Channel(name, env, lang, tell | (frozenset(VERDICTS) if "verdict" in tell else frozenset()))


def _kpi(told: Mapping[str, Any], where: str) -> KpiRule:
    _only(told, ("kpis", "period", "limits", "baseline", "target_periods"), where)
    ids = _texts(_get(told, "kpis", list, where), where, "kpis")
    for one in ids:
        if kpis.load_kpi(one) is None:
            near = get_close_matches(one, kpis.load_kpis(), n=1)
            raise RulesInvalid("unknown_kpi", where=where, name=one, near=near[0] if near else "—")
    baseline = _number(told, "baseline", where, BASELINE, FEWEST_POINTS, _MOST_POINTS)
    return KpiRule(
        kpis=ids,
        period=_one_of(_get(told, "period", str, where, "month"), PERIODS, where, "period"),
        limits=_get(told, "limits", bool, where, True),
        baseline=int(baseline),
        target_periods=int(_number(told, "target_periods", where, 0, 0, _MOST_POINTS)),
    )


def _promise(told: Mapping[str, Any]) -> timedelta | None:
    if "freshness" not in told:
        return None
    where, section = "[freshness]", _get(told, "freshness", dict, "")
    _only(section, ("hours",), where)
    return timedelta(hours=_number(section, "hours", where, _REQUIRED, 1, 24 * 366))


def _quiet(told: Mapping[str, Any]) -> Quiet | None:
    if "quiet" not in told:
        return None
    where, section = "[quiet]", _get(told, "quiet", dict, "")
    _only(section, ("from", "to", "urgent"), where)
    first, last = (_clock(section, key, where) for key in ("from", "to"))
    if first == last:
        raise RulesInvalid("no_hours", where=where)
    return Quiet(first, last, _names(section, "urgent", VERDICTS, where, ()))


def _clock(told: Mapping[str, Any], key: str, where: str) -> time:
    """22:30 as text, or as TOML writes a time of day."""
    found = told.get(key)
    try:
        clock = found if isinstance(found, time) else time.fromisoformat(_get(told, key, str, where))
    except ValueError as error:
        raise RulesInvalid("bad_time", where=where, key=key) from error
    return clock.replace(tzinfo=None)


def _tables(told: Mapping[str, Any], key: str) -> list[dict[str, Any]]:
    found = _get(told, key, list, "", [])
    if not all(isinstance(one, dict) for one in found):
        raise RulesInvalid("bad_type", where="", key=key)
    return list(found)


def _only(told: Mapping[str, Any], known: tuple[str, ...], where: str) -> None:
    if unknown := next((key for key in told if key not in known), None):
        raise RulesInvalid("unknown_key", where=where or FILE, key=unknown, known=", ".join(known))


def _get(told: Mapping[str, Any], key: str, kind: type, where: str, otherwise: Any = _REQUIRED) -> Any:
    if key not in told:
        if otherwise is _REQUIRED:
            raise RulesInvalid("missing", where=where, key=key)
        return otherwise
    if not isinstance(told[key], kind):
        raise RulesInvalid("bad_type", where=where or FILE, key=key)
    return told[key]


def _number(told: Mapping[str, Any], key: str, where: str, otherwise: Any, least: float, most: float) -> int | float:
    found = told.get(key, otherwise)
    if found is _REQUIRED:
        raise RulesInvalid("missing", where=where, key=key)
    # True is an int to Python; only hours may be broken.
    kinds = (int, float) if otherwise is _REQUIRED else (int,)
    if isinstance(found, bool) or not isinstance(found, kinds):
        raise RulesInvalid("bad_type", where=where, key=key)
    if found == 0 and otherwise == 0:
        return 0
    if not least <= found <= most:
        raise RulesInvalid("out_of_range", where=where, key=key, least=f"{least:g}", most=f"{most:g}")
    return found


def _texts(found: list[Any], where: str, key: str) -> tuple[str, ...]:
    if not found or not all(isinstance(one, str) for one in found):
        raise RulesInvalid("empty" if not found else "bad_type", where=where, key=key)
    return tuple(dict.fromkeys(found))


def _names(
    told: Mapping[str, Any], key: str, known: tuple[str, ...], where: str, otherwise: tuple[str, ...]
) -> frozenset[str]:
    if key not in told:
        return frozenset(otherwise)
    return frozenset(_one_of(one, known, where, key) for one in _texts(_get(told, key, list, where), where, key))


def _one_of(name: str, known: tuple[str, ...], where: str, key: str) -> str:
    if name not in known:
        raise RulesInvalid("not_one_of", where=where, key=key, known=", ".join(known))
    return name
