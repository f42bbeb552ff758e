"""Reading: every format and every kind of damage, down to the record it is in."""

from __future__ import annotations

import gzip
import json
import random
import zipfile
from dataclasses import replace
from datetime import datetime
from io import BytesIO
from pathlib import Path
from typing import TYPE_CHECKING

import openpyxl
import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from ingestion import errors
from ingestion.mapping import load_source
from ingestion.sources.decode import decoded
from ingestion.sources.delimited import read_delimited
from ingestion.sources.splitter import Splitter
from ingestion.sources.table_export import read_export
from ingestion.warehouse.engines import open_memory

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from duckdb import DuckDBPyConnection

    from ingestion.mapping import Feed
    from ingestion.sources.records import Records

Read = "Callable[..., Table]"
SOURCE = "[feeds.people.datasets.customers]\n"
MAPPING = "their_heading,our_column,required\nid,customer_id,yes\nname,name,yes\ncity,city,\n"
HEADER = "id,name,city"


class Table:
    """What a reader made of a file: good records and bad ones by number."""

    def __init__(self, con: DuckDBPyConnection, records: Records) -> None:
        columns = ", ".join(
            records.columns[heading] for heading in ("id", "name", "city") if heading in records.columns
        )
        rows = con.execute(f"select _row, {columns} from {records.relation} order by _row").fetchall()
        self.rows = {row: tuple(value or None for value in values) for row, *values in rows}
        self.bad = {bad.row: bad.code for bad in records.bad}
        self.rows_read = records.rows_read
        self.warnings = [finding.code for finding in records.warnings]
        self.originals = records.originals(list(self.rows))


@pytest.fixture
def con() -> Iterator[DuckDBPyConnection]:
    with open_memory() as connection:
        yield connection


@pytest.fixture
def feed(tmp_path: Path) -> Feed:
    folder = tmp_path / "desk"
    folder.mkdir()
    (folder / "source.toml").write_text(SOURCE, encoding="utf-8")
    (folder / "people.csv").write_text(MAPPING, encoding="utf-8")
    return load_source(folder).feed("people")


@pytest.fixture
def read(tmp_path: Path, con: DuckDBPyConnection, feed: Feed) -> Callable[..., Table]:
    def run(content: str | bytes, name: str = "people.csv", **options: str) -> Table:
        path = tmp_path / name
        path.write_bytes(content.encode() if isinstance(content, str) else content)
        work = tmp_path / f"work{len(list(tmp_path.iterdir()))}"
        work.mkdir()
        return Table(con, read_export(con, path, feed.with_options(options), work))

    return run


def lines(*rows: str, end: str = "\n") -> str:
    return end.join([HEADER, *rows]) + end


# --- delimited text ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
def test_any_line_end_and_line_breaks_within_quotes(read: Callable[..., Table], end: str) -> None:
    table = read(lines("1,Ann,Bonn", f'2,"O""Hara, {end}x",', "3,Bo,Köln", end=end))
    assert table.rows == {1: ("1", "Ann", "Bonn"), 2: ("2", f'O"Hara, {end}x', None), 3: ("3", "Bo", "Köln")}
    assert table.originals[2] == f'2,"O""Hara, {end}x",'


def test_mixed_line_ends_a_missing_last_one_and_blank_lines(read: Callable[..., Table]) -> None:
    table = read(f"{HEADER}\r\n1,Ann,Bonn\n\n2,Bo,Köln\r\n   \n3,Cy,Ulm")
    assert list(table.rows.values()) == [("1", "Ann", "Bonn"), ("2", "Bo", "Köln"), ("3", "Cy", "Ulm")]
    assert (table.rows_read, table.bad) == (3, {})


@pytest.mark.parametrize(
    ("encoding", "options"), [("utf-8-sig", {}), ("utf-16", {}), ("gb18030", {"encoding": "gb18030"})]
)
def test_encodings_marked_or_declared(read: Callable[..., Table], encoding: str, options: dict[str, str]) -> None:
    table = read(lines("1,退款咨询,北京").encode(encoding), **options)
    assert table.rows == {1: ("1", "退款咨询", "北京")}


@pytest.mark.parametrize(
    ("written", "declared"),
    [
        ("gb18030", "utf-8"),
        ("utf-8", "gb18030"),
        ("utf-8", "latin-1"),
        ("gb18030", "latin-1"),
        ("utf-16-le", "utf-8"),
    ],
)
def test_a_wrong_encoding_is_refused_and_never_becomes_nonsense(
    read: Callable[..., Table], written: str, declared: str
) -> None:
    text = lines(*(f"{i},退款咨询，请尽快处理,北京" for i in range(20)))
    with pytest.raises(errors.WrongEncoding):
        read(text.encode(written), encoding=declared)


