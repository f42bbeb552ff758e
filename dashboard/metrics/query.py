"""The read side: the only place that runs SQL on a published snapshot.

Connections are read-only, without external access and with their configuration locked; every call uses a
cursor of its own, because one connection shared by threads hands out other threads' results.
"""

from __future__ import annotations

import threading
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, timedelta
from functools import cached_property
from pathlib import Path
from zoneinfo import ZoneInfo

import duckdb
import polars as pl

from dashboard.metrics import answers, arrow, completing, tier_now
from dashboard.metrics.access import Scope
from dashboard.metrics.asked import Asked
from dashboard.metrics.completing import missing as missing
from ingestion.warehouse import cells, engines, kpi_cells, kpi_sql, serving, views
from ingestion.warehouse.kpis import (
    PERIODS,
    Filter,
    Kpi,
    KpiQuestionInvalid,
    Query,
    default_dates,
    twelve_months_before,
)
from ingestion.warehouse.serving import Served
from ingestion.warehouse.snapshots import Seal
from ingestion.warehouse.views import View

KEPT_OPEN = 3
"""Snapshots that stay open: today's, and those that somebody is still looking at after a new one came."""

_connections: dict[Path, duckdb.DuckDBPyConnection] = {}
_lock = threading.Lock()


class PersonalForbidden(Exception):
    """Who asks may not see names, contact data or free text."""


class PeopleMissing(Exception):
    """The companion file of personal columns is not there, or damaged."""


class NoSuchTable(KpiQuestionInvalid):
    """The snapshot has no such table: it was misspelt, or an older version wrote the snapshot."""


def open_cursor(file: Path) -> duckdb.DuckDBPyConnection:
    """A cursor of the process's one read-only connection to a snapshot file, which the caller closes."""
    with _lock:
        return _connection(file).cursor()


def _connection(file: Path) -> duckdb.DuckDBPyConnection:
    """That connection; the lock must be held.

    The connections opened longest ago are let go, so that deleted snapshots free their disk and memory; what still
    runs on a cursor of theirs ends undisturbed.
    """
    if file not in _connections:
        _connections[file] = engines.open_reader(file)
        for old in list(_connections)[:-KEPT_OPEN]:
            # Not close(): that would end what runs on its cursors. The last of them to go closes the file.
            del _connections[old]
    return _connections[file]


@dataclass(frozen=True)
class Snapshot:
    """One published state of the numbers. Instants are UTC without a zone."""

    run_id: str
    as_of: datetime
    published_at: datetime
    file: Path
    is_held: bool = False
    # The published snapshot that this one is shown instead of, since its file is damaged, and how.
    instead_of: str = ""
    fault: str = ""
    seal: Seal | None = None

    def run(self, query: Query) -> pl.DataFrame:
        """Run one query and return all its rows."""
        try:
            return self._rows(query)
        except duckdb.Error as error:
            if self.seal is not None and engines.is_damaged(error):
                # Sound when it was opened, and not any more: the next click is served another.
                serving.hashed(self.seal, anew=True)
            raise

    def _rows(self, query: Query) -> pl.DataFrame:
        cursor = open_cursor(self.file)
        try:
            return arrow.frame(cursor.sql(query.sql, params=list(query.binds)))
        finally:
            cursor.close()

    @cached_property
    def business_timezone(self) -> str:
        return str(self.run(Query("select business_timezone from meta.run", ())).item())

    @cached_property
    def last_date(self) -> date:
        """The last complete business day: the one before the day that as_of falls on."""
        local = self.as_of.replace(tzinfo=UTC).astimezone(ZoneInfo(self.business_timezone))
        return local.date() - timedelta(days=1)

    @cached_property
    def columns(self) -> dict[str, tuple[str, ...]]:
        """Column names of every published table, by its full name."""
        found = self.run(
            # A fifth of the time of information_schema.
            Query(
                "select schema_name || '.' || table_name, column_name from duckdb_columns() where not internal",
                (),
            )
        )
        grouped: dict[str, list[str]] = {}
        for name, column in found.rows():
            grouped.setdefault(name, []).append(column)
        return {name: tuple(columns) for name, columns in grouped.items()}

    @cached_property
    def connected(self) -> frozenset[str]:
        """Datasets that brought at least one row."""
        rows = self.run(Query("select distinct dataset from meta.datasets where row_count > 0", ()))
        return frozenset(rows["dataset"].to_list())

    @cached_property
    def cells(self) -> tuple[kpi_cells.Table, ...]:
        """The tables of cells that the night found worth building; none in a small snapshot."""
        if cells.REGISTRY not in self.columns:
            return ()
        rows = self.run(Query(f"select * from {cells.REGISTRY}", ())).rows(named=True)
        return tuple(kpi_cells.Table.of(row) for row in rows)

    def straight(self) -> Snapshot:
        """The same, asked as if it had no cells: every answer is exact, and as slow as its fact is long."""
        facts = replace(self)
        facts.__dict__["cells"] = ()
        return facts

    @cached_property
    def first_dates(self) -> dict[tuple[str, str], date | None]:
        """The first day of each KPI and version of its definition, where the night wrote it down."""
        if cells.FIRST_DATES not in self.columns:
            return {}
        rows = self.run(Query(f"select kpi, version, first_date from {cells.FIRST_DATES}", ())).rows()
        return {(kpi, version): day for kpi, version, day in rows}

    def age(self, now: datetime) -> timedelta:
        """How far the data lies behind `now` (UTC, without a zone)."""
        return now - self.as_of


