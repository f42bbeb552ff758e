"""What each source says about its exports: mappings/<source>/source.toml and the CSV files beside it.

A person with a spreadsheet edits these files, so every slip is reported with its file and line
(`MappingInvalid`), never guessed around. The owner's own mappings (HOME/mappings) win over ours.
"""

from __future__ import annotations

import re
import tomllib
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, time, timedelta
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from ingestion.errors import MappingInvalid
from ingestion.mapping_columns import dataset_map, file_of, refuse_unknown, written_text
from ingestion.mapping_joins import join
from ingestion.mapping_retired import retired

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Mapping, Sequence
    from datetime import date

    from ingestion.mapping_columns import ColumnMap, DatasetMap
    from ingestion.mapping_joins import Join

SHIPPED = Path(__file__).parent / "mappings"
FORMATS = ("csv", "xlsx", "xls", "json", "ndjson", "parquet", "xes")
# Visible ASCII, as agreed for plain exports; sources with other ids declare their own pattern.
ID_PATTERN = "[A-Za-z0-9][A-Za-z0-9_-]{2,39}"
_EXTENSIONS = {"csv": "csv", "txt": "csv", "tsv": "csv", "xlsx": "xlsx", "xlsm": "xlsx", "xls": "xls"} | {
    "json": "json", "ndjson": "ndjson", "jsonl": "ndjson", "parquet": "parquet", "xes": "xes",
}  # fmt: skip


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
    ambiguous_dates: str = "stop"
    nulls: tuple[str, ...] = ("",)
    currency: str = ""
    id_pattern: str = ID_PATTERN
    format: str = ""
    file: str = ""
    encodings: tuple[str, ...] = ("utf-8",)
    delimiter: str = ","
    quote: str = '"'
    sheet: str = ""
    # Counts from 1; 0 means that the header is to be found, in workbooks.
    header_row: int = 1
    header_rows: int = 1
    # Rows below the headings that say more about the columns (their questions, their ids) and are no records.
    skip_rows_after_header: int = 0
    path: str = ""
    joins: tuple[Join, ...] = ()
    # Headings that joined files bring; known once those are read, and never declared.
    brought: frozenset[str] = frozenset()
    ignore: tuple[str, ...] = ()
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
        """Every heading of theirs that this feed may use, once."""
        return tuple(dict.fromkeys(heading for column in self._columns() for heading in column.headings))

    def used(self, present: Collection[str]) -> tuple[str, ...]:
        """The headings that are read of a file that has those `present`, whether they are there or not."""
        return tuple(dict.fromkeys(heading for column in self._columns() for heading in column.parts(present)))

    def missing(self, present: Collection[str]) -> list[str]:
        """Headings that a file cannot do without and does not have."""
        return list(dict.fromkeys(heading for dataset in self.datasets for heading in dataset.missing(present)))

    def knows(self, heading: str) -> bool:
        """Whether the mapping speaks of this heading, be it to say that it is not loaded."""
        if heading in self.headings or any(heading in dataset.ignored for dataset in self.datasets):
            return True
        return any(re.fullmatch(pattern, heading) for pattern in self.ignore)

    def _columns(self) -> Iterator[ColumnMap]:
        for dataset in self.datasets:
            yield from (*dataset.columns, *dataset.bare)
        yield from (each.on for each in self.joins)

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
    # Of two sources that speak of one customer the lower is believed; see sql/DECISIONS.md.
    customer_precedence: int = 100
    # Whose ids the masters of customer_links are.
    master_namespace: str = ""
    ignore_files: tuple[str, ...] = ()
    feeds: Mapping[str, Feed] = field(default_factory=dict)
    # Feed -> the first day of which nothing is to come any more.
    retired: Mapping[str, date] = field(default_factory=dict)

    def awaits(self, feed: str, data_through: datetime, as_of: datetime) -> bool:
        """Whether files of a feed are to come: it is declared, and not retired by as_of. Instants are UTC.

        A feed whose data go beyond the day on which it was retired has come back.
        """
        if feed not in self.feeds or feed not in self.retired:
            return feed in self.feeds
        local = datetime.combine(self.retired[feed], time(), ZoneInfo(self.feeds[feed].timezone))
        ended = local.astimezone(UTC).replace(tzinfo=None)
        return as_of < ended or data_through > ended + timedelta(days=1)

    def ignores(self, file_name: str) -> bool:
        """Whether a file is known and deliberately not read."""
        return any(re.fullmatch(pattern, file_name) for pattern in self.ignore_files)

    def feeds_of(self, file_name: str) -> list[Feed]:
        """The feed of a file: the first that it matches, or all of them where each reads a sheet of its own."""
        matching = [feed for feed in self.feeds.values() if feed.matches(file_name)]
        return matching if all(feed.sheet for feed in matching) else matching[:1]

    def joins(self, file_name: str) -> bool:
        """Whether a feed puts this file beside its own records."""
        return any(each.matches(file_name) for feed in self.feeds.values() for each in feed.joins)

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
    """Every source we ship and every source of the owner's; `own` is HOME/mappings, which wins file by file.

    Raises:
        MappingInvalid: a file is wrong, or a folder of the owner's declares no source and is named like none.
    """
    shipped = {path.parent.name: path.parent for path in sorted(SHIPPED.glob("*/source.toml"))}
    folders = {path.name: path for path in own.iterdir() if path.is_dir()} if own and own.is_dir() else {}
    folders = {name: folder for name, folder in folders.items() if not name.startswith(".")}
    for name, folder in sorted(folders.items()):
        if name not in shipped and not (folder / "source.toml").is_file():
            raise MappingInvalid(str(folder), "no source.toml here, and no shipped source has this name")
    return {
        name: load_source(folders[name], *([shipped[name]] if name in shipped else []))
        if name in folders
        else _load_shipped(shipped[name])
        for name in sorted({*folders, *shipped})
    }


