"""Which heading is which of our columns: by its words, checked against what stands below it.

Each heading is used once a dataset, each column filled by one heading; the likeliest pairs are taken first. A
proposal is for review: what is weak says so, and what is missing is a line to fill.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal

from data_checks.contract import datasets
from ingestion.connect.evidence import MOST_VALUES, MOSTLY
from ingestion.connect.formats import is_digits
from ingestion.connect.headings import NAMED_AFTER, SAME, SAME_STEM, likeness
from ingestion.connect.words import WORDED, guess, is_open, needs_values

if TYPE_CHECKING:
    from collections.abc import Sequence

    from data_checks.contract import Column as Ours
    from data_checks.contract import Dataset
    from ingestion.connect.evidence import Column, Evidence

ENOUGH, LIKELY, SURE = 0.72, 0.85, 0.94
Sureness = Literal["sure", "likely", "unsure"]
Reason = Literal["same", "form", "alike", "default", "missing"]
# What a mapping says instead of a heading where a file has none for a column that has to be there.
DEFAULTS = {
    ("visits", "visit_no"): "=1",
    ("survey_answers", "dimension"): "=overall",
    ("order_items", "line_no"): "=1",
}
# A row that tells of a thing without a number of its own: the number of its ticket will do.
BY_TICKET = {
    "visits": "visit_id",
    "complaints": "complaint_id",
    "surveys": "survey_id",
    "survey_answers": "survey_id",
}
TO_FILL = "?"
"""The heading of a column that nothing was found for: the file waits, and every other source goes on."""
# Two numbers for one thing (a ticket and its customer) are told apart by how often they repeat.
_REPEATS = frozenset({"ticket_events", "customer_tier_history", "order_items", "survey_answers", "roster"})
# Texts of which a file has few: a column of sentences is none of these.
_FEW = frozenset({"channel", "status", "priority", "team", "category", "region", "segment", "city", "reason", "role"})


@dataclass(frozen=True)
class Match:
    """One of our columns and what fills it: a heading, or (`default`, `missing`) text of the mapping language."""

    our_column: str
    their_heading: str
    score: float
    reason: Reason
    is_required: bool

    @property
    def sureness(self) -> Sureness:
        if self.score >= SURE:
            return "sure"
        return "likely" if self.score >= LIKELY else "unsure"


@dataclass(frozen=True)
class DatasetProposal:
    """How a feed would fill one dataset. values: our column -> [(their value, ours)] for a person to review."""

    dataset: str
    matches: tuple[Match, ...]
    values: dict[str, list[tuple[str, str]]] = field(default_factory=dict)
    too_many: tuple[str, ...] = ()
    where: str = ""
    collapse: bool = False

    @property
    def missing(self) -> list[Match]:
        return [match for match in self.matches if match.reason == "missing"]

    def heading(self, column: str) -> str:
        """The heading that fills a column; '' where none does."""
        return next((m.their_heading for m in self.found if m.our_column == column), "")

    @property
    def found(self) -> list[Match]:
        return [match for match in self.matches if match.reason not in ("missing", "default")]

    @property
    def worth(self) -> float:
        """How well the file fits the dataset: what is found counts, above all what has to be there."""
        found = sum(match.score * (2 if match.is_required else 1) for match in self.found)
        return found - 3 * len(self.missing)


def propose(evidence: Evidence, wanted: Sequence[str], feed: str) -> list[DatasetProposal]:
    """A proposal per wanted dataset, the first being what the records are; without any, the best fitting one."""
    if not wanted:
        each = [_assign(evidence, name) for name in datasets()]
        named = feed if feed in datasets() else ""
        best = max(each, key=lambda one: (one.worth + 3 * (one.dataset == named), len(one.found)))
        return [_with_values(evidence, best)]
    first, *others = [_with_values(evidence, _assign(evidence, name)) for name in dict.fromkeys(wanted)]
    return [first, *(_beside(evidence, first, other) for other in others)]


def _assign(evidence: Evidence, name: str) -> DatasetProposal:
    """The likeliest pairs first; then defaults, and a line to fill for whatever still has to be there."""
    dataset = datasets()[name]
    usable = [c for c in evidence.columns if c.heading not in evidence.twice and not _is_language(c.heading)]
    pairs = []
    for position, column in enumerate(usable):
        for ours in dataset.columns:
            score = likeness(column.heading, name, ours.name)
            if score >= ENOUGH and (score := round(score * _fit(dataset, ours, column), 3)) >= ENOUGH:
                pairs.append((-score, not ours.required, position, ours.name, column.heading))
    matches: dict[str, Match] = {}
    taken: set[str] = set()
    for negative, optional, _, ours_name, heading in sorted(pairs):
        if ours_name not in matches and heading not in taken:
            words = likeness(heading, name, ours_name)
            reason: Reason = "same" if words >= SAME else "form" if words >= SAME_STEM * NAMED_AFTER else "alike"
            matches[ours_name] = Match(ours_name, heading, -negative, reason, not optional)
            taken.add(heading)
    ordered = [matches.get(c.name) or _instead(dataset, c, matches) for c in dataset.columns]
    return DatasetProposal(name, tuple(match for match in ordered if match))


def _instead(dataset: Dataset, column: Ours, found: dict[str, Match]) -> Match | None:
    """What to write for a column without a heading; None where it may be left out."""
    if not column.required:
        return None
    if default := DEFAULTS.get((dataset.name, column.name)):
        return Match(column.name, default, 0.0, "default", True)
    if BY_TICKET.get(dataset.name) == column.name and (ticket := found.get("ticket_id")):
        return Match(column.name, ticket.their_heading, 0.0, "default", True)
    if column.name == "event_seq" and (at := found.get("occurred_at")):
        return Match(column.name, f"#micros {at.their_heading}", 0.0, "default", True)
    return Match(column.name, TO_FILL, 0.0, "missing", True)


def _is_language(heading: str) -> bool:
    """Whether a mapping file would take the heading for something else than a heading."""
    return heading.startswith(("=", "#")) or " | " in heading or " + " in heading or heading == TO_FILL


def _fit(dataset: Dataset, ours: Ours, column: Column) -> float:
    """0 to 1: how well what stands below a heading goes with the type of our column."""
    if column.type == "empty":
        return 0.9
    if ours.type in ("instant", "date"):
        if column.type == "instant":
            return 1.0
        digits = max((one.share for one in column.formats if is_digits(one.format)), default=0.0)
        return 0.9 if digits >= MOSTLY else 0.0
    if column.type == "instant":
        return 0.0
    if ours.type == "id":
        return _fit_id(dataset, ours, column)
    if ours.type == "bool":
        return 1.0 if column.type == "bool" or _all_guessed(dataset, ours, column) else 0.2
    if ours.type in ("int", "decimal"):
        if column.type in ("int", "decimal", "bool"):
            return 0.6 if (ours.type, column.type) == ("int", "decimal") else 1.0
        return 0.95 if _all_guessed(dataset, ours, column) else 0.1
    if ours.type == "enum":
        return 1.0 if column.distinct <= MOST_VALUES else 0.3
    if ours.name in _FEW and column.distinct > MOST_VALUES:
        return 0.6 if column.distinct > column.filled / 2 or ours.name == "status" else 0.95
    return 0.9 if ours.name == "subject" and column.type in ("int", "bool") else 1.0


def _fit_id(dataset: Dataset, ours: Ours, column: Column) -> float:
    if column.type in ("decimal", "bool"):
        return 0.3
    if ours.name in dataset.key and dataset.name not in _REPEATS:
        # Every record has a number of its own; newer versions of a record repeat it, but not all over the file.
        return 0.7 if column.share_filled < MOSTLY else 1.0 if column.distinct > column.filled / 3 else 0.8
    return 1.0


def _all_guessed(dataset: Dataset, ours: Ours, column: Column) -> bool:
    few = [value for value, _ in column.values]
    return bool(few) and not any(is_open(ours.name, guess(dataset.name, ours.name, value)) for value in few)


# --- values and secondary datasets ------------------------------------------------------------------------


def _with_values(evidence: Evidence, one: DatasetProposal) -> DatasetProposal:
    """The values of listed columns, with ours beside them where the word is a usual one."""
    values: dict[str, list[tuple[str, str]]] = {}
    too_many: list[str] = []
    for match in one.found:
        column = evidence.column(match.their_heading)
        ours = datasets()[one.dataset].column(match.our_column)
        if column is None:
            continue
        few = [value for value, _ in column.values]
        if few and needs_values(one.dataset, match.our_column, few):
            values[match.our_column] = [(value, guess(one.dataset, match.our_column, value)) for value in few]
        elif column.distinct > MOST_VALUES and (ours.type == "enum" or (one.dataset, ours.name) in WORDED):
            too_many.append(match.our_column)
    return DatasetProposal(one.dataset, one.matches, values, tuple(too_many))


def _beside(evidence: Evidence, first: DatasetProposal, other: DatasetProposal) -> DatasetProposal:
    """A further dataset in the same records: not every record tells of it, and some tell of one thing twice."""
    key = [other.heading(name) for name in datasets()[other.dataset].key]
    key_columns = [column for heading in key if heading and (column := evidence.column(heading))]
    own = [m.our_column for m in other.found if m.their_heading not in {f.their_heading for f in first.found}]
    where = ""
    if any(column.share_filled < 1 for column in key_columns):
        names = [m.our_column for m in other.found if m.their_heading in key]
        where = " and ".join(f"{name} is not null" for name in names)
    elif own:
        where = " or ".join(f"{name} is not null" for name in own)
    repeats = bool(key_columns) and len(key_columns) == len(key) == 1 and not key_columns[0].is_unique
    return DatasetProposal(other.dataset, other.matches, other.values, other.too_many, where, repeats)