def test_latin_1_where_it_is_declared_and_true(read: Callable[..., Table]) -> None:
    rows = [f"{i},Jérôme Müller-Lüdenscheid,Besançon" for i in range(5)]
    assert read(lines(*rows).encode("latin-1"), encoding="latin-1").rows[1] == (
        "0",
        "Jérôme Müller-Lüdenscheid",
        "Besançon",
    )


def test_foreign_bytes_are_a_fault_of_their_record(read: Callable[..., Table]) -> None:
    content = lines("1,Ann,Bonn", "2,XX,Ulm", "3,Cy,Ulm").encode().replace(b"XX", "退款".encode("gbk"))
    table = read(content)
    assert (table.bad, sorted(table.rows)) == ({2: "bad_encoding"}, [1, 3])


def test_rows_with_more_or_fewer_cells_and_nul_characters(read: Callable[..., Table]) -> None:
    table = read(lines("1,Ann,Bonn", "2,Bo,Ulm,x", "3,Cy", "4,D\0,Ulm", "5,Ed,Ulm,", "6,Flo,Ulm"))
    assert table.bad == {2: "ragged_row", 3: "ragged_row", 4: "nul_character", 5: "ragged_row"}
    assert sorted(table.rows) == [1, 6]


@pytest.mark.parametrize(
    ("rows", "bad"),
    [
        (["1,a,b", '2,"open,b', "3,a,b", "4,a,b"], {2}),
        (["1,a,b", '2,"open,b', "3,a,b", '4,"open,b', "5,a,b"], {2, 4}),
        (["1,a,b", '2,"open,b', '3,"quoted, well",b', "4,a,b"], {2}),
        (['1,"stray" mark,b', "2,a,b"], {1}),
        (['1,a,b"', '2,a "b" c,d', "3,a,b"], set()),
    ],
)
def test_a_mark_left_open_costs_its_own_record_only(
    read: Callable[..., Table], rows: list[str], bad: set[int]
) -> None:
    table = read(lines(*rows))
    assert table.bad == dict.fromkeys(bad, "unclosed_quote")
    assert table.rows_read == len(rows) == len(table.rows) + len(bad)


def test_records_swallowed_by_a_mark_that_another_one_closes_are_found() -> None:
    rows = ['1,a,b,c,d,"open', "2,a,b,c,d,e", "3,a,b,c,d,e", '4,a,b,c,d,shut"', "5,a,b,c,d,e"]
    splitter = Splitter([f"{row}\n" for row in rows], ",", '"')
    splitter.width = 6
    assert [record.code for record in splitter.records()] == ["unclosed_quote", "", "", "", ""]


def test_other_delimiters_and_title_rows_above_the_header(read: Callable[..., Table]) -> None:
    text = 'Report of June\n"as of; today"\nid;name;city\n1;a,b;c\n'
    assert read(text, delimiter=";", header_row="3").rows == {1: ("1", "a,b", "c")}
    assert read(text.replace(";", "\t"), delimiter="tab", header_row="3").rows == {1: ("1", "a,b", "c")}
    assert read(text.replace(";", "；"), delimiter="；", header_row="3").rows == {1: ("1", "a,b", "c")}


def test_columns_are_found_by_name(read: Callable[..., Table]) -> None:
    table = read("extra, city ,name,id\nx,Bonn,Ann,1\n")
    assert (table.rows, table.warnings) == ({1: ("1", "Ann", "Bonn")}, ["unmapped_column"])
    assert read("name,id\nAnn,1\n").warnings == ["absent_column"]


def test_a_renamed_heading_is_named_with_the_nearest_one_present(read: Callable[..., Table]) -> None:
    with pytest.raises(errors.ColumnsMissing) as caught:
        read("id,full name,city\n1,Ann,Bonn\n")
    assert caught.value.missing == ["name"]
    assert caught.value.nearest == {"name": "full name"}
    with pytest.raises(errors.DuplicateColumns):
        read("id,name,name\n1,Ann,Bonn\n")


@pytest.mark.parametrize("content", [b"", b"\n\n", b"\xef\xbb\xbf"])
def test_nothing_at_all_is_an_empty_file(read: Callable[..., Table], content: bytes) -> None:
    with pytest.raises(errors.ExportEmpty):
        read(content)


def test_odd_file_names_are_just_names(read: Callable[..., Table]) -> None:
    assert read(lines("1,a,b"), name="people-[1]*'x.csv").rows == {1: ("1", "a", "b")}