@cache
def _load_shipped(folder: Path) -> Source:
    """What comes with the program does not change while it runs: a night asks for it several times."""
    return load_source(folder)


def load_source(*folders: Path) -> Source:
    """The source declared in one folder, or in several of the same name, of which the first that has a file wins.

    Raises:
        MappingInvalid: with file and line of whatever is wrong.
    """
    origin = file_of(folders, "source.toml")
    try:
        declared = tomllib.loads(written_text(origin))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise MappingInvalid(str(origin), str(error)) from error
    feeds = declared.pop("feeds", {})
    refuse_unknown(declared, _SOURCE_KEYS, str(origin), "")
    namespace = declared.pop("customer_namespace", origin.parent.name)
    precedence = declared.pop("customer_precedence", 100)
    master_namespace = declared.pop("master_namespace", namespace)
    if not isinstance(precedence, int) or isinstance(precedence, bool) or not isinstance(master_namespace, str):
        raise MappingInvalid(str(origin), "customer_precedence is a whole number and master_namespace is text")
    if any(":" in str(name) for name in (origin.parent.name, namespace, master_namespace)):
        # Keys are made of namespace, colon and id, and taken apart at the first colon.
        raise MappingInvalid(str(origin), "a source, customer_namespace or master_namespace has no colon in its name")
    ignore_files = _patterns("ignore_files", declared.pop("ignore_files", []), str(origin))
    shared = {"customer_namespace": namespace, **declared}
    return Source(
        name=origin.parent.name,
        folder=origin.parent,
        customer_namespace=namespace,
        customer_precedence=precedence,
        master_namespace=master_namespace,
        ignore_files=ignore_files,
        feeds={name: _feed(folders, name, {**shared, **entry}) for name, entry in feeds.items()},
        retired=retired(folders, feeds),
    )


