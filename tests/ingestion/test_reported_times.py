"""The times that a night reports are those that a question is answered with, also where units tie or wait."""

from __future__ import annotations

from dataclasses import replace
from datetime import date

import duckdb
import pytest

from ingestion.warehouse import models, reported, reported_times
from ingestion.warehouse.kpis import Kpi, Query, load_kpis
from ingestion.warehouse.reported import Window

_WINDOW = Window.until(date(2026, 3, 17))
_COLUMNS = (
    "kpi, definition_version, slice_dimension, slice_value, period, value, numerator, denominator, n, state, {also}"
)
# Few durations (ties), a third without an area, months in which all wait or all are done, cells of a single unit.
_UNITS = """
create table units as
with drawn as materialized (
    select random() as day, random() as place, random() as rank, random() as line, random() as wish, random() as wait,
        random() as fate, random() as gap, random() as part from range({count})
)
select date '2025-01-01' + cast(day * 440 as integer) as created_date,
    [null, 'north', 'south'][1 + cast(floor(place * 3) as integer)] as area,
    ['gold', 'black', 'plain'][1 + cast(floor(pow(rank, 3) * 3) as integer)] as tier,
    'phone ' || cast(floor(line * 40) as integer) as channel,
    wish < 0.95 as is_resolution_expected,
    case when gap < 0.97 then cast(floor(wait * {durations}) as bigint) end as resolution_calendar_seconds,
    case when month(created_date) = 2 then false when month(created_date) = 3 then true
        when fate > 0.98 then null else fate < {done} end as is_resolved,
    cast(floor(part * 3) as integer) as step
from drawn"""


def _times() -> list[Kpi]:
    every = load_kpis(models.SQL_DIR / "kpis")
    median = every["resolution_time"]
    return [replace(median, id=f"at_{share}", quantile=share) for share in (0.5, 0.9, 0.1)]


@pytest.mark.parametrize("also", ["", "step"])
@pytest.mark.parametrize(("count", "durations", "done"), [(4000, 12, 0.6), (4000, 5000, 0.9), (300, 4, 0.5)])
def test_times_equal_what_a_question_is_answered_with(count: int, durations: int, done: float, also: str) -> None:
    kpis = _times()
    with duckdb.connect() as con:
        con.execute("select setseed(0.4)")
        con.execute(_UNITS.format(count=count, durations=durations, done=done))
        columns = _COLUMNS.format(also=also or "0")

        def asked(query: Query) -> list[tuple[object, ...]]:
            return con.execute(f"select {columns} from ({query.sql}) as answers order by all", query.binds).fetchall()

        together = asked(reported_times.times(kpis, "units", _WINDOW, also=also))
        apart = [row for kpi in kpis for row in asked(reported.whole_and_slices(kpi, "units", _WINDOW, also=also))]
    assert len(together) > 300
    assert sorted(together, key=repr) == sorted(apart, key=repr)


def test_only_the_months_wanted_are_told() -> None:
    month = date(2025, 12, 1)
    with duckdb.connect() as con:
        con.execute(_UNITS.format(count=4000, durations=100, done=0.7))
        wanted = reported.in_months("created_date", [month])
        query = reported_times.times(_times(), "units", _WINDOW, months=wanted)
        assert con.execute(f"select distinct period from ({query.sql}) as t", query.binds).fetchall() == [(month,)]
        nothing = reported_times.times(_times(), "units", _WINDOW, months=reported.in_months("created_date", []))
        assert con.execute(nothing.sql, nothing.binds).fetchall() == []


def test_kpis_share_an_order_of_units_only_where_all_that_orders_them_is_equal() -> None:
    one = _times()[0]
    others = [replace(one, id="x", duration="y"), replace(one, id="y", denominator="true"), replace(one, kind="rate")]
    groups = [{kpi.id for kpi in group} for group in reported_times.grouped([*_times(), *others])]
    assert sorted(map(sorted, groups)) == [["at_0.1", "at_0.5", "at_0.9"], ["x"], ["y"]]
