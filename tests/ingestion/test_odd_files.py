"""Files that are odd in one way each: what is taken in is right, and what is not taken in says why."""

from __future__ import annotations

import gzip
import io
import json
import os
import random
import zipfile
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from ingestion.check import check_in
from ingestion.sources import counting, json_text
from ingestion.sources.counting import count_entries
from ingestion.sources.json_text import ListReader, NotAList, NotJson
from ingestion.warehouse.engines import open_memory

if TYPE_CHECKING:
    from collections.abc import Callable

    from ingestion.check import CheckResult

    Check = Callable[..., tuple[CheckResult, dict[str, str]]]

pytestmark = pytest.mark.usefixtures("helpdesk_alone")

NOW = datetime(2025, 7, 1)
HEADER = "ticket_id,customer_id,created_at,status,category"
COUNT = 10


def rows(category: str = "login", of: int = 3) -> list[list[str]]:
    """Ten records; the category of the one numbered `of` is given."""
    plain = ["K-001", "2025-06-01 10:00:00", "open"]
    return [[f"HD-{n}", *plain, category if n == of else "login"] for n in range(COUNT)]


def table(category: str = "login", delimiter: str = ",") -> str:
    lines = [HEADER.replace(",", delimiter), *(delimiter.join(row) for row in rows(category))]
    return "".join(f"{line}\n" for line in lines)


def records() -> list[dict[str, object]]:
    return [dict(zip(HEADER.split(","), row, strict=True)) for row in rows()]


@pytest.fixture
def check(tmp_path: Path) -> Check:
    """The verdict on a file, and the category of every record that was loaded."""

    def run(
        content: str | bytes | Path, name: str = "tickets.csv", **options: str
    ) -> tuple[CheckResult, dict[str, str]]:
        path = content if isinstance(content, Path) else tmp_path / name
        if not isinstance(content, Path):
            path.write_bytes(content.encode() if isinstance(content, str) else content)
        with open_memory() as con:
            result, landed = check_in(con, path, "helpdesk", "tickets", options, {}, now=NOW)
            sql = 'select ticket_id, category from memory.landing."checked__tickets"'
            return result, dict(con.execute(sql).fetchall()) if landed else {}

    return run


def codes(result: CheckResult) -> list[str]:
    return [reason.code for reason in result.reasons]


@pytest.mark.parametrize(
    ("cell", "value"),
    [
        (' "a, b"', "a, b"),
        ('"a, b"  ', "a, b"),
        ('  "say ""hi"""  ', 'say "hi"'),
        (' "" ', None),
        ('5" x 6"', '5" x 6"'),
        (' x "a"', 'x "a"'),
        ('"line\n2"', "line\n2"),
        (' "line"', "line"),
    ],
)
def test_blanks_around_a_quoted_cell_are_not_part_of_it(check: Check, cell: str, value: str | None) -> None:
    result, loaded = check(table(cell))
    assert (result.rows_loaded, loaded["HD-3"]) == (COUNT, value)


@pytest.mark.parametrize("cell", ['"a" "b"', '"a" b', '"a"b'])
def test_text_beside_a_quoted_cell_is_a_fault_of_its_record(check: Check, cell: str) -> None:
    result, loaded = check(table(cell))
    assert (codes(result), len(loaded)) == (["unclosed_quote"], COUNT - 1)


def test_a_cell_of_thousands_of_lines_is_one_cell(check: Check) -> None:
    text = "\n".join(f'line {n} of a ""log""' for n in range(4000))
    result, loaded = check(table(f'"{text}"'))
    assert (result.rows_read, loaded["HD-3"]) == (COUNT, text.replace('""', '"'))


@pytest.mark.parametrize(
    "header",
    [HEADER.upper(), HEADER.replace("ticket_id", "ticket_id\u200b"), "\ufeff\ufeff" + HEADER, HEADER.title()],
)
def test_headings_may_differ_in_what_nobody_sees_or_means(check: Check, header: str) -> None:
    assert check(table().replace(HEADER, header))[0].rows_loaded == COUNT


def test_but_not_where_two_could_be_meant(check: Check) -> None:
    twice = table().replace(HEADER, "ID,TICKET_ID,Ticket_Id,status,category")
    assert codes(check(twice)[0]) == ["missing_column"]


