"""The rows of a sheet as records: text for every cell, and what is wrong with single cells."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

from data_checks.contract import datasets
from ingestion.errors import Finding
from ingestion.sources.cells import cell_text
from ingestion.sources.records import BadRecord, Filler

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from duckdb import DuckDBPyConnection

    from ingestion.mapping import Feed
    from ingestion.sources.sheet_facts import SheetFacts

# A number cell keeps 15 digits for sure: a spreadsheet makes 0 of those that follow, and beyond 2^53 neighbours
# are one and the same number.
FIRST_UNSURE, LAST_EXACT = 10**15, 2**53
# Days between the two systems: 1904-01-01 is day 0 of one and day 1462 of the other.
DAYS_TO_1904 = 1462
_NOTHING: Mapping[int, Any] = {}


class Span(NamedTuple):
    """A range of merged cells, its last row and column included."""

    top: int
    left: int
    bottom: int
    right: int


def is_filled(text: str | None) -> bool:
    return text is not None and text != "" and not text.isspace()


def kinds_of(feed: Feed, headings: Sequence[str]) -> dict[str, set[str]]:
    """Heading -> the types of our columns that it fills; what is a key and nothing else counts as an id."""
    kinds: dict[str, set[str]] = {}
    for dataset in feed.datasets:
        ours = datasets().get(dataset.name)
        for column in (*dataset.columns, *dataset.bare):
            kind = ours.column(column.our_column).type if ours and column in dataset.columns else "id"
            for heading in column.parts(headings):
                kinds.setdefault(heading, set()).add(kind)
    return kinds


class Filling:
    """Takes the rows of one sheet below its header, one after the other, into a relation."""

    def __init__(
        self,
        con: DuckDBPyConnection,
        relation: str,
        feed: Feed,
        headings: list[str],
        facts: SheetFacts,
        from_1904: bool,
    ) -> None:
        self.headings, self.facts = headings, facts
        self.used = set(feed.used(headings))
        self.nameless = [i for i, heading in enumerate(headings) if not heading]
        kinds = kinds_of(feed, headings)
        self.ids = self._columns(kinds, {"id"})
        self.numbers = self._columns(kinds, {"int", "decimal"})
        self.serials = self._columns(kinds, {"instant", "date"}) if from_1904 and _has_serials(feed) else []
        self.filler = Filler(con, f"{relation}_text", len(headings))
        con.execute(f'create or replace temp view {relation} as select * from "{relation}_text"')
        self.bad: list[BadRecord] = []
        self.records = self.hidden = self.unnamed = 0
        self.merged = 0
        self.spans: dict[int, list[Span]] = {}
        self.held: dict[int, tuple[int, str | None]] = {}
        self.unsure: dict[int, list[BadRecord]] = {}
        self.exact: set[int] = set()

    def _columns(self, kinds: Mapping[str, set[str]], wanted: set[str]) -> list[int]:
        return [i for i, heading in enumerate(self.headings) if kinds.get(heading, set()) & wanted]

    def spread(self, spans: Iterable[Span]) -> None:
        """Cells that are merged over several rows. A number counts once, at its first row, or sums would grow."""
        for span in spans:
            if span.bottom > span.top and span.left < len(self.headings) and span.left not in self.numbers:
                self.spans.setdefault(span.top, []).append(span)

    def take(self, row: int, values: list[Any]) -> None:
        """One row of the sheet, if it holds anything."""
        faults = self.facts.faults.get(row, _NOTHING)
        texts = [cell_text(value) for value in values]
        if not faults and not any(map(is_filled, texts)):
            return
        self.records += 1
        self.hidden += row in self.facts.hidden_rows
        width = len(self.headings)
        self.unnamed += sum(map(is_filled, texts[width:])) + sum(is_filled(texts[i]) for i in self.nameless)
        for column, digits in self.facts.padded.get(row, _NOTHING).items():
            texts[column] = (texts[column] or "").zfill(digits)
        for column in self.serials:
            value = values[column] if column < len(values) else None
            if isinstance(value, int | float) and not isinstance(value, bool):
                texts[column] = cell_text(value + DAYS_TO_1904)
        self._hold(row, texts)
        cells = [*texts[:width], *[None] * (width - len(texts))]
        text = "\t".join(each or "" for each in texts)
        self._judge(values, cells, faults, text)
        self.filler.add(self.records, text, (None if i in faults else cell for i, cell in enumerate(cells)))

    def _hold(self, row: int, texts: list[str | None]) -> None:
        """Give a row the merged cells that reach down to it, and keep those that begin in it."""
        for column, (bottom, text) in list(self.held.items()):
            if row > bottom:
                del self.held[column]
            elif not is_filled(texts[column]):
                texts[column] = text
                self.merged += 1
        for span in self.spans.get(row, ()):
            self.held[span.left] = (span.bottom, texts[span.left])

    def _judge(self, values: list[Any], cells: list[str | None], faults: Mapping[int, str], text: str) -> None:
        """Note the cells of one record whose value is no value, and ids that are too long for a number."""
        for column, code in faults.items():
            heading = self.headings[column] if column < len(self.headings) else ""
            if heading in self.used:
                self.bad.append(self._bad(code, heading, cells, text))
        for column in self.ids:
            value = values[column] if column < len(values) else None
            if not isinstance(value, int | float) or abs(value) < FIRST_UNSURE:
                continue
            bad = self._bad("digits_lost", self.headings[column], cells, text)
            if abs(value) > LAST_EXACT:
                self.bad.append(bad)
            elif value % 10:
                self.exact.add(column)
            else:
                self.unsure.setdefault(column, []).append(bad)

    def _bad(self, code: str, heading: str, cells: list[str | None], text: str) -> BadRecord:
        known = {each: cell or "" for each, cell in zip(self.headings, cells, strict=True)}
        return BadRecord(self.records, code, known, text, heading)

    def end(self) -> None:
        """All rows are taken."""
        # Where one number has a 16th digit other than 0, a program wrote them, and the zeros are true as well.
        for column in self.unsure.keys() - self.exact:
            self.bad += self.unsure[column]
        self.filler.flush()

    def findings(self, export: str, sheet: str) -> list[Finding]:
        """What a person should know although everything was read."""
        told: dict[str, str | int] = {"file": export, "sheet": sheet}
        counts = {"hidden_rows": self.hidden, "unnamed_cells": self.unnamed, "merged_cells": self.merged}
        found = [Finding(code, {**told, "count": count}) for code, count in counts.items() if count]
        columns = [
            heading
            for i, heading in enumerate(self.headings)
            if heading in self.used and i in self.facts.hidden_columns
        ]
        if columns:
            found.append(Finding("hidden_columns", {**told, "columns": ", ".join(columns)}))
        return found


def _has_serials(feed: Feed) -> bool:
    return "excel" in feed.datetime_formats or "excel" in feed.date_formats
