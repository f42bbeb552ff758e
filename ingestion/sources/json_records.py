"""JSON: one object a line, one list of objects, or one object alone. Nested fields are named by path: requester.id.

Lines are read one by one, so that a broken one costs itself only; those that are flat and plain DuckDB reads
(json_lines). Numbers keep the digits they were written with; a field named twice has no value anybody could rely on.
"""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any

from ingestion.errors import CountMismatch, ExportEmpty, ExportUnreadable, WrongFormat
from ingestion.sources.counting import count_entries, count_filled_lines
from ingestion.sources.decode import UNDECODABLE, readable
from ingestion.sources.json_lines import flat_lines
from ingestion.sources.json_text import TWICE, ListReader, NotAList, NotJson, parsed
from ingestion.sources.records import BadRecord, Filler, Records, checked_headings

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from duckdb import DuckDBPyConnection

    from ingestion.mapping import Feed
    from ingestion.sources.decode import Decoded
    from ingestion.sources.json_lines import FlatLines

TABLE = "aftercare_records"
MOST_ALONE = 1 << 20
"""Bytes up to which an object is looked at as a record that stands alone; a page can be of any size."""
_TWICE_WITHIN = json.dumps(TWICE)
_LONE = re.compile("[\ud800-\udfff]")
# Those of ASCII: a line of any others is a record, though no good one.
_BLANKS = " \t\r\n\v\f"


def read_ndjson(con: DuckDBPyConnection, export: str, text: Decoded, feed: Feed) -> Records:
    """One record per line that is not blank."""
    flat = flat_lines(con, text)
    lines = flat.others() if flat else enumerate(_Lines(text), start=1)
    records = _read(con, export, feed, ((number, line, parsed(line)) for number, line in lines), flat)
    counted = count_filled_lines(text.path, text.skip)
    if counted != records.rows_read:
        raise CountMismatch(export, counted, records.rows_read)
    if not counted:
        raise ExportEmpty(export)
    return records


def read_json(con: DuckDBPyConnection, export: str, text: Decoded, feed: Feed) -> Records:
    """One record per entry of the list, which stands at the top or at the declared path; or one record alone."""
    alone = _alone(text, feed)
    if alone:
        return _read(con, export, feed, [(1, *alone)])
    with text.path.open(encoding="utf-8", errors="surrogatepass", newline="") as stream:
        stream.read(1 if text.skip else 0)
        reader = ListReader(stream, list(filter(None, feed.path.split("."))))
        try:
            records = _read(
                con, export, feed, ((number, *one) for number, one in enumerate(reader.entries(), start=1))
            )
        except NotJson as error:
            raise ExportUnreadable(export, f"json: {error}") from error
        except NotAList as error:
            raise WrongFormat(export, "json list", str(error)) from error
    counted = count_entries(text.path, text.skip + reader.start)
    if counted != records.rows_read:
        raise CountMismatch(export, counted, records.rows_read)
    return records


def _alone(text: Decoded, feed: Feed) -> tuple[str, Any] | None:
    """The object that is all of a file, where its fields say that it is a record and no page around a list."""
    if feed.path or text.path.stat().st_size > MOST_ALONE:
        return None
    content = text.path.read_bytes()[text.skip :].decode("utf-8", "surrogatepass")
    if not content.lstrip(_BLANKS).startswith("{"):
        return None
    entry = parsed(content)
    cells: dict[str, str | None] = {}
    is_record = not _flattened(entry, cells) and not feed.missing(cells)
    return (content, entry) if is_record else None


class _Lines:
    """Lines that hold anything, without their ends."""

    def __init__(self, text: Decoded) -> None:
        self.text = text

    def __iter__(self) -> Iterator[str]:
        with self.text.path.open(encoding="utf-8", errors="surrogatepass", newline="") as stream:
            stream.read(1 if self.text.skip else 0)
            for line in stream:
                if line.strip(_BLANKS):
                    yield line.rstrip("\r\n")


def _read(
    con: DuckDBPyConnection,
    export: str,
    feed: Feed,
    entries: Iterable[tuple[int, str, Any]],
    flat: FlatLines | None = None,
) -> Records:
    """The records of `entries`, which have their numbers with them, and of the lines that DuckDB reads."""
    names = list(feed.headings)
    filler = Filler(con, f"{TABLE}_text", len(names))
    bad: list[BadRecord] = []
    told: list[tuple[int, list[str]]] = list(flat.told) if flat else []
    seen: set[str] = set()
    number = 0
    for number, text, entry in entries:
        cells: dict[str, str | None] = {}
        if _is_plain(text, entry):
            cells = {name: value if isinstance(value, str) else _scalar(value) for name, value in entry.items()}
            _tell(number, cells, told, seen)
            filler.add(number, text, map(cells.get, names))
            continue
        code = _flattened(entry, cells)
        code = "bad_encoding" if UNDECODABLE.search(text) else code
        if code:
            bad.append(BadRecord(number, code, _guessed(text, names), readable(text)))
            continue
        _tell(number, cells, told, seen)
        filler.add(number, text, (cells.get(name) for name in names))
    filler.flush()
    if flat:
        number = flat.count
        flat.fill(filler.table, names)
        flat.drop()
    con.execute(f'create or replace temp view {TABLE} as select * from "{TABLE}_text"')
    columns = {name: f"c{i}" for i, name in enumerate(names)}
    # As they are met from the first record to the last.
    headings = list(dict.fromkeys(name for _, fields in sorted(told) for name in fields))
    records = Records(TABLE, headings, columns, number, filler.originals, bad, typed=True)
    if headings:
        records.warnings = checked_headings(export, feed, records.headings, lambda: number)
    return records


def _tell(number: int, cells: dict[str, str | None], told: list[tuple[int, list[str]]], seen: set[str]) -> None:
    """Keep the fields of a record where one of them is new."""
    if not cells.keys() <= seen:
        seen.update(cells)
        told.append((number, list(cells)))


def _is_plain(text: str, entry: Any) -> bool:
    """Whether a record holds single values alone, and no character that could not be kept: most do."""
    return (
        isinstance(entry, dict)
        and "\\u" not in text
        and "\0" not in text
        and TWICE not in entry
        and text.isprintable()
        and not any(isinstance(value, dict | list) for value in entry.values())
    )


def _flattened(entry: Any, cells: dict[str, str | None]) -> str:
    if not isinstance(entry, dict):
        return "bad_json"
    try:
        return _flatten(entry, "", cells)
    except RecursionError:
        return "bad_json"


def _flatten(entry: dict[str, Any], prefix: str, cells: dict[str, str | None]) -> str:
    """Put every field of a record into `cells` by its path; '' or why the record is none."""
    if TWICE in entry:
        return "duplicate_key"
    for name, value in entry.items():
        if isinstance(value, dict):
            code = _flatten(value, f"{prefix}{name}.", cells)
            if code:
                return code
            continue
        text = _scalar(value)
        if _TWICE_WITHIN in (text or "") and isinstance(value, list):
            return "duplicate_key"
        if "\0" in name + (text or ""):
            return "nul_character"
        if _LONE.search(name + (text or "")):
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