def test_the_line_in_which_excel_names_the_delimiter_is_no_header(check: Check) -> None:
    assert check("sep=;\r\n" + table(delimiter=";"), delimiter=";")[0].rows_loaded == COUNT
    assert check("sep=;\n" + table('"two\nlines"', ";"), delimiter=";")[0].rows_loaded == COUNT
    assert check("sep=;\n" + table())[0].verdict == "reject"


@pytest.mark.parametrize("name", ["tickets.csv", "tickets.ndjson", "tickets.json", "tickets.parquet"])
def test_a_refused_file_still_says_how_many_records_it_has(check: Check, name: str) -> None:
    lacking = [{name: value for name, value in record.items() if name != "status"} for record in records()]
    packed = io.BytesIO()
    pq.write_table(pa.Table.from_pylist(lacking), packed)
    content = {
        "tickets.csv": table().replace("status", "state"),
        "tickets.ndjson": "".join(f"{json.dumps(record)}\n" for record in lacking),
        "tickets.json": json.dumps(lacking),
        "tickets.parquet": packed.getvalue(),
    }
    result, _ = check(content[name], name)
    assert (result.verdict, codes(result), result.rows_read) == ("reject", ["missing_column"], COUNT)


def test_line_ends_of_another_kind_are_not_a_header_alone(check: Check) -> None:
    assert codes(check(table().replace("\n", "\u2028"))[0]) == ["unreadable"]


# --- encodings ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "written", "declared", "likely"),
    [
        ("café", "utf-8", "latin-1", "utf-8"),
        ("退款", "utf-8", "gb18030", "utf-8"),
        ("退款", "gbk", "latin-1", "gb18030"),
        ("возврат и ремонт", "cp1251", "latin-1", ""),
        ("“smart” €5", "cp1252", "latin-1", "cp1252"),
        ("退款諮詢，請盡快處理，維修進度查詢，物流延誤", "big5", "gb18030", "big5"),
        ("退款", "utf-16-le", "utf-16", "utf-16-le"),
        ("退款", "utf-16-be", "utf-8", "utf-16-be"),
    ],
)
def test_a_word_or_two_are_enough_to_catch_a_wrong_declaration(
    check: Check, text: str, written: str, declared: str, likely: str
) -> None:
    result, _ = check(table(text).encode(written), encoding=declared)
    assert codes(result) in (["bad_encoding_file"], ["bad_encoding"])
    assert not result.faults or result.faults[0].fields["likely"] == likely


@pytest.mark.parametrize(
    ("text", "encoding"),
    [
        ("créée, fiancée; São João, AÇÃO", "latin-1"),
        ("äöüß ÄÖÜ °°°° »»", "latin-1"),
        ("«Été» – “smart” €5 …", "cp1252"),
        ("联通", "gbk"),
        ("退款諮詢，請盡快處理，維修進度查詢，物流延誤", "gbk"),
    ],
)
def test_a_right_declaration_is_believed(check: Check, text: str, encoding: str) -> None:
    content = table(f'"{text}"')
    assert check(content.encode(encoding), encoding=encoding)[1]["HD-3"] == text


@pytest.mark.parametrize("text", ["caf\ufffd", "rÃ©clamation", "退款".encode().decode("latin-1"), "é€€æ¬¾"])
def test_what_was_garbled_before_is_loaded_and_told(check: Check, text: str) -> None:
    result, loaded = check(table(text))
    assert (loaded["HD-3"], [warning.code for warning in result.warnings if warning.code == "garbled_text"]) == (
        text,
        ["garbled_text"],
    )


@pytest.mark.parametrize("text", ["café", "Müller é»", "退款，请处理", "Ã ã", "…–“”"])
def test_what_merely_looks_odd_is_not(check: Check, text: str) -> None:
    assert "garbled_text" not in [warning.code for warning in check(table(text))[0].warnings]


# --- files that are none, archives --------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", ["directory", "pipe", "dangling"])
def test_what_is_no_regular_file_is_refused_and_never_waited_for(check: Check, tmp_path: Path, kind: str) -> None:
    path = tmp_path / "tickets.csv"
    if kind == "directory":
        path.mkdir()
    elif kind == "pipe":
        os.mkfifo(path)
    else:
        path.symlink_to("gone")
    assert codes(check(path)[0]) == ["unreadable"]


