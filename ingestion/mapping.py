"""What each source says about its exports: mappings/<source>/source.toml and the CSV files beside it.

A person with a spreadsheet edits these files, so every slip is reported with its file and line
(`MappingInvalid`), never guessed around. The owner's own mappings (HOME/mappings) win over ours.
"""

from __future__ import annotations

import csv
import re
import tomllib
from dataclasses import dataclass, field, replace
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from data_checks.contract import datasets
from ingestion.errors import MappingInvalid

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

SHIPPED = Path(__file__).parent / "mappings"
FORMATS = ("csv", "xlsx", "xls", "json", "ndjson", "parquet")
# Visible ASCII, as agreed for plain exports; sources with other ids declare their own pattern.
ID_PATTERN = "[A-Za-z0-9][A-Za-z0-9_-]{2,39}"
_EXTENSIONS = {"csv": "csv", "txt": "csv", "tsv": "csv", "xlsx": "xlsx", "xlsm": "xlsx", "xls": "xls"} | {
    "json": "json", "ndjson": "ndjson", "jsonl": "ndjson", "parquet": "parquet",
}  # fmt: skip


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


@dataclass(frozen=True)
class Join:
    """A second sheet whose columns are put beside the first, by equal text under one heading."""

    sheet: str
    on: str
    prefix: str = ""


@dataclass(frozen=True)
class Feed:
    """One kind of file of one source, with everything needed to read it; nothing is guessed."""

    source: str
    name: str
    datasets: tuple[DatasetMap, ...]
    customer_namespace: str = ""
    timezone: str = "Asia/Shanghai"
    datetime_formats: tuple[str, ...] = ("%Y-%m-%d %H:%M:%S",)
    date_formats: tuple[str, ...] = ()
    first_year: int = 2000
    data_through: str = "newest"
    time_order: str = "quarantine"
    nulls: tuple[str, ...] = ("",)
    currency: str = ""
    id_pattern: str = ID_PATTERN
    format: str = ""
    file: str = ""
    encodings: tuple[str, ...] = ("utf-8",)
    delimiter: str = ","
    quote: str = '"'
    sheet: str = ""
    header_row: int = 1
    path: str = ""
    join: Join | None = None
    # "full" has to be written out: then a key that the newest file no longer names is gone.
    mode: str = "delta"
    may_be_empty: bool = False
    decimal_mark: str = "."
    thousands_mark: str = ""

    def matches(self, file_name: str) -> bool:
        """Whether a file of this name, in the folder of this source, is one of this feed."""
        if self.file:
            return re.fullmatch(self.file, file_name) is not None
        extension = "|".join(_EXTENSIONS)
        pattern = rf"{re.escape(self.name)}(-.*)?\.({extension})(\.gz|\.zip)?"
        return re.fullmatch(pattern, file_name, re.IGNORECASE) is not None

    def format_of(self, file_name: str) -> str:
        """The declared format, else the one the extension stands for ('' if neither says)."""
        if self.format:
            return self.format
        plain = re.sub(r"\.(gz|zip)$", "", file_name.lower())
        return _EXTENSIONS.get(plain.rpartition(".")[2], "")

    @property
    def headings(self) -> tuple[str, ...]:
        """Every heading of theirs that this feed uses, once."""
        used = (h for dataset in self.datasets for column in dataset.columns for h in column.headings)
        bare = (h for dataset in self.datasets for h in dataset.bare_headings)
        joined = (self.join.on,) if self.join else ()
        return tuple(dict.fromkeys([*used, *bare, *joined]))

    def with_options(self, options: Mapping[str, str]) -> Feed:
        """The same feed with declared options replaced, as `aftercare check --set` gives them (text)."""
        origin = f"--set ({self.source}/{self.name})"
        changes: dict[str, Any] = {}
        for name, text in options.items():
            name = "timezone" if name == "tz" else name
            if name not in _FEED_KEYS or name in ("join", "datasets"):
                raise MappingInvalid(origin, f"no such option: {name}")
            changes[name] = _from_text(name, text, origin)
        return replace(self, **_settings(changes, origin))


