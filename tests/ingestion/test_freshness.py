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
    ahead: float = 0,
) -> None:
    """Files of a feed that reach to so many days before AS_OF, a published run each, whose as_of lies days ahead."""
    for days in days_before:
        through = AS_OF - timedelta(days=days)
        as_of = through + timedelta(days=ahead)
        run_id = run_of(feed, as_of)
        con.execute(
            """insert into warehouse.meta.runs by name
            select $run_id as run_id, 'published' as verdict, $as_of as as_of on conflict do nothing""",
            {"run_id": run_id, "as_of": as_of},
        )
        con.execute(
            """insert into warehouse.meta.loads by name
            select 'shop' as source, $feed as feed, 'f' || $days as file, $through as data_through,
                $state as state, $run_id as run_id, (select count(*) from warehouse.meta.loads) as load_seq""",
            {"feed": feed, "days": days, "through": through, "state": state, "run_id": run_id},
        )


def run_of(feed: str, as_of: datetime) -> str:
    """Tickets come first of a night, customers an hour later."""
    return f"{as_of + timedelta(hours=9 + (feed == 'customers')):%Y%m%dT%H%M%S}"


def one(con: duckdb.DuckDBPyConnection, name: str = "tickets") -> feeds.Feed:
    (feed,) = [feed for feed in feeds.read(con) if feed.feed == name]
    return feed


@pytest.mark.parametrize(
    ("days_before", "state"),
    [
        ((4, 3, 2, 1, 0), "on_time"),
        ((4, 3, 2, 1), "overdue"),  # Daily, and tonight's is missing.
        ((5, 4, 3, 2), "overdue"),
        ((28, 21, 14, 6), "on_time"),  # Weekly, and the week is not over.
        ((30, 23, 16, 8), "overdue"),
        ((8, 7, 4, 3, 2), "on_time"),  # Daily but for a weekend of three days.
        ((9, 8, 7, 4, 3), "overdue"),
        ((2, 1, 0, -1), "on_time"),  # It goes further than the others.
        ((3, 2, 1), "too_few"),
        ((40,), "too_few"),
    ],
)
def test_a_feed_is_judged_by_its_longest_recent_pause(
    con: duckdb.DuckDBPyConnection, days_before: tuple[float, ...], state: feeds.State
) -> None:
    came(con, *days_before)
    assert one(con).state(AS_OF) == state


def test_a_pause_of_long_ago_excuses_nothing(con: duckdb.DuckDBPyConnection) -> None:
    came(con, 60, *range(9, 0, -1))
    assert (one(con).longest_gap_seconds, one(con).gap_count) == (86_400.0, feeds.LOOKED_AT)
    assert one(con).state(AS_OF) == "overdue"


MINUTE = 1 / 1_440


def test_a_part_for_each_region_is_one_arrival_however_many_minutes_lie_between(
    con: duckdb.DuckDBPyConnection,
) -> None:
    """Twelve files a night, a quarter of an hour apart: complete, as every night."""
    for night in (4, 3, 2, 1, 0):
        came(con, *(night + 15 * part * MINUTE for part in range(12)))
    assert (one(con).gap_count, one(con).longest_gap_seconds) == (4, 86_400.0)
    assert one(con).state(AS_OF) == "on_time"


def test_two_exports_a_day_are_not_overdue_on_a_sunday(con: duckdb.DuckDBPyConnection) -> None:
    """Sent at noon and in the evening on working days; AS_OF is a Monday evening, a week before it a Sunday."""
    working = [back for back in range(21, 1, -1) if (AS_OF - timedelta(days=back)).weekday() < 5]
    came(con, *(back + half for back in working for half in (0.25, 0.0)))
    sunday = AS_OF - timedelta(days=1)
    assert sunday.weekday() == 6
    assert one(con).state(sunday) == "on_time"
    assert one(con).state(AS_OF + timedelta(days=1)) == "overdue"


