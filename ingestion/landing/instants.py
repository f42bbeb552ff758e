"""Instants and dates: by the declared formats only, local clock times to UTC, hours that never were found out."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from ingestion.sources.records import TYPED_INSTANT
from ingestion.sqltext import literal, quoted

if TYPE_CHECKING:
    from ingestion.mapping import Feed

# Later years, in columns that may lie ahead, stand for "never" (2099, 9999) and must not become dates.
LAST_YEAR = 2089
FIRST_BIRTH = 1900
_DAY = "[0-9]{4}-[0-9]{2}-[0-9]{2}"
_TIME = "[T ][0-9]{2}:[0-9]{2}(:[0-9]{2}([.][0-9]{1,9})?)?"
_ZONE = "(Z|[+-][0-9]{2}(:?[0-9]{2})?)"
_TYPED = "[0-9]{4}-[0-9]{2}-[0-9]{2} [0-9]{2}:[0-9]{2}:[0-9]{2}[.][0-9]{6}"


@dataclass(frozen=True)
class InstantSql:
    """The steps from text to a UTC instant, each a select item that the next one can name."""

    parsed: list[str]
    placed: list[str]
    timed: list[str]
    value: str
    fault: str


def instant(feed: Feed, name: str, text: str, *, typed: bool, is_of_the_past: bool) -> InstantSql:
    """SQL for one instant column.

    typed: the format of the file knows instants, so real ones may stand beside text.
    is_of_the_past: nothing in this column can lie ahead; the rules judge by how much.
    """
    local, fixed = quoted(f"local {name}"), quoted(f"utc {name}")
    instant, is_real = quoted(f"instant {name}"), quoted(f"is real {name}")
    zone = literal(feed.timezone)
    placed = quoted(f"placed {name}")
    # Asking the calendar is what costs: once there and once back.
    converted = local if feed.timezone == "UTC" else f"make_timestamp(epoch_us({placed}))"
    # An hour that the change to summer time skipped comes back as another one.
    back = f"timezone({zone}, {placed})"
    real = "true" if feed.timezone == "UTC" else f"{fixed} is not null or {back} = {local}"
    years = f"year({instant}) >= {feed.first_year}"
    if not is_of_the_past:
        years += f" and year({instant}) <= {LAST_YEAR}"
    return InstantSql(
        parsed=[f"{_local(feed, text, typed)} as {local}", f"{_fixed(feed, text, typed)} as {fixed}"],
        placed=[] if feed.timezone == "UTC" else [f"timezone({zone}, {local}) as {placed}"],
        timed=[f"coalesce({fixed}, {converted}) as {instant}", f"({real}) as {is_real}"],
        # A value with a fault is none: no rule should judge an hour that never was.
        value=f"case when {is_real} and {years} then {instant} end",
        fault=f"when {text} is not null and {instant} is null then 'bad_datetime' "
        f"when not {is_real} then 'nonexistent_time' when not ({years}) then 'bad_datetime'",
    )


def date(feed: Feed, text: str, typed: bool) -> str:
    """A day, by the declared date formats, else those of instants, else as ISO writes it."""
    formats = feed.date_formats or feed.datetime_formats
    ways = [f"try_strptime({text}, {literal(f)})" for f in [*(f for f in formats if "%" in f), "%Y-%m-%d"]]
    ways += [_serial(text)] if "excel" in formats else []
    ways += [_typed(text)] if typed else []
    day = f"cast(coalesce({', '.join(ways)}) as date)"
    return f"case when year({day}) between {FIRST_BIRTH} and {LAST_YEAR} then {day} end"


def clock(feed: Feed, text: str, *, typed: bool) -> str:
    """The time a value shows, whatever its zone: for comparing two ways of reading it."""
    return f"coalesce({_local(feed, text, typed)}, {_fixed(feed, text, typed)})"


def plain(text: str) -> str:
    """The text a person would expect where a workbook's real date lands in a column of text."""
    without = f"regexp_replace({text}, '^({_DAY} [0-9:]{{8}})[.]000000$', '\\1')"
    dated = f"regexp_replace({without}, '^({_DAY}) 00:00:00$', '\\1')"
    # Most cells end otherwise, and a look at the end costs a tenth of the patterns.
    return f"case when suffix({text}, '.000000') or suffix({text}, ' 00:00:00') then {dated} else {text} end"


def _local(feed: Feed, text: str, typed: bool) -> str:
    """The clock time a value shows, in the source's zone; NULL where it fits none of the declared formats."""
    ways = [_typed(text)] if typed else []
    for format in feed.datetime_formats:
        if format == "iso":
            clock = f"regexp_full_match({text}, '{_DAY}({_TIME})?')"
            ways.append(f"case when {clock} then try_cast({text} as timestamp) end")
        elif format == "excel":
            ways.append(_serial(text))
        elif "%" in format and not _has_zone(format) and not format.endswith("Z"):
            ways.append(f"try_strptime({text}, {literal(format)})")
    return _first(ways)


def _typed(text: str) -> str:
    """A real instant of the format. Text without a point is none: a format that fails takes ten times as long."""
    return f"case when contains({text}, '.') then try_strptime({text}, {literal(TYPED_INSTANT)}) end"


def _serial(text: str) -> str:
    """Days since 1899-12-30, as spreadsheets count; a fraction of a day is only good to the second."""
    serial = f"case when regexp_full_match({text}, '[0-9]{{1,6}}([.][0-9]+)?') then {text} end"
    seconds = f"cast(round(cast({serial} as double) * 86400) as bigint)"
    return f"timestamp '1899-12-30' + to_seconds({seconds})"


def _fixed(feed: Feed, text: str, typed: bool) -> str:
    """The UTC instant of values that carry their own zone, and of counts of seconds."""
    is_typed = f"suffix({text}, '+00:00') and regexp_full_match({text}, '{_TYPED}[+]00:00')"
    ways = [f"case when {is_typed} then {_zoned(text)} end"] if typed else []
    for format in feed.datetime_formats:
        if format == "iso":
            # 2026-11-22 08:26:59 and its like have no zone; a clock is told sooner than the pattern is tried.
            is_clock = f"strlen({text}) = 19 and {text}[17] = ':'"
            is_zoned = f"regexp_full_match({text}, '{_DAY}{_TIME}{_ZONE}')"
            ways.append(f"case when {is_clock} then null when {is_zoned} then {_zoned(text)} end")
        elif format in ("epoch_s", "epoch_ms"):
            digits, unit = ("{1,11}", 1_000_000) if format == "epoch_s" else ("{1,14}", 1_000)
            count = f"case when regexp_full_match({text}, '-?[0-9]{digits}([.][0-9]+)?') then {text} end"
            ways.append(f"make_timestamp(cast(round(cast({count} as decimal(24, 6)) * {unit}) as bigint))")
        elif _has_zone(format):
            # %z takes no Z, which says the same as +00:00.
            spelt = f"regexp_replace({text}, 'Z$', '+00:00')" if format.endswith("%z") else text
            ways.append(f"timezone('UTC', try_strptime({spelt}, {literal(format)}))")
        elif format.endswith("Z"):
            ways.append(f"try_strptime({text}, {literal(format)})")
    return _first(ways)


def _first(ways: list[str]) -> str:
    return f"coalesce({', '.join([*ways, 'cast(null as timestamp)'])})"


def _zoned(text: str) -> str:
    return f"timezone('UTC', try_cast({text} as timestamptz))"


def _has_zone(format: str) -> bool:
    return "%z" in format or "%Z" in format
