"""A day-month order declared wrongly is stopped although every date can be read; a right one never is."""

from __future__ import annotations

import json
import sys
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

import pytest

from dashboard import cli
from ingestion.check import CheckResult, check_file
from ingestion.landing import ambiguous
from ingestion.mapping import Feed

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from pathlib import Path

    from tests.ingestion.conftest import Shop

    Check = Callable[..., CheckResult]

pytestmark = pytest.mark.slow

NOW = datetime(2025, 7, 1)
ISO, DMY, MDY = "%Y-%m-%d %H:%M", "%d/%m/%Y %H:%M", "%m/%d/%Y %H:%M"
MAPPING = """their_heading,our_column
id,ticket_id
customer,customer_id
=new,status
created,created_at
due,response_due_at
"""


@pytest.fixture
def check(tmp_path: Path) -> Check:
    """Check tickets, one for each of some times: check(times, written=DMY, declared=MDY, column="due")."""

    def run(
        times: Iterable[datetime], written: str, declared: str, *, column: str = "created", **options: str
    ) -> CheckResult:
        lines = ["id,customer,created,due"]
        for number, at in enumerate(times):
            cells = {"created": "2025-01-05 00:00", "due": ""} | {column: at.strftime(written)}
            lines.append(f"T-{number:04d},K-001,{cells['created']},{cells['due']}")
        folder = tmp_path / "mappings" / "desk"
        folder.mkdir(parents=True, exist_ok=True)
        formats = json.dumps([declared, ISO])
        source = f"timezone = 'UTC'\ndatetime_format = {formats}\n[feeds.tickets.datasets.tickets]\n"
        (folder / "source.toml").write_text(source, encoding="utf-8")
        (folder / "tickets.csv").write_text(MAPPING, encoding="utf-8")
        path = tmp_path / "tickets.csv"
        path.write_text("\n".join(lines) + "\n", encoding="utf-8")
        return check_file(path, "desk", "tickets", options, {}, own_mappings=folder.parent, now=NOW)

    return run


def codes(result: CheckResult) -> list[str]:
    return [fault.code for fault in result.faults]


def every(count: int, step: timedelta, start: datetime) -> list[datetime]:
    return [start + i * step for i in range(count)]


TWELVE_DAYS = every(24, timedelta(hours=12), datetime(2024, 3, 1, 9))
"""The 1st to the 12th of March, two tickets a day: no day tells which number is the month."""


def test_a_wrong_order_that_reads_every_date_is_stopped(check: Check) -> None:
    wrong = check(TWELVE_DAYS, DMY, MDY)
    (fault,) = wrong.faults
    assert (wrong.verdict, fault.code) == ("reject", "ambiguous_dates")
    assert fault.fields == {
        "file": "tickets.csv",
        "dataset": "tickets",
        "column": "created_at",
        "count": 24,
        "format": MDY,
        "first": "2024-01-03",
        "last": "2024-12-03",
        "other_format": DMY,
        "other_first": "2024-03-01",
        "other_last": "2024-03-12",
    }
    assert check(TWELVE_DAYS, DMY, DMY).verdict == "accept"
    assert check(TWELVE_DAYS, MDY, MDY).verdict == "accept"
    assert codes(check(TWELVE_DAYS, MDY, DMY)) == ["ambiguous_dates"]


def test_what_is_declared_to_be_right_is_taken(check: Check) -> None:
    assert check(TWELVE_DAYS, DMY, MDY, ambiguous_dates="accept").verdict == "accept"


def test_days_beyond_the_12th_stop_a_wrong_order_by_themselves(check: Check) -> None:
    wrong = check(every(400, timedelta(hours=6), datetime(2024, 3, 1)), DMY, MDY)
    assert codes(wrong) == ["mostly_held_back"]
    assert {reason.code for reason in wrong.reasons if reason.row} == {"bad_datetime"}


def test_a_reading_without_a_future_is_believed(check: Check) -> None:
    # The first twelve days of January to June: in the wrong order half of them lie in July to December.
    days = [datetime(2025, month, day, 9) for month in range(1, 7) for day in range(1, 13)]
    assert check(days, DMY, DMY).verdict == "accept"
    (fault, *_) = check(days, DMY, MDY).faults
    assert (fault.code, fault.fields["last"], fault.fields["other_last"]) == (
        "ambiguous_dates",
        "2025-12-06",
        "2025-06-12",
    )
    # A due time may lie ahead, so that speaks against neither reading.
    assert check(days, DMY, MDY, column="due").verdict == "accept"


def test_where_both_readings_are_as_good_nothing_is_said(check: Check) -> None:
    # The first twelve days of all twelve months are the same days in either order, and half of them lie ahead.
    days = [datetime(2025, month, day, 9) for month in range(1, 13) for day in range(1, 13)]
    assert codes(check(days, DMY, MDY)) == []
    # Of fewer than twenty dates nothing can be said.
    assert check(TWELVE_DAYS[:19], DMY, MDY).verdict == "accept"
    assert codes(check(TWELVE_DAYS[:20], DMY, MDY)) == ["ambiguous_dates"]