@dataclass(frozen=True)
class Source:
    """One system that exports: its feeds share a time zone, null spellings and customer ids."""

    name: str
    folder: Path
    customer_namespace: str
    feeds: Mapping[str, Feed] = field(default_factory=dict)

    @property
    def declares_churn(self) -> bool:
        """Whether the source says itself when a customer was lost; else inactivity has to tell."""
        return any(
            dataset.name == "customers" and dataset.column("churned_at") is not None
            for feed in self.feeds.values()
            for dataset in feed.datasets
        )

    def feed(self, name: str) -> Feed:
        if name not in self.feeds:
            raise MappingInvalid(str(self.folder / "source.toml"), f"no such feed: {name}")
        return self.feeds[name]


@dataclass(frozen=True)
class ExportFile:
    """A file of the night and the feed it belongs to."""

    path: Path
    source: str
    feed: str


def load_sources(own: Path | None = None) -> dict[str, Source]:
    """Every source we ship and every source of the owner's (`own` is HOME/mappings), which win."""
    folders = {path.parent.name: path.parent for path in sorted(SHIPPED.glob("*/source.toml"))}
    if own is not None:
        folders |= {path.parent.name: path.parent for path in sorted(own.glob("*/source.toml"))}
    return {name: load_source(folder) for name, folder in sorted(folders.items())}


def load_source(folder: Path) -> Source:
    """The source declared in one folder; MappingInvalid names file and line of whatever is wrong."""
    origin = folder / "source.toml"
    try:
        declared = tomllib.loads(origin.read_text(encoding="utf-8"))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise MappingInvalid(str(origin), str(error)) from error
    feeds = declared.pop("feeds", {})
    _refuse_unknown(declared, _SOURCE_KEYS, str(origin), "")
    namespace = declared.pop("customer_namespace", folder.name)
    shared = {"customer_namespace": namespace, **declared}
    return Source(
        name=folder.name,
        folder=folder,
        customer_namespace=namespace,
        feeds={name: _feed(folder, name, {**shared, **entry}) for name, entry in feeds.items()},
    )


def find_exports(directory: Path, sources: Mapping[str, Source]) -> tuple[list[ExportFile], list[Path]]:
    """The files below EXPORTS_DIR that belong to a feed, in order of name, and those that belong to none."""
    matched: list[ExportFile] = []
    unmatched: list[Path] = []
    for path in sorted(p for p in directory.rglob("*") if p.is_file() and not p.name.startswith(".")):
        inside = path.relative_to(directory).parts
        source = sources.get(inside[0]) if len(inside) > 1 else None
        feed = next((f for f in source.feeds.values() if f.matches(path.name)), None) if source else None
        if source and feed and len(inside) == 2:
            matched.append(ExportFile(path, source.name, feed.name))
        else:
            unmatched.append(path)
    return matched, unmatched


_SETTINGS: Mapping[str, tuple[type, ...]] = {
    "customer_namespace": (str,),
    "timezone": (str,),
    "datetime_format": (str, list),
    "date_format": (str, list),
    "first_year": (int,),
    "data_through": (str,),
    "time_order": (str,),
    "nulls": (list,),
    "currency": (str,),
    "id_pattern": (str,),
}
_FEED_SETTINGS: Mapping[str, tuple[type, ...]] = {
    "format": (str,),
    "file": (str,),
    "encoding": (str, list),
    "delimiter": (str,),
    "quote": (str,),
    "sheet": (str,),
    "header_row": (int,),
    "path": (str,),
    "mode": (str,),
    "may_be_empty": (bool,),
    "decimal_mark": (str,),
    "thousands_mark": (str,),
    "join": (dict,),
}
_SOURCE_KEYS = frozenset({*_SETTINGS, *_FEED_SETTINGS} - {"file", "join", "sheet", "path"})
_FEED_KEYS = frozenset({*_SETTINGS, *_FEED_SETTINGS, "datasets"})
_DATASET_KEYS = frozenset({"mapping", "key", "version", "collapse", "where"})
_LISTS = {"datetime_format": "datetime_formats", "date_format": "date_formats", "encoding": "encodings"}
_CHOICES = {"time_order": ("quarantine", "flag"), "mode": ("full", "delta"), "format": FORMATS}