_opened: dict[str, Snapshot] = {}


def open_snapshot(home: Path) -> Snapshot | None:
    """The snapshot to show now, its file open from here on, or None where nothing has been published.

    Raises:
        PointerDamaged: published.json cannot be read.
        SnapshotUnknownSchema: another version of this program wrote it.
        SnapshotDamaged: neither what is published nor anything before it can be read.
    """
    while (served := serving.serve(home)) is not None:
        key = f"{served.snapshot.file}|{served.snapshot.sha256}|{served.is_held}|{served.fault}"
        with _lock:
            if key in _opened:
                return _opened[key]
            try:
                _connection(served.snapshot.file)
            except duckdb.Error:
                # Gone, since a night pruned it meanwhile, or damaged: then the next look serves another.
                if not (serving.fault(served.snapshot.seal) or serving.hashed(served.snapshot.seal)):
                    raise
                continue
            _opened[key] = _shown(served)
            for old in list(_opened)[:-KEPT_OPEN]:
                del _opened[old]
            return _opened[key]
    return None


def _shown(served: Served) -> Snapshot:
    one = served.snapshot
    return Snapshot(
        run_id=one.run_id,
        as_of=one.as_of,
        published_at=one.published_at,
        file=one.file,
        is_held=served.is_held,
        instead_of=served.instead_of.run_id if served.instead_of else "",
        fault=served.fault,
        seal=one.seal,
    )


def complete_filter(snapshot: Snapshot, wanted: Filter) -> Filter:
    """The filter with both dates set: by default the last 12 full months before as_of.

    A start alone reaches to the default's end, or to the last complete day where it lies after that; an end
    alone looks back over the twelve months that end with its own.
    """
    first, last = default_dates(snapshot.last_date)
    if wanted.date_to is not None:
        first, last = twelve_months_before(wanted.date_to), wanted.date_to
    elif wanted.date_from is not None and wanted.date_from > last:
        last = snapshot.last_date
    return Filter(wanted.date_from or first, last, wanted.where)


def _question(snapshot: Snapshot, scope: Scope, wanted: Filter, by: Sequence[str], period: str) -> kpi_sql.Question:
    return kpi_sql.Question(
        filter=complete_filter(snapshot, wanted),
        by=tuple(by),
        period=period,
        last_date=snapshot.last_date,
        regions=scope.regions,
    )