FIRST_OF_MONTHS = [datetime(2024, month, 1) for month in range(1, 13)] * 2


@pytest.mark.parametrize(
    ("times", "written"),
    [
        (FIRST_OF_MONTHS, DMY),  # a report a month
        (FIRST_OF_MONTHS, MDY),
        (every(24, timedelta(hours=1), datetime(2024, 3, 4)), DMY),  # one day, close together in either order
        (every(60, timedelta(hours=9), datetime(2024, 3, 1)), DMY),  # three weeks: no other order reads them
        (every(600, timedelta(days=2), datetime(2021, 1, 2)), MDY),
        ([*TWELVE_DAYS, *(each + timedelta(days=31) for each in TWELVE_DAYS)], MDY),  # two months
        (TWELVE_DAYS, ISO),
    ],
)
def test_dates_in_the_declared_order_are_never_stopped(check: Check, times: list[datetime], written: str) -> None:
    result = check(times, written, written)
    assert (result.verdict, result.rows_loaded) == ("accept", len(times))


@pytest.mark.parametrize(
    ("written", "declared"), [("%d/%m/%y", "%y/%m/%d"), ("%y/%m/%d", "%d/%m/%y"), ("%m/%d/%y", "%y/%m/%d")]
)
def test_years_of_two_digits_in_the_wrong_place_are_stopped(check: Check, written: str, declared: str) -> None:
    # 01/09/21 is a day of 2001 to whoever expects the year first; days up to the 12th keep clear of the future.
    days = [datetime(2021, 9, day) for day in range(1, 13)] * 2
    wrong = check(days, written, declared)
    (fault,) = wrong.faults
    assert (fault.code, fault.fields["count"]) == ("ambiguous_dates", 24)
    assert check(days, written, written).verdict == "accept"


@pytest.mark.parametrize(
    ("formats", "others"),
    [
        (("%d.%m.%Y",), [("%m.%d.%Y",)]),
        (("%-m/%-d/%Y %H:%M", "%-m/%-d/%Y"), [("%-d/%-m/%Y %H:%M", "%-d/%-m/%Y")]),
        (("%d/%m/%y", "iso"), [("%m/%d/%y", "iso"), ("%y/%m/%d", "iso")]),
        (("%d/%m/%Y", "%m/%d/%Y"), []),  # both are declared
        (("%Y-%m-%d %H:%M:%S",), []),
        (("%d %b %Y", "epoch_s", "excel"), []),
    ],
)
def test_the_orders_that_are_tried(formats: tuple[str, ...], others: list[tuple[str, ...]]) -> None:
    feed = Feed(source="desk", name="tickets", datasets=(), datetime_formats=formats)
    assert [other.datetime_formats for other in ambiguous._other_orders(feed)] == others


def test_the_command_says_both_readings(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    lines = [f"HD-{i:03d},K-001,{at.strftime(DMY)},new\n" for i, at in enumerate(TWELVE_DAYS)]
    tickets = tmp_path / "tickets.csv"
    tickets.write_text("ticket_id,customer_id,created_at,status\n" + "".join(lines), encoding="utf-8")
    asked = ["--source", "helpdesk", "--feed", "tickets", "--set", f"datetime_format={MDY}", "--format", "json"]
    monkeypatch.setattr(sys, "argv", ["aftercare", "check", str(tickets), *asked, "--home", str(tmp_path)])
    with pytest.raises(SystemExit) as ended:
        cli.main()
    told = json.loads(capfd.readouterr().out)
    assert (ended.value.code, told["verdict"], told["reasons"][0]["code"]) == (1, "reject", "ambiguous_dates")
    for day in ("2024-01-03", "2024-12-03", "2024-03-01", "2024-03-12"):
        assert day in told["faults"][0]["sentence"]


def test_a_night_with_a_wrong_order_publishes_nothing(shop: Shop) -> None:
    first = shop.night()
    assert first.verdict == "published", first.findings
    before = shop.content()
    source = shop.home / "mappings" / "shop" / "source.toml"
    plain = source.read_text(encoding="utf-8")
    formats = json.dumps([MDY, "%Y-%m-%d %H:%M:%S"])
    source.write_text(f"datetime_format = {formats}\n{plain}", encoding="utf-8")
    shop.tickets("0602", *((f"U{i:03d}", "C001", at.strftime(DMY)) for i, at in enumerate(TWELVE_DAYS)))
    stopped = shop.night()
    assert (stopped.verdict, [found.code for how, found in stopped.findings if how == "stop"]) == (
        "stopped",
        ["ambiguous_dates"],
    )
    assert shop.content() == before
    source.write_text(f"datetime_format = {formats.replace(MDY, DMY)}\n{plain}", encoding="utf-8")
    assert shop.night().verdict == "published"
    march = "created_date between '2024-03-01' and '2024-03-12'"
    assert shop.asked(f"select count(*) from core.fct_tickets where {march}") == [(24,)]
