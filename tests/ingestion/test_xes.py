"""Event logs in XES: one record per event, what its trace tells beside it, and every kind of damage."""

from __future__ import annotations

import gzip
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

import pytest

from ingestion import errors
from ingestion.mapping import load_source
from ingestion.sources.table_export import read_export
from ingestion.sources.xes import _Log, count_events
from ingestion.warehouse.engines import open_memory

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from duckdb import DuckDBPyConnection

    from ingestion.mapping import Feed

# Only the headings matter to a reader; the columns are any that take text.
MAPPING = """their_heading,our_column,required
event:position,customer_id,yes
case:concept:name,name,
case:first_time,signup_at,yes
case:last_time,churned_at,
case:first_time:Answer,updated_at,
case:last_time:Answer,phone,
concept:name,segment,
time:timestamp,email,
org:resource,account_manager_id,
case:area,region,
"""
HEADINGS = [line.split(",")[0] for line in MAPPING.splitlines()[1:]]
HEAD = '<?xml version="1.0" encoding="UTF-8"?>\n<!-- <event> in a comment -->\n'


@dataclass
class Log:
    """What the reader made of a log: records by number, each the cells that are not empty by heading."""

    rows: dict[int, dict[str, str]]
    bad: dict[int, str]
    rows_read: int
    warnings: dict[str, str]
    originals: dict[int, str]
    bad_texts: list[str]


@pytest.fixture
def con() -> Iterator[DuckDBPyConnection]:
    with open_memory() as connection:
        yield connection


@pytest.fixture
def feed(tmp_path: Path) -> Feed:
    folder = tmp_path / "desk"
    folder.mkdir()
    (folder / "source.toml").write_text("[feeds.log.datasets.customers]\n", encoding="utf-8")
    (folder / "log.csv").write_text(MAPPING, encoding="utf-8")
    return load_source(folder).feed("log")


@pytest.fixture
def read(tmp_path: Path, con: DuckDBPyConnection, feed: Feed) -> Callable[..., Log]:
    def run(content: str | bytes, name: str = "log.xes") -> Log:
        path = tmp_path / name
        path.write_bytes(content.encode() if isinstance(content, str) else content)
        work = tmp_path / "work"
        work.mkdir()
        records = read_export(con, path, feed, work)
        columns = ", ".join(f'"{records.columns[heading]}"' for heading in HEADINGS)
        rows = con.execute(f"select _row, {columns} from {records.relation} order by _row").fetchall()
        return Log(
            {row: {h: v for h, v in zip(HEADINGS, values, strict=True) if v is not None} for row, *values in rows},
            {bad.row: bad.code for bad in records.bad},
            records.rows_read,
            {finding.code: str(finding.fields.get("columns", "")) for finding in records.warnings},
            records.originals([row for row, *_ in rows]),
            [bad.text for bad in records.bad],
        )

    return run


def attribute(key: str, value: str, kind: str = "string") -> str:
    return f'<{kind} key="{key}" value="{value}"/>'


def event(name: str, time: str, more: str = "") -> str:
    return f"<event>{attribute('concept:name', name)}{attribute('time:timestamp', time, 'date')}{more}</event>"


def trace(case: str, *events: str) -> str:
    return f"<trace>{attribute('concept:name', case)}{''.join(events)}</trace>"


def log(*traces: str) -> str:
    return f'{HEAD}<log xmlns="http://www.xes-standard.org" xes.version="2.0">{"".join(traces)}</log>'


def test_each_event_is_a_record_with_what_its_trace_tells(read: Callable[..., Log]) -> None:
    # Across a change of the clocks: 02:30+02:00 is before 02:10+01:00, though its text reads later.
    first, second = "2012-10-28T02:30:00.000+02:00", "2012-10-28T02:10:00.000+01:00"
    found = read(
        log(
            trace("A", event("Open", first, attribute("org:resource", "Ann &amp; Bo")), event("Answer", second)),
            trace("B", event("Answer", second)),
        )
    )
    a = {"case:concept:name": "A", "case:first_time": first, "case:last_time": second}
    a |= {"case:first_time:Answer": second, "case:last_time:Answer": second}
    b = {**a, "case:concept:name": "B", "case:first_time": second}
    opened = {"concept:name": "Open", "time:timestamp": first, "org:resource": "Ann & Bo"}
    answered = {"concept:name": "Answer", "time:timestamp": second}
    assert found.rows == {
        1: {**a, **opened, "event:position": "1"},
        2: {**a, **answered, "event:position": "2"},
        3: {**b, **answered, "event:position": "1"},
    }
    assert (found.rows_read, found.bad) == (3, {})


