"""The settings that reading needs, from the same environment variables as all the others (ingestion/settings.py).

Apart from those because their checks import pydantic, which takes longer than most answers of the command line.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

PREFIX = "AFTERCARE_"
HOME = Path("warehouse")
BUSINESS_TIMEZONE = "Asia/Shanghai"
FRESH_WITHIN_HOURS = 36.0


class SettingInvalid(Exception):
    """A setting that cannot be used; `name` as in Settings, `reason` in English."""

    def __init__(self, name: str, reason: str) -> None:
        super().__init__(f"{name}: {reason}")
        self.name = name
        self.reason = reason


@dataclass(frozen=True)
class ReaderSettings:
    """Where to read, and the clock that a reader is shown."""

    home: Path
    business_timezone: str
    # How old data may be (by as_of) before they are told as overdue.
    fresh_within: timedelta = timedelta(hours=FRESH_WITHIN_HOURS)


def known_zone(name: str) -> str:
    """The name of an IANA time zone. Raises ValueError."""
    try:
        ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError) as error:
        # ValueError is the one exception that pydantic turns into a settings error with the field's name.
        raise ValueError(f"{name!r} is not an IANA time zone") from error
    return name


def read(home: Path | None = None) -> ReaderSettings:
    """What the environment says, `home` before it. Raises SettingInvalid."""
    told = {name.upper(): value for name, value in os.environ.items()}
    try:
        zone = known_zone(told.get(f"{PREFIX}BUSINESS_TIMEZONE", BUSINESS_TIMEZONE))
    except ValueError as error:
        raise SettingInvalid("business_timezone", str(error)) from error
    hours = _hours(told.get(f"{PREFIX}FRESH_WITHIN_HOURS", str(FRESH_WITHIN_HOURS)))
    return ReaderSettings(home or Path(told.get(f"{PREFIX}HOME", HOME)), zone, timedelta(hours=hours))


def _hours(text: str) -> float:
    try:
        hours = float(text)
    except ValueError:
        hours = 0
    if not 0 < hours < float("inf"):
        raise SettingInvalid("fresh_within_hours", f"{text!r} is not a number of hours above 0")
    return hours
