"""The golden tickets of test_golden_tickets.py, modelled once."""

import re
from collections.abc import Callable
from datetime import datetime, timedelta
from pathlib import Path

import pytest

from dashboard.metrics.query import Snapshot

AS_OF = "2025-12-10 02:30"


def exports() -> dict[str, str]:
    """Tables by name of the dataset, every minute moved from Shanghai time to UTC."""

    def shift(found: re.Match[str]) -> str:
        return str(datetime.fromisoformat(found[0]) - timedelta(hours=8))[:16]

    return {
        f"raw.{file.stem}": re.sub(r"\d{4}-\d\d-\d\d \d\d:\d\d", shift, file.read_text(encoding="utf-8"))
        for file in (Path(__file__).parent / "golden_tickets").glob("*.txt")
    }


@pytest.fixture(scope="session")
def golden(make_snapshot: Callable[..., Snapshot]) -> Snapshot:
    return make_snapshot(exports(), as_of=AS_OF)
