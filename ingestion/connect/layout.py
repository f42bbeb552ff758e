"""How a file is laid out: format, encoding, delimiter, sheet, header rows. Guessed here, and only here.

The nightly run guesses nothing; what is found here is written into source.toml for a person to review.
"""

from __future__ import annotations

import csv
import json
import re
from collections import Counter
from dataclasses import dataclass, field, replace
from itertools import islice
from typing import TYPE_CHECKING, Any

from ingestion.connect.sheets import chosen_sheet
from ingestion.errors import ExportEmpty, Finding, WrongFormat
from ingestion.sources.decode import decoded, likely_encoding
from ingestion.sources.unpack import unpacked

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from ingestion.mapping import Feed

DELIMITERS = (",", ";", "\t", "|")
LINES_LOOKED_AT = 200
ROWS_ABOVE = 20
SAMPLE_BYTES = 4 << 20
_CONTAINERS = ("csv", "xlsx", "xls", "parquet")
_TEXTS = ("csv", "json", "ndjson", "xes")
_PAGES = ("HTML", "XML 2003")
_HIGH_RUNS = re.compile(rb"[\x80-\xff]+")
_MOSTLY = 0.9


@dataclass(frozen=True)
class Layout:
    """What a feed has to declare so that the readers take the file for what it is.

    doubts: what was chosen although something else is nearly as likely; a person decides.
    """

    format: str
    encoding: str = ""
    delimiter: str = ""
    sheet: str = ""
    sheets: tuple[str, ...] = ()
    header_row: int = 1
    header_rows: int = 1
    path: str = ""
    doubts: tuple[Finding, ...] = field(default=())

    def options(self) -> dict[str, str | int]:
        """The declared options of a feed, without those that are the default."""
        told: dict[str, str | int] = {"format": self.format}
        if self.encoding and self.encoding != "utf-8":
            told["encoding"] = self.encoding
        if self.delimiter and self.delimiter != ",":
            told["delimiter"] = self.delimiter
        told |= {name: text for name, text in (("sheet", self.sheet), ("path", self.path)) if text}
        if self.header_row != 1:
            told["header_row"] = self.header_row
        if self.header_rows != 1:
            told["header_rows"] = self.header_rows
        return told


def find_layout(path: Path, given: Feed, set_options: frozenset[str], work: Path) -> Layout:
    """The layout of one file; what was declared on the command line (`given`, `set_options`) stands.

    Raises:
        IngestionError: nothing any reader knows, damaged, or empty.
    """
    if path.stat().st_size == 0:
        raise ExportEmpty(path.name)
    declared = given.format if "format" in set_options else ""
    format, content = _container(path, declared or given.format_of(path.name), work)
    if format in ("xlsx", "xls"):
        sheet = chosen_sheet(path.name, content, given.sheet)
        found = Layout(format, sheet="" if sheet.is_only else sheet.name, sheets=(sheet.name, *sheet.others))
        found = replace(found, header_row=sheet.header_row, header_rows=sheet.header_rows)
        return _as_declared(found, given, set_options)
    if format in ("parquet", "xes"):
        return Layout(format)
    encodings = given.encodings if "encoding" in set_options else ()
    encoding, doubts = (encodings[0], ()) if encodings else _encoding(content)
    text = decoded(path.name, content, [encoding], work)
    with text.path.open(encoding="utf-8", errors="surrogatepass", newline="") as stream:
        stream.read(1 if text.skip else 0)
        lines = list(islice(stream, LINES_LOOKED_AT))
    told = "" if encoding == "utf-8" else encoding
    format = declared or _text_format(lines, format)
    if format == "ndjson":
        return Layout("ndjson", encoding=told, doubts=doubts)
    if format == "json":
        whole = text.path.read_bytes()[text.skip :].decode("utf-8", "surrogatepass")
        found = Layout("json", encoding=told, path=_path_of_records(whole), doubts=doubts)
        return _as_declared(found, given, set_options)
    delimiter = given.delimiter if "delimiter" in set_options else _delimiter(lines)
    found = Layout("csv", told, delimiter, header_row=_header_line(lines, delimiter), doubts=doubts)
    return _as_declared(found, given, set_options)


def _as_declared(found: Layout, given: Feed, set_options: frozenset[str]) -> Layout:
    names = ("sheet", "header_row", "header_rows", "path")
    changes: dict[str, Any] = {name: getattr(given, name) for name in names if name in set_options}
    return replace(found, **changes)


def _container(path: Path, likely: str, work: Path) -> tuple[str, Path]:
    """The kind of content, by its first bytes, and the plain content itself; a name can be wrong."""
    plain = "csv" if likely in ("", "json", "ndjson") else likely
    first: WrongFormat | None = None
    for number, format in enumerate(dict.fromkeys([plain, *_CONTAINERS])):
        folder = work / f"container-{number}"
        folder.mkdir()
        try:
            content = unpacked(path, format, folder)
        except WrongFormat as error:
            first = first or error
            continue
        if format != "csv":
            return format, content
        if first and first.found in _PAGES:
            raise first
        # Many a system writes text and calls it .xls.
        return (likely if likely in _TEXTS else "csv"), content
    raise first or WrongFormat(path.name, likely, "unknown")


