"""What every reader hands over, whatever the format: one row per record, every value as text."""

from __future__ import annotations

import unicodedata
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import polars as pl

from ingestion.errors import ColumnsMissing, DuplicateColumns, Finding, IngestionError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from duckdb import DuckDBPyConnection

    from ingestion.mapping import Feed

BATCH = 20_000
# Real dates of workbooks and Parquet become text with six decimals, as no person writes them, so they can
# be told from dates that were text already and follow the declared format.
TYPED_INSTANT = "%Y-%m-%d %H:%M:%S.%f"


@dataclass(frozen=True)
class BadRecord:
    """A record that cannot be taken as it stands.

    row: its number in the file, first = 1.
    cells: what could be told of it, by heading, so that the report can name its key.
    heading: of the one bad cell where the rest of the record is sound and stands in the relation.
    """

    row: int
    code: str
    cells: dict[str, str]
    text: str
    heading: str = ""


@dataclass
class Records:
    """The records of one file.

    relation: a temporary DuckDB relation with _row and one VARCHAR column per entry of `columns`.
    headings: every heading found; columns: heading -> column of the relation.
    rows_read: counted by other means than those that filled the relation.
    originals: the text of given records as it stands in the file.
    notes: what is as declared and still worth telling, beside the warnings.
    typed: the format knows types; see TYPED_INSTANT.
    """

    relation: str
    headings: list[str]
    columns: dict[str, str]
    rows_read: int
    originals: Callable[[Sequence[int]], dict[int, str]]
    bad: list[BadRecord] = field(default_factory=list)
    warnings: list[Finding] = field(default_factory=list)
    notes: list[Finding] = field(default_factory=list)
    typed: bool = False


def check_headings(export: str, feed: Feed, headings: Sequence[str]) -> list[Finding]:
    """Compare the header with the mapping, by name; position never counts.

    Raises:
        DuplicateColumns: a heading in use occurs twice.
        ColumnsMissing: a required one is absent.
    """
    present = {*headings, *feed.brought}
    used = feed.used(present)
    twice = [h for h in dict.fromkeys(headings) if h in used and headings.count(h) > 1]
    if twice:
        raise DuplicateColumns(export, twice)
    for dataset in feed.datasets:
        missing = dataset.missing(present)
        if missing:
            found = [*filter(None, headings), *sorted(feed.brought)]
            raise ColumnsMissing(export, dataset.file, missing, found, [h for h in found if h not in used])
    absent = [h for h in used if h not in present]
    unknown = [h for h in dict.fromkeys(headings) if h and not feed.knows(h)]
    findings = [("absent_column", absent), ("unmapped_column", unknown)]
    return [Finding(code, {"file": export, "columns": ", ".join(names)}) for code, names in findings if names]


def checked_headings(export: str, feed: Feed, headings: Sequence[str], count: Callable[[], int]) -> list[Finding]:
    """As check_headings; a file that is refused still says how many records it has."""
    try:
        return check_headings(export, feed, headings)
    except IngestionError as error:
        error.rows_read = count()
        raise


def as_declared(feed: Feed, headings: Sequence[str]) -> list[str]:
    """Headings as the mapping spells them where they differ in nothing a reader would see or mean.

    That is case, full-width letters, and invisible characters; and only where just one heading can be meant.
    """
    declared: dict[str, str] = {}
    for heading in feed.headings:
        declared[_plain(heading)] = "" if _plain(heading) in declared else heading
    plain = [_plain(heading) for heading in headings]
    return [
        meant if (meant := declared.get(alike)) and meant not in headings and plain.count(alike) == 1 else heading
        for heading, alike in zip(headings, plain, strict=True)
    ]


def _plain(heading: str) -> str:
    visible = "".join(letter for letter in heading if unicodedata.category(letter) != "Cf")
    return unicodedata.normalize("NFKC", visible).casefold().strip()


class Filler:
    """Fills a temporary table with records that Python has read, a batch at a time."""

    def __init__(self, con: DuckDBPyConnection, table: str, width: int) -> None:
        self.con = con
        self.table = table
        self.names = ["_row", "_text", *(f"c{i}" for i in range(width))]
        columns = ", ".join(f'"{name}" VARCHAR' for name in self.names[1:])
        con.execute(f'create or replace temp table "{table}" ("_row" BIGINT, {columns})')
        self.rows: list[tuple[Any, ...]] = []
        self.filled = 0

    def add(self, row: int, text: str | None, cells: Iterable[str | None]) -> None:
        self.rows.append((row, text, *cells))
        if len(self.rows) >= BATCH:
            self.flush()

    def flush(self) -> None:
        """Write what is waiting; call once more at the end."""
        if not self.rows:
            return
        schema = {name: pl.Int64 if name == "_row" else pl.String for name in self.names}
        batch = pl.DataFrame(self.rows, schema=schema, orient="row")
        self.con.register("aftercare_batch", batch.to_arrow())
        try:
            self.con.execute(f'insert into "{self.table}" select * from aftercare_batch')
        finally:
            self.con.unregister("aftercare_batch")
        self.filled += len(self.rows)
        self.rows = []

    def originals(self, rows: Sequence[int]) -> dict[int, str]:
        """The stored text of given records."""
        found: dict[int, str] = {}
        for start in range(0, len(rows), BATCH):
            wanted = [int(row) for row in rows[start : start + BATCH]]
            result = self.con.execute(
                f'select "_row", "_text" from "{self.table}" where "_row" in (select unnest(?))', [wanted]
            )
            found |= {row: text or "" for row, text in result.fetchall()}
        return found
