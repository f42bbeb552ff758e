"""Who is looking, in which language, at which published snapshot, through which filter.

app.py begins a view once a run; pages ask `current()` for it and read every number through it. Reads
are cached by snapshot, scope, definition and filter: a published snapshot never changes, so nothing in
the cache can go stale, and the bounds keep a long-running server small.
"""

from __future__ import annotations

import os
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import date, timedelta
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Final, cast

import duckdb
import polars as pl
import streamlit as st

from dashboard import fair, kept, periods, readings, targets
from dashboard.labels import Labels
from dashboard.metrics import bounds, change, query
from dashboard.metrics import passport as passports
from dashboard.metrics import restated as restatements
from dashboard.metrics.access import Scope
from ingestion.warehouse.kpi_bounds import Bound, datasets_of
from ingestion.warehouse.kpis import Filter, Kpi, load_kpis
from ingestion.warehouse.views import View as Table
from ingestion.warehouse.views import load_views

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from dashboard.i18n import Translate
    from dashboard.metrics.query import Snapshot
    from dashboard.periods import Period

Key = tuple[object, ...]
Where = tuple[tuple[str, tuple[str, ...]], ...]

ROWS_SHOWN: Final = 500
OPEN_SHOWN: Final = 5_000
TABLE_SHOWN: Final = 1_000
_COARSE_PERIODS: Final = ("day", "week")
_STATE_KEY: Final = "_view"


@dataclass(frozen=True)
class Choice:
    """What the filter bar says."""

    period: Period
    comparison: str = "previous"
    where: Where = ()


@dataclass(frozen=True)
class Question:
    """A KPI by slices and period, over the chosen dates (None) or other ones, under the filter (None) or another."""

    kpi: Kpi
    by: tuple[str, ...] = ()
    grain: str = "total"
    period: Period | None = None
    where: Where | None = None

    def __hash__(self) -> int:
        return hash((self.kpi.id, self.by, self.grain, self.period, self.where))