def test_an_archive_may_hold_what_no_person_packed(check: Check) -> None:
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        for name in ("export/tickets.csv", "__MACOSX/._tickets.csv", "export/.DS_Store"):
            archive.writestr(name, table())
    assert check(packed.getvalue(), "tickets.csv.zip")[0].rows_loaded == COUNT
    joined = gzip.compress(table()[:100].encode()) + gzip.compress(table()[100:].encode())
    assert check(joined, "tickets.csv.gz")[0].rows_loaded == COUNT


# --- JSON and Parquet ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("added", "code"),
    [
        ('"x": [{"a": 1, "a": 2}]', "duplicate_key"),
        ('"a\\u0000b": 1', "nul_character"),
        ('"\\ud83d": 1', "bad_encoding"),
        ('"x": ' + '{"a":' * 975 + "1" + "}" * 975, "bad_json"),
    ],
)
@pytest.mark.parametrize("name", ["tickets.ndjson", "tickets.json"])
def test_a_fault_deep_in_a_record_is_a_fault_of_it(check: Check, name: str, added: str, code: str) -> None:
    lines = [json.dumps(record) for record in records()]
    lines[3] = f"{lines[3][:-1]}, {added}}}"
    text = "\n".join(lines) if name.endswith("ndjson") else f"[{','.join(lines)}]"
    result, loaded = check(text, name)
    assert (result.verdict == "reject" and codes(result) == ["unreadable"]) or (codes(result), len(loaded)) == (
        [code],
        COUNT - 1,
    )


def test_lines_of_odd_blanks_are_records_and_none_is_lost(check: Check) -> None:
    text = "".join(f"{json.dumps(record)}\n" for record in records())
    result, _ = check(f"{text}\u00a0\n\x1c\n \t\f\n", "tickets.ndjson")
    assert (result.rows_read, codes(result)) == (COUNT + 2, ["bad_json", "bad_json"])


def test_a_list_is_read_the_same_however_it_is_cut_into_pieces(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Against Python's own reader, in pieces of a few characters, with brackets and quotes within texts."""
    chance, file = random.Random(7), tmp_path / "list.json"
    for _ in range(200):
        entries = [drawn(chance, 0) for _ in range(chance.randrange(6))]
        text = json.dumps(
            {"n": drawn(chance, 0), "page": {"of": entries, "z": 1}}, ensure_ascii=chance.random() < 0.5
        )
        file.write_text(text, encoding="utf-8")
        monkeypatch.setattr(json_text, "CHUNK", chance.choice([1, 3, 50]))
        monkeypatch.setattr(counting, "ENTRIES_CHUNK", chance.choice([1, 3, 50]))
        reader = ListReader(io.StringIO(text), ["page", "of"])
        assert [json.loads(one) for one, _ in reader.entries()] == entries
        assert count_entries(file, reader.start) == len(entries)
        with pytest.raises((NotJson, NotAList)):
            list(ListReader(io.StringIO(text[: chance.randrange(len(text))]), ["page", "of"]).entries())


def drawn(chance: random.Random, depth: int) -> object:
    kind = chance.randrange(8 if depth < 3 else 5)
    if kind == 0:
        return chance.choice([None, True, -1.5, 10**20, 1e300])
    if kind < 5:
        return "".join(chance.choice('ab[]{},:"\\ \n退😀') for _ in range(chance.randrange(8)))
    if kind == 5:
        return [drawn(chance, depth + 1) for _ in range(chance.randrange(4))]
    return {f"k{n}]": drawn(chance, depth + 1) for n in range(chance.randrange(4))}


@pytest.mark.parametrize("unit", ["s", "ms", "us", "ns"])
@pytest.mark.parametrize("zone", [None, "UTC", "Asia/Shanghai", "America/New_York"])
def test_instants_of_parquet_are_the_same_in_every_unit_and_zone(check: Check, unit: str, zone: str | None) -> None:
    local = datetime(2025, 6, 1, 2) if zone else datetime(2025, 6, 1, 10)
    columns = {name: [record[name] for record in records()] for name in HEADER.split(",")}
    stored = pa.table({**columns, "created_at": pa.array([local] * COUNT, pa.timestamp(unit, zone))})
    packed = io.BytesIO()
    pq.write_table(stored, packed)
    (result, _), number = check(packed.getvalue(), "tickets.parquet"), float("nan")
    assert result.rows_loaded == COUNT
    ids = stored.set_column(0, "ticket_id", pa.array([number, *(float(n) for n in range(100, 109))]))
    pq.write_table(ids, packed := io.BytesIO())
    assert codes(check(packed.getvalue(), "tickets.parquet")[0]) == ["bad_id"]
