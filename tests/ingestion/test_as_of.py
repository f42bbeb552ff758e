"""As of when the numbers are counted: never earlier than readers were shown, unless that is asked for."""

from __future__ import annotations

import json
import shutil
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import pytest

from ingestion.retract import retract
from ingestion.warehouse import snapshots
from ingestion.warehouse.errors import AsOfTooLate

if TYPE_CHECKING:
    from ingestion import pipeline
    from tests.ingestion.conftest import Shop

pytestmark = pytest.mark.slow


def other_source(shop: Shop, name: str, *rows: tuple[str, str, str]) -> None:
    """A second source, `depot`, that exports tickets as the shop does."""
    mappings = shop.home / "mappings"
    if not (mappings / "depot").exists():
        shutil.copytree(mappings / "shop", mappings / "depot")
    file = shop.tickets(f"depot-{name}", *rows)
    (shop.exports / "depot").mkdir(exist_ok=True)
    file.rename(shop.exports / "depot" / f"tickets-{name}.csv")


def as_of(shop: Shop) -> datetime:
    published = snapshots.published(shop.home)
    assert published is not None
    return published.as_of


def told(outcome: pipeline.Outcome, code: str) -> list[dict[str, str | int]]:
    return [finding.fields for _, finding in outcome.findings if finding.code == code]


def test_an_older_source_does_not_take_readers_back_in_time(shop: Shop) -> None:
    shop.tickets("0610", ("T003", "C001", "2025-06-10 09:00:00"))
    shop.night()
    before = as_of(shop)
    other_source(shop, "0601", ("T009", "C001", "2025-06-01 08:00:00"))
    outcome = shop.night()
    assert outcome.verdict == "published"
    assert as_of(shop) == before == datetime(2025, 6, 10, 1)
    assert [fields["sources"] for fields in told(outcome, "sources_apart")] == ["depot 2025-06-01 08:00"]
    other_source(shop, "0611", ("T010", "C001", "2025-06-11 08:00:00"))
    shop.night()
    assert as_of(shop) == datetime(2025, 6, 11)


def test_the_first_night_goes_as_far_as_its_earliest_source_and_says_who_lags(shop: Shop) -> None:
    shop.tickets("0604", ("T003", "C001", "2025-06-04 09:00:00"))
    other_source(shop, "0601", ("T009", "C001", "2025-06-01 08:00:00"))
    outcome = shop.night()
    assert as_of(shop) == datetime(2025, 6, 1)
    assert told(outcome, "sources_apart") == [
        {
            "sources": "depot 2025-06-01 08:00, shop 2025-06-04 09:00",
            "earliest": "depot",
            "earliest_through": "2025-06-01 08:00",
            "as_of": "2025-06-01 08:00",
            "zone": "Asia/Shanghai",
            "tickets_after": 3,
            "orders_after": 0,
        }
    ]


def test_sources_a_day_apart_are_as_usual(shop: Shop) -> None:
    other_source(shop, "0602", ("T009", "C001", "2025-06-02 23:00:00"))
    assert told(shop.night(), "sources_apart") == []


def test_an_explicit_as_of_goes_back_and_the_next_night_goes_on(shop: Shop) -> None:
    shop.night()
    back = datetime(2025, 6, 1, 2)
    assert shop.night(as_of=back).verdict == "published"
    assert as_of(shop) == back
    shop.tickets("0602", ("T003", "C001", "2025-06-02 10:00:00"))
    shop.night()
    assert as_of(shop) == datetime(2025, 6, 2, 2)


def test_an_as_of_that_was_withdrawn_does_not_stick(shop: Shop) -> None:
    shop.night()
    before = as_of(shop)
    shop.tickets("wrong", ("T003", "C001", "2025-07-30 10:00:00"))
    wrong = shop.night().loads[0]
    retract(shop.home, wrong.sha256, "the clock of the export was wrong")
    shop.night()
    assert as_of(shop) == before


def test_an_as_of_in_the_future_that_was_once_published_does_not_stick(shop: Shop) -> None:
    shop.night()
    before = as_of(shop)
    pointer = shop.home / "published.json"
    told = json.loads(pointer.read_text(encoding="utf-8"))
    pointer.write_text(json.dumps({**told, "as_of": "2031-01-01T00:00:00"}), encoding="utf-8")
    assert shop.night().verdict == "nothing_new"
    shop.tickets("0602", ("T003", "C001", "2025-06-02 10:00:00"))
    shop.night()
    assert before < as_of(shop) == datetime(2025, 6, 2, 2)


def test_an_as_of_still_to_come_is_refused(shop: Shop) -> None:
    with pytest.raises(AsOfTooLate):
        shop.night(as_of=datetime(2099, 1, 1))
    assert not (shop.home / "warehouse.duckdb").exists()
    soon = datetime.now(UTC).replace(tzinfo=None) + timedelta(hours=20)
    assert shop.night(as_of=soon).verdict == "published"