def polluted(rng: random.Random) -> bytes:
    """A valid file, damaged at random: marks, delimiters, line ends, cuts, repeats, foreign bytes."""
    end = rng.choice(["\n", "\r\n", "\r"])
    names = ["Ann", '"O, b"', '"a ""b"""', '""', f'"a{end}b"', "中文", ""]
    text = lines(*(f"{i},{rng.choice(names)},Bonn" for i in range(rng.randint(0, 20))), end=end)
    for _ in range(rng.randint(0, 3)):
        at, to = sorted((rng.randint(0, len(text)), rng.randint(0, len(text))))
        odd = rng.choice(['"', ",", "\n", "\r", "\r\n", '""', ',"', '",', "\0", "\x0b", "\u2028", " \n", ",,,\n"])
        text = rng.choice([text[:at] + odd + text[at:], text[:at], text[:to] + text[at:], text[:at] + text[at + 1 :]])
    content = bytearray(text.encode())
    if content and rng.random() < 0.2:
        content[rng.randrange(len(content))] = rng.randrange(256)
    return bytes(content)


def test_both_ways_of_reading_agree_on_any_damage(tmp_path: Path, con: DuckDBPyConnection, feed: Feed) -> None:
    rng, path, fast = random.Random(20_250_601), tmp_path / "people.csv", 0
    for number in range(300):
        path.write_bytes(polluted(rng))
        work = tmp_path / str(number)
        work.mkdir()
        results = []
        for clean in (True, False):
            try:
                text = decoded(path.name, path, feed.encodings, work)
                text = replace(text, clean=text.clean and clean)
                records = read_delimited(con, path.name, path, text, feed)
                fast += records.originals.__qualname__.startswith("Count") and clean
                table = Table(con, records)
                assert table.rows_read == len(table.rows) + len(table.bad)
                results.append((table.rows, table.bad, table.originals))
            except errors.IngestionError as error:
                results.append(type(error))
        assert results[0] == results[1], path.read_bytes()
    assert fast > 30  # otherwise this would compare the exact way with itself


# --- archives and formats -----------------------------------------------------------------------------------


def zipped(**members: str) -> bytes:
    stream = BytesIO()
    with zipfile.ZipFile(stream, "w") as archive:
        for name, text in members.items():
            archive.writestr(name, text)
    return stream.getvalue()


def test_gzip_and_zip_are_unpacked(read: Callable[..., Table]) -> None:
    content = lines("1,a,b")
    assert read(gzip.compress(content.encode()), "people.csv.gz").rows == {1: ("1", "a", "b")}
    assert read(zipped(people=content), "people.csv.zip").rows == {1: ("1", "a", "b")}


def test_damaged_archives_are_refused_before_anything_is_read(read: Callable[..., Table]) -> None:
    packed = gzip.compress(lines(*(f"{i},a,b" for i in range(500))).encode())
    wrong_checksum = packed[:-8] + bytes([packed[-8] ^ 1]) + packed[-7:]
    for content in (packed[:-20], wrong_checksum):
        with pytest.raises(errors.CorruptGzip):
            read(content, "people.csv.gz")
    with pytest.raises(errors.CorruptZip):
        read(zipped(a="x", b="y"), "people.csv.zip")
    flipped = bytearray(zipped(people=lines("1,a,b")))
    flipped[45] ^= 1
    with pytest.raises(errors.CorruptZip):
        read(bytes(flipped), "people.csv.zip")


def test_a_small_archive_that_unpacks_beyond_reason_is_refused(read: Callable[..., Table]) -> None:
    with pytest.raises(errors.TooLarge):
        read(gzip.compress(b"a" * (40 << 20)), "people.csv.gz")


@pytest.mark.parametrize(
    ("content", "name"),
    [
        (b"id\tname\n1\ta\n", "people.xlsx"),
        (b"PK\x03\x04rest", "people.csv"),
        (b"%PDF-1.7", "people.csv"),
        (b"id,name\n", "people.parquet"),
        (b"id,name\n", "people.csv.gz"),
        (zipped(a="x"), "people.xlsx"),
    ],
)
def test_content_that_is_not_what_the_name_says(read: Callable[..., Table], content: bytes, name: str) -> None:
    with pytest.raises(errors.WrongFormat):
        read(content, name)


# --- workbooks ----------------------------------------------------------------------------------------------


def workbook(*sheets: tuple[str, list[list[object]]]) -> bytes:
    book = openpyxl.Workbook()
    book.remove(book.active)
    for name, rows in sheets:
        sheet = book.create_sheet(name)
        for row in rows:
            sheet.append(row)
    stream = BytesIO()
    book.save(stream)
    return stream.getvalue()


def test_workbook_values_keep_their_digits_and_instants_are_marked(read: Callable[..., Table]) -> None:
    rows: list[list[object]] = [
        ["id", "name", "city"],
        [900100, 125.5, datetime(2025, 3, 7, 23, 54, 44)],
        [],
        [7.0, True, None],
    ]
    table = read(workbook(("people", rows)), "people.xlsx")
    assert table.rows == {1: ("900100", "125.5", "2025-03-07 23:54:44.000000"), 2: ("7", "true", None)}


