"""New business days against recent ones: does as much come as usual, and of the same kind?

Which days are new, and what kind of day each is, stands in meta.compared_days (date, is_new, is_working, weekday,
is_regular), which the run writes. A day is compared with earlier days of its kind: a regular one with the same
weekday, a public holiday or a day off in lieu with days off, a make-up working day (调休) with working days.
"""

from collections.abc import Collection, Iterator, Mapping

from great_expectations.expectations.expectation import Expectation

from data_checks.duckdb_gx import gxe
from data_checks.suites.words import carries

DAYS = "meta.compared_days"
ARRIVES: Mapping[str, str] = {
    "core.fct_ticket_facts": "created_date",
    "core.fct_orders": "ordered_date",
    "core.fct_complaints": "received_date",
    "core.fct_surveys": "sent_date",
}
"""Facts of what comes in day by day, with its business day."""
AXES = ("tier", "region", "channel")
COMPARED = 8
"""How many earlier days of the kind say what is usual; half of them must be there."""
REACH_DAYS = 70
FAR, LOW, HIGH = 3, 0.6, 1.7
"""Unusual: so many robust standard deviations away, and under or over these shares of the usual."""
LEAST_NEW, LEAST_OLD, MOVED = 100, 400, 0.2
"""Shares are compared from so many units on; so much of them, beyond chance, must have changed hands."""


def expectations(name: str, columns: Collection[str]) -> Iterator[Expectation]:
    """The checks of one fact's new days; none where it is not of things that come in day by day."""
    if name not in ARRIVES:
        return
    yield _volume(ARRIVES[name])
    yield from (_drift(ARRIVES[name], axis) for axis in AXES if axis in columns)


def _volume(date: str) -> Expectation:
    """A row for each new day that has far fewer or far more units than the median of its kind.

    The spread is the median absolute deviation as a standard deviation, and never less than chance (a Poisson count)
    or a tenth of the usual.
    """
    query = f"""
        with counted as (select {date} as date, count(*) as units from {{batch}} group by 1),
        days as (
            select compared_days.*, coalesce((select units from counted where counted.date = compared_days.date), 0)
                as units
            from {DAYS} as compared_days
            where compared_days.date >= (select min(date) from counted)
        ),
        pairs as (
            select fresh.date, fresh.units, earlier.units as before
            from days as fresh, days as earlier
            where fresh.is_new and earlier.date < fresh.date and earlier.date >= fresh.date - {REACH_DAYS}
                and earlier.is_working = fresh.is_working
                and (not fresh.is_regular or (earlier.is_regular and earlier.weekday = fresh.weekday))
            qualify row_number() over (partition by fresh.date order by earlier.date desc) <= {COMPARED}
        ),
        judged as (
            select date, any_value(units) as units, median(before) as usual, mad(before) as deviation
            from pairs group by date having count(*) >= {COMPARED // 2}
        )
        select date, units, usual from judged
        where abs(units - usual) > {FAR} * greatest(1.4826 * deviation, sqrt(usual), 0.1 * usual)
            and (units < {LOW} * usual or units > {HIGH} * usual)
    """
    return _no_rows(query, "day_volume_unusual", date)


def _drift(date: str, axis: str) -> Expectation:
    """A row where the new days' shares of a slice differ from those of recent weeks by more than chance explains.

    Measured is how much of them would have to change hands (total variation distance). By chance alone that is about
    half the root of values by units.
    """
    query = f"""
        with days as (select date, is_new from {DAYS}),
        valued as (
            select batch.{axis} as value, days.is_new
            from (select {axis}, {date} as date from {{batch}}) as batch, days where batch.date = days.date
        ),
        shares as (
            select value, count(*) filter (is_new) as fresh, count(*) filter (not is_new) as earlier
            from valued group by value
        ),
        sums as (select sum(fresh) as fresh, sum(earlier) as earlier, count(*) as value_count from shares)
        select 1 from (
            select sum(abs(shares.fresh / sums.fresh - shares.earlier / sums.earlier)) / 2 as moved,
                any_value(sums.fresh) as fresh, any_value(sums.value_count) as value_count
            from shares, sums where sums.fresh >= {LEAST_NEW} and sums.earlier >= {LEAST_OLD}
        ) where moved > {MOVED} + sqrt(value_count / fresh) / 2
    """
    return _no_rows(query, "shares_unusual", axis)


def _no_rows(query: str, code: str, column: str) -> Expectation:
    silent: Expectation = gxe.UnexpectedRowsExpectation(
        unexpected_rows_query=query, **carries(code, column=column, detail=column)
    )
    return silent
