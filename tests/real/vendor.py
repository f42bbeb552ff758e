"""What the tests of the vendors' exports share: asking a snapshot, and a dry run whose rows can be looked at."""

import json
from pathlib import Path
from typing import Any

import pandas as pd

from dashboard.metrics import query
from ingestion.check import CheckResult, check_in
from ingestion.warehouse.engines import open_memory
from ingestion.warehouse.kpis import Query


def rows(snapshot: query.Snapshot, sql: str) -> list[tuple[Any, ...]]:
    return snapshot.run(Query(sql, ())).rows()


def told(snapshot: query.Snapshot) -> dict[str, list[dict[str, Any]]]:
    """What the night found, by code."""
    found: dict[str, list[dict[str, Any]]] = {}
    for code, fields in rows(snapshot, "select code, fields from meta.findings"):
        found.setdefault(code, []).append(json.loads(fields))
    return found


def counts(snapshot: query.Snapshot) -> dict[str, tuple[int, int, int, int]]:
    """File -> records read, loaded, held back, repeated."""
    sql = "select file, rows_read, rows_loaded, rows_quarantined, rows_duplicate from meta.loads"
    return {file: (read, loaded, held, twice) for file, read, loaded, held, twice in rows(snapshot, sql)}


def table(path: Path) -> pd.DataFrame:
    """A table of an export as text, nothing interpreted."""
    return pd.read_csv(path, dtype=str, keep_default_na=False)


def landed(path: Path, source: str, feed: str, dataset: str) -> tuple[CheckResult, list[dict[str, Any]]]:
    """A dry run of one file, and the rows of one dataset it would give, in order of the file."""
    con = open_memory()
    try:
        result, one = check_in(con, path, source, feed, {}, {})
        assert one is not None, result.faults
        found = con.execute(f'select * from memory.landing."checked__{dataset}" order by source_row')
        names = [column[0] for column in found.description or ()]
        return result, [dict(zip(names, row, strict=True)) for row in found.fetchall()]
    finally:
        con.close()


def write(folder: Path, files: dict[str, str]) -> list[Path]:
    """Small files of a test, by name."""
    for name, text in files.items():
        (folder / name).write_text(text, encoding="utf-8")
    return [folder / name for name in files]


def taken(
    folder: Path, files: dict[str, str], source: str, feed: str, dataset: str, columns: str
) -> tuple[set[str], list[tuple[Any, ...]]]:
    """What is told of the first of some small files, the others beside it, and some columns of its rows."""
    result, found = landed(write(folder, files)[0], source, feed, dataset)
    told = {finding.code for finding in [*result.warnings, *result.faults]}
    return told, [tuple(row[column] for column in columns.split(", ")) for row in found]
