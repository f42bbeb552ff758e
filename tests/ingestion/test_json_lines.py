"""Lines of JSON read by DuckDB say what Python reads in them, whatever odd lines stand between them."""

from __future__ import annotations

import random
from typing import TYPE_CHECKING

import pytest

from ingestion.errors import ExportEmpty
from ingestion.mapping import load_source
from ingestion.sources import json_records
from ingestion.sources.decode import decoded
from ingestion.sources.json_lines import LINES, flat_lines
from ingestion.warehouse.engines import open_memory

if TYPE_CHECKING:
    from pathlib import Path

    from duckdb import DuckDBPyConnection

    from ingestion.mapping import Feed
    from ingestion.sources.decode import Decoded
    from ingestion.sources.json_lines import FlatLines

SOURCE = "[feeds.people.datasets.customers]\n"
MAPPING = "their_heading,our_column,required\nid,customer_id,yes\nname,name,\na/b~c.d,city,\n"
FLAT = [
    f'{{"id":"{number}","name":{name},"a/b~c.d":"Rom"}}' for number, name in enumerate(['"Ann"', "null", "7"] * 9)
]
ODD = {
    "escape": r'{"id":"\u4e2d","name":"a\tb"}',
    "decimal": '{"id":1.50,"name":1e3}',
    "long_number": '{"id":1234567890123456789012,"name":-0}',
    "zero": '{"id":0,"name":-5}',
    "truth": '{"id":true,"name":false}',
    "twice": '{"id":"1","id":"2"}',
    "nested": '{"id":"1","name":{"first":"A"}}',
    "listed": '{"id":"1","name":[1,2]}',
    "brackets_in_text": '{"id":"{[","name":"],}"}',
    "not_a_number": '{"id":NaN,"name":Infinity}',
    "comma_at_the_end": '{"id":"1",}',
    "no_end": '{"id":"1"',
    "tab_in_text": '{"id":"a\tb"}',
    "leading_zero": '{"id":01}',
    "blanks_around": '  {"id" : "1" , "name" : "x"}\t',
    "other_order": '{"extra":"1","name":"n","id":"2"}',
    "empty": "{}",
    "no_object": '"id"',
    "separators": '{"id":"a\u2028b\u0085c","name":"\u00a0\x7f"}',
    "unit_separator": '{"id":"a\x1fb"}',
    "nul": '{"id":"a\0b"}',
    "return": '{"id":"1"}\r{"id":"2"}',
    "returns": '{"id":"1"}\r',
    "blank_line": "",
    "blank_characters": " \t\x0b\x0c",
    "mark": '\ufeff{"id":"1"}',
}


@pytest.fixture
def feed(tmp_path: Path) -> Feed:
    folder = tmp_path / "desk"
    folder.mkdir()
    (folder / "source.toml").write_text(SOURCE, encoding="utf-8")
    (folder / "people.csv").write_text(MAPPING, encoding="utf-8")
    return load_source(folder).feed("people")


def _read(path: Path, feed: Feed, *, by_python: bool) -> tuple[tuple[object, ...], bool]:
    """All that a reader says of a file, and whether DuckDB read any of it."""
    work = path.parent / f"work_{by_python}"
    work.mkdir(exist_ok=True)
    found: list[FlatLines | None] = []

    def seen(con: DuckDBPyConnection, text: Decoded) -> FlatLines | None:
        found.append(None if by_python else flat_lines(con, text))
        return found[-1]

    with open_memory() as con, pytest.MonkeyPatch.context() as patched:
        patched.setattr(json_records, "flat_lines", seen)
        records = json_records.read_ndjson(con, path.name, decoded(path.name, path, feed.encodings, work), feed)
        rows = con.execute(f"from {records.relation} order by _row").fetchall()
        originals = records.originals([row[0] for row in rows])
        assert not con.execute(f"from duckdb_tables() where table_name = '{LINES}'").fetchall()
    told = (rows, originals, records.headings, records.columns, records.bad, records.warnings, records.rows_read)
    return told, found[0] is not None


def _compare(path: Path, content: bytes, feed: Feed) -> bool:
    """Hold what is read against what Python alone reads; whether DuckDB read any of it."""
    path.write_bytes(content)
    told, is_flat = _read(path, feed, by_python=False)
    assert told == _read(path, feed, by_python=True)[0]
    return is_flat


@pytest.mark.parametrize("odd", [*ODD])
@pytest.mark.parametrize("place", [0, 14, len(FLAT)])
def test_an_odd_line_is_read_as_before(odd: str, place: int, tmp_path: Path, feed: Feed) -> None:
    lines = [*FLAT[:place], ODD[odd], *FLAT[place:]]
    _compare(tmp_path / "people.ndjson", "\n".join(lines).encode(), feed)


def test_lines_at_random_are_read_as_before(tmp_path: Path, feed: Feed) -> None:
    rng = random.Random(5)
    chosen = [
        text for name, text in ODD.items() if name not in ("return", "returns", "nul", "unit_separator", "mark")
    ]
    flat = 0
    for _ in range(40):
        lines = [rng.choice(FLAT) if rng.random() < 0.85 else rng.choice(chosen) for _ in range(120)]
        flat += _compare(tmp_path / "people.ndjson", ("\n".join(lines) + "\n" * rng.randrange(2)).encode(), feed)
    assert flat


def test_flat_lines_are_not_left_to_python(tmp_path: Path, feed: Feed) -> None:
    path = tmp_path / "people.ndjson"
    assert _compare(path, "\n".join([*FLAT, ODD["escape"]]).encode(), feed)
    assert not _compare(path, "\n".join([*FLAT, *[ODD["escape"]] * 20]).encode(), feed), "most are Python's"


def test_what_cannot_be_decoded_is_pythons(tmp_path: Path, feed: Feed) -> None:
    content = "\n".join(FLAT).encode() + b'\n{"id":"\xff\xfe\x81"}\n'
    assert not _compare(tmp_path / "people.ndjson", content, feed)


@pytest.mark.parametrize("content", [b"", b"\n \n"])
def test_nothing_is_as_empty_as_before(content: bytes, tmp_path: Path, feed: Feed) -> None:
    with pytest.raises(ExportEmpty):
        _compare(tmp_path / "people.ndjson", content, feed)
