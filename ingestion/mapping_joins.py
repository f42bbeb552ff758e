"""Which other file stands beside a feed's records: the `joins` of source.toml."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from ingestion.errors import MappingInvalid
from ingestion.mapping_columns import ColumnMap, DatasetMap, alternatives, refuse_unknown

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from ingestion.mapping import Feed

KINDS = {"header_row": int, "is_optional": bool} | dict.fromkeys(
    ("file", "sheet", "path", "on", "key", "prefix"), str
)


@dataclass(frozen=True)
class Join:
    """Another file of the folder, or another part of the same file, whose columns stand beside the records.

    on, key: headings here and there whose texts are equal; of several records there the first counts, and before it
        any of a file with a later name.
    file: the name, as a pattern; '' means the file itself, whose `sheet` or `path` is another one then.
    is_optional: many exports do without that file, so its absence is not told.
    """

    on: ColumnMap
    key: ColumnMap
    prefix: str = ""
    file: str = ""
    sheet: str = ""
    path: str = ""
    header_row: int | None = None
    is_optional: bool = False

    def matches(self, file_name: str) -> bool:
        return bool(self.file) and re.fullmatch(self.file, file_name) is not None

    def files_beside(self, main: Path) -> list[Path]:
        """The files to be joined to `main`, as pages of one list: the last by name first, since it counts first."""
        if not self.file:
            return [main]
        found = (path for path in main.parent.iterdir() if path.is_file() and not path.name.startswith("."))
        return sorted((path for path in found if self.matches(path.name)), reverse=True)

    def feed(self, feed: Feed) -> Feed:
        """How the joined records are read: as those of `feed`, but for the headings that are wanted there."""
        wanted = [h.removeprefix(self.prefix) for h in feed.headings if h.startswith(self.prefix)]
        columns = (replace(self.key, required=True), *(ColumnMap(h, ((h,),)) for h in wanted if h))
        return replace(
            feed,
            datasets=(DatasetMap(f"join {self.file}", f"{feed.source}/source.toml", columns),),
            joins=(),
            sheet=self.sheet if self.file else self.sheet or feed.sheet,
            path=self.path or feed.path,
            header_row=feed.header_row if self.header_row is None else self.header_row,
        )


def join(entry: Mapping[str, Any], origin: str, where: str) -> Join:
    """One entry of `joins`; MappingInvalid says what is wrong with it."""
    refuse_unknown(entry, frozenset(KINDS), origin, f"{where}.")
    for name, value in entry.items():
        if type(value) is not KINDS[name]:
            raise MappingInvalid(origin, f"{where}.{name}: {value!r} is not of the right kind")
    if not entry.get("on") or not (entry.keys() & {"file", "sheet", "path"}):
        raise MappingInvalid(origin, f"{where} needs on, and file, sheet or path")
    try:
        re.compile(entry.get("file", ""))
    except re.error as error:
        raise MappingInvalid(origin, f"{where}.file: {error}") from error
    on, key = entry["on"], entry.get("key", entry["on"])
    rest = {name: value for name, value in entry.items() if name not in ("on", "key")}
    return Join(ColumnMap("on", alternatives(on)), ColumnMap("key", alternatives(key)), **rest)
