"""A feed that did not come although the others did is told, by its own habit; one that keeps it never is."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import TYPE_CHECKING

import duckdb
import pytest

from ingestion.warehouse import feeds, ledger

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.ingestion.conftest import Shop

AS_OF = datetime(2025, 6, 30, 16)


@pytest.fixture
def con() -> Iterator[duckdb.DuckDBPyConnection]:
    with duckdb.connect() as con:
        con.execute("attach ':memory:' as warehouse")
        ledger.create(con, "warehouse")
        yield con


def came(
    con: duckdb.DuckDBPyConnection,
    *days_before: float,
    state: str = "loaded",
    feed: str = "tickets",
    run_id: str | None = None,
) -> None:
    """Files of a feed that reach to so many days before AS_OF."""
    for days in days_before:
        con.execute(
            """insert into warehouse.meta.loads by name
            select 'shop' as source, $feed as feed, 'f' || $days as file, $through as data_through,
                $state as state, $run_id as run_id, (select count(*) from warehouse.meta.loads) as load_seq""",
            {"feed": feed, "days": days, "through": AS_OF - timedelta(days=days), "state": state, "run_id": run_id},
        )


def one(con: duckdb.DuckDBPyConnection) -> feeds.Feed:
    (feed,) = feeds.read(con)
    return feed


@pytest.mark.parametrize(
    ("days_before", "is_overdue"),
    [
        ((4, 3, 2, 1, 0), False),
        ((4, 3, 2, 1), True),  # Daily, and tonight's is missing.
        ((5, 4, 3, 2), True),
        ((28, 21, 14, 6), False),  # Weekly, and the week is not over.
        ((30, 23, 16, 8), True),
        ((8, 7, 4, 3, 2), False),  # Daily but for a weekend of three days.
        ((9, 8, 7, 4, 3), True),
        ((2, 1, 0, -1), False),  # It goes further than the others.
        ((3, 2, 1), None),
        ((40,), None),
    ],
)
def test_a_feed_is_judged_by_its_longest_recent_pause(
    con: duckdb.DuckDBPyConnection, days_before: tuple[float, ...], is_overdue: bool | None
) -> None:
    came(con, *days_before)
    assert one(con).is_overdue(AS_OF) is is_overdue


def test_a_pause_of_long_ago_excuses_nothing(con: duckdb.DuckDBPyConnection) -> None:
    came(con, 60, *range(9, 0, -1))
    assert (one(con).longest_gap_seconds, one(con).gap_count) == (86_400.0, feeds.GAPS_LOOKED_AT)
    assert one(con).is_overdue(AS_OF) is True


MINUTE = 1 / 1_440


def test_a_part_for_each_region_is_one_arrival_however_many_minutes_lie_between(
    con: duckdb.DuckDBPyConnection,
) -> None:
    """Twelve files a night, a quarter of an hour apart: complete, as every night."""
    for night in (4, 3, 2, 1, 0):
        came(con, *(night + 15 * part * MINUTE for part in range(12)))
    assert (one(con).gap_count, one(con).longest_gap_seconds) == (4, 86_400.0)
    assert one(con).is_overdue(AS_OF) is False


def test_two_exports_a_day_are_not_overdue_on_a_sunday(con: duckdb.DuckDBPyConnection) -> None:
    """Sent at noon and in the evening on working days; AS_OF is a Monday evening, a week before it a Sunday."""
    working = [back for back in range(21, 1, -1) if (AS_OF - timedelta(days=back)).weekday() < 5]
    came(con, *(back + half for back in working for half in (0.25, 0.0)))
    sunday = AS_OF - timedelta(days=1)
    assert sunday.weekday() == 6
    assert one(con).is_overdue(sunday) is False
    assert one(con).is_overdue(AS_OF + timedelta(days=1)) is True


def test_a_feed_that_came_tonight_is_not_overdue_however_far_it_lags(con: duckdb.DuckDBPyConnection) -> None:
    """Points are settled after three days: its files always end three days before the others."""
    for number, days in enumerate((7, 6, 5, 4, 3)):
        came(con, days, run_id=f"R{number}")
    assert one(con).is_overdue(AS_OF, "R4") is False
    assert one(con).is_overdue(AS_OF, "R5") is True


def test_several_files_of_one_day_are_one_arrival_and_withdrawn_ones_none(con: duckdb.DuckDBPyConnection) -> None:
    came(con, 3, 3, 3, 2, 2, 1)
    assert one(con).gap_count == 2
    came(con, 0, state="retracted")
    assert one(con).data_through == AS_OF - timedelta(days=1)
    assert one(con).file == "f1"


@pytest.mark.slow
def test_a_night_warns_of_the_export_that_stayed_away(shop: Shop) -> None:
    for day in range(1, 7):
        at = f"2025-06-{day:02d} 23:00:00"
        shop.tickets(f"060{day}", (f"T1{day:02d}", "C001", at))
        if day < 6:
            file = shop.customers(f"060{day}", "C001", "C002")
            file.write_text(file.read_text(encoding="utf-8").replace("2025-05-01 08:00:00", at), encoding="utf-8")
        outcome = shop.night()
        told = [one.fields for _, one in outcome.findings if one.fields.get("check") == "feed_overdue"]
        assert outcome.verdict == "published", outcome.findings
        assert len(told) == (day == 6), (day, told)
    (fields,) = told
    assert fields["suite"] == "shop/customers"
    assert "customers-0605.csv" in str(fields["en"])
    assert "1.0 days" in str(fields["en"])
    state = "select suite, severity from meta.checks where code = 'feed_overdue' and not success"
    assert shop.ledger(state) == [("shop/customers", "warn")]
    assert len(shop.asked("from meta.feeds")) == 2
