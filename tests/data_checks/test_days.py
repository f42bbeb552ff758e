"""New days against earlier days of their kind: silent on what is usual, and on what a holiday explains."""

from datetime import date, timedelta

import duckdb
import pytest

from data_checks.gate import GateResult, run_mart_checks
from data_checks.suites.declarations import SLICES

pytestmark = pytest.mark.slow

LAST = date(2025, 6, 18)
"""A Wednesday."""
# A public holiday on a Monday, and a Sunday that is worked for it.
HOLIDAY, MAKE_UP = date(2025, 6, 2), date(2025, 6, 8)
TICKETS = "core.fct_ticket_facts"


def usual(day: date) -> int:
    """Forty tickets on a working day, ten on others, a little more or less."""
    is_off = day == HOLIDAY or (day.isoweekday() > 5 and day != MAKE_UP)
    return (10 if is_off else 40) + day.day % 3


def judged(
    con: duckdb.DuckDBPyConnection, changes: dict[date, int], new: int = 1, last: date = LAST, weeks: int = 9
) -> GateResult:
    """Check tickets of some weeks, of which the last days are new; `changes` says how many others have."""
    days = [last - timedelta(days=back) for back in range(7 * weeks + new)]
    working = [day == MAKE_UP or (day.isoweekday() < 6 and day != HOLIDAY) for day in days]
    slices = ", ".join(f"{'false' if name == 'is_vip' else repr('unknown')} as {name}" for name in SLICES)
    con.execute(
        f"""create table meta.compared_days as
        select date, number <= {new} as is_new, is_working, isodow(date) as weekday,
            is_working = (isodow(date) < 6) as is_regular, units
        from (select unnest(?::date[]) as date, unnest(?::bool[]) as is_working, unnest(?::int[]) as units,
            unnest(range(1, {len(days) + 1})) as number)""",
        [days, working, [changes.get(day, usual(day)) for day in days]],
    )
    con.execute(
        f"""create table {TICKETS} as select date || '-' || number as ticket_key, date as created_date, {slices}
        from (select date, unnest(range(units)) as number from meta.compared_days)"""
    )
    con.execute(
        f"create table marts.mart_backlog_daily as select 1 as open_count, date '2025-06-01' as date, {slices}"
    )
    models = {TICKETS: ("ticket_key",), "marts.mart_backlog_daily": ("date",)}
    return run_mart_checks(con, "memory", models)


def told(result: GateResult) -> list[tuple[str, str, int | None]]:
    return [(one.code, one.severity, one.unexpected_count) for one in result.failed if "unusual" in one.code]


def test_usual_days_pass_without_a_word(con: duckdb.DuckDBPyConnection) -> None:
    result = judged(con, {}, new=14)
    assert told(result) == []
    assert {"day_volume_unusual", "shares_unusual"} <= {check.code for check in result.checks}


@pytest.mark.parametrize(
    ("count", "is_unusual"), [(0, True), (20, True), (28, False), (41, False), (60, False), (82, True)]
)
def test_half_an_export_and_one_sent_twice_are_told(
    con: duckdb.DuckDBPyConnection, count: int, is_unusual: bool
) -> None:
    found = [("day_volume_unusual", "warn", 1)] if is_unusual else []
    assert told(judged(con, {LAST: count})) == found


def test_a_holiday_is_compared_with_days_off_and_a_make_up_day_with_working_days(
    con: duckdb.DuckDBPyConnection,
) -> None:
    """By their weekdays alone both would be unusual: a Monday with ten, a Sunday with forty."""
    assert told(judged(con, {}, new=8, last=MAKE_UP)) == []


@pytest.mark.parametrize(("day", "count"), [(HOLIDAY, 40), (MAKE_UP, 10)])
def test_a_holiday_like_a_working_day_is_told_and_the_other_way_round(
    con: duckdb.DuckDBPyConnection, day: date, count: int
) -> None:
    assert told(judged(con, {day: count}, new=8, last=MAKE_UP)) == [("day_volume_unusual", "warn", 1)]


def test_three_earlier_days_are_too_few_to_say_what_is_usual(con: duckdb.DuckDBPyConnection) -> None:
    assert told(judged(con, {LAST: 0}, weeks=3)) == []


def test_few_units_a_day_vary_by_chance(con: duckdb.DuckDBPyConnection) -> None:
    days = {LAST - timedelta(days=back): 6 for back in range(80)}
    assert told(judged(con, {**days, LAST: 0})) == []


def test_a_day_without_a_row_is_seen_where_no_table_moved(con: duckdb.DuckDBPyConnection) -> None:
    judged(con, {LAST: 0})
    models = {TICKETS: ("ticket_key",), "marts.mart_backlog_daily": ("date",)}
    assert told(run_mart_checks(con, "memory", models, moved=())) == [("day_volume_unusual", "warn", 1)]


@pytest.mark.parametrize(
    ("axis", "value", "is_unusual"),
    [
        ("region", "'unknown'", False),
        ("region", "'华东'", True),
        ("tier", "'gold'", True),
        ("channel", "case when hash(ticket_key) % 10 < 2 then 'chat' else 'unknown' end", False),
        ("channel", "case when hash(ticket_key) % 10 < 7 then 'chat' else 'unknown' end", True),
        # Not a slice that is compared: products come and go.
        ("product_group", "'new'", False),
    ],
)
def test_shares_that_move_more_than_by_chance_are_told(
    con: duckdb.DuckDBPyConnection, axis: str, value: str, is_unusual: bool
) -> None:
    judged(con, {}, new=5)
    con.execute(f"update {TICKETS} set {axis} = {value} where created_date > date '{LAST}' - 5")
    models = {TICKETS: ("ticket_key",), "marts.mart_backlog_daily": ("date",)}
    found = [(one.code, one.column) for one in run_mart_checks(con, "memory", models).failed if "unusual" in one.code]
    assert found == ([("shares_unusual", axis)] if is_unusual else [])
