"""Which of their columns is which of ours: the CSV files beside a source.toml.

A person with a spreadsheet edits these files, so every slip is reported with its file and line (`MappingInvalid`).
"""

from __future__ import annotations

import csv
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, Any

from data_checks.contract import datasets
from ingestion.errors import MappingInvalid

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from pathlib import Path

_DATASET_KEYS = frozenset({"mapping", "key", "version", "collapse", "where"})


@dataclass(frozen=True)
class ColumnMap:
    """One line of a mapping file.

    headings: theirs, joined with '-' where there are several; empty for a constant and for `#record`.
    required: the heading must be there and every record must have a value.
    """

    our_column: str
    headings: tuple[str, ...]
    constant: str | None
    is_record_number: bool
    required: bool
    line: int


@dataclass(frozen=True)
class DatasetMap:
    """How the records of a feed become rows of one dataset.

    key, version: our columns, or '@heading' for a heading that maps to none of ours.
    values: our column -> {their value: our value}; '' is the missing value, '*' any other.
    """

    name: str
    file: str
    columns: tuple[ColumnMap, ...]
    key: tuple[str, ...]
    version: tuple[str, ...]
    collapse: bool
    where: str
    values: Mapping[str, Mapping[str, str]]

    def column(self, name: str) -> ColumnMap | None:
        return next((column for column in self.columns if column.our_column == name), None)

    @property
    def required_headings(self) -> tuple[str, ...]:
        """Headings the file cannot do without: of required columns, and those the key is made of."""
        needed = [h for column in self.columns if column.required for h in column.headings]
        return tuple(dict.fromkeys([*needed, *self.bare_headings]))

    @property
    def bare_headings(self) -> tuple[str, ...]:
        return tuple(part[1:] for part in (*self.key, *self.version) if part.startswith("@"))


def dataset_map(folder: Path, feed: str, name: str, entry: Mapping[str, Any]) -> DatasetMap:
    """How a feed becomes one dataset: its entry in source.toml, and the CSV files it names.

    Raises:
        MappingInvalid: with the file, and the line of a CSV, that is wrong.
    """
    origin = str(folder / "source.toml")
    if name not in datasets():
        raise MappingInvalid(origin, f"no such dataset: {name}")
    refuse_unknown(entry, _DATASET_KEYS, origin, f"feeds.{feed}.datasets.{name}.")
    file = folder / entry.get("mapping", f"{feed}.csv")
    columns = _column_maps(file, name)
    mapped = {column.our_column for column in columns}
    key = tuple(entry.get("key", datasets()[name].key))
    version = tuple(entry.get("version", [c for c in datasets()[name].version_columns if c in mapped]))
    for part in (*key, *version):
        if not part.startswith("@") and part not in mapped:
            raise MappingInvalid(str(file), f"{part} is part of the key or version of {name} but not mapped")
    values = {column: table for column in mapped if (table := _values(folder, name, column)) is not None}
    collapse, where = bool(entry.get("collapse", False)), str(entry.get("where", ""))
    return DatasetMap(name, f"{folder.name}/{file.name}", columns, key, version, collapse, where, values)


def _column_maps(file: Path, dataset: str) -> tuple[ColumnMap, ...]:
    contract = datasets()[dataset]
    rows = _read_csv(file, ("their_heading", "our_column"))
    columns: list[ColumnMap] = []
    for line, row in rows:
        ours, theirs = row["our_column"].strip(), row["their_heading"].strip()
        if not ours:
            continue  # a heading that is known and deliberately not loaded
        if ours not in contract.column_names:
            raise MappingInvalid(str(file), f"{dataset} has no column {ours}", line)
        if any(column.our_column == ours for column in columns):
            raise MappingInvalid(str(file), f"{ours} is mapped twice", line)
        required = row.get("required", "").strip().lower() == "yes" or contract.column(ours).required
        columns.append(_column_map(ours, theirs, required, line))
    missing = [c.name for c in contract.required_columns if c.name not in {m.our_column for m in columns}]
    if missing:
        raise MappingInvalid(str(file), f"{dataset} needs {', '.join(missing)}, which nothing maps to")
    return tuple(columns)


def _column_map(ours: str, theirs: str, required: bool, line: int) -> ColumnMap:
    if theirs.startswith("="):
        return ColumnMap(ours, (), theirs[1:], False, required, line)
    if theirs == "#record":
        return ColumnMap(ours, (), None, True, required, line)
    headings = tuple(part.strip() for part in theirs.split(" + "))
    return ColumnMap(ours, headings, None, False, required, line)


def _values(folder: Path, dataset: str, column: str) -> dict[str, str] | None:
    """Their value -> ours; the file of the dataset wins over the one all datasets share."""
    for name in (f"{dataset}.{column}.csv", f"{column}.csv"):
        file = folder / "values" / name
        if file.is_file():
            rows = _read_csv(file, ("their_value", "our_value"))
            return {row["their_value"].strip(): row["our_value"].strip() for _, row in rows}
    return None


@lru_cache(maxsize=256)
def _read_text(file: Path, changed_at: int) -> str:
    """One values file serves several feeds; `changed_at` makes an edited file a new one."""
    return file.read_text(encoding="utf-8-sig")


def _read_csv(file: Path, needed: Sequence[str]) -> list[tuple[int, dict[str, str]]]:
    """The lines of a mapping file with their line numbers, without blank ones."""
    try:
        text = _read_text(file, file.stat().st_mtime_ns)
    except (OSError, UnicodeDecodeError) as error:
        raise MappingInvalid(str(file), str(error)) from error
    reader = csv.reader(text.splitlines())
    header = next(reader, [])
    if not set(needed) <= set(header):
        raise MappingInvalid(str(file), f"the header needs {', '.join(needed)}", 1)
    rows: list[tuple[int, dict[str, str]]] = []
    for cells in reader:
        if any(cells):
            padded = [*cells, *[""] * (len(header) - len(cells))]
            rows.append((reader.line_num, dict(zip(header, padded, strict=False))))
    return rows


def refuse_unknown(declared: Iterable[str], known: frozenset[str], origin: str, prefix: str) -> None:
    """A misspelt option would otherwise be ignored, and the file read by a default nobody chose."""
    for key in declared:
        if key not in known:
            raise MappingInvalid(origin, f"unknown option {prefix}{key}")
