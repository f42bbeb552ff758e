"""Thirty nights in one home, with faults as exports have them: each is stopped or warned of, no clean night is.

What a stopped night brought comes again the night after, put right. Great Expectations is left out: it has tests of
its own, and new days that are unlike others are looked at there (tests/data_checks/test_days.py).
"""

from __future__ import annotations

import gzip
from dataclasses import dataclass
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from ingestion.pipeline import Outcome
    from tests.ingestion.conftest import Shop

pytestmark = pytest.mark.slow

LAST = 30
SOURCE = """
timezone = "Asia/Shanghai"
currency = "CNY"
[feeds.customers.datasets.customers]
[feeds.tickets.datasets.tickets]
[feeds.orders.datasets.orders]
"""
COLUMNS = {
    "customers": (("id", "customer_id"), ("name", "name"), ("tier", "tier"), ("region", "region")),
    "tickets": (("id", "ticket_id"), ("customer", "customer_id"), ("created", "created_at"), ("channel", "channel")),
    "orders": (("id", "order_id"), ("customer", "customer_id"), ("ordered", "ordered_at"), ("amount", "amount")),
}
REQUIRED = {"customer_id", "ticket_id", "order_id", "created_at", "ordered_at"}
TICKETS, MANY = 40, 600

Rows = list[list[str]]


def rows(feed: str, night: int, count: int = TICKETS) -> Rows:
    """What a sound export of one day holds, its header first."""
    body = {
        "customers": [[f"C{100 + night}", f"Customer {night}", "gold", "华东"]],
        "tickets": [
            [
                f"T{100 + night}-{n}",
                f"C{101 + n % night}",
                f"2025-06-{night:02d} {8 + n % 10:02d}:{n % 60:02d}:00",
                "phone",
            ]
            for n in range(count)
        ],
        "orders": [
            [f"O{100 + night}-{n}", f"C{101 + n % night}", f"2025-06-{night:02d} 12:{n % 60:02d}:00", f"{100 + n}.50"]
            for n in range(TICKETS)
        ],
    }
    return [[theirs for theirs, _ in COLUMNS[feed]], *body[feed]]


def text(told: Rows) -> str:
    return "".join(",".join(row) + "\n" for row in told)


def changed(told: Rows, heading: str, change: Callable[[str], str], step: int = 1) -> Rows:
    """The rows with every so many-th cell below a heading changed."""
    place = told[0].index(heading)
    return [
        told[0],
        *(
            [change(cell) if column == place and not number % step else cell for column, cell in enumerate(row)]
            for number, row in enumerate(told[1:], start=1)
        ),
    ]


def without(told: Rows, heading: str) -> Rows:
    place = told[0].index(heading)
    return [row[:place] + row[place + 1 :] for row in told]


def day_first(instant: str) -> str:
    date, time = instant.split()
    year, month, day = date.split("-")
    return f"{day}/{month}/{year} {time}"


def swapped(instant: str) -> str:
    """What a spreadsheet of another country makes of a day up to the 12th: the declared format, another day."""
    year, month, day = instant[:10].split("-")
    return f"{year}-{day}-{month}{instant[10:]}"


def write(file: Path, content: str | bytes) -> None:
    file.write_bytes(content if isinstance(content, bytes) else content.encode())


@dataclass(frozen=True)
class Fault:
    """What is planted in the file of one feed, and what the night must say of it."""

    feed: str
    plant: Callable[[int], str | bytes]
    stop: frozenset[str] = frozenset()
    warn: frozenset[str] = frozenset()
    ending: str = "csv"


def stops(feed: str, code: str, plant: Callable[[int], str | bytes], *warn: str, ending: str = "csv") -> Fault:
    return Fault(feed, plant, frozenset({code}), frozenset(warn), ending)


def warns(feed: str, plant: Callable[[int], str | bytes], *codes: str) -> Fault:
    return Fault(feed, plant, warn=frozenset(codes))


def broken_gzip(night: int) -> bytes:
    return gzip.compress(text(rows("tickets", night)).encode())[:-20]


def twice(night: int) -> str:
    """One ticket twice, with another channel the second time and nothing that says which is newer."""
    told = rows("tickets", night)
    return text([*told, [*told[1][:3], "chat"]])


