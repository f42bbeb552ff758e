"""Which formats the dates of a column are written in, judged by the SQL of the night itself.

Day first or month first cannot be told from 03/04/2025. The formats of one file are chosen together: every value
of every date column has a vote, and where not one value decides, a person has to.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from ingestion.landing import instants
from ingestion.sqltext import literal, quoted

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from duckdb import DuckDBPyConnection

    from ingestion.mapping import Feed
    from ingestion.sources.records import Records

SAMPLE = 2_000
CLOCKS = ("", " %H:%M", " %H:%M:%S", " %H:%M:%S.%f", " %I:%M %p", " %I:%M:%S %p")
_YEAR_FIRST = ("%Y-%m-%d", "%Y/%m/%d", "%Y.%m.%d", "%Y年%m月%d日", "%Y%m%d")
_NAMED = (
    "%d %b %Y",
    "%d-%b-%Y",
    "%d-%b-%y",
    "%b %d, %Y",
    "%B %d, %Y",
    "%d %B %Y",
    "%b %d %Y",
    "%d/%b/%Y",
    "%d/%b/%y",
)
_PLAIN = ("%Y-%m-%d %H:%M:%S", "%Y-%m-%d %H:%M", "%Y-%m-%d")
_ODD = (
    *("iso", "%Y-%m-%dT%H:%M:%S%z", "%Y-%m-%d %H:%M:%S %z", "%Y-%m-%d %H:%M:%S%z", "%Y%m%d%H%M%S"),
    *("%Y年%m月%d日%H:%M", "%Y年%m月%d日%H:%M:%S", "%Y年%m月%d日 %H时%M分", "%Y年%m月%d日 %H时%M分%S秒"),
    *(
        "%Y年%m月%d日%H时%M分",
        "%Y年%m月%d日%H时%M分%S秒",
        "%Y/%m/%d/%H:%M",
        "%d/%b/%y %I:%M %p",
        "%a %b %d %H:%M:%S %Y",
    ),
)
_UNSURE = ("%d{0}%m{0}%Y", "%m{0}%d{0}%Y", "%d{0}%m{0}%y", "%m{0}%d{0}%y", "%y{0}%m{0}%d")
_COUNTS = ("epoch_s", "epoch_ms", "excel")
FORMATS: tuple[str, ...] = tuple(
    dict.fromkeys(
        [
            *_PLAIN,
            *(day + clock for day in (*_YEAR_FIRST, *_NAMED) for clock in CLOCKS),
            *_ODD,
            *(form.format(mark) + clock for mark in "/-." for form in _UNSURE for clock in CLOCKS),
            *_COUNTS,
        ]
    )
)
"""Every format looked for; of equally good ones the first is taken."""


@dataclass(frozen=True)
class FormatShare:
    """How many of the filled values (`of`, without real dates) one format takes.

    is_ambiguous: another order of day, month and year takes just as many, so the values do not tell which.
    """

    format: str
    count: int
    of: int
    is_ambiguous: bool = False

    @property
    def share(self) -> float:
        return self.count / self.of if self.of else 0.0


@dataclass(frozen=True)
class Choice:
    """The formats for all dates of a file, in the order in which they are tried.

    rival: the formats under the other order of day and month, where no value decides; `supported`, `against`: values
    that each order takes.
    """

    formats: tuple[str, ...]
    rival: tuple[str, ...] = ()
    supported: int = 0
    against: int = 0


def order_of(format: str) -> str:
    """dmy, mdy or ymd for day orders that can be mistaken for each other; '' for all others."""
    found = re.match(r"%([dmy])([/.-])%([dm])\2%([yYd])", format)
    return "".join(found.group(1, 3, 4)).lower() if found else ""


def is_digits(format: str) -> bool:
    """Digits alone, which ids and numbers are too: no evidence for a date by itself."""
    return format in _COUNTS or format.startswith("%Y%m%d")


def has_zone(format: str) -> bool:
    """Whether values of a format say themselves which instant they are."""
    return "%z" in format or format.startswith("epoch")


def shares(
    con: DuckDBPyConnection, records: Records, feed: Feed, heading: str, nulls: Sequence[str]
) -> tuple[FormatShare, ...]:
    """The formats that take any value of a column, the best first."""
    column = quoted(records.columns[heading])
    without = ", ".join(literal(word) for word in nulls)
    real = "[0-9]{4}-[0-9]{2}-[0-9]{2} [0-9:]{8}[.][0-9]{6}([+]00:00)?"
    values = (
        f"select nullif(trim({column}, ' \t\r\n'), '') as v from {records.relation} where trim({column}) "
        f"not in ({without}) and not regexp_full_match({column}, '{real}')"
    )
    sample = f"(select v from ({values}) where v is not null limit {SAMPLE})"
    likely = con.execute(
        f"select count(*) filter (regexp_matches(v, '[0-9]') and length(v) between 5 and 40) * 2 >= count(*) "
        f"from {sample}"
    ).fetchone()
    if not (likely and likely[0]):
        return ()
    tried = [format for format, count in _counts(con, sample, feed, FORMATS)[1].items() if count]
    if not tried:
        return ()
    of, counts = _counts(con, f"(select v from ({values}) where v is not null)", feed, tried)
    found = [FormatShare(format, count, of) for format, count in counts.items() if count]
    found.sort(key=lambda one: -one.count)
    return tuple(replace(one, is_ambiguous=_is_ambiguous(one, found)) for one in found)


def _is_ambiguous(one: FormatShare, found: Sequence[FormatShare]) -> bool:
    """Only the best can be: a format that takes fewer values than another is decided against."""
    mine = order_of(one.format)
    if not mine or one.count < found[0].count:
        return False
    return any(other.count == one.count and order_of(other.format) not in ("", mine) for other in found)


def _counts(con: DuckDBPyConnection, relation: str, feed: Feed, tried: Sequence[str]) -> tuple[int, dict[str, int]]:
    """How many values each format takes as the night would."""
    ways = [_sql(feed, f"f{i}", (format,)) for i, format in enumerate(tried)]
    counted = ", ".join(f"count(p{i})" for i in range(len(ways)))
    row = con.execute(f"select count(*), {counted} from {_read(ways, relation)}").fetchone()
    told = row or (0, *[0] * len(tried))
    return told[0], dict(zip(tried, told[1:], strict=True))


def _sql(feed: Feed, name: str, formats: tuple[str, ...]) -> instants.InstantSql:
    return instants.instant(replace(feed, datetime_formats=formats), name, "v", typed=False, is_of_the_past=False)


def _read(ways: Sequence[instants.InstantSql], relation: str) -> str:
    """What each way of reading the texts `v` of a relation makes of them, as p0, p1 …"""
    parsed, placed, timed = (
        ", ".join([first, *(item for way in ways for item in getattr(way, step))])
        for step, first in (("parsed", "v"), ("placed", "*"), ("timed", "*"))
    )
    values = ", ".join(f"{way.value} as p{i}" for i, way in enumerate(ways))
    return f"(select {values} from (select {timed} from (select {placed} from (select {parsed} from {relation}))))"


def choose(
    con: DuckDBPyConnection, records: Records, feed: Feed, found: Mapping[str, Sequence[FormatShare]]
) -> Choice:
    """The fewest formats that take the most values of these columns, day and month in one order throughout.

    Args:
        found: heading -> the formats that take any of its values.
    """
    votes: dict[str, int] = {}
    for column in found.values():
        for order in {order_of(one.format) for one in column} - {""}:
            votes[order] = votes.get(order, 0) + max(one.count for one in column if order_of(one.format) == order)
    ranked = sorted(votes, key=lambda order: (-votes[order], _unlikely(con, records, feed, found, order), order))
    winner, loser = [*ranked, "", ""][:2]
    chosen = _cover(con, records, feed, found, {"", winner})
    if not (winner and loser and any(order_of(one) for one in chosen)):
        return Choice(chosen)
    is_open = votes[loser] == votes[winner]
    rival = _cover(con, records, feed, found, {"", loser}) if is_open else ()
    return Choice(chosen, rival, votes[winner], votes[loser])


def _unlikely(
    con: DuckDBPyConnection, records: Records, feed: Feed, found: Mapping[str, Sequence[FormatShare]], order: str
) -> tuple[int, int]:
    """What speaks against an order of day and month: days that lie ahead, and how many days the values span.

    Mistaken dates scatter over the year, and beyond today.
    """
    tomorrow = datetime.now(UTC).replace(tzinfo=None) + timedelta(days=1)
    ahead, days = 0, 0
    for heading, column in found.items():
        formats = tuple(one.format for one in column if order_of(one.format) == order)
        if not formats:
            continue
        values = f"(select trim({quoted(records.columns[heading])}) as v from {records.relation})"
        row = con.execute(
            "select count(*) filter (p0 > ?), coalesce(date_diff('day', min(p0), max(p0)), 0) "
            f"from {_read([_sql(feed, 'one', formats)], values)}",
            [tomorrow],
        ).fetchone()
        ahead, days = (ahead + row[0], days + row[1]) if row else (ahead, days)
    return ahead, days


def _cover(
    con: DuckDBPyConnection,
    records: Records,
    feed: Feed,
    found: Mapping[str, Sequence[FormatShare]],
    orders: set[str],
) -> tuple[str, ...]:
    """Formats added one by one, each time the one that takes most of the values still left."""
    chosen: list[str] = []
    for heading, column in found.items():
        allowed = [one.format for one in column if order_of(one.format) in orders]
        so_far = taken(con, records, feed, heading, tuple(f for f in chosen if f in allowed))
        for format in allowed:
            if format in chosen:
                continue
            more = taken(con, records, feed, heading, (*(f for f in chosen if f in allowed), format))
            if more > so_far:
                chosen.append(format)
                so_far = more
    return tuple(chosen)


def taken(con: DuckDBPyConnection, records: Records, feed: Feed, heading: str, formats: tuple[str, ...]) -> int:
    """How many values of a column these formats take together."""
    if not formats:
        return 0
    values = f"(select nullif(trim({quoted(records.columns[heading])}), '') as v from {records.relation})"
    row = con.execute(f"select count(p0) from {_read([_sql(feed, 'one', formats)], values)}").fetchone()
    return int(row[0]) if row else 0