def test_an_event_holds_of_its_trace_s_times_only_those_that_are_read(tmp_path: Path) -> None:
    """A trace can have a name an event, and every event would hold them all: ten thousand, a hundred million."""
    path = tmp_path / "log.xes"
    steps = [event(f"step {n}", "2020-01-01T00:00:00Z") for n in range(9)]
    path.write_text(log(trace("A", *steps)), encoding="utf-8")
    events = list(_Log(path.name, frozenset({"case:last_time", "case:first_time:step 3"})).events(path))
    made_up = {heading for each in events for heading in each.cells if "_time" in heading}
    assert made_up == {"case:last_time", "case:first_time:step 3"}


def test_tags_that_go_very_deep_take_no_longer_for_it(read: Callable[..., Log]) -> None:
    """Three minutes where every tag looks through all that are open; less than a second where it does not."""
    deep, began = 100_000, time.perf_counter()
    found = read(log("<a>" * deep + "</a>" * deep, trace("A", event("Open", "2020-01-01T00:00:00Z"))))
    assert found.rows_read == 1
    assert time.perf_counter() - began < 60


def test_attributes_of_a_trace_count_wherever_they_stand(read: Callable[..., Log]) -> None:
    late = f"<trace>{event('Open', '2020-01-01T00:00:00Z')}{attribute('area', 'north')}</trace>"
    assert read(log(late)).rows[1]["case:area"] == "north"


def test_originals_are_the_text_of_the_file(read: Callable[..., Log]) -> None:
    first = event("退款", "2020-01-01T00:00:00Z")
    found = read(log(f"<trace>\n\t{first}\n\t<event/>\n\t<event \n></event ></trace>"))
    assert found.originals == {1: first, 2: "<event/>", 3: "<event \n></event >"}


def test_nested_and_listed_attributes_are_left_out_and_told(read: Callable[..., Log]) -> None:
    nested = f'<string key="org:resource" value="Ann">{attribute("team", "south")}</string>'
    listed = f'<list key="tags"><values>{attribute("tag", "x")}</values></list>'
    found = read(log(f"<trace>{listed}{event('Open', '2020-01-01T00:00:00Z', nested)}</trace>"))
    assert found.rows[1]["org:resource"] == "Ann"
    assert set(found.warnings["nested_ignored"].split(", ")) == {"case:tags", "org:resource"}


def test_what_nobody_mapped_is_told_but_for_headings_of_our_own(read: Callable[..., Log]) -> None:
    found = read(log(trace("A", event("Shut", "2020-01-01T00:00:00Z", attribute("cost:total", "3")))))
    assert found.warnings["unmapped_column"] == "cost:total"
    assert found.warnings["absent_column"] == (
        "case:first_time:Answer, case:last_time:Answer, org:resource, case:area"
    )


@pytest.mark.parametrize("twice", ["event", "trace"])
def test_an_attribute_named_twice_has_no_value(read: Callable[..., Log], twice: str) -> None:
    name = attribute("area", "x")
    bad = event("Open", "2020-01-01T00:00:00Z", name * 2 if twice == "event" else "")
    found = read(log(f"<trace>{name * 2 if twice == 'trace' else ''}{bad}</trace>", trace("B", "<event/>")))
    assert found.bad == {1: "duplicate_key"}
    assert found.bad_texts == [bad]
    assert (list(found.rows), found.rows_read) == ([2], 2)