def test_error_values_are_faults_of_their_cell(read: Callable[..., Table]) -> None:
    table = read(workbook(("people", [["id", "name", "city"], [1, "#DIV/0!", "x"], [2, "b", "y"]])), "people.xlsx")
    assert table.bad == {1: "cell_error"}
    assert table.rows[1] == ("1", None, "x")


def test_the_sheet_is_the_declared_one_or_the_only_one_that_fits(read: Callable[..., Table]) -> None:
    people: list[list[object]] = [["id", "name", "city"], [1, "a", "b"]]
    notes: list[list[object]] = [["anything"], ["else"]]
    assert read(workbook(("notes", notes), ("people", people)), "people.xlsx").warnings == ["sheet_chosen"]
    both = workbook(("a", people), ("b", people))
    with pytest.raises(errors.SheetMissing):
        read(both, "people.xlsx")
    assert read(both, "people.xlsx", sheet="b").rows == {1: ("1", "a", "b")}
    with pytest.raises(errors.SheetMissing):
        read(both, "people.xlsx", sheet="c")


# --- JSON and Parquet -----------------------------------------------------------------------------------------


def test_json_lines_fail_one_by_one_and_keep_their_digits(read: Callable[..., Table]) -> None:
    table = read(
        '{"id": 9007199254740993, "name": "a"}\n\n{"id": 2, "name": "b"\n{"id": 3, "id": 4, "name": "c"}\n'
        '{"id": NaN, "name": "d"}\n[1]\n{"id": 6, "name": "x\\u0000"}\n{"id": 7, "name": true, "city": null}\n',
        "people.ndjson",
    )
    assert table.rows == {1: ("9007199254740993", "a", None), 7: ("7", "true", None)}
    assert table.bad == {2: "bad_json", 3: "duplicate_key", 4: "bad_json", 5: "bad_json", 6: "nul_character"}


def test_json_lists_stand_at_the_top_or_at_a_path_and_nested_fields_have_paths(
    read: Callable[..., Table], feed: Feed, tmp_path: Path, con: DuckDBPyConnection
) -> None:
    people = [{"id": 1, "name": "a", "home": {"city": "Bonn"}}]
    assert read(json.dumps(people), "people.json").rows == {1: ("1", "a", None)}
    assert read(json.dumps({"page": {"people": people}}), "people.json", path="page.people").rows_read == 1
    with pytest.raises(errors.WrongFormat):
        read(json.dumps({"people": people}), "people.json")
    (tmp_path / "desk" / "people.csv").write_text(MAPPING.replace("city,city", "home.city,city"))
    (tmp_path / "w").mkdir()
    path = tmp_path / "people.json"
    path.write_text(json.dumps(people))
    records = read_export(con, path, load_source(tmp_path / "desk").feed("people"), tmp_path / "w")
    column = records.columns["home.city"]
    assert con.execute(f"select {column} from {records.relation}").fetchall() == [("Bonn",)]


def test_parquet_of_any_types(read: Callable[..., Table]) -> None:
    stream = BytesIO()
    times = [datetime(2025, 3, 7, 23, 54, 44), None, None]
    pl.DataFrame({"id": [1, 2, 3], "name": [1.0, 2.5, 1e-7], "city": times}).write_parquet(stream)
    table = read(stream.getvalue(), "people.parquet")
    assert table.rows == {
        1: ("1", "1", "2025-03-07 23:54:44.000000"),
        2: ("2", "2.5", None),
        3: ("3", "0.0000001", None),
    }
    with pytest.raises(errors.ExportUnreadable):
        read(stream.getvalue()[:-20] + b"PAR1", "people.parquet")


def test_parquet_whose_values_cannot_be_read_is_refused_as_a_file(read: Callable[..., Table]) -> None:
    """Arrow passes them by, and statistics of the file tell how many there are: only reading them finds them."""
    latin = pa.array([b"Ann", b"Andr\xe9"], pa.binary())
    for odd in (
        pa.Array.from_buffers(pa.string(), 2, latin.buffers()),
        pa.array([0, 2**31 - 2], pa.date32()),
    ):
        pq.write_table(pa.table({"id": ["1", "2"], "name": ["a", "b"], "seen": odd}), stream := BytesIO())
        with pytest.raises(errors.ExportUnreadable):
            read(stream.getvalue(), "people.parquet")


def test_a_last_record_of_one_character_is_not_lost(read: Callable[..., Table]) -> None:
    table = read(f"{HEADER}\r\n1,Ann,Bonn\r\n0")
    assert (table.rows_read, table.bad) == (2, {2: "ragged_row"})
