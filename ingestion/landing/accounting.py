"""What became of one file: every record is loaded, held back, or a duplicate, and the counts prove it."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal, NamedTuple

from ingestion.errors import CountMismatch, Finding

if TYPE_CHECKING:
    from datetime import datetime
    from pathlib import Path

    from ingestion.mapping import Feed

Verdict = Literal["accept", "quarantine", "reject"]
# Data accuracy below 98 % stops the night, unless the file is too small to speak of a share.
MOST_HELD_BACK, ENOUGH_ROWS = 0.02, 500
# Where more than this share is faulty, a file of any size is not what it was declared to be.
MOST_OF_SMALL = 0.5


class Reason(NamedTuple):
    """Why records of one file are held back, and how many of them."""

    code: str
    column: str
    records: int


@dataclass
class Landed:
    """One file as it landed. Non-empty `faults` mean that the load must stop.

    accepted: checks that may fail tonight.
    datasets: dataset -> rows that landed.
    headings: those of the file, in its order.
    examples: numbers of the first records held back, for whoever looks into the file.
    notes: what is as declared and still worth telling.
    data_through: how far the file goes (UTC, without a zone); None where it does not say.
    path, settings: where its records came from, should their text be needed again.
    """

    source: str
    feed: str
    file: str
    sha256: str
    bytes: int
    load_id: str
    customer_namespace: str
    path: Path = field(repr=False)
    settings: Feed = field(repr=False)
    rows_read: int = 0
    rows_loaded: int = 0
    rows_quarantined: int = 0
    rows_duplicate: int = 0
    data_through: datetime | None = None
    accepted: tuple[str, ...] = ()
    datasets: dict[str, int] = field(default_factory=dict)
    headings: list[str] = field(default_factory=list)
    examples: str = ""
    notes: list[Finding] = field(default_factory=list)
    warnings: list[Finding] = field(default_factory=list)
    faults: list[Finding] = field(default_factory=list)

    @property
    def verdict(self) -> Verdict:
        if self.faults:
            return "reject"
        return "quarantine" if self.rows_quarantined else "accept"

    def table(self, dataset: str) -> str:
        """The name, below <catalog>.landing, of the rows of one dataset."""
        return f"{self.load_id}__{dataset}"

    def balance(self) -> None:
        """Raises CountMismatch unless every record of the file is accounted for exactly once."""
        accounted = self.rows_loaded + self.rows_quarantined + self.rows_duplicate
        if accounted != self.rows_read:
            raise CountMismatch(self.file, self.rows_read, accounted)

    def judge_small(self, reason: Reason) -> None:
        """Refuse a file too small to speak of a share, where most of its records are faulty in themselves.

        Those that only wait for what they point at are no sign of that: their night may bring no others.

        Args:
            reason: the one that most of them are held back for.
        """
        is_most = self.rows_quarantined > MOST_OF_SMALL * self.rows_read
        if self.rows_read < ENOUGH_ROWS and self.rows_quarantined and (is_most or not self.rows_loaded):
            fields: dict[str, str | int] = {
                "file": self.file,
                "rows_read": self.rows_read,
                "rows_quarantined": self.rows_quarantined,
                "reason_code": reason.code,
                "reason_column": reason.column,
                "reason_count": reason.records,
                "examples": self.examples,
            }
            self.faults.append(Finding("mostly_held_back", fields))

    def judge_accuracy(self) -> None:
        """Say whether too many records are held back; may be called again when more of them are."""
        codes = ("accuracy_below_target", "too_many_held_back")
        self.faults = [finding for finding in self.faults if finding.code not in codes]
        self.warnings = [finding for finding in self.warnings if finding.code not in codes]
        if self.rows_quarantined <= MOST_HELD_BACK * self.rows_read:
            return
        fields: dict[str, str | int] = {
            "file": self.file,
            "rows_read": self.rows_read,
            "rows_quarantined": self.rows_quarantined,
            "examples": self.examples,
        }
        if self.rows_read >= ENOUGH_ROWS:
            self.faults.append(Finding("accuracy_below_target", fields))
        elif not any(fault.code == "mostly_held_back" for fault in self.faults):
            self.warnings.append(Finding("too_many_held_back", fields))
