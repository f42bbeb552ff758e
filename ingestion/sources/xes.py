"""XES event logs: one record per event, in the order of the log.

Headings: an event's own attributes by key; those of its trace as `case:<key>`; `event:position` within the trace,
first = 1; `case:first_time` and `case:last_time` of the trace, and `case:first_time:<name>` and
`case:last_time:<name>` of those of its events that are called <name>.
"""

from __future__ import annotations

import mmap
import re
from array import array
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import TYPE_CHECKING
from xml.parsers import expat

from ingestion.errors import BrokenXml, CountMismatch, ExportEmpty, Finding, WrongFormat, XmlDocumentType
from ingestion.sources.records import BadRecord, Filler, Records, check_headings

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from duckdb import DuckDBPyConnection

    from ingestion.mapping import Feed

TABLE = "aftercare_records"
CHUNK = 1 << 20
NAME, TIME = "concept:name", "time:timestamp"
# Every log has these; what its traces and events are called beyond them is known once they were met.
_MADE_UP = ("case:first_time", "case:last_time", "event:position")
_COLLECTIONS = ("list", "container")
_ENCODING = re.compile(rb"^\s*<\?xml[^>]*?encoding\s*=\s*[\"']([A-Za-z0-9._-]+)")
_CLOSING = re.compile(r"</(?:[\w.-]+:)?event\s*>")
_BOMS = ((b"\xff\xfe", "utf-16-le"), (b"\xfe\xff", "utf-16-be"))


def read_xes(con: DuckDBPyConnection, export: str, path: Path, feed: Feed) -> Records:
    """One record per event. The XML names its own encoding; the declared one has no say.

    Raises:
        IngestionError: no log, a cut or damaged one, or one with a document type.
    """
    encoding = _encoding(path)
    if not _text(path, 0, CHUNK, encoding).strip("\ufeff \t\r\n"):
        raise ExportEmpty(export)
    names = list(feed.headings)
    filler = Filler(con, f"{TABLE}_events", len(names))
    starts, ends = array("q"), array("q")
    bad: list[BadRecord] = []
    seen: dict[str, None] = {}
    log = _Log(export, frozenset(names))
    for number, event in enumerate(log.events(path), start=1):
        starts.append(event.start)
        ends.append(event.end)
        seen |= dict.fromkeys(event.cells)
        if event.named_twice:
            bad.append(
                BadRecord(number, "duplicate_key", event.cells, _event_text(path, event.start, event.end, encoding))
            )
        else:
            filler.add(number, None, (event.cells.get(name) for name in names))
    filler.flush()
    counted = count_events(path, encoding)
    if counted != len(starts):
        raise CountMismatch(export, counted, len(starts))

    def originals(rows: Sequence[int]) -> dict[int, str]:
        return {row: _event_text(path, starts[row - 1], ends[row - 1], encoding) for row in rows}

    con.execute(f'create or replace temp view {TABLE} as select * from "{TABLE}_events"')
    columns = {name: f"c{i}" for i, name in enumerate(names)}
    records = Records(TABLE, list(seen), columns, len(starts), originals, bad)
    if seen:
        records.warnings = check_headings(export, feed, _told_headings(feed, seen))
    if log.nested:
        records.warnings.append(Finding("nested_ignored", {"file": export, "columns": ", ".join(log.nested)}))
    return records


def _told_headings(feed: Feed, seen: dict[str, None]) -> list[str]:
    """The headings of the log. Of those made up here only the ones in use: nobody need know the rest."""
    named = [name for name in seen if name in feed.headings or not name.startswith(_MADE_UP)]
    return list(dict.fromkeys([*named, *(name for name in _MADE_UP if name in feed.headings)]))


def count_events(path: Path, encoding: str) -> int:
    """The opening tags of events, counted over the bytes without a parser; comments and CDATA hold none."""
    with path.open("rb") as stream, mmap.mmap(stream.fileno(), 0, access=mmap.ACCESS_READ) as data:
        # Two bytes a character: the tags are found once the other half of each character is taken out.
        plain = bytes(data).decode(encoding, "replace").encode() if encoding.startswith("utf-16") else data
        found = re.finditer(rb"<!--.*?-->|<!\[CDATA\[.*?\]\]>|<(?:[\w.-]+:)?event(?=[\s/>])", plain, re.DOTALL)
        return sum(not match.group().startswith(b"<!") for match in found)


def _encoding(path: Path) -> str:
    """The encoding as XML tells it: by its first bytes, else in its first line, else UTF-8."""
    with path.open("rb") as stream:
        head = stream.read(256)
    marked = next((name for mark, name in _BOMS if head.startswith(mark)), "")
    declared = _ENCODING.match(head.removeprefix(b"\xef\xbb\xbf"))
    name = marked or (declared.group(1).decode() if declared else "utf-8")
    try:
        "".encode(name)
    except LookupError:
        return "utf-8"  # the parser will refuse it by name
    return name


def _text(path: Path, start: int, end: int, encoding: str) -> str:
    with path.open("rb") as stream:
        stream.seek(start)
        return stream.read(end - start).decode(encoding, "replace")