@dataclass(frozen=True)
class View:
    """One reader's look at one snapshot."""

    lang: str
    t: Translate
    snapshot: Snapshot
    scope: Scope
    choice: Choice

    @cached_property
    def labels(self) -> Labels:
        return Labels(self.lang, self.t)

    @property
    def zone(self) -> str:
        return self.snapshot.business_timezone

    @property
    def last_date(self) -> date:
        return self.snapshot.last_date

    def kpi(self, kpi_id: str) -> Kpi:
        return load_kpis()[kpi_id]

    def kpis(self, *kpi_ids: str) -> list[Kpi]:
        """Those of the KPIs that sql/kpis defines, in the order asked for."""
        known = load_kpis()
        return [known[kpi_id] for kpi_id in kpi_ids if kpi_id in known]

    def filter(self, period: Period | None = None, where: Where | None = None) -> Filter:
        dates = period or self.choice.period
        return Filter(dates.first, dates.last, dict(self.choice.where if where is None else where))

    def reading(self, kpi: Kpi, period: Period | None = None) -> readings.Reading:
        """The KPI over the chosen period, or another one, under the same filter."""
        if self.unsplit(kpi):
            return readings.Reading(kpi.id, "unsplit", None, None, None, 0, None, None)
        found = self._values(kpi, (), "total", period)
        if found.is_empty():
            return readings.Reading(kpi.id, "empty", None, None, None, 0, None, None)
        return readings.Reading.of(found.row(0, named=True))

    def earlier(self, comparison: str, kpi: Kpi) -> Period:
        """The dates a KPI is compared with: as many working days, as ripe, the same holiday.

        What is taken at one day (a backlog, a cohort) is taken at that day of the period before.
        """
        plain = periods.before(self.choice.period, comparison)
        if kpi.over_time != "sum":
            return plain
        fairly = fair.compare(
            self.choice.period, comparison, last_date=self.last_date, maturity_days=kpi.maturity_days
        )
        return fairly.before if fairly else plain

    def earlier_reading(self, kpi: Kpi, period: Period) -> readings.Reading:
        """The KPI over an earlier period; state `no_history` where the data begin later: no record is no zero."""
        found = self.reading(kpi, period)
        if not readings.reaches(
            self._first_date(kpi), period, self.counted_on(kpi, period), is_count=kpi.unit == "count"
        ):
            return replace(found, state="no_history", value=None, lower=None, upper=None)
        return found

    def counted_on(self, kpi: Kpi, period: Period | None = None) -> date | None:
        """The day whose end (a stock) or whose customers (a cohort) the KPI counts; None: all days of the period."""
        return query.counted_on(self.snapshot, kpi, self.filter(period))

    def unsplit(self, kpi: Kpi | Table) -> tuple[str, ...]:
        """Dimensions filtered by that the KPI does not know: it has no value under this filter."""
        return tuple(name for name, _ in self.choice.where if name not in kpi.dimensions)

    def bound(self, kpi: Kpi) -> Bound | None:
        """Where the KPI would lie if the rows held back were counted; None where none could be."""
        if not self.is_held_back(kpi) or self.unsplit(kpi):
            return None
        now = self.reading(kpi)
        key = (*self._key(None), kpi.id, kpi.version, "bound")
        sums = now.numerator or 0, now.denominator or 0
        return _bound(key, lambda: bounds.bound(self.snapshot, self.scope, kpi, self.filter(), sums))

    def is_held_back(self, kpi: Kpi) -> bool:
        """Whether rows of the exports that the KPI counts on are held back."""
        return not _concerned(self.snapshot.run_id, lambda: bounds.concerned(self.snapshot)).isdisjoint(
            datasets_of(kpi)
        )

    def trend(
        self, kpi: Kpi, by: Sequence[str] = (), grain: str | None = None, period: Period | None = None
    ) -> pl.DataFrame:
        """The KPI by day, week or month, whichever keeps the chosen period readable."""
        return self._values(kpi, tuple(by), grain or self.grain(kpi), period)

    def grain(self, kpi: Kpi) -> str:
        """The step of the KPI's trend over the chosen period."""
        step = periods.grain(self.choice.period)
        # A cohort KPI is taken on the first day of a month: shorter steps do not exist.
        return "month" if kpi.over_time == "first" and step in _COARSE_PERIODS else step

    def by(self, kpi: Kpi, *dimensions: str) -> pl.DataFrame:
        """The KPI by dimension, values in the reader's language, groups without cases left out.

        By one dimension its codes stand beside the words, in `code`.
        """
        found = self._values(kpi, dimensions, "total", None)
        shown = (pl.col("n") > 0) & ((pl.col("state") != "small_n") | (pl.col("n") >= readings.HIDE_BELOW))
        kept_ = found.filter(shown)
        codes = [pl.col(dimensions[0]).cast(pl.String).alias("code")] if len(dimensions) == 1 else []
        return self.named(kept_.with_columns(codes), *dimensions)

    def named(self, frame: pl.DataFrame, *dimensions: str) -> pl.DataFrame:
        """The frame with dimension values in the reader's language."""
        for name in dimensions:
            words = [self.labels.value(name, each) for each in frame[name]]
            frame = frame.with_columns(pl.Series(name, words, dtype=pl.String))
        return frame

    def curve(self, kpi: Kpi, *dimensions: str) -> pl.DataFrame:
        key = (*self._key(None), kpi.id, kpi.version, dimensions)
        found = kept.frames.one(
            (*key, "curve"), lambda: query.curve(self.snapshot, self.scope, kpi, self.filter(), dimensions)
        )
        return self.named(found, *dimensions)

    def rows(self, kpi: Kpi, part: str = "denominator") -> pl.DataFrame:
        """At most 500 of the units behind the KPI's value."""
        if self.unsplit(kpi):
            return pl.DataFrame()
        key = (*self._key(None), kpi.id, kpi.version, part)
        return kept.frames.one(
            key, lambda: query.rows(self.snapshot, self.scope, kpi, self.filter(), part, limit=ROWS_SHOWN)
        )

    def passport(self, kpi: Kpi) -> passports.Passport:
        """Everything behind the KPI's value under the filter."""
        key = (*self._key(None), kpi.id, kpi.version, "passport")
        return _passport(key, lambda: passports.passport(self.snapshot, self.scope, kpi, self.filter()))

    def restated(self, kpi: Kpi) -> pl.DataFrame | None:
        """What was reported of each month, then and now; None where this filter is not reported every night."""
        cell = restatements.cell_of(kpi, self.filter().where)
        if cell is None:
            return None
        key = (self.snapshot.run_id, self.scope, kpi.id, cell)
        return kept.frames.one(key, lambda: restatements.restated(self.snapshot, self.scope, kpi, None, *cell))

    def open_rows(self, kpi: Kpi) -> pl.DataFrame:
        """The units of a stock on the newest full day, whatever the period: what waits now, waits for somebody."""
        newest = periods.Period(self.last_date, self.last_date)
        key = (*self._key(newest), kpi.id, kpi.version, "open")
        wanted = self.filter(newest)
        return kept.frames.one(
            key, lambda: query.rows(self.snapshot, self.scope, kpi, wanted, "numerator", limit=OPEN_SHOWN)
        )

    def sums(self, mart: str, by: Sequence[str] = (), period: str = "total") -> pl.DataFrame:
        """The counts of a mart under the filter, added up by `by` and period."""
        name = f"marts.{mart}"
        key = (*self._key(None), name, tuple(by), period)
        return kept.frames.one(
            key, lambda: query.sums(self.snapshot, self.scope, name, self.filter(), by=by, period=period)
        )

    def table(self, one: Table) -> pl.DataFrame:
        """The first rows of a view of sql/views; the filter must name no slice that its fact does not know."""
        key = (*self._key(None), one.id, one.version)
        return kept.frames.one(key, lambda: query.view(self.snapshot, self.scope, one, self.filter(), TABLE_SHOWN))

    def baseline(self) -> pl.DataFrame:
        """What was frozen when the programme began, whatever dates are chosen."""
        one = load_views()["programme_baseline"]
        key = (self.snapshot.run_id, self.scope, one.id, one.version)
        return kept.frames.one(key, lambda: query.view(self.snapshot, self.scope, one, self._ever))

    def baseline_date(self) -> date | None:
        """The day on which it was frozen."""
        one = load_views()["programme_baseline"]
        key = (self.snapshot.run_id, self.scope, one.id, "frozen")
        found = kept.frames.one(key, lambda: query.view_rows(self.snapshot, self.scope, one, self._ever, limit=1))
        return None if found.is_empty() else cast("date", found["frozen_date"].item())

    @property
    def _ever(self) -> Filter:
        # The day that as-of falls on counts too: the first night freezes on it.
        return Filter(date(2000, 1, 1), self.last_date + timedelta(days=1))

    def missing(self, one: Kpi | Table) -> tuple[str, ...]:
        """The exports that a KPI or a view needs and that no source has brought."""
        return query.missing(self.snapshot, one)

    def meta(self, name: str) -> pl.DataFrame:
        key = (self.snapshot.run_id, "meta", name)
        return kept.frames.one(key, lambda: query.meta(self.snapshot, name))

    def held_records(self, rows: pl.DataFrame) -> pl.DataFrame:
        """The rows held back with their key and original text, for who may see them; read anew, never kept."""
        found = query.held_records(self.snapshot, self.scope, rows["load_id"].to_list(), rows["source_row"].to_list())
        return rows.join(found, on=["load_id", "dataset", "source_row"], how="left", nulls_equal=True)

    def is_connected(self, *datasets: str) -> bool:
        return set(datasets) <= self.snapshot.connected

    def target(self, kpi: Kpi) -> readings.Target | None:
        """The absolute target for the whole, or for the one slice looked at, that holds on the last day."""
        return targets.absolute(self._targets, kpi.id, dict(self.choice.where), self.last_date)

    @cached_property
    def _targets(self) -> targets.Rows:
        return targets.by_kpi(self.meta("targets"))

    def targets(self, kpi: Kpi) -> pl.DataFrame:
        """Every target row of the KPI, also relative ones and those of single slices."""
        return targets.rows_of(self.meta("targets"), kpi.id)

    def ahead(self, questions: Iterable[Question]) -> None:
        """Ask together what a page is about to ask one by one: what shares a table is then read in one scan."""
        answerable = [one for one in dict.fromkeys(questions) if not self.unsplit(one.kpi)]
        # What fails is asked again where it is shown, and told there.
        with suppress(duckdb.Error):
            self.ask_all(answerable)

    def ask(self, question: Question) -> pl.DataFrame:
        """query.values of one question, in codes."""
        return self.ask_all([question])[0]

    def explained(self, kpi: Kpi, by: tuple[str, ...], compared: fair.Comparison) -> pl.DataFrame:
        """The change of the KPI between fair dates as a sum over the groups of a dimension."""
        key = (*self._key(compared.now), compared.before, kpi.id, kpi.version, by, "why")
        now, before = self.filter(compared.now), self.filter(compared.before)
        return kept.frames.one(key, lambda: change.explain(self.snapshot, self.scope, kpi, now, before, by))

    def compared(self, kpi: Kpi) -> fair.Comparison | None:
        """The fair dates on either side of the chosen comparison; None where nothing is over and ripe."""
        return fair.compare(
            self.choice.period, self.choice.comparison, last_date=self.last_date, maturity_days=kpi.maturity_days
        )

    def ripe_months(self, kpi: Kpi, months: int) -> Period:
        """The last months whose cohorts have been watched for the KPI's whole horizon."""
        last = self.last_date - timedelta(seconds=kpi.horizon or 0)
        return periods.Period(periods.shift_months(last.replace(day=1), 1 - months), last)

    def step_dates(self, start: date | None, question: Question) -> Period | None:
        """The dates of one step of a question, within the dates asked about; None for the total."""
        if start is None:
            return None
        whole = question.period or self.choice.period
        end = periods.step_end(start, question.grain)
        return periods.Period(max(start, whole.first), min(end, whole.last, self.last_date))

    def _values(self, kpi: Kpi, by: tuple[str, ...], grain: str, period: Period | None) -> pl.DataFrame:
        return self.ask(Question(kpi, by, grain, period))

    def ask_all(self, questions: Sequence[Question]) -> list[pl.DataFrame]:
        """query.values of several questions, in codes; what shares a table is read in one scan."""
        asks = [query.Ask(one.kpi, self.filter(one.period, one.where), one.by, one.grain) for one in questions]
        keys = [
            (*self._key(one.period, one.where), one.kpi.id, one.kpi.version, one.by, one.grain) for one in questions
        ]
        return kept.frames.many(
            keys,
            lambda places: query.values_together(self.snapshot, self.scope, [asks[place] for place in places]),
        )

    def _first_date(self, kpi: Kpi) -> date | None:
        if query.knows_first_date(self.snapshot, self.scope, kpi):
            # Looked up at once; to remember it besides would take longer.
            return query.first_date(self.snapshot, self.scope, kpi)
        key = (self.snapshot.run_id, self.scope, kpi.id, kpi.version)
        return _first_date(key, lambda: query.first_date(self.snapshot, self.scope, kpi))

    def _key(self, period: Period | None, where: Where | None = None) -> Key:
        slices = self.choice.where if where is None else where
        return (self.snapshot.run_id, self.scope, period or self.choice.period, slices)