# --- text -------------------------------------------------------------------------------------------------


def _encoding(content: Path) -> tuple[str, tuple[Finding, ...]]:
    """The encoding of a text file. A byte order mark speaks for itself, so "utf-8" stands for it here."""
    with content.open("rb") as stream:
        sample = stream.read(SAMPLE_BYTES)
    if sample.startswith((b"\xff\xfe", b"\xfe\xff", b"\xef\xbb\xbf")):
        return "utf-8", ()
    zeros = (sample[0::2].count(0), sample[1::2].count(0))
    if max(zeros) > len(sample) // 8:
        return ("utf-16-le" if zeros[1] > zeros[0] else "utf-16-be"), ()
    fits = likely_encoding(content, "ascii")  # utf-8, else gb18030, over the whole file
    if fits == "utf-8":
        return "utf-8", ()
    runs = _HIGH_RUNS.findall(sample)
    if _share(_is_utf8(run) for run in runs) > _MOSTLY:
        return "utf-8", (Finding("some_bytes_foreign", {"encoding": "utf-8"}),)
    if _share(len(run) % 2 == 0 for run in runs) > _MOSTLY:
        return "gb18030", () if fits else (Finding("some_bytes_foreign", {"encoding": "gb18030"}),)
    # Accents one at a time: a western code page, and which one the bytes do not tell.
    return "cp1252", (Finding("encoding_guessed", {"encoding": "cp1252", "other": "gb18030"}),)


def _is_utf8(run: bytes) -> bool:
    try:
        run.decode("utf-8")
    except UnicodeDecodeError:
        return False
    return True


def _share(truths: Any) -> float:
    told = list(truths)
    return sum(told) / len(told) if told else 0.0


def _text_format(lines: Sequence[str], likely: str) -> str:
    """csv, json or ndjson: by what the text begins with, whatever its name says."""
    filled = [line.strip() for line in lines if not line.isspace()]
    if not filled or filled[0][0] not in "[{":
        return "csv"
    if filled[0][0] == "[":
        return "json" if likely == "json" or _parses("\n".join(filled)) or filled[0] in ("[", "[{") else "csv"
    one_a_line = all(_parses(line) for line in filled[:5])
    if not one_a_line:
        return "json"
    # A single line can be either: an answer that holds a list, or the only record.
    return "json" if len(filled) == 1 and _path_of_records(filled[0]) else "ndjson"


def _parses(text: str) -> bool:
    try:
        json.loads(text)
    except ValueError:
        return False
    return True


def _path_of_records(text: str) -> str:
    """Where the longest list of objects stands, not deeper than three levels; '' at the top."""
    try:
        found = json.loads(text)
    except ValueError:
        return ""
    best: tuple[int, str] = (0, "")
    waiting: list[tuple[str, Any]] = [("", found)]
    while waiting:
        path, value = waiting.pop(0)
        if isinstance(value, list) and value and isinstance(value[0], dict):
            best = max(best, (len(value), path))
        elif isinstance(value, dict) and path.count(".") < 2:
            waiting += [(f"{path}.{name}".strip("."), inner) for name, inner in value.items()]
    return best[1]


def _delimiter(lines: Sequence[str]) -> str:
    """The one that gives most records the same number of cells, more than one."""
    return max(DELIMITERS, key=lambda delimiter: _evenness(lines, delimiter))


def _evenness(lines: Sequence[str], delimiter: str) -> tuple[float, int]:
    width, share = _usual_width([row for _, row in _rows(lines, delimiter)])
    return (round(share, 1), width) if width > 1 else (0.0, width)


def _usual_width(rows: Sequence[Sequence[str]]) -> tuple[int, float]:
    widths = Counter(len(row) for row in rows if any(cell.strip() for cell in row))
    if not widths:
        return 0, 0.0
    width, count = widths.most_common(1)[0]
    return width, count / widths.total()


def _rows(lines: Sequence[str], delimiter: str) -> list[tuple[int, list[str]]]:
    """The records of the first lines, each with the number of the line it begins on."""
    found: list[tuple[int, list[str]]] = []
    reader = csv.reader(lines, delimiter=delimiter)
    begins = 1
    try:
        for row in reader:
            found.append((begins, row))
            begins = reader.line_num + 1
    except csv.Error:
        return found
    return found


def _header_line(lines: Sequence[str], delimiter: str) -> int:
    """The line of the header: the first record as wide as the others that is words throughout."""
    rows = _rows(lines, delimiter)
    width, _ = _usual_width([row for _, row in rows])
    for line, row in rows[:ROWS_ABOVE]:
        filled = [cell.strip() for cell in row if cell.strip()]
        if len(row) >= width and len(filled) > width // 2 and not any(_is_number(cell) for cell in filled):
            return line
    return next((line for line, row in rows if len(row) >= width), 1)


def _is_number(text: str) -> bool:
    return re.fullmatch(r"[-+]?[\d.,/:\s-]*\d[\d.,/:\s-]*", text) is not None