# Night -> what is wrong with it. Every other night is clean.
FAULTS = {
    2: stops("tickets", "empty_file", lambda n: b""),
    3: warns("tickets", lambda n: text(changed(rows("tickets", n), "created", swapped)), "swapped_dates"),
    4: stops("tickets", "no_rows", lambda n: text(rows("tickets", n)[:1])),
    6: warns("tickets", lambda n: text(rows("tickets", n))[:-12], "cut_short", "too_many_held_back"),
    7: warns("tickets", lambda n: text(rows("tickets", n - 2)), "same_content"),
    # The tickets and orders of that customer wait for him.
    9: stops(
        "customers",
        "mostly_held_back",
        lambda n: text(changed(rows("customers", n), "tier", lambda _: "Au")),
        *("none_chosen", "too_many_held_back"),
    ),
    11: stops(
        "tickets",
        "mostly_held_back",
        lambda n: text(changed(rows("tickets", n), "created", day_first)),
        "none_chosen",
    ),
    13: stops(
        "tickets",
        "mostly_held_back",
        lambda n: text(changed(rows("tickets", n), "created", lambda at: at.replace("2025", "2039"))),
        "none_chosen",
    ),
    15: warns("customers", lambda n: text(without(rows("customers", n), "region")), "gone_column"),
    16: warns("customers", lambda n: text(rows("customers", n)), "new_column"),
    17: stops(
        "tickets",
        "accuracy_below_target",
        lambda n: text(changed(rows("tickets", n, MANY), "created", lambda _: "?", step=30)),
    ),
    19: warns(
        "tickets",
        lambda n: text(changed(rows("tickets", n), "created", lambda _: "?", step=30)),
        "too_many_held_back",
    ),
    20: stops(
        "orders",
        "mostly_held_back",
        lambda n: text(changed(rows("orders", n), "amount", lambda at: f'"{at.replace(".", ",")}"')),
        "none_chosen",
    ),
    22: stops(
        "tickets",
        "bad_encoding_file",
        lambda n: text(changed(rows("tickets", n), "channel", lambda _: "电话")).encode("gb18030"),
    ),
    24: stops("tickets", "corrupt_gzip", broken_gzip, ending="csv.gz"),
    26: stops(
        "tickets", "missing_column", lambda n: text([["id", "customer", "when", "channel"], *rows("tickets", n)[1:]])
    ),
    27: warns("tickets", twice, "too_many_held_back"),
    28: warns(
        "tickets",
        lambda n: text(changed(rows("tickets", n), "customer", lambda _: "C999", step=8)),
        "too_many_held_back",
    ),
    29: Fault("tickets", lambda n: text([row[::-1] for row in rows("tickets", n)])),
}


@pytest.fixture
def home(shop: Shop) -> Shop:
    """A shop with orders, tiers and regions, and no export yet."""
    for file in (shop.exports / "shop").iterdir():
        file.unlink()
    folder = shop.home / "mappings" / "shop"
    write(folder / "source.toml", SOURCE)
    for feed, columns in COLUMNS.items():
        lines = [f"{theirs},{ours},{'yes' if ours in REQUIRED else ''}" for theirs, ours in columns]
        lines += ["=open,status,"] if feed == "tickets" else []
        write(folder / f"{feed}.csv", "\n".join(["their_heading,our_column,required", *lines, ""]))
    return shop


def export(shop: Shop, night: int, fault: Fault | None) -> None:
    for feed in COLUMNS:
        file = shop.exports / "shop" / f"{feed}-06{night:02d}.csv"
        file.unlink(missing_ok=True)
        if fault and feed == fault.feed:
            write(file.with_name(f"{feed}-06{night:02d}.{fault.ending}"), fault.plant(night))
        else:
            write(file, text(rows(feed, night)))


def put_right(shop: Shop, night: int, fault: Fault) -> None:
    (shop.exports / "shop" / f"{fault.feed}-06{night:02d}.{fault.ending}").unlink()
    write(shop.exports / "shop" / f"{fault.feed}-06{night:02d}.csv", text(rows(fault.feed, night)))


def codes(outcome: Outcome, wanted: str) -> set[str]:
    return {str(one.fields.get("check", one.code)) for severity, one in outcome.findings if severity == wanted}


def test_each_fault_is_stopped_or_warned_of_and_no_clean_night_is(home: Shop) -> None:
    told: dict[int, tuple[set[str], set[str]]] = {}
    verdicts = {}
    for night in range(1, LAST + 1):
        before = FAULTS.get(night - 1)
        if before and before.stop:
            put_right(home, night - 1, before)
        export(home, night, FAULTS.get(night))
        outcome = home.night()
        told[night] = codes(outcome, "stop"), codes(outcome, "warn")
        verdicts[night] = outcome.verdict
    expected = {
        night: (set(FAULTS[night].stop), set(FAULTS[night].warn)) if night in FAULTS else (set(), set())
        for night in told
    }
    assert {night: told[night] for night in told if told[night] != expected[night]} == {}
    assert verdicts == {night: "stopped" if stop else "published" for night, (stop, _) in expected.items()}
    broken = "select file from meta.loads where rows_read <> rows_loaded + rows_quarantined + rows_duplicate"
    assert home.ledger(broken) == []
    # Every day has its tickets but the one of which an old export came instead; what was held back is missing.
    held = "from meta.quarantine where released_by is null and feed = 'tickets'"
    ((missing,),) = home.ledger(f"select count(distinct load_id || source_row) {held}")
    assert home.asked("select count(*) from core.fct_tickets") == [(29 * TICKETS - int(str(missing)) + 1,)]
