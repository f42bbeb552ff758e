"""Which of their columns is which of ours: the CSV files beside a source.toml.

A person with a spreadsheet edits these files, so every slip is reported with its file and line (`MappingInvalid`).
"""

from __future__ import annotations

import csv
import re
from dataclasses import dataclass, field, replace
from functools import lru_cache
from typing import TYPE_CHECKING, Any

from data_checks.contract import datasets
from ingestion.errors import MappingInvalid

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Mapping, Sequence
    from pathlib import Path

    from data_checks.contract import Dataset

Alternatives = tuple[tuple[str, ...], ...]
DATASET_KEYS = frozenset({"mapping", "key", "version", "collapse", "where", "gone_when"})
# A heading of theirs inside a predicate: "@heading", as an SQL name.
_NAMED = re.compile(r'"(@[^"]+)"')


@dataclass(frozen=True)
class ColumnMap:
    """One line of a mapping file, or a heading of theirs that a key, a version or a predicate names as '@heading'.

    alternatives: the first that a file has is read; the headings of one are joined with '-', in a column of
        text with a blank, and then what is missing is left out. Empty for a constant and for `#record`.
    otherwise: further alternatives, for records in which the earlier ones say nothing (`a ?? b`): the first with
        a value counts, and of a column with a values file the first whose value stands there.
    is_micros: the instant under the heading, as microseconds since 1970 UTC; of `#micros at + id` the id tells
        events of one instant apart.
    is_first: of a list in one cell, separated by semicolons, the first entry.
    required: the heading must be there and every record must have a value.
    """

    our_column: str
    alternatives: Alternatives
    constant: str | None = None
    is_record_number: bool = False
    is_micros: bool = False
    is_first: bool = False
    required: bool = False
    line: int = 0
    otherwise: tuple[Alternatives, ...] = ()

    @property
    def headings(self) -> tuple[str, ...]:
        """Every heading that may be read, of all alternatives."""
        ways = (parts for each in (self.alternatives, *self.otherwise) for parts in each)
        return tuple(dict.fromkeys(heading for parts in ways for heading in parts))

    def ways(self, present: Collection[str]) -> tuple[tuple[str, ...], ...]:
        """The headings read of a file that has those `present`, in the order in which they are asked for a value:
        those of the first alternative, where it has none."""
        each = (
            next((parts for parts in ways if all(heading in present for heading in parts)), ())
            for ways in (self.alternatives, *self.otherwise)
        )
        return tuple(parts for parts in each if parts) or self.alternatives[:1]

    def parts(self, present: Collection[str]) -> tuple[str, ...]:
        """All headings read of a file that has those `present`."""
        return tuple(heading for parts in self.ways(present) for heading in parts)


@dataclass(frozen=True)
class DatasetMap:
    """How the records of a feed become rows of one dataset.

    key, version: our columns, or '@heading' for a heading that maps to none of ours.
    bare: the headings that key, version and predicates name so; their our_column is '@heading'.
    ignored: headings that are known and deliberately not loaded.
    where, gone_when: SQL predicates over our columns and "@heading"; a record that fulfils gone_when says that
        its key is gone from that version on.
    values: our column -> {their value: our value}; '' is the missing value, '*' any other, and 'Closed*' any other
        that begins with Closed.
    """

    name: str
    file: str
    columns: tuple[ColumnMap, ...]
    key: tuple[str, ...] = ()
    version: tuple[str, ...] = ()
    bare: tuple[ColumnMap, ...] = ()
    ignored: tuple[str, ...] = ()
    collapse: bool = False
    where: str = ""
    gone_when: str = ""
    values: Mapping[str, Mapping[str, str]] = field(default_factory=dict)

    def column(self, name: str) -> ColumnMap | None:
        return next((column for column in (*self.columns, *self.bare) if column.our_column == name), None)

    def missing(self, present: Collection[str]) -> list[str]:
        """Headings that a file cannot do without and does not have."""
        needed = (h for column in (*self.columns, *self.bare) if column.required for h in column.parts(present))
        return [heading for heading in dict.fromkeys(needed) if heading not in present]


def alternatives(theirs: str) -> Alternatives:
    """The headings that `a + b | c` names: the first of these ways that a file has is read."""
    return tuple(tuple(part.strip() for part in way.split(" + ")) for way in theirs.split(" | "))


def file_of(folders: Sequence[Path], name: str) -> Path:
    """Where a file of a source stands: the owner's own wins over ours, file by file."""
    return next((folder / name for folder in folders if (folder / name).is_file()), folders[0] / name)


