"""Numbers, durations, dates and changes as a person reads them, in Chinese or English.

Pure text in, text out: pages, cards and chart tooltips all come here, so one value never reads two ways.
"""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from typing import Final
from zoneinfo import ZoneInfo

MISSING: Final = "—"
MINUS: Final = "−"

_UNITS: Final = ((86_400, "day"), (3_600, "hour"), (60, "minute"), (1, "second"))
_UNIT_WORDS: Final = {
    "zh": {"day": "天", "hour": "小时", "minute": "分", "second": "秒"},
    "en": {"day": "d", "hour": "h", "minute": "min", "second": "s"},
}
_POINT_WORDS: Final = {"zh": "个百分点", "en": "pp"}


def number(value: float | None, lang: str, decimals: int = 0) -> str:
    """A count. Chinese readers group by 万 and 亿, English readers by thousands and millions."""
    if value is None:
        return MISSING
    size = abs(value)
    if lang == "zh" and size >= 1e8:
        return f"{_signed(value / 1e8, 2)} 亿"
    if lang == "zh" and size >= 1e4:
        return f"{_signed(value / 1e4, 1 if size >= 1e5 else 2)} 万"
    if lang == "en" and size >= 1e6:
        return f"{_signed(value / 1e6, 2)} M"
    return _signed(value, decimals)


def percent(value: float | None, decimals: int = 1) -> str:
    return MISSING if value is None else f"{_signed(value * 100, decimals)}%"


def duration(seconds: float | None, lang: str) -> str:
    """The two largest units: “2 小时 15 分”, "2 h 15 min". More would claim a precision nobody has."""
    if seconds is None:
        return MISSING
    total = round(abs(seconds))
    if total >= 86_400:
        total = round(total / 3_600) * 3_600
    elif total >= 3_600:
        total = round(total / 60) * 60
    words, parts = _UNIT_WORDS[lang], []
    for size, unit in _UNITS:
        count, total = divmod(total, size)
        if count:
            parts.append(f"{count} {words[unit]}")
    text = " ".join(parts[:2]) or f"0 {words['second']}"
    return f"{MINUS}{text}" if parts and seconds < 0 else text


def value(amount: float | None, unit: str, lang: str) -> str:
    """One KPI value in its unit."""
    if amount is None:
        return MISSING
    match unit:
        case "ratio":
            return percent(amount)
        case "seconds":
            return duration(amount, lang)
        case "score" | "number":
            return _signed(amount, 2)
        case "points":
            return _signed(amount, 1)
        case _:
            return number(amount, lang)


def change(now: float, before: float, unit: str, lang: str) -> str:
    """How far `now` is from `before`, signed: percentage points for shares, per cent for counts."""
    if unit == "ratio":
        return f"{_plus((now - before) * 100, 1)} {_POINT_WORDS[lang]}"
    if unit == "seconds":
        text = duration(now - before, lang)
        return f"+{text}" if round(now - before) > 0 else text
    if unit == "count":
        return f"{_plus((now - before) / before * 100, 1)}%" if before else _plus(now - before, 0)
    return _plus(now - before, 2 if unit in ("score", "number") else 1)


def interval(lower: float | None, upper: float | None, unit: str, lang: str) -> str:
    if lower is None or upper is None:
        return MISSING
    if unit == "ratio":
        return f"{_signed(lower * 100, 1)}–{percent(upper)}"
    return f"{value(lower, unit, lang)} – {value(upper, unit, lang)}"


def day(moment: date | None) -> str:
    return MISSING if moment is None else f"{moment:%Y-%m-%d}"


def instant(moment: datetime | None, zone: str) -> str:
    """A UTC instant on the business clock, to the minute."""
    if moment is None:
        return MISSING
    aware = moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment
    return f"{aware.astimezone(ZoneInfo(zone)):%Y-%m-%d %H:%M}"


def age(span: timedelta, lang: str) -> str:
    return duration(max(span.total_seconds(), 0.0) // 60 * 60, lang)


def _signed(amount: float, decimals: int) -> str:
    text = f"{abs(amount):,.{decimals}f}"
    return f"{MINUS}{text}" if amount < 0 and float(text.replace(",", "")) != 0 else text


def _plus(amount: float, decimals: int) -> str:
    text = _signed(amount, decimals)
    is_nil = float(text.replace(",", "").replace(MINUS, "")) == 0
    return text if is_nil or text.startswith(MINUS) else f"+{text}"
