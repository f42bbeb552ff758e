"""Judge typed rows: casts that failed, values that are missing, and the row rules of sql/checks.

All judging is one pass of SQL a rule over the whole file. Faults that hold a record back go to FAULTS, those
that only mark a row to FLAGS.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from data_checks.contract import ENTITIES
from data_checks.rules import row_rules
from ingestion.errors import Finding
from ingestion.landing.normalise import fault_of, predicates_of, text_of
from ingestion.sqltext import literal, quoted

if TYPE_CHECKING:
    from datetime import datetime

    from duckdb import DuckDBPyConnection

    from data_checks.rules import Rule
    from ingestion.landing.normalise import Typed
    from ingestion.mapping import Feed
    from ingestion.mapping_columns import DatasetMap
    from ingestion.sources.records import BadRecord

FAULTS, FLAGS, EXCLUDED = "aftercare_faults", "aftercare_flags", "aftercare_excluded"


def begin(con: DuckDBPyConnection) -> None:
    """Empty tables for the faults of one file."""
    con.execute(
        f"create or replace temp table {FAULTS} "
        "(_row BIGINT, dataset VARCHAR, column_name VARCHAR, code VARCHAR, key VARCHAR, text VARCHAR)"
    )
    con.execute(
        f"create or replace temp table {FLAGS} "
        "(_row BIGINT, dataset VARCHAR, column_name VARCHAR, code VARCHAR, clears BOOLEAN)"
    )
    con.execute(f"create or replace temp table {EXCLUDED} (_row BIGINT, dataset VARCHAR)")


def record_faults(con: DuckDBPyConnection, feed: Feed, bad: list[BadRecord]) -> None:
    """Faults a reader found: of whole records, or of a single cell."""
    rows = [
        (record.row, dataset.name, column, record.code, _key_in(dataset, record.cells), record.text)
        for record in bad
        for dataset, column in _places(feed, record.heading)
    ]
    if rows:
        con.executemany(f"insert into {FAULTS} values (?, ?, ?, ?, ?, ?)", rows)


def _places(feed: Feed, heading: str) -> list[tuple[DatasetMap, str]]:
    """Which columns of ours a bad cell would have filled; a bad record as a whole is named once."""
    if not heading:
        return [(feed.datasets[0], "")]
    filled = [
        (dataset, column.our_column)
        for dataset in feed.datasets
        for column in dataset.columns
        if heading in column.headings
    ]
    return filled or [(feed.datasets[0], "")]


def _key_in(dataset: DatasetMap, cells: dict[str, str]) -> str:
    """The key of a record that never became a row, as far as its cells tell."""
    parts: list[str] = []
    for part in dataset.key:
        column = dataset.column(part)
        headings = column.ways(cells)[:1] if column else ()
        parts += ["-".join(cells.get(heading, "").strip() for heading in way) for way in headings or ((),)]
    return "|".join(parts)


def key_text(dataset: DatasetMap) -> str:
    """SQL for the key of a row as the file writes it, for reports."""
    names = (quoted(part) if part.startswith("@") else text_of(part) for part in dataset.key)
    parts = [f"coalesce({name}, '')" for name in names]
    return f"concat_ws('|', {', '.join(parts)})"


def judge_rows(con: DuckDBPyConnection, feed: Feed, typed: Typed, as_of_limit: datetime) -> list[Finding]:
    """Record every fault and flag of one dataset's rows; findings of rules that only warn, or stop."""
    _judge_casts(con, typed)
    _exclude(con, typed)
    _judge_missing(con, typed)
    mapped = {column.name for column in typed.columns}
    findings: list[Finding] = []
    for rule in row_rules(typed.map.name):
        if rule.columns[0] in mapped:
            findings += _apply(con, feed, typed, rule, as_of_limit)
    _spare_tombstones(con, typed)
    return findings


def _judge_casts(con: DuckDBPyConnection, typed: Typed) -> None:
    key = key_text(typed.map)
    for column in typed.columns:
        con.execute(
            f"insert into {FAULTS} select _row, ?, ?, {fault_of(column.name)}, {key}, null "
            f"from {typed.view} where {fault_of(column.name)} is not null",
            [typed.map.name, column.name],
        )


def _exclude(con: DuckDBPyConnection, typed: Typed) -> None:
    """Leave out rows that `where` does not choose. Their casts are judged by now: no fault goes unseen.

    What says that a key is gone is always heard: what made it a row once may be gone as well.
    """
    if not typed.map.where:
        return
    with predicates_of(typed.map):
        con.execute(
            f"insert into {EXCLUDED} select _row, ? from {typed.view} where not coalesce({typed.map.where}, false) "
            "and not is_gone",
            [typed.map.name],
        )
    con.execute(
        f"delete from {typed.table} where _row in (select _row from {EXCLUDED} where dataset = ?)", [typed.map.name]
    )


def chosen_findings(con: DuckDBPyConnection, map: DatasetMap, rows_read: int, file: str) -> Finding | None:
    """How many records of the file `where` left out of a dataset; None where it left none out."""
    if not map.where:
        return None
    row = con.execute(f"select count(*) from {EXCLUDED} where dataset = ?", [map.name]).fetchone()
    if row is None or row[0] == 0:
        return None
    fields: dict[str, str | int] = {"file": file, "dataset": map.name, "count": row[0], "of": rows_read}
    return Finding("rows_not_chosen", {**fields, "where": map.where})


def _judge_missing(con: DuckDBPyConnection, typed: Typed) -> None:
    key = key_text(typed.map)
    for column in typed.columns:
        entry = typed.map.column(column.name)
        if entry and entry.required:
            con.execute(
                f"insert into {FAULTS} select _row, ?, ?, 'missing_value', {key}, null from {typed.view} "
                f"where {quoted(column.name)} is null and {fault_of(column.name)} is null and not exists "
                f"(from {FAULTS} f where f._row = {typed.view}._row and f.column_name = ?)",
                [typed.map.name, column.name, column.name],
            )


def _spare_tombstones(con: DuckDBPyConnection, typed: Typed) -> None:
    """Of a record that says its key is gone, only faults of the key and the version hold it back."""
    if not typed.map.gone_when:
        return
    needed = dict.fromkeys([*typed.map.key, *typed.map.version, *ENTITIES[typed.map.name], ""])
    con.execute(
        f"delete from {FAULTS} where dataset = ? and not list_contains(?, column_name) "
        f"and _row in (select _row from {typed.view} where is_gone)",
        [typed.map.name, list(needed)],
    )


def _apply(con: DuckDBPyConnection, feed: Feed, typed: Typed, rule: Rule, as_of_limit: datetime) -> list[Finding]:
    """Apply one rule. A time order that the source may break clears the offending instant, and is flagged."""
    severity = "flag" if rule.time_order and feed.time_order == "flag" else rule.severity
    rows = f"(select *, cast(? as timestamp) as as_of_limit from {typed.view})"
    if severity in ("quarantine", "flag"):
        selected = f"{key_text(typed.map)}, null" if severity == "quarantine" else str(rule.time_order).lower()
        target = FAULTS if severity == "quarantine" else FLAGS
        con.execute(
            f"insert into {target} select _row, {literal(typed.map.name)}, {literal(rule.columns[0])}, "
            f"{literal(rule.code)}, {selected} from {rows} where {rule.fails_when}",
            [as_of_limit],
        )
        return []
    count = con.execute(f"select count(*) from {rows} where {rule.fails_when}", [as_of_limit]).fetchone()
    if not count or not count[0]:
        return []
    return [Finding(rule.code, {"dataset": typed.map.name, "column": rule.columns[0], "count": count[0]})]