def test_events_without_a_trace_and_other_namespaces(read: Callable[..., Log]) -> None:
    text = f'{HEAD}<x:log xmlns:x="urn:x"><x:event><x:string key="concept:name" value="Open"/></x:event></x:log>'
    assert read(text).rows == {1: {"concept:name": "Open"}}


@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16", "iso-8859-1"])
def test_the_xml_names_its_own_encoding(read: Callable[..., Log], encoding: str) -> None:
    named = "UTF-8" if encoding == "utf-8-sig" else encoding
    text = log(trace("Köln", event("Open", "2020-01-01T00:00:00Z"))).replace("UTF-8", named)
    found = read(text.encode(encoding))
    assert found.rows[1]["case:concept:name"] == "Köln"
    assert found.originals[1] == event("Open", "2020-01-01T00:00:00Z")


def test_a_packed_log(read: Callable[..., Log]) -> None:
    found = read(gzip.compress(log(trace("A", "<event/>")).encode()), "log-2020.xes.gz")
    assert found.rows_read == 1


def test_a_log_without_events_has_no_records(read: Callable[..., Log]) -> None:
    found = read(log("<trace></trace>"))
    assert (found.rows_read, found.rows) == (0, {})


@pytest.mark.parametrize("content", ["", "\n \n", "\ufeff"])
def test_nothing_at_all_is_an_empty_file(read: Callable[..., Log], content: str) -> None:
    with pytest.raises(errors.ExportEmpty):
        read(content)


@pytest.mark.parametrize("cut", [1, 40, 130])
def test_a_cut_log_is_refused_with_the_line(read: Callable[..., Log], cut: int) -> None:
    text = log(*(trace(f"{n}", f"\n{event('Open', '2020-01-01T00:00:00Z')}") for n in range(5)))
    with pytest.raises(errors.BrokenXml) as caught:
        read(text[:-cut])
    assert caught.value.line == text[:-cut].count("\n") + 1


@pytest.mark.parametrize(
    "garbled",
    [
        "<log><trace><event></trace></event></log>",
        '<log><trace><event><string key="a" value="1 & 2"/></event></trace></log>',
        "<log></log><log></log>",
        '<?xml version="1.0" encoding="gb18030"?><log/>',
        '<?xml version="1.0" encoding="no-such"?><log/>',
        "just text",
    ],
)
def test_garbled_xml_is_refused(read: Callable[..., Log], garbled: str) -> None:
    with pytest.raises(errors.BrokenXml):
        read(garbled)


def test_other_xml_is_no_event_log(read: Callable[..., Log]) -> None:
    with pytest.raises(errors.WrongFormat) as caught:
        read("<rss><channel/></rss>")
    assert (caught.value.expected, caught.value.found) == ("xes", "xml <rss>")


@pytest.mark.parametrize(
    "declaration",
    [
        '<!DOCTYPE log [<!ENTITY a "xx"><!ENTITY b "&a;&a;&a;&a;">]>',
        '<!DOCTYPE log [<!ENTITY a SYSTEM "file:///etc/hostname">]>',
        '<!DOCTYPE log SYSTEM "http://example.com/log.dtd">',
    ],
)
def test_a_document_type_is_refused_before_any_entity_of_it(read: Callable[..., Log], declaration: str) -> None:
    with pytest.raises(errors.XmlDocumentType):
        read(f"{declaration}<log><trace><event/></trace></log>")


def test_a_reader_that_lost_an_event_would_be_found_out(
    read: Callable[..., Log], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("ingestion.sources.xes.count_events", lambda path, encoding: count_events(path, encoding) + 1)
    with pytest.raises(errors.CountMismatch) as caught:
        read(log(trace("A", "<event/>")))
    assert (caught.value.counted, caught.value.read) == (2, 1)


def test_the_count_knows_tags_of_events_from_what_looks_alike(tmp_path: Path) -> None:
    path = tmp_path / "log.xes"
    text = '<event/><x:event a="1"></x:event><event\n></event><eventually/><!-- <event> --><![CDATA[<event>]]>'
    path.write_text(text, encoding="utf-8")
    assert count_events(path, "utf-8") == 3