def dataset_map(folders: Sequence[Path], feed: str, name: str, entry: Mapping[str, Any]) -> DatasetMap:
    """How a feed becomes one dataset: its entry in source.toml, and the CSV files it names.

    Args:
        folders: where the source's files are looked for, the first that has one wins.

    Raises:
        MappingInvalid: with the file, and the line of a CSV, that is wrong.
    """
    origin = str(file_of(folders, "source.toml"))
    if name not in datasets():
        raise MappingInvalid(origin, f"no such dataset: {name}")
    refuse_unknown(entry, DATASET_KEYS, origin, f"feeds.{feed}.datasets.{name}.")
    contract = datasets()[name]
    file = file_of(folders, entry.get("mapping", f"{feed}.csv"))
    where, gone_when = str(entry.get("where", "")), str(entry.get("gone_when", ""))
    columns, ignored = _column_maps(file, contract, needs_key_only=gone_when.strip().lower() == "true")
    mapped = {column.our_column for column in columns}
    key = tuple(entry.get("key", contract.key))
    version = tuple(entry.get("version", [c for c in contract.version_columns if c in mapped]))
    for part in (*key, *version):
        if not part.startswith("@") and part not in mapped:
            raise MappingInvalid(str(file), f"{part} is part of the key or version of {name} but not mapped")
    needed = {part for part in (*key, *version) if part.startswith("@")}
    named = dict.fromkeys([*sorted(needed), *_NAMED.findall(where), *_NAMED.findall(gone_when)])
    return DatasetMap(
        name=name,
        file=f"{folders[0].name}/{file.name}",
        columns=columns,
        key=key,
        version=version,
        bare=tuple(ColumnMap(part, alternatives(part[1:]), required=part in needed) for part in named),
        ignored=ignored,
        collapse=bool(entry.get("collapse", False)),
        where=where,
        gone_when=gone_when,
        values={column: found for column in mapped if (found := _values(folders, feed, name, column)) is not None},
    )


def _column_maps(
    file: Path, contract: Dataset, *, needs_key_only: bool
) -> tuple[tuple[ColumnMap, ...], tuple[str, ...]]:
    """The lines of a mapping file, and the headings it names only to say that they are not loaded.

    Args:
        needs_key_only: every record is a tombstone, which says no more than what is gone.
    """
    rows = read_csv(file, ("their_heading", "our_column"))
    columns: list[ColumnMap] = []
    ignored: list[str] = []
    for line, row in rows:
        ours, theirs = row["our_column"].strip(), row["their_heading"].strip()
        if not ours:
            ignored += _heading_map(theirs).headings
            continue
        if ours not in contract.column_names:
            raise MappingInvalid(str(file), f"{contract.name} has no column {ours}", line)
        if any(column.our_column == ours for column in columns):
            raise MappingInvalid(str(file), f"{ours} is mapped twice", line)
        column = _column_map(ours, theirs, line)
        if column.is_micros and contract.column(ours).type != "int":
            raise MappingInvalid(str(file), f"{ours} is no whole number, as #micros gives one", line)
        required = row.get("required", "").strip().lower() == "yes" or contract.column(ours).required
        columns.append(replace(column, required=required))
    needed = contract.key if needs_key_only else [column.name for column in contract.required_columns]
    missing = [name for name in needed if name not in {m.our_column for m in columns}]
    if missing:
        raise MappingInvalid(str(file), f"{contract.name} needs {', '.join(missing)}, which nothing maps to")
    return tuple(columns), tuple(ignored)


def _column_map(ours: str, theirs: str, line: int) -> ColumnMap:
    if theirs.startswith("="):
        return ColumnMap(ours, (), constant=theirs[1:], line=line)
    if theirs == "#record":
        return ColumnMap(ours, (), is_record_number=True, line=line)
    way, headings = theirs.split(" ", 1) if theirs.startswith(("#micros ", "#first ")) else ("", theirs)
    return replace(
        _heading_map(headings), our_column=ours, is_micros=way == "#micros", is_first=way == "#first", line=line
    )


def _heading_map(theirs: str) -> ColumnMap:
    """What `a + b | c ?? d` reads: `??` stands between what is asked in turn, `|` between names for one thing."""
    first, *otherwise = (alternatives(part) for part in theirs.split(" ?? "))
    return ColumnMap("", first, otherwise=tuple(otherwise))


def _values(folders: Sequence[Path], feed: str, dataset: str, column: str) -> dict[str, str] | None:
    """Their value -> ours; the file of the feed wins over that of the dataset, and this over the one all share."""
    for name in (f"{feed}.{dataset}.{column}.csv", f"{dataset}.{column}.csv", f"{column}.csv"):
        file = file_of(folders, f"values/{name}")
        if file.is_file():
            rows = read_csv(file, ("their_value", "our_value"))
            return {row["their_value"].strip(): row["our_value"].strip() for _, row in rows}
    return None


def written_text(file: Path) -> str:
    """A file that a person edits. Chinese Excel and Notepad save in GB18030, or with a byte order mark."""
    content = file.read_bytes()
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError:
        return content.decode("gb18030")


@lru_cache(maxsize=256)
def _read_text(file: Path, changed_at: int) -> str:
    """One values file serves several feeds; `changed_at` makes an edited file a new one."""
    return written_text(file)


def read_csv(file: Path, needed: Sequence[str]) -> list[tuple[int, dict[str, str]]]:
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
