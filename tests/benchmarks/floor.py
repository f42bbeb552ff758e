"""The least that any night could do: plain DuckDB reads the same exports, typed, into tables of a file.

`prepare` makes every file one that plain DuckDB reads at all (a workbook and GB18030 become UTF-8 CSV) and finds the
types out; neither counts. `python -m tests.benchmarks.floor PREPARED OUT` is what is timed.
"""

from __future__ import annotations

import csv
import json
import sys
from pathlib import Path

import duckdb
from openpyxl import load_workbook

from ingestion.sqltext import literal

PLAN = "plan.json"
_SLICE_BYTES = 1 << 22


def prepare(exports: Path, folder: Path) -> int:
    """Write down how the floor reads each export; returns the bytes of all exports as uncompressed text."""
    folder.mkdir(parents=True, exist_ok=True)
    plan, total = [], 0
    with duckdb.connect() as con:
        for file in sorted(each for each in exports.rglob("*") if each.is_file()):
            ready = _readable(file, folder)
            table = file.name.partition("-")[0]
            plan.append((table, _reading(con, ready)))
            total += _text_bytes(con, ready, folder)
    (folder / PLAN).write_text(json.dumps(plan), encoding="utf-8")
    return total


def _readable(file: Path, folder: Path) -> Path:
    """The file itself, or a UTF-8 copy of what plain DuckDB cannot read."""
    ready = folder / f"{file.name}.csv"
    if file.suffix == ".xlsx":
        sheet = load_workbook(file, read_only=True).worksheets[0]
        with ready.open("w", encoding="utf-8", newline="") as target:
            csv.writer(target).writerows(sheet.iter_rows(values_only=True))
        return ready
    if file.suffix == ".csv" and not _is_utf8(file):
        with file.open(encoding="gb18030") as source, ready.open("w", encoding="utf-8") as target:
            while part := source.read(_SLICE_BYTES):
                target.write(part)
        return ready
    return file


def _is_utf8(file: Path) -> bool:
    with file.open("rb") as source:
        start = source.read(_SLICE_BYTES).rpartition(b"\n")[0]
    try:
        start.decode()
    except UnicodeDecodeError:
        return False
    return True


def _reading(con: duckdb.DuckDBPyConnection, file: Path) -> str:
    """The table function that reads the file, with the types of its columns written out."""
    path = literal(str(file))
    if file.suffix == ".parquet":
        return f"read_parquet({path})"
    function, guessed = (
        ("read_json", f"read_json({path}, sample_size = 200000)")
        if file.suffix == ".ndjson"
        else ("read_csv", f"read_csv({path}, sample_size = 200000)")
    )
    described = con.execute(f"describe from {guessed}").fetchall()
    columns = ", ".join(f"{literal(name)}: {literal(data_type)}" for name, data_type, *_ in described)
    how = "format = 'newline_delimited'" if function == "read_json" else "header = true, auto_detect = false"
    return f"{function}({path}, {how}, columns = {{{columns}}})"


def _text_bytes(con: duckdb.DuckDBPyConnection, file: Path, folder: Path) -> int:
    """The file's size as plain text: a packed one or a Parquet file is written out to see."""
    if file.suffix not in {".parquet", ".gz"}:
        return file.stat().st_size
    text = folder / "text.csv"
    con.execute(f"copy (from {_reading(con, file)}) to {literal(str(text))} (header, delimiter ',')")
    size = text.stat().st_size
    text.unlink()
    return size


def read(folder: Path, out: Path) -> None:
    """Read every export into a table of the file `out`."""
    out.unlink(missing_ok=True)
    with duckdb.connect(str(out)) as con:
        for table, source in json.loads((folder / PLAN).read_text(encoding="utf-8")):
            con.execute(f'create table "{table}" as from {source}')
        con.execute("checkpoint")


if __name__ == "__main__":
    read(Path(sys.argv[1]), Path(sys.argv[2]))