def values(
    snapshot: Snapshot,
    scope: Scope,
    kpi: Kpi,
    wanted: Filter,
    by: Sequence[str] = (),
    period: str = "total",
) -> pl.DataFrame:
    """The values of one KPI, a row for each period and combination of the dimensions in `by`.

    Columns: kpi, period (first business day; null for total), the dimensions, value, numerator,
    denominator, n, lower, upper (95 % interval), state, as_of, run_id, definition_version. A period
    without units is there with state `empty`. Raises KpiQuestionInvalid.
    """
    return values_together(snapshot, scope, [Ask(kpi, wanted, tuple(by), period)])[0]


@dataclass(frozen=True)
class Ask:
    """One question of several: what `values` is asked."""

    kpi: Kpi
    wanted: Filter
    by: tuple[str, ...] = ()
    period: str = "total"


def values_together(snapshot: Snapshot, scope: Scope, asks: Sequence[Ask]) -> list[pl.DataFrame]:
    """`values` of each, asked together: what shares a table is read in one scan. Raises KpiQuestionInvalid."""
    asked = [
        Asked(
            tier_now.of(snapshot, ask.kpi, (*ask.by, *ask.wanted.where)),
            _question(snapshot, scope, ask.wanted, ask.by, ask.period),
        )
        for ask in asks
    ]
    return completing.answer(snapshot, asked)


def view(snapshot: Snapshot, scope: Scope, view: View, wanted: Filter, limit: int | None = None) -> pl.DataFrame:
    """The table of a view under the filter, or its first rows; none at all where an export it needs is not connected.

    Raises KpiQuestionInvalid.
    """
    found = snapshot.run(views.view_query(view, _question(snapshot, scope, wanted, (), "total"), limit))
    return found.clear() if missing(snapshot, view) else found


def view_rows(snapshot: Snapshot, scope: Scope, view: View, wanted: Filter, limit: int | None = None) -> pl.DataFrame:
    """The units behind a view's table under the filter."""
    return snapshot.run(views.view_rows_query(view, _question(snapshot, scope, wanted, (), "total"), limit))


def knows_first_date(snapshot: Snapshot, scope: Scope, kpi: Kpi) -> bool:
    """Whether the night wrote down the first day that `first_date` tells."""
    return scope.regions is None and (kpi.id, kpi.version) in snapshot.first_dates


def first_date(snapshot: Snapshot, scope: Scope, kpi: Kpi) -> date | None:
    """The first day that has a unit of the KPI in the scope: nothing is known of before. None: no unit at all."""
    if knows_first_date(snapshot, scope, kpi):
        return snapshot.first_dates[kpi.id, kpi.version]
    sql = f"select cast(min({kpi.time}) as date) as first from {kpi.rows} where ({kpi.denominator})"
    binds: tuple[object, ...] = ()
    if scope.regions is not None:
        sql += " and list_contains(?::varchar[], region)" if "region" in kpi.dimensions else " and false"
        binds = (list(scope.regions),) if "region" in kpi.dimensions else ()
    found = snapshot.run(Query(sql, binds))["first"].item()
    return found if isinstance(found, date) else None


def counted_on(snapshot: Snapshot, kpi: Kpi, wanted: Filter) -> date | None:
    """The one day at which a stock or a cohort KPI is taken over the whole period; None where every day counts."""
    question = _question(snapshot, Scope.everything(), wanted, (), "total")
    days = kpi_sql.counted_dates(kpi, question)
    return days[0] if days else None


def rows(
    snapshot: Snapshot,
    scope: Scope,
    kpi: Kpi,
    wanted: Filter,
    part: str = "denominator",
    limit: int | None = None,
) -> pl.DataFrame:
    """The units behind a KPI's total under the filter: part `denominator` or `numerator`."""
    if part not in ("denominator", "numerator"):
        raise KpiQuestionInvalid("unknown_part", part=part)
    question = _question(snapshot, scope, wanted, (), "total")
    return snapshot.run(kpi_sql.rows_query(tier_now.of(snapshot, kpi, wanted.where), question, part, limit))