def _feed(folder: Path, name: str, declared: dict[str, Any]) -> Feed:
    origin = str(folder / "source.toml")
    entries = declared.pop("datasets", None)
    if not entries:
        raise MappingInvalid(origin, f"feed {name} declares no datasets")
    _refuse_unknown(declared, _FEED_KEYS, origin, f"feeds.{name}.")
    for key, value in declared.items():
        kinds = {**_SETTINGS, **_FEED_SETTINGS}[key]
        if not isinstance(value, kinds) or (isinstance(value, bool) and bool not in kinds):
            raise MappingInvalid(origin, f"feeds.{name}.{key}: {value!r} is not of the right kind")
    maps = tuple(_dataset_map(folder, name, dataset, entry) for dataset, entry in entries.items())
    return Feed(source=folder.name, name=name, datasets=maps, **_settings(declared, origin))


def _settings(declared: Mapping[str, Any], origin: str) -> dict[str, Any]:
    """Declared options under the names and types the Feed has, each checked."""
    settings: dict[str, Any] = {}
    for key, value in declared.items():
        if key in _CHOICES and value not in _CHOICES[key]:
            raise MappingInvalid(origin, f"{key}: {value!r} is none of {', '.join(_CHOICES[key])}")
        if key in _LISTS:
            value = tuple(value) if isinstance(value, list) else (value,)
        if key == "nulls":
            value = tuple(dict.fromkeys(["", *value]))
        settings[_LISTS.get(key, key)] = value
    if "join" in settings:
        settings["join"] = _join(settings["join"], origin)
    _check_settings(settings, origin)
    return settings


def _check_settings(settings: Mapping[str, Any], origin: str) -> None:
    """What would otherwise fail later and less clearly: zones, code pages, patterns, single characters."""
    try:
        if "timezone" in settings:
            ZoneInfo(settings["timezone"])
        for encoding in settings.get("encodings", ()):
            "".encode(encoding)
        for pattern in ("id_pattern", "file"):
            re.compile(settings.get(pattern, ""))
    except (ZoneInfoNotFoundError, ValueError, LookupError, re.error) as error:
        raise MappingInvalid(origin, str(error)) from error
    for name in ("delimiter", "quote", "decimal_mark"):
        if name in settings and len(settings[name]) != 1:
            raise MappingInvalid(origin, f"{name} must be one character, not {settings[name]!r}")
    if settings.get("header_row", 1) < 1:
        raise MappingInvalid(origin, "header_row counts from 1")
    through = settings.get("data_through", "newest")
    if through not in ("newest", "filename") and not through.startswith("column:"):
        raise MappingInvalid(origin, f"data_through: {through!r}")


def _join(entry: Mapping[str, str], origin: str) -> Join:
    if not {"sheet", "on"} <= set(entry) <= {"sheet", "on", "prefix"}:
        raise MappingInvalid(origin, "join needs sheet and on, and may have prefix")
    return Join(entry["sheet"], entry["on"], entry.get("prefix", ""))


def _from_text(name: str, text: str, origin: str) -> Any:
    """An option as a command line gives it, in the type source.toml would have."""
    kinds = {**_SETTINGS, **_FEED_SETTINGS}[name]
    if bool in kinds:
        if text not in ("true", "false"):
            raise MappingInvalid(origin, f"{name} is true or false, not {text!r}")
        return text == "true"
    if int in kinds:
        if not text.isdecimal():
            raise MappingInvalid(origin, f"{name} is a whole number, not {text!r}")
        return int(text)
    if name == "nulls":
        return text.split(",")
    # A shell makes it hard to type a tab, so the two letters are understood too.
    return {"\\t": "\t", "tab": "\t"}.get(text, text) if name == "delimiter" else text


def _dataset_map(folder: Path, feed: str, name: str, entry: Mapping[str, Any]) -> DatasetMap:
    origin = str(folder / "source.toml")
    if name not in datasets():
        raise MappingInvalid(origin, f"no such dataset: {name}")
    _refuse_unknown(entry, _DATASET_KEYS, origin, f"feeds.{feed}.datasets.{name}.")
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


def _refuse_unknown(declared: Iterable[str], known: frozenset[str], origin: str, prefix: str) -> None:
    """A misspelt option would otherwise be ignored, and the file read by a default nobody chose."""
    for key in declared:
        if key not in known:
            raise MappingInvalid(origin, f"unknown option {prefix}{key}")