def find_exports(directory: Path, sources: Mapping[str, Source]) -> tuple[list[ExportFile], list[Path]]:
    """The files below EXPORTS_DIR that belong to a feed, in order of name, and those that nothing speaks of."""
    matched: list[ExportFile] = []
    unmatched: list[Path] = []
    for path in sorted(p for p in directory.rglob("*") if p.is_file() and not p.name.startswith(".")):
        inside = path.relative_to(directory).parts
        source = sources.get(inside[0]) if len(inside) == 2 else None
        if source and source.ignores(path.name):
            continue
        feeds = source.feeds_of(path.name) if source else []
        if source and feeds:
            matched += [ExportFile(path, source.name, feed.name) for feed in feeds]
        elif not (source and source.joins(path.name)):
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
    "ambiguous_dates": (str,),
    "nulls": (list,),
    "currency": (str,),
    "id_pattern": (str,),
    "ignore": (list,),
}
_FEED_SETTINGS: Mapping[str, tuple[type, ...]] = {
    "format": (str,),
    "file": (str,),
    "encoding": (str, list),
    "delimiter": (str,),
    "quote": (str,),
    "sheet": (str,),
    "header_row": (int,),
    "header_rows": (int,),
    "skip_rows_after_header": (int,),
    "path": (str,),
    "mode": (str,),
    "may_be_empty": (bool,),
    "decimal_mark": (str,),
    "thousands_mark": (str,),
    "joins": (list,),
}
_OF_SOURCES = frozenset({"customer_precedence", "master_namespace", "ignore_files"})
_SOURCE_KEYS = frozenset({*_SETTINGS, *_FEED_SETTINGS, *_OF_SOURCES} - {"file", "joins", "sheet", "path"})
_FEED_KEYS = frozenset({*_SETTINGS, *_FEED_SETTINGS, "datasets"})
OPTIONS = (*sorted(_FEED_KEYS - {"datasets", "joins"}), "tz")
"""What `aftercare check --set` may replace."""
_LISTS = {"datetime_format": "datetime_formats", "date_format": "date_formats", "encoding": "encodings"}
_CHOICES = {
    "time_order": ("quarantine", "flag"),
    "ambiguous_dates": ("stop", "accept"),
    "mode": ("full", "delta"),
    "format": FORMATS,
}


def _feed(folders: Sequence[Path], name: str, declared: dict[str, Any]) -> Feed:
    origin = str(file_of(folders, "source.toml"))
    entries = declared.pop("datasets", None)
    if not entries:
        raise MappingInvalid(origin, f"feed {name} declares no datasets")
    refuse_unknown(declared, _FEED_KEYS, origin, f"feeds.{name}.")
    for key, value in declared.items():
        kinds = {**_SETTINGS, **_FEED_SETTINGS}[key]
        if not isinstance(value, kinds) or (isinstance(value, bool) and bool not in kinds):
            raise MappingInvalid(origin, f"feeds.{name}.{key}: {value!r} is not of the right kind")
    maps = tuple(dataset_map(folders, name, dataset, entry) for dataset, entry in entries.items())
    return Feed(source=folders[0].name, name=name, datasets=maps, **_settings(declared, origin))


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
        if key == "ignore":
            settings[key] = _patterns(key, value, origin)
        if key == "joins":
            settings[key] = tuple(join(entry, origin, f"joins[{i}]") for i, entry in enumerate(value))
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
    if settings.get("header_row", 1) < 0 or settings.get("header_rows", 1) < 1:
        raise MappingInvalid(origin, "header_row counts from 1 (0: find it), and header_rows is 1 or more")
    through = settings.get("data_through", "newest")
    if through not in ("newest", "filename") and not through.startswith("column:"):
        raise MappingInvalid(origin, f"data_through: {through!r}")


def _patterns(name: str, declared: object, origin: str) -> tuple[str, ...]:
    """Regular expressions, each of which has to match as a whole."""
    if not isinstance(declared, list) or not all(isinstance(pattern, str) for pattern in declared):
        raise MappingInvalid(origin, f"{name} is a list of patterns, not {declared!r}")
    for pattern in declared:
        try:
            re.compile(pattern)
        except re.error as error:
            raise MappingInvalid(origin, f"{name}: {pattern!r}: {error}") from error
    return tuple(declared)


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
    if list in kinds and str not in kinds:
        return text.split(",")
    # A shell makes it hard to type a tab, so the two letters are understood too.
    return {"\\t": "\t", "tab": "\t"}.get(text, text) if name == "delimiter" else text
