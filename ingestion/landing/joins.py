"""Other files beside the records of one: their columns by equal text under a heading, as source.toml declares.

The file itself alone is counted, numbered and quoted; what is joined only adds columns. All of it is SQL.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from ingestion.errors import Finding, IngestionError
from ingestion.landing.normalise import clean, dashed
from ingestion.sources.table_export import read_export
from ingestion.sources.unpack import fingerprint
from ingestion.sqltext import quoted

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

    from duckdb import DuckDBPyConnection

    from ingestion.mapping import Feed
    from ingestion.mapping_columns import ColumnMap
    from ingestion.mapping_joins import Join
    from ingestion.sources.records import Records

RELATION = "aftercare_beside"


@dataclass(frozen=True)
class Joined:
    """Joined files in a temporary table: `key`, once each, and the columns under the headings they bring."""

    table: str
    file: str
    on: ColumnMap
    columns: Mapping[str, str]
    is_typed: bool
    rows: int


def files_beside(path: Path, feed: Feed) -> list[Path]:
    """The files of the same folder that are joined to this one, in the order of the joins."""
    found = (beside for join in feed.joins for beside in join.files_beside(path))
    return [beside for beside in dict.fromkeys(found) if beside != path]


def identity(path: Path, feed: Feed, sha256: Callable[[Path], str] = lambda path: fingerprint(path)[0]) -> str:
    """By what a load is known: the hash of the file, and of what is joined to it where that is another file."""
    beside = files_beside(path, feed)
    if not beside:
        return sha256(path)
    return hashlib.sha256("\n".join(map(sha256, [path, *beside])).encode()).hexdigest()


def read_records(con: DuckDBPyConnection, path: Path, feed: Feed, work: Path) -> Records:
    """The records of one file, with the columns that its joins bring.

    Raises:
        IngestionError: the file, or one that is joined to it, cannot be taken in.
    """
    warnings: list[Finding] = []
    notes: list[Finding] = []
    joined: list[Joined] = []
    for number, join in enumerate(feed.joins):
        beside = join.files_beside(path)
        if not beside:
            told: dict[str, str | int] = {"file": path.name, "pattern": join.file}
            warnings += [] if join.is_optional else [Finding("joined_file_missing", told)]
            continue
        folder = work / f"joined{number}"
        folder.mkdir()
        # Readers name their relations alike, so each joined file is put aside before the next one is read.
        one = _set_aside(con, beside, join, feed, folder, f"aftercare_joined_{number}")
        warnings += one[1]
        notes += one[2]
        joined.append(one[0])
    brought = frozenset(heading for one in joined for heading in one.columns)
    try:
        records = read_export(con, path, replace(feed, brought=brought), work)
    except IngestionError as error:
        error.others += warnings
        raise
    records.warnings = [*warnings, *records.warnings, *_put_beside(con, records, joined, feed, path.name)]
    records.notes += notes
    return records


def _set_aside(
    con: DuckDBPyConnection, paths: list[Path], join: Join, feed: Feed, work: Path, table: str
) -> tuple[Joined, list[Finding], list[Finding]]:
    """Read joined files and keep the first record of each key; what they warn of, and what they note."""
    settings = join.feed(feed)
    present: set[str] = set()
    is_typed = False
    warnings: list[Finding] = []
    for number, path in enumerate(paths):
        folder = work / str(number)
        folder.mkdir()
        records = read_export(con, path, settings, folder)
        key = _text(records.columns, join.key.parts(records.headings), feed)
        values = ", ".join(f"{_or_null(records, h)} as v{i}" for i, h in enumerate(settings.headings))
        page = f"select {number} as page, _row, {key} as key, {values} from {records.relation}"
        con.execute(
            f"insert into {table}_all {page}" if number else f"create or replace temp table {table}_all as {page}"
        )
        present |= {h for h in settings.headings if h in records.headings}
        is_typed |= records.typed
        bad = len({each.row for each in records.bad})
        warnings += [Finding("joined_records_bad", {"file": path.name, "count": bad})] if bad else []
    con.execute(
        f"create or replace temp table {table} as select * exclude (page, _row) from "
        f"(select *, count(*) over (partition by page, key) as times from {table}_all where key is not null) "
        "qualify row_number() over (partition by key order by page, _row) = 1"
    )
    rows, repeated = con.execute(f"select count(*), count(*) filter (times > 1) from {table}").fetchone() or (0, 0)
    con.execute(f"drop table {table}_all")
    columns = {join.prefix + h: f"{table}.v{i}" for i, h in enumerate(settings.headings) if h in present}
    told: dict[str, str | int] = {"file": paths[0].name, "column": join.key.headings[0], "count": repeated}
    notes = [Finding("joined_key_repeated", told)] if repeated else []
    return Joined(table, paths[0].name, join.on, columns, is_typed, rows), warnings, notes


def _or_null(records: Records, heading: str) -> str:
    """The column under a heading; pages of one list need not all have it."""
    return quoted(records.columns[heading]) if heading in records.headings else "cast(null as varchar)"


def _put_beside(
    con: DuckDBPyConnection, records: Records, joined: list[Joined], feed: Feed, file: str
) -> list[Finding]:
    """Widen the relation of the records; warns of a joined file in which no record finds anything."""
    columns = {heading: f"records.{quoted(column)}" for heading, column in records.columns.items()}
    present = set(records.headings)
    tables = f"{records.relation} as records"
    added: list[str] = []
    findings: list[Finding] = []
    for number, one in enumerate(joined):
        on = _text(columns, one.on.parts(present), feed)
        tables += f" left join {one.table} on {one.table}.key = {on}"
        found = con.execute(f"select count({on}), count({one.table}.key) from {tables}").fetchone()
        if found and one.rows and found[0] and not found[1]:
            findings.append(Finding("joined_nothing_found", {"file": file, "other": one.file}))
        # The file's own columns win over what is joined, and an earlier join over a later one.
        for heading, column in one.columns.items():
            if heading not in present:
                name = f"j{number}_{len(added)}"
                added.append(f"{column} as {name}")
                columns[heading], records.columns[heading] = column, name
                records.headings.append(heading)
                present.add(heading)
        records.typed = records.typed or one.is_typed
    if joined:
        selected = ", ".join(["records.*", *added])
        con.execute(f"create or replace temp view {RELATION} as select {selected} from {tables}")
        records.relation = RELATION
    return findings


def _text(columns: Mapping[str, str], parts: tuple[str, ...], feed: Feed) -> str:
    """SQL for the text by which records find each other: trimmed, and none where it spells a missing value."""
    return dashed(clean(columns.get(heading, "cast(null as varchar)"), feed) for heading in parts)
