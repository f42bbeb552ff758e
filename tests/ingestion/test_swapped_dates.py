"""Days and months swapped into the past are told by where the file would lie if they were swapped back."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tests.ingestion.conftest import Shop

pytestmark = pytest.mark.slow


@pytest.fixture
def known(shop: Shop) -> Shop:
    """A shop whose tickets go to 2025-06-01."""
    shop.night()
    return shop


def told(shop: Shop, days: Sequence[str]) -> list[dict[str, str | int]]:
    """What a night says of a file of tickets created on these days."""
    shop.tickets("0602", *((f"T9{n:03d}", "C001", f"{day} 09:00:00") for n, day in enumerate(days)))
    outcome = shop.night()
    assert outcome.verdict == "published", outcome.findings
    return [finding.fields for severity, finding in outcome.findings if (severity, finding.code) == CODE]


CODE = ("warn", "swapped_dates")
FOUND = ("tickets-0602.csv", "tickets", "created_at", 30)


def test_a_day_that_went_into_another_month_is_told_with_where_it_belongs(known: Shop) -> None:
    (fields,) = told(known, ["2025-02-06"] * 24 + ["2025-03-06"] * 6)
    assert (fields["file"], fields["dataset"], fields["column"], fields["count"]) == FOUND
    assert (fields["first"], fields["last"]) == ("2025-02-06", "2025-03-06")
    assert (fields["other_first"], fields["other_last"]) == ("2025-06-02", "2025-06-03")


def test_of_a_longer_file_only_days_up_to_the_12th_can_be_swapped_and_they_are_told(known: Shop) -> None:
    """A spreadsheet swaps what it takes for a date, and leaves the 13th of June alone."""
    (fields,) = told(known, [*["2025-02-06"] * 25, *[f"2025-06-{day}" for day in range(13, 30)]])
    assert fields["count"] == 25


@pytest.mark.parametrize(
    "days",
    [
        pytest.param(["2025-06-02"] * 30, id="as ever"),
        pytest.param(["2025-02-05"] * 30, id="old days that fit no better the other way round"),
        pytest.param(
            [f"2025-{month:02d}-{day:02d}" for month in (2, 3, 4, 5) for day in range(1, 28)], id="old ones"
        ),
        pytest.param(["2025-02-06"] * 19, id="too few"),
        pytest.param(["2025-03-09"] * 30, id="months after the last ones"),
        pytest.param(["2025-02-06"] * 25 + ["2025-02-07"] * 25 + ["2025-02-05"] * 25, id="three days of February"),
    ],
)
def test_what_may_well_be_right_is_not_told(known: Shop, days: list[str]) -> None:
    assert told(known, days) == []


def test_what_follows_as_it_stands_is_not_told_although_the_other_way_round_would_follow_too(known: Shop) -> None:
    """After the 6th of June come the 7th of June and, a month on, the 6th of July."""
    assert told(known, ["2025-06-06"]) == []
    assert told(known, ["2025-06-07"] * 30) == []


def test_who_declares_the_dates_to_be_right_is_believed(known: Shop) -> None:
    file = known.home / "mappings" / "shop" / "source.toml"
    file.write_text('ambiguous_dates = "accept"\n' + file.read_text(encoding="utf-8"), encoding="utf-8")
    assert told(known, ["2025-02-06"] * 30) == []
