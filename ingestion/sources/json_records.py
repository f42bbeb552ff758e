"""JSON: one object a line, or one list of objects. Nested fields are named by their path: requester.id.

Lines are read one by one, so that a broken one costs itself only. Numbers keep the digits they were written
with; a field named twice has no value anybody could rely on.
"""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any, Never

import duckdb

from ingestion.errors import CountMismatch, ExportEmpty, ExportUnreadable, WrongFormat
from ingestion.sources.decode import UNDECODABLE, readable
from ingestion.sources.records import BadRecord, Filler, Records, check_headings

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from pathlib import Path

    from duckdb import DuckDBPyConnection

    from ingestion.mapping import Feed
    from ingestion.sources.decode import Decoded

TABLE = "aftercare_records"
# Stands in a record for a field that was named twice; no field can have this name.
_TWICE = "\0twice"
_LONE = re.compile("[\ud800-\udfff]")


def read_ndjson(con: DuckDBPyConnection, export: str, text: Decoded, feed: Feed) -> Records:
    """One record per line that is not blank."""
    lines = _Lines(text)
    records = _read(con, export, feed, ((line, _parsed(line)) for line in lines))
    counted = count_filled_lines(text.path, text.skip)
    if counted != records.rows_read:
        raise CountMismatch(export, counted, records.rows_read)
    if not counted:
        raise ExportEmpty(export)
    return records


def read_json(con: DuckDBPyConnection, export: str, text: Decoded, feed: Feed) -> Records:
    """One record per entry of the list, which stands at the top or at the declared path."""
    content = text.path.read_bytes()[text.skip :].decode("utf-8", "surrogatepass")
    found = _parsed(content)
    if found is None:
        raise ExportUnreadable(export, "json")
    for part in filter(None, feed.path.split(".")):
        found = found.get(part) if isinstance(found, dict) else None
    if not isinstance(found, list):
        raise WrongFormat(export, "json list", type(found).__name__)
    path = "$" + "".join(f'."{part}"' for part in filter(None, feed.path.split(".")))
    records = _read(con, export, feed, ((json.dumps(entry, ensure_ascii=False), entry) for entry in found))
    try:
        counted = con.execute("select json_array_length(?::json, ?)", [content, path]).fetchone()
    except duckdb.Error as error:
        raise ExportUnreadable(export, "json") from error
    if counted is None or counted[0] != records.rows_read:
        raise CountMismatch(export, counted[0] if counted else 0, records.rows_read)
    return records


class _Lines:
    """Lines that hold anything, without their ends."""

    def __init__(self, text: Decoded) -> None:
        self.text = text

    def __iter__(self) -> Iterator[str]:
        with self.text.path.open(encoding="utf-8", errors="surrogatepass", newline="") as stream:
            stream.read(1 if self.text.skip else 0)
            for line in stream:
                if not line.isspace():
                    yield line.rstrip("\r\n")


def count_filled_lines(path: Path, skip: int) -> int:
    """Lines with anything but blanks in them, counted over the bytes."""
    content = path.read_bytes()[skip:]
    return len(re.findall(rb"[^\r\n]*[^\s][^\r\n]*", content))


def _read(con: DuckDBPyConnection, export: str, feed: Feed, entries: Iterable[tuple[str, Any]]) -> Records:
    names = list(feed.headings)
    filler = Filler(con, f"{TABLE}_text", len(names))
    bad: list[BadRecord] = []
    seen: dict[str, None] = {}
    number = 0
    for number, (text, entry) in enumerate(entries, start=1):
        cells: dict[str, str | None] = {}
        code = _flatten(entry, "", cells) if isinstance(entry, dict) else "bad_json"
        code = "bad_encoding" if UNDECODABLE.search(text) else code
        if code:
            bad.append(BadRecord(number, code, _guessed(text, names), readable(text)))
            continue
        seen |= dict.fromkeys(cells)
        filler.add(number, text, (cells.get(name) for name in names))
    filler.flush()
    con.execute(f'create or replace temp view {TABLE} as select * from "{TABLE}_text"')
    columns = {name: f"c{i}" for i, name in enumerate(names)}
    records = Records(TABLE, list(seen), columns, number, filler.originals, bad, typed=True)
    if seen:
        records.warnings = check_headings(export, feed, records.headings)
    return records


def _parsed(text: str) -> Any:
    """The value of JSON text, numbers as written; None where it is not JSON."""
    try:
        return json.loads(text, object_pairs_hook=_object, parse_float=str, parse_int=str, parse_constant=_refuse)
    except (ValueError, RecursionError):
        return None


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    fields = dict(pairs)
    if len(fields) != len(pairs):
        fields[_TWICE] = True
    return fields


def _refuse(constant: str) -> Never:
    raise ValueError(constant)


def _flatten(entry: dict[str, Any], prefix: str, cells: dict[str, str | None]) -> str:
    """Put every field of a record into `cells` by its path; '' or why the record is none."""
    if _TWICE in entry:
        return "duplicate_key"
    for name, value in entry.items():
        if isinstance(value, dict):
            code = _flatten(value, f"{prefix}{name}.", cells)
            if code:
                return code
            continue
        text = _scalar(value)
        if text and "\0" in text:
            return "nul_character"
        if text and _LONE.search(text):
            return "bad_encoding"
        cells[prefix + name] = text
    return ""


def _scalar(value: Any) -> str | None:
    if value is None or isinstance(value, str):
        return value
    if isinstance(value, bool):
        return "true" if value else "false"
    return json.dumps(value, ensure_ascii=False)


def _guessed(text: str, names: Iterable[str]) -> dict[str, str]:
    """What a broken line says about its key, for the report only."""
    found: dict[str, str] = {}
    for name in names:
        match = re.search(rf'"{re.escape(name)}"\s*:\s*(?:"([^"]*)"|([^\s,}}\]]+))', text)
        if match:
            found[name] = readable(match.group(1) or match.group(2) or "")
    return found
