"""The golden tickets of test_golden_tickets.py, modelled once."""

import re
from collections.abc import Callable
from datetime import datetime, timedelta
from pathlib import Path

import pytest

from dashboard.metrics.query import Snapshot

AS_OF = "2025-12-10 02:30"


def from_shanghai(text: str) -> str:
    """The same table with every minute moved from Shanghai time to UTC."""

    def shift(found: re.Match[str]) -> str:
        return str(datetime.fromisoformat(found[0]) - timedelta(hours=8))[:16]

    return re.sub(r"\d{4}-\d\d-\d\d \d\d:\d\d", shift, text)


def exports(folder: str = "golden_tickets") -> dict[str, str]:
    """Tables of a folder by name of the dataset, in UTC."""
    return {
        f"raw.{file.stem}": from_shanghai(file.read_text(encoding="utf-8"))
        for file in (Path(__file__).parent / folder).glob("*.txt")
    }


@pytest.fixture(scope="session")
def golden(make_snapshot: Callable[..., Snapshot]) -> Snapshot:
    return make_snapshot(exports(), as_of=AS_OF)


@pytest.fixture(scope="session")
def tables_of() -> Callable[..., dict[str, str]]:
    """The tables drawn in a folder, all or only some of them: tables_of("golden_parts", "assets"). Times are UTC."""

    def read(folder: str, *datasets: str) -> dict[str, str]:
        files = (Path(__file__).parent / folder).glob("*.txt")
        return {
            f"raw.{file.stem}": file.read_text("utf-8") for file in files if not datasets or file.stem in datasets
        }

    return read
