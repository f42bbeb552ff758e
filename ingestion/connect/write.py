"""The files of a proposal: mapping CSVs, values CSVs and the entry of source.toml, as a person will review them.

An existing source.toml is only ever added to, at its end, and nothing else of the owner's is written over. What is
written has been loaded once before, from a copy, so a slip of ours cannot keep the night from running.
"""

from __future__ import annotations

import csv
import io
import json
import os
import re
import shutil
import tomllib
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any, Protocol

from ingestion.connect.propose import TO_FILL
from ingestion.errors import Finding, MappingInvalid
from ingestion.mapping import SHIPPED, load_source
from ingestion.mapping_columns import written_text

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from ingestion.connect.evidence import Evidence
    from ingestion.connect.propose import DatasetProposal

NAME = re.compile(r"[\w-]+")
_BARE = re.compile(r"[A-Za-z0-9_-]+")


class Words(Protocol):
    """The words of a note or comment, by its code: only the edge knows languages."""

    def __call__(self, code: str, /, **fields: object) -> str: ...


@dataclass(frozen=True)
class ConnectRefused(Exception):
    """Nothing was written, because it would have replaced something or could not be read again: code and fields."""

    code: str
    fields: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Target:
    """Where a feed is written. declared: source.toml as it is, '' without one; mappings: dataset -> mapping file."""

    folder: Path
    feed: str
    declared: str
    mappings: dict[str, str]
    is_known: bool

    def mapping(self, dataset: str, *, is_first: bool) -> str:
        """The name of a mapping file: the one an existing entry has, else the feed's own."""
        return self.mappings.get(dataset) or (f"{self.feed}.csv" if is_first else f"{self.feed}_{dataset}.csv")


def target_of(own: Path, source: str, feed: str, *, force: bool) -> Target:
    """Where to write, and what is there.

    Raises:
        ConnectRefused: a name that cannot be one, a source of ours, a feed that is there already.
        MappingInvalid: the existing source.toml cannot be read.
    """
    for name in (source, feed):
        if not NAME.fullmatch(name):
            raise ConnectRefused("bad_name", {"name": name})
    folder = own / source
    file = folder / "source.toml"
    if not file.is_file():
        if (SHIPPED / source / "source.toml").is_file() or folder.exists():
            code = "shipped_source" if (SHIPPED / source / "source.toml").is_file() else "folder_taken"
            raise ConnectRefused(code, {"source": source, "folder": str(folder)})
        return Target(folder, feed, "", {}, is_known=False)
    try:
        declared = written_text(file)
        entry = tomllib.loads(declared).get("feeds", {}).get(feed)
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise MappingInvalid(str(file), str(error)) from error
    if entry is None:
        return Target(folder, feed, declared, {}, is_known=False)
    if not force:
        raise ConnectRefused("feed_exists", {"feed": feed, "file": str(file)})
    mappings = {name: told.get("mapping", f"{feed}.csv") for name, told in entry.get("datasets", {}).items()}
    return Target(folder, feed, declared, mappings, is_known=True)


def mapping_csv(evidence: Evidence, one: DatasetProposal, used: frozenset[str], words: Words) -> str:
    """What is found and what is to be filled, in the order of our columns; then the headings nothing was found for.

    Args:
        used: headings that another dataset of the same feed takes; they need no line here.
    """
    lines: list[tuple[str, str, str, str]] = []
    for match in one.matches:
        told = {"dataset": one.dataset, "column": match.our_column, "score": f"{match.score:.0%}"}
        note = words(f"note.{match.reason}", **told)
        lines.append((match.their_heading, match.our_column, "yes" if match.is_required else "", note))
    mine = {match.their_heading for match in one.found}
    for column in evidence.columns:
        if column.heading not in mine | used and " | " not in column.heading:
            code = "note.twice" if column.heading in evidence.twice else "note.unmapped"
            lines.append((column.heading, "", "", words(code)))
    return _csv(("their_heading", "our_column", "required", "note"), lines)


def values_csv(values: Sequence[tuple[str, str]], *, is_closed: bool) -> str:
    """Their values and ours. is_closed: a value that comes up later is not one of ours either, and is held back."""
    return _csv(("their_value", "our_value"), [*values, *([("*", "")] if is_closed else [])])


def _csv(header: Sequence[str], lines: Sequence[Sequence[str]]) -> str:
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(header)
    writer.writerows(lines)
    return text.getvalue()


def line_of(text: str, column: str) -> int:
    """The line of a mapping file that is to be filled for one of our columns; 0 if none is."""
    reader = csv.reader(text.splitlines())
    return next((reader.line_num for row in reader if row[:2] == [TO_FILL, column]), 0)


