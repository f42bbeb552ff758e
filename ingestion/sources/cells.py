"""The text of a typed value: what workbooks, JSON and Parquet hold, as every later step expects it."""

from __future__ import annotations

from datetime import date, datetime, time, timedelta
from decimal import Decimal

from ingestion.sources.records import TYPED_INSTANT

# Excel stores a time as a fraction of a day: 09:30:00 can come back as 09:29:59.999995.
_NOISE = 1_000


def cell_text(value: object) -> str | None:
    """A value as text: whole numbers without decimals, truth as true and false, instants as TYPED_INSTANT."""
    if value is None:
        return None
    if isinstance(value, str):
        return value
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, float):
        return _number(value)
    if isinstance(value, datetime):
        return _whole_second(value).strftime(TYPED_INSTANT)
    if isinstance(value, date):
        return datetime(value.year, value.month, value.day).strftime(TYPED_INSTANT)  # noqa: DTZ001 - no zone
    if isinstance(value, time | timedelta):
        return str(value)
    return str(value)


def _number(value: float) -> str:
    """Without an exponent, so that a number is recognised by its digits."""
    if value.is_integer():
        return str(int(value))
    return format(Decimal(repr(value)), "f")


def _whole_second(value: datetime) -> datetime:
    beside = value.microsecond
    if 0 < beside <= _NOISE:
        return value.replace(microsecond=0)
    if beside >= 1_000_000 - _NOISE:
        return value.replace(microsecond=0) + timedelta(seconds=1)
    return value
