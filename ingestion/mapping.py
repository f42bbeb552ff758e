"""What each source says about its exports: mappings/<source>/source.toml and the CSV files beside it.

A person with a spreadsheet edits these files, so every slip is reported with its file and line
(`MappingInvalid`), never guessed around. The owner's own mappings (HOME/mappings) win over ours.
"""

from __future__ import annotations

import re
import tomllib
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from ingestion.errors import MappingInvalid
from ingestion.mapping_columns import dataset_map, refuse_unknown

if TYPE_CHECKING:
    from collections.abc import Mapping

    from ingestion.mapping_columns import DatasetMap

SHIPPED = Path(__file__).parent / "mappings"
FORMATS = ("csv", "xlsx", "xls", "json", "ndjson", "parquet")
# Visible ASCII, as agreed for plain exports; sources with other ids declare their own pattern.
ID_PATTERN = "[A-Za-z0-9][A-Za-z0-9_-]{2,39}"
_EXTENSIONS = {"csv": "csv", "txt": "csv", "tsv": "csv", "xlsx": "xlsx", "xlsm": "xlsx", "xls": "xls"} | {
    "json": "json", "ndjson": "ndjson", "jsonl": "ndjson", "parquet": "parquet",
}  # fmt: skip


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
            if name not in OPTIONS:
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
    refuse_unknown(declared, _SOURCE_KEYS, str(origin), "")
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
OPTIONS = (*sorted(_FEED_KEYS - {"datasets", "join"}), "tz")
"""What `aftercare check --set` may replace."""
_LISTS = {"datetime_format": "datetime_formats", "date_format": "date_formats", "encoding": "encodings"}
_CHOICES = {"time_order": ("quarantine", "flag"), "mode": ("full", "delta"), "format": FORMATS}


def _feed(folder: Path, name: str, declared: dict[str, Any]) -> Feed:
    origin = str(folder / "source.toml")
    entries = declared.pop("datasets", None)
    if not entries:
        raise MappingInvalid(origin, f"feed {name} declares no datasets")
    refuse_unknown(declared, _FEED_KEYS, origin, f"feeds.{name}.")
    for key, value in declared.items():
        kinds = {**_SETTINGS, **_FEED_SETTINGS}[key]
        if not isinstance(value, kinds) or (isinstance(value, bool) and bool not in kinds):
            raise MappingInvalid(origin, f"feeds.{name}.{key}: {value!r} is not of the right kind")
    maps = tuple(dataset_map(folder, name, dataset, entry) for dataset, entry in entries.items())
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