def home() -> Path:
    """Where the nightly run publishes: AFTERCARE_HOME, as `aftercare serve --home` sets it."""
    return Path(os.environ.get("AFTERCARE_HOME", "./warehouse"))


def open_published() -> Snapshot | None:
    """What is published at this moment; a new night appears on the reader's next click."""
    return query.open_snapshot(home())


def options(snapshot: Snapshot, scope: Scope, dimension: str) -> list[str]:
    """The values a reader may filter by, the most frequent first and "unknown" last."""
    key = (snapshot.run_id, scope, dimension)
    found = _options(key, lambda: query.dimension_values(snapshot, scope, dimension))
    return sorted(found, key=lambda value: value == "unknown")


def begin(view: View) -> None:
    st.session_state[_STATE_KEY] = view


def current() -> View:
    """The view that app.py began in this run."""
    return cast("View", st.session_state[_STATE_KEY])


# Streamlit hashes `key` and leaves `_read` alone: the key alone decides what is the same question.
@st.cache_data(max_entries=200, show_spinner=False)
def _first_date(key: Key, _read: Callable[[], date | None]) -> date | None:
    return _read()


@st.cache_data(max_entries=500, show_spinner=False)
def _bound(key: Key, _read: Callable[[], Bound | None]) -> Bound | None:
    return _read()


@st.cache_data(max_entries=20, show_spinner=False)
def _concerned(key: str, _read: Callable[[], frozenset[str]]) -> frozenset[str]:
    return _read()


@st.cache_data(max_entries=60, show_spinner=False)
def _passport(key: Key, _read: Callable[[], passports.Passport]) -> passports.Passport:
    return _read()


@st.cache_data(max_entries=60, show_spinner=False)
def _options(key: Key, _read: Callable[[], list[str]]) -> list[str]:
    return _read()
