"""`aftercare kpi KPI --why`: the split adds up, names its dates, and says so where a KPI cannot be split."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from dashboard.commands.shared import t

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from tests.dashboard.asked import Answer

DATES = ("--from", "2025-03-01", "--to", "2025-05-31")


def test_why_adds_up_and_names_its_dates(aftercare: Callable[..., Answer], home: Path) -> None:
    told = aftercare(
        "kpi", "reopen_rate", "--why", "tier", "--why", "channel", *DATES, "--format", "json", "--home", home
    )
    assert told.code == 0, told.err
    total, *segments = json.loads(told.out)
    assert total["level"] == "total"
    # A reopening needs seven days to show: the data end with 31 May, and both sides are cut as short.
    assert (total["now_from"], total["now_to"], total["before_from"]) == ("2025-03-01", "2025-05-24", "2024-12-01")
    for level, whole in (("tier", total["total"]), ("channel", total["rate_effect"])):
        assert sum(row["total"] for row in segments if row["level"] == level) == pytest.approx(whole, abs=1e-9)
    # A second dimension is told under the first.
    assert [row["level"] for row in segments[:2]] == ["tier", "channel"]
    assert segments[0]["tier"] == segments[1]["tier"]


def test_the_table_says_how_to_read_it(aftercare: Callable[..., Answer], home: Path) -> None:
    asked = ("--compare", "last_year", *DATES, "--home", home)
    told = aftercare("kpi", "reopen_rate", "--why", "tier", *asked)
    assert told.code == 0, told.err
    assert t("cli.kpi.why_read") in told.out
    assert t("cli.kpi.levels.total") in told.out
    counts = aftercare("kpi", "ticket_volume", "--why", "channel", *asked)
    assert t("cli.kpi.why_counts") in counts.out


def test_a_median_is_said_not_to_be_split(aftercare: Callable[..., Answer], home: Path) -> None:
    told = aftercare("kpi", "first_response_time", "--why", "tier", *DATES, "--home", home)
    assert (told.code, told.out) == (2, "")
    assert "first_response_time" in told.err
    told = aftercare("kpi", "reopen_rate", "--why", "no_such", *DATES, "--home", home)
    assert told.code == 2
    assert "no_such" in told.err
