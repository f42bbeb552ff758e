"""KPI entries of sql/kpis, and the SQL of a KPI under a filter. Pure text: no connection is opened here.

A KPI counts over rows that can be listed: `rows` is a fact model with one row a unit, `denominator` a
boolean column that says which units count, `numerator` what each contributes. `mart` holds the same sums
by day and dimension and is read instead when it carries every column the question touches.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, timedelta
from functools import lru_cache
from pathlib import Path
from types import MappingProxyType
from typing import Any

from ingestion.warehouse import entries
from ingestion.warehouse.entries import DIMENSIONS, PAGES, KpiEntryInvalid

SQL_DIR = Path(__file__).resolve().parents[2] / "sql"

KINDS = ("ratio", "km_time", "km_share", "count", "mean", "nps", "stock", "rate", "difference")
UNITS = ("ratio", "seconds", "count", "score", "points", "number")
BETTER = ("higher", "lower", "neutral")
LAYERS = ("efficiency", "satisfaction", "business", "volume", "quality")
OVER_TIME = ("sum", "first", "last")
MEASURES = ("share", "mean", "median")
PERIODS = ("day", "week", "month", "quarter", "year", "total")


_WORDS = re.compile(r"'[^']*'|[a-z_][a-z_0-9]*")
_SQL_WORDS = {
    "in",
    "true",
    "false",
    "and",
    "or",
    "not",
    "is",
    "null",
    "between",
    "cast",
    "as",
    "integer",
    "bigint",
    "decimal",
    "case",
    "when",
    "then",
    "else",
    "end",
    "coalesce",
}


class KpiQuestionInvalid(Exception):
    """The question does not fit the KPI: unknown dimension, period or order of dates."""

    def __init__(self, code: str, **fields: str) -> None:
        super().__init__(f"{code}: {fields}")
        self.code = code
        self.fields = fields


@dataclass(frozen=True)
class Mart:
    """The sums of a KPI in a mart: column names of numerator, denominator and units still maturing."""

    model: str
    numerator: str
    denominator: str | None = None
    pending: str | None = None


@dataclass(frozen=True)
class Kpi:
    """One entry of sql/kpis. Times are seconds, shares 0 to 1, NPS -100 to 100.

    time: the business date a unit belongs to (the time basis). maturity_days: how old a unit must be to count.
    A rate is `per` x numerator / denominator; is_count says that its numerator counts events (Poisson). A
    difference compares the units of `group` with the rest within equal `strata`.
    """

    id: str
    label: Mapping[str, str]
    meaning: Mapping[str, str]
    formula: Mapping[str, str]
    kind: str
    unit: str
    better: str
    rows: str
    time: str
    numerator: str
    denominator: str
    datasets: tuple[str, ...]
    page: str
    owner: str
    document: str
    quote: str
    differs: Mapping[str, str]
    layer: str
    clock: str | None = None
    duration: str | None = None
    event: str | None = None
    quantile: float | None = None
    horizon: int | None = None
    limit: str | None = None
    pending: str | None = None
    maturity_days: int = 0
    over_time: str = "sum"
    per: int = 1
    is_count: bool = True
    group: str | None = None
    measure: str | None = None
    strata: tuple[str, ...] = ()
    mart: Mart | None = None
    guardrail: str | None = None
    minimum_n: int = 30
    dimensions: tuple[str, ...] = DIMENSIONS
    not_by: tuple[str, ...] = ()
    catalogue_rows: tuple[int, ...] = ()
    version: str = ""

    @property
    def source(self) -> str:
        """Where the KPI is asked for: document and sentence."""
        return f"{self.document} {self.quote}"

    @property
    def is_decimal(self) -> bool:
        """Whether the numerator may be a fraction (hours, amounts); all others count."""
        return self.kind == "mean" or (self.kind == "rate" and not self.is_count) or self.measure == "mean"


@dataclass(frozen=True)
class Filter:
    """What is looked at: business dates, both inclusive, and allowed values by dimension.

    Values of one dimension are OR, dimensions AND. None as a date leaves that side open.
    """

    date_from: date | None = None
    date_to: date | None = None
    where: Mapping[str, tuple[str, ...]] = field(default_factory=lambda: MappingProxyType({}))


@dataclass(frozen=True)
class Query:
    """SQL text with its bound values, in order."""

    sql: str
    binds: tuple[object, ...]


def _kpi(kpi_id: str, entry: dict[str, Any], where: str) -> Kpi:
    fields: dict[str, Any] = dict(entry)
    for name in ("label", "meaning", "formula", "differs"):
        fields[name] = entries.words(entry, name, where)
    for name in ("datasets", "catalogue_rows", "not_by", "strata"):
        fields[name] = tuple(fields.get(name, ()))
    fields["dimensions"] = entries.dimensions(fields)
    try:
        if "mart" in fields:
            fields["mart"] = Mart(**fields["mart"])
        kpi = Kpi(id=kpi_id, version=entries.version(entry), **fields)
    except TypeError as error:
        raise KpiEntryInvalid(f"{where}: {error}") from error
    for name, known in (
        ("kind", KINDS),
        ("unit", UNITS),
        ("better", BETTER),
        ("layer", LAYERS),
        ("page", PAGES),
        ("over_time", OVER_TIME),
    ):
        entries.one_of(getattr(kpi, name), known, name, where)
    _check_kind(kpi, where)
    return kpi


def _check_kind(kpi: Kpi, where: str) -> None:
    """What a kind needs beside the fields of all. Raises KpiEntryInvalid."""
    if kpi.kind.startswith("km_") and not (kpi.duration and kpi.event):
        raise KpiEntryInvalid(f"{where}: a Kaplan-Meier KPI needs duration and event")
    if kpi.kind == "km_time" and kpi.quantile is None:
        raise KpiEntryInvalid(f"{where}: a Kaplan-Meier time needs a quantile")
    if kpi.kind == "km_share" and (kpi.horizon is None) == (kpi.limit is None):
        raise KpiEntryInvalid(f"{where}: a Kaplan-Meier share needs either horizon or limit")
    if kpi.kind == "difference" and not (kpi.group and kpi.measure in MEASURES):
        raise KpiEntryInvalid(f"{where}: a difference needs a group and a measure ({', '.join(MEASURES)})")
    if kpi.measure == "median" and not (kpi.duration and kpi.event):
        raise KpiEntryInvalid(f"{where}: a difference of medians needs duration and event")


@lru_cache(maxsize=4)
def load_kpis(folder: Path = SQL_DIR / "kpis") -> Mapping[str, Kpi]:
    """All entries by id, in the order of the files. Raises KpiEntryInvalid."""
    kpis = {kpi_id: _kpi(kpi_id, entry, where) for kpi_id, entry, where in entries.in_folder(folder)}
    for kpi in kpis.values():
        if kpi.guardrail and kpi.guardrail not in kpis:
            raise KpiEntryInvalid(f"[{kpi.id}]: guardrail {kpi.guardrail!r} is no KPI")
    return MappingProxyType(kpis)


def load_kpi(kpi_id: str, folder: Path = SQL_DIR / "kpis") -> Kpi | None:
    """One entry, whose file alone is read: an answer to one question needs no other. Raises KpiEntryInvalid."""
    found = entries.one(folder, kpi_id)
    return _kpi(kpi_id, *found) if found else None


def named_columns(kpi: Kpi) -> set[str]:
    """The columns of its rows that an entry names: in its expressions, as time, as strata and as dimensions."""
    expressions = (kpi.numerator, kpi.denominator, kpi.duration, kpi.event, kpi.limit, kpi.pending, kpi.group)
    words = {word for text in expressions if text for word in _WORDS.findall(text)}
    named = {word for word in words if not word.startswith("'") and word not in _SQL_WORDS}
    return named | {kpi.time, *kpi.strata, *kpi.dimensions}


def default_dates(last_date: date) -> tuple[date, date]:
    """The last 12 full months up to and including `last_date`, the last complete business day."""
    after = last_date + timedelta(days=1)
    end = after.replace(day=1) - timedelta(days=1)
    return twelve_months_before(end), end


def twelve_months_before(last: date) -> date:
    """First day of the twelve calendar months that end with the month of `last`."""
    return date(last.year, 1, 1) if last.month == 12 else date(last.year - 1, last.month + 1, 1)


def period_start(day: date, period: str) -> date | None:
    """First day of the period that holds `day`; None for total. Weeks start on Monday."""
    match period:
        case "day":
            return day
        case "week":
            return day - timedelta(days=day.weekday())
        case "month":
            return day.replace(day=1)
        case "quarter":
            return date(day.year, 3 * ((day.month - 1) // 3) + 1, 1)
        case "year":
            return date(day.year, 1, 1)
        case _:
            return None


_LONGEST = {"day": 1, "week": 7, "month": 31, "quarter": 92, "year": 366}


def period_end(start: date, period: str) -> date:
    """Last day of the period that begins on `start`; there is none for total."""
    following = period_start(start + timedelta(days=_LONGEST[period]), period)
    return (following or start) - timedelta(days=1)


def periods_between(first: date, last: date, period: str) -> list[date]:
    """Starts of all periods that touch first..last, ascending; empty for total."""
    days = (first + timedelta(days=n) for n in range((last - first).days + 1))
    return sorted({start for day in days if (start := period_start(day, period)) is not None})
