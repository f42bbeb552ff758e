"""Which of our values a usual word stands for, in Chinese and English (words.csv)."""

from __future__ import annotations

import csv
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING

from data_checks.contract import datasets
from ingestion.landing.normalise import FALSE, TRUE

if TYPE_CHECKING:
    from collections.abc import Sequence

WORDS = Path(__file__).parent / "words.csv"
# Text to the contract, but the models know certain words of them, so each of theirs has to be looked at.
WORDED = frozenset(
    {
        *(("tickets", name) for name in ("status", "channel", "priority")),
        *(("ticket_events", "status"), ("surveys", "channel"), ("orders", "channel")),
    }
)
UNKNOWN = "?"
"""Stands where a person has to say which of ours a value is; as none of ours, it holds its records back."""


@lru_cache(maxsize=1)
def usual_words() -> dict[str, dict[str, str]]:
    """Column (or dataset.column, or kind of column) -> their word in lower case -> our value."""
    known: dict[str, dict[str, str]] = {}
    with WORDS.open(encoding="utf-8", newline="") as lines:
        for row in csv.DictReader(lines):
            known.setdefault(row["column"], {})[row["their_value"].casefold()] = row["our_value"]
    return known


def needs_values(dataset: str, column: str, values: Sequence[str]) -> bool:
    """Whether these values have to be put into ours: not where they are ours already, or numbers and truths."""
    contract = datasets()[dataset].column(column)
    if contract.type == "enum":
        return any(value not in contract.values for value in values)
    if contract.type == "bool":
        return any(value.lower() not in (*TRUE, *FALSE) for value in values)
    if column in ("csat_score", "score"):
        return any(not value.replace(".", "", 1).isdecimal() for value in values)
    if (dataset, column) in WORDED:
        return any(guess(dataset, column, value) != value for value in values)
    return False


def guess(dataset: str, column: str, value: str) -> str:
    """Ours for one of theirs; UNKNOWN or '' where a person has to say, their own word where any word will do."""
    contract = datasets()[dataset].column(column)
    if contract.type == "enum" and value.casefold() in contract.values:
        return value.casefold()
    known = usual_words()
    name = "bool" if contract.type == "bool" else {"csat_score": "score"}.get(column, column)
    for key in (f"{dataset}.{column}", "tickets.status" if dataset == "ticket_events" else "", name):
        if (found := known.get(key, {}).get(value.strip().casefold())) is not None:
            return found
    if column in ("csat_score", "score"):
        return value if value.replace(".", "", 1).isdecimal() else UNKNOWN
    if contract.type != "text":
        return UNKNOWN
    # A missing status holds a ticket back; any text, UNKNOWN included, would pass for one.
    return "" if column == "status" else value


def is_open(column: str, ours: str) -> bool:
    """Whether a proposed value still waits for a person; '' elsewhere says that the word means nothing."""
    return ours == UNKNOWN or (column == "status" and not ours)