def test_a_feed_that_came_tonight_is_not_overdue_however_far_it_lags(con: duckdb.DuckDBPyConnection) -> None:
    """Points are settled after three days: its files always end three days before the others."""
    came(con, 7, 6, 5, 4, 3, ahead=3)
    assert one(con).state(AS_OF, run_of("tickets", AS_OF)) == "on_time"
    assert one(con).state(AS_OF + timedelta(days=1), "30000101T000000") == "overdue"


@pytest.mark.parametrize("ahead", [0, 3])
def test_who_comes_last_of_a_night_is_not_overdue_before_it_has_come(
    con: duckdb.DuckDBPyConnection, ahead: float
) -> None:
    """Tickets move as_of on an hour before the customers come, which may end days before them."""
    for night in (6, 5, 4, 3, 2, 1):
        came(con, night)
        came(con, night + ahead, feed="customers", ahead=ahead)
    came(con, 0)
    tonight = run_of("tickets", AS_OF)
    assert one(con, "customers").state(AS_OF, tonight) == "on_time"
    assert one(con).state(AS_OF, tonight) == "on_time"
    came(con, -1)
    tomorrow = AS_OF + timedelta(days=1)
    assert one(con, "customers").state(tomorrow, run_of("tickets", tomorrow)) == "overdue"


def test_one_outage_is_no_habit_and_an_old_file_come_late_says_nothing(con: duckdb.DuckDBPyConnection) -> None:
    """Tickets stayed away for three nights, then all came at once, and later one of long ago."""
    came(con, *range(11, -1, -1), feed="customers")
    came(con, 11, 10, 9, 8)
    for days in (7, 6, 5, 4):
        came(con, days, ahead=days - 4)
    came(con, 3, 2, 1)
    came(con, 9.5, ahead=9)
    assert one(con).usual_wait_seconds == 0
    assert one(con).state(AS_OF) == "overdue"


def test_a_feed_is_not_judged_before_it_came_after_a_night(con: duckdb.DuckDBPyConnection) -> None:
    """The first night brings the files of weeks: how its exports follow one another in a night is not known yet."""
    came(con, 5, 4, 3, 2, 1)
    con.execute("update warehouse.meta.loads set run_id = 'R1'")
    assert one(con).state(AS_OF) == "too_few"


def test_where_only_copies_came_since_files_arrive_and_bring_nothing_new(con: duckdb.DuckDBPyConnection) -> None:
    came(con, 5, 4, 3, 2)

    def copied(run_id: str, feed: str) -> None:
        fields = {"file": "shop/f1.csv", "other": "f2", "source": "shop", "feed": feed}
        ledger.record_finding(con, run_id, None, "same_content", "warn", fields)

    copied(run_of("tickets", AS_OF - timedelta(days=3)), "tickets")
    copied(run_of("tickets", AS_OF), "customers")
    assert one(con).state(AS_OF) == "overdue"
    copied(run_of("tickets", AS_OF), "tickets")
    assert (one(con).state(AS_OF), one(con).copy) == ("copied", "shop/f1.csv")


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


@pytest.mark.slow
def test_nobody_waits_for_a_retired_export(shop: Shop) -> None:
    """As the warning advises: the same nights with a line in retired.csv, and no warning."""
    (shop.home / "mappings" / "shop" / "retired.csv").write_text(
        "feed,since\ncustomers,2025-06-06\n", encoding="utf-8"
    )
    for day in range(1, 7):
        at = f"2025-06-{day:02d} 23:00:00"
        shop.tickets(f"060{day}", (f"T1{day:02d}", "C001", at))
        if day < 6:
            file = shop.customers(f"060{day}", "C001", "C002")
            file.write_text(file.read_text(encoding="utf-8").replace("2025-05-01 08:00:00", at), encoding="utf-8")
        outcome = shop.night()
        assert outcome.verdict == "published", outcome.findings
        assert "feed_overdue" not in [one.fields.get("check") for _, one in outcome.findings]
    assert shop.asked("select feed, is_awaited from meta.feeds order by 1") == [
        ("customers", False),
        ("tickets", True),
    ]