def curve(snapshot: Snapshot, scope: Scope, kpi: Kpi, wanted: Filter, by: Sequence[str] = ()) -> pl.DataFrame:
    """The Kaplan-Meier curve: the dimensions, duration (s, or 1 = the limit), survival, lower, upper, at_risk."""
    asked = tier_now.of(snapshot, kpi, (*by, *wanted.where))
    return answers.curve(snapshot, Asked(asked, _question(snapshot, scope, wanted, by, "total")))


def sums(
    snapshot: Snapshot,
    scope: Scope,
    mart: str,
    wanted: Filter,
    by: Sequence[str] = (),
    period: str = "total",
) -> pl.DataFrame:
    """The counts of a mart under the filter, added up by the columns in `by` and by period.

    Columns: period (Date; only where period is not total), those of `by`, then every `..._count` of the
    mart. Without `by` and period there is exactly one row. A filter on a slice that the mart does not have
    is an error, never ignored. Raises KpiQuestionInvalid.
    """
    columns = snapshot.columns.get(mart, ())
    if "date" not in columns or not mart.startswith("marts."):
        raise KpiQuestionInvalid("unknown_table", table=mart)
    complete = complete_filter(snapshot, wanted)
    kpi_sql.check_dates(complete)
    for column in (*by, *complete.where):
        if column not in columns:
            raise KpiQuestionInvalid("unknown_column", table=mart, column=column)
    if period not in PERIODS:
        raise KpiQuestionInvalid("unknown_period", period=period, known=", ".join(PERIODS))
    counts = [name for name in columns if name.endswith("_count")]
    question = _question(snapshot, scope, complete, by, period)
    return snapshot.run(kpi_cells.mart_query(mart, counts, question, snapshot.cells))


def meta(snapshot: Snapshot, name: str) -> pl.DataFrame:
    """A table of the run's records: run, loads, checks, quarantine, findings, datasets, targets."""
    full = f"meta.{name}"
    if full not in snapshot.columns:
        raise NoSuchTable("unknown_table", table=full)
    return snapshot.run(Query(f"select * from {full}", ()))


def held_records(
    snapshot: Snapshot, scope: Scope, load_ids: Sequence[str], source_rows: Sequence[int]
) -> pl.DataFrame:
    """Rows held back, told by file and number: load_id, dataset, source_row, key, original (as it was found).

    A record of a file that gives rows to several datasets has a key in each of them.

    Raises:
        PersonalForbidden: the reader may not see personal data, or not every region: what was held back has none.
        PeopleMissing: the file that holds what is personal cannot be opened.
    """
    if not scope.may_see_personal or scope.regions is not None:
        raise PersonalForbidden
    sql = """
        select load_id, dataset, source_row, any_value(key) as key, any_value(original) as original
        from people.quarantine
        where (load_id, source_row) in (select unnest(?::varchar[]), unnest(?::bigint[])) group by all"""
    with open_people(snapshot) as people:
        return arrow.frame(people.sql(sql, params=[list(load_ids), list(source_rows)]))


def open_people(snapshot: Snapshot) -> duckdb.DuckDBPyConnection:
    """The companion file of personal columns, for one look, which the caller closes: nobody else may find it open.

    Raises:
        PeopleMissing: it is not there, or damaged.
    """
    try:
        return engines.open_reader(snapshot.file.with_suffix(".people.duckdb"))
    except duckdb.Error as error:
        raise PeopleMissing from error


def dimension_values(snapshot: Snapshot, scope: Scope, dimension: str) -> list[str]:
    """The values a dimension takes among tickets, orders and customers, most frequent first."""
    allowed = "" if scope.regions is None else " and (dimension <> 'region' or list_contains(?::varchar[], value))"
    binds: tuple[object, ...] = (dimension, *(() if scope.regions is None else (list(scope.regions),)))
    sql = f"select value from marts.mart_dimensions where dimension = ?{allowed} order by unit_count desc, value"
    return [str(value) for value in snapshot.run(Query(sql, binds))["value"].to_list()]