def source_toml(
    target: Target,
    shared: Mapping[str, Any],
    options: Mapping[str, Any],
    comments: Mapping[str, str],
    datasets: Sequence[tuple[DatasetProposal, str]],
    words: Words,
) -> str:
    """The whole of source.toml: as it stands with the feed added at its end, or a new one.

    Args:
        shared: options of a new source. options: those of the feed. comments: option -> what to say above it.
        datasets: each proposal with the name of its mapping file.
    """
    lines: list[str] = []
    if target.declared:
        lines += [*target.declared.rstrip("\n").splitlines(), "", *_comment(words("comment.feed"))]
    else:
        lines += _comment(words("comment.source"))
        lines += [f"{name} = {_value(value)}" for name, value in shared.items()]
        lines += ["", *_comment(words("comment.feed"))]
    feed = f"feeds.{_key(target.feed)}"
    lines.append(f"[{feed}]")
    for name, value in options.items():
        lines += [*_comment(comments.get(name, "")), f"{name} = {_value(value)}"]
    for one, mapping in datasets:
        lines += ["", f"[{feed}.datasets.{one.dataset}]", f"mapping = {_value(mapping)}"]
        if one.collapse:
            lines += [*_comment(words("comment.collapse")), "collapse = true"]
        if one.where:
            lines += [*_comment(words("comment.where")), f"where = {_value(one.where)}"]
    return "\n".join(lines) + "\n"


def _comment(text: str) -> list[str]:
    return [f"# {line}" for line in text.splitlines()]


def _key(name: str) -> str:
    return name if _BARE.fullmatch(name) else _value(name)


def _value(value: Any) -> str:
    """A TOML value; strings with backslashes stay readable as literal strings."""
    if isinstance(value, str) and "\\" in value and "'" not in value:
        return f"'{value}'"
    # JSON's strings, whole numbers, truths and lists of them are TOML's.
    return json.dumps(value, ensure_ascii=False)


def put(target: Target, files: Mapping[str, str], *, force: bool) -> tuple[list[Path], list[Finding]]:
    """Write the files of a proposal; returns what was written, and what was kept because it was there.

    Raises:
        ConnectRefused: a mapping file is there and `force` was not given, or what would be written cannot be loaded.
    """
    kept: list[Finding] = []
    wanted = dict(files)
    for name in files:
        there = target.folder / name
        if not there.is_file() or name == "source.toml":
            continue
        if name.startswith("values/"):
            # Someone has reviewed these words, perhaps for another feed.
            kept.append(Finding("values_kept", {"file": str(there)}))
            del wanted[name]
        elif not force:
            raise ConnectRefused("file_exists", {"file": str(there)})
    _try(target, wanted)
    target.folder.parent.mkdir(parents=True, exist_ok=True)
    if target.folder.is_dir():
        # source.toml last: only it brings the others into use.
        for name in sorted(wanted, key=lambda name: name == "source.toml"):
            _replace(target.folder / name, wanted[name])
    else:
        # A folder whose name begins with a dot is no source yet.
        with TemporaryDirectory(dir=target.folder.parent, prefix=".connect-") as draft:
            folder = Path(draft) / target.folder.name
            _fill(folder, wanted)
            folder.rename(target.folder)
    return [target.folder / name for name in wanted], kept


def _try(target: Target, files: Mapping[str, str]) -> None:
    """Load a copy with the new files in it; the owner's files are not touched."""
    with TemporaryDirectory(prefix="aftercare-") as scratch:
        copy = Path(scratch) / target.folder.name
        if target.folder.is_dir():
            shutil.copytree(target.folder, copy)
        _fill(copy, files)
        try:
            load_source(copy)
        except MappingInvalid as error:
            place = error.export.replace(str(copy), str(target.folder))
            raise ConnectRefused("would_not_load", {"file": place, "detail": error.detail}) from error


def _fill(folder: Path, files: Mapping[str, str]) -> None:
    for name, text in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text, encoding=_encoding(name))


def _replace(file: Path, text: str) -> None:
    file.parent.mkdir(parents=True, exist_ok=True)
    draft = file.with_name(f".{file.name}.new")
    draft.write_text(text, encoding=_encoding(file.name))
    os.replace(draft, file)


def _encoding(name: str) -> str:
    """Excel takes a CSV without a byte order mark for the code page of the country, and Chinese for noise."""
    return "utf-8-sig" if name.endswith(".csv") else "utf-8"