def _event_text(path: Path, start: int, end: int, encoding: str) -> str:
    """An event as it stands in the file, with the closing tag that begins at `end` where it has one."""
    closing = _CLOSING.match(_text(path, end, end + 256, encoding))
    return _text(path, start, end, encoding) + (closing.group() if closing else "")


@dataclass
class _Told:
    """What a trace or an event tells: its cells by heading, and where it begins and ends in the file."""

    start: int = 0
    end: int = 0
    cells: dict[str, str] = field(default_factory=dict)
    named_twice: bool = False


class _Log:
    """Takes the tags of a log one by one and keeps no more of it than the trace it is in.

    A document type is refused, and with it every entity, so no log can grow while it is read.
    """

    def __init__(self, export: str, wanted: frozenset[str]) -> None:
        self.export = export
        self.wanted = wanted
        self.nested: dict[str, None] = {}
        self._open: list[str] = []
        self._heading = ""
        self._case = _Told()
        self._trace: list[_Told] = []
        self._event = _Told()
        self._done: list[_Told] = []
        self._count = 0
        self._parser = expat.ParserCreate(namespace_separator="}")
        self._parser.StartElementHandler = self._start
        self._parser.EndElementHandler = self._end
        self._parser.StartDoctypeDeclHandler = self._refuse

    def events(self, path: Path) -> Iterator[_Told]:
        """Every event of a well-formed log, each with what its whole trace tells."""
        try:
            with path.open("rb") as stream:
                while chunk := stream.read(CHUNK):
                    self._parser.Parse(chunk, False)
                    yield from self._take()
                self._parser.Parse(b"", True)
                yield from self._take()
        except (expat.ExpatError, ValueError, LookupError) as error:
            line = self._parser.CurrentLineNumber
            raise BrokenXml(self.export, line, self._count) from error

    def _take(self) -> Iterator[_Told]:
        done, self._done = self._done, []
        yield from done

    def _refuse(self, *_: object) -> None:
        raise XmlDocumentType(self.export)

    def _start(self, tag: str, attributes: dict[str, str]) -> None:
        name = tag.rpartition("}")[2]
        if not self._open and name != "log":
            raise WrongFormat(self.export, "xes", f"xml <{name[:40]}>")
        inside = self._open[-1] if self._open else ""
        key = attributes.get("key", "")
        if name == "trace" and inside == "log":
            self._case, self._trace = _Told(), []
        elif name == "event" and inside in ("trace", "log"):
            self._event = _Told(self._parser.CurrentByteIndex)
        elif inside == "trace":
            self._attribute(self._case, f"case:{key}", name, attributes)
        elif inside == "event":
            self._attribute(self._event, key, name, attributes)
        # Below the log at most a trace and its event lead here, however deep it goes.
        elif {"trace", "event"} & set(self._open[1:3]):
            self.nested[self._heading] = None
        self._open.append(name)

    def _attribute(self, owner: _Told, heading: str, kind: str, attributes: dict[str, str]) -> None:
        self._heading = heading
        if kind in _COLLECTIONS:
            self.nested[heading] = None
        elif "key" in attributes and "value" in attributes:
            owner.named_twice |= heading in owner.cells
            owner.cells[heading] = attributes["value"]

    def _end(self, _: str) -> None:
        name = self._open.pop()
        inside = self._open[-1] if self._open else ""
        if name == "event" and inside in ("trace", "log"):
            self._count += 1
            # The parser stands where the closing tag begins, or behind the only one where an event has but one.
            self._event.end = self._parser.CurrentByteIndex
            (self._trace if inside == "trace" else self._done).append(self._event)
        elif name == "trace" and inside == "log":
            self._finish_trace()

    def _finish_trace(self) -> None:
        # Every event tells them, so only those that the mapping asks for: a trace can have as many names as events.
        times = {heading: text for heading, text in _times(self._trace).items() if heading in self.wanted}
        told = {**self._case.cells, **times}
        for position, event in enumerate(self._trace, start=1):
            event.cells |= {**told, "event:position": str(position)}
            event.named_twice |= self._case.named_twice
        self._done += self._trace
        self._trace = []


def _times(trace: Sequence[_Told]) -> dict[str, str]:
    """The first and the last time of a trace, and of its events of each name, as the log writes them."""
    times: dict[str, str] = {}
    order: dict[str, datetime] = {}
    for event in trace:
        text, name = event.cells.get(TIME, ""), event.cells.get(NAME, "")
        instant = _instant(text)
        if instant is None:
            continue
        for heading in ("case:first_time", f"case:first_time:{name}"):
            if heading not in order or instant < order[heading]:
                order[heading], times[heading] = instant, text
        for heading in ("case:last_time", f"case:last_time:{name}"):
            if heading not in order or instant >= order[heading]:
                order[heading], times[heading] = instant, text
    return times


def _instant(text: str) -> datetime | None:
    """An instant to compare by, whatever its offset; what is none is left to the declared formats to refuse."""
    try:
        instant = datetime.fromisoformat(text)
    except ValueError:
        return None
    return instant if instant.tzinfo else instant.replace(tzinfo=UTC)
