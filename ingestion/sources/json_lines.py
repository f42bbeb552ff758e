"""Lines of JSON that DuckDB reads as Python would, many at a time: flat objects whose very text proves it.

Proven is a line of plain strings, whole numbers, true, false and null, each field named once: no escape, nothing
nested, no number that could be written another way. What DuckDB makes of it is then what stands there, and every
other line is left to Python. A file whose lines the two could part differently is left to it altogether.
"""

from __future__ import annotations

import mmap
from dataclasses import dataclass
from typing import TYPE_CHECKING

import duckdb

from ingestion.sources.counting import count_filled_lines
from ingestion.sources.records import BATCH
from ingestion.sqltext import literal, quoted

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from duckdb import DuckDBPyConnection

    from ingestion.sources.decode import Decoded

LINES = "aftercare_lines"
MOST_OTHERS = 4
"""Where more than one line in so many is Python's, it reads them all: then there is little to gain."""
_PARTS_LINES = (b"\r", b"\0", b"\x1f")
_STRING = r'"[^"\\\x00-\x1f]*"'
_FIELD = rf"{_STRING}: ?(?:{_STRING}|-?[1-9][0-9]{{0,17}}|0|true|false|null)"
FLAT = rf"\{{{_FIELD}(?:, ?{_FIELD})*\}}"


@dataclass(frozen=True)
class FlatLines:
    """The lines of a file in LINES, and what is known of those that are flat.

    count: all lines. told: the number of the first line with these fields, and the fields, in their order.
    """

    con: DuckDBPyConnection
    count: int
    told: list[tuple[int, list[str]]]
    condition: str

    def fill(self, table: str, names: Sequence[str]) -> None:
        """Insert the flat lines into the table of a Filler, the fields of `names` one by one."""
        paths = ", ".join(literal(f"/{name.replace('~', '~0').replace('/', '~1')}") for name in names)
        fields = "".join(f", fields[{place}]" for place in range(1, len(names) + 1))
        self.con.execute(
            f"insert into {quoted(table)} select number, line{fields} from (select rowid + 1 as number, line, "
            f"json_extract_string(line, cast([{paths}] as varchar[])) as fields from {LINES} where {self.condition})"
        )

    def drop(self) -> None:
        """Once the lines are in the table of the records they are not needed twice."""
        self.con.execute(f"drop table {LINES}")

    def others(self) -> Iterator[tuple[int, str]]:
        """Number and text of each line that is not flat, in their order."""
        for start in range(0, self.count, BATCH):
            yield from self.con.execute(
                f"select rowid + 1, line from {LINES} where rowid >= ? and rowid < ? and not ({self.condition}) "
                "order by rowid",
                [start, start + BATCH],
            ).fetchall()


def flat_lines(con: DuckDBPyConnection, text: Decoded) -> FlatLines | None:
    """The lines of a file, where DuckDB finds the same ones as Python and nearly all of them are flat."""
    if not text.clean or text.skip or not text.path.stat().st_size or _has_other_ends(text):
        return None
    try:
        con.execute(
            f"create or replace temp table {LINES} as select line, "
            f"case when regexp_full_match(line, {literal(FLAT)}) then hash(json_keys(line)) end as fields "
            f"from read_csv({literal(str(text.path))}, auto_detect = false, header = false, "
            "columns = {'line': 'VARCHAR'}, delim = chr(31), quote = '', escape = '', strict_mode = true, "
            "ignore_errors = false, encoding = 'utf-8', new_line = '\\n')"
        )
    except duckdb.Error:
        return None
    found = _found(con, text)
    if found is None:
        con.execute(f"drop table {LINES}")
    return found


def _has_other_ends(text: Decoded) -> bool:
    """Whether anything but a line feed could end a line, for one of the two readers."""
    with text.path.open("rb") as stream, mmap.mmap(stream.fileno(), 0, access=mmap.ACCESS_READ) as content:
        return any(content.find(mark) >= 0 for mark in _PARTS_LINES)


def _found(con: DuckDBPyConnection, text: Decoded) -> FlatLines | None:
    rows = con.execute(f"select count(*), count(line) from {LINES}").fetchall()[0]
    count = int(rows[0])
    if count != count_filled_lines(text.path, text.skip) or count != rows[1]:
        return None
    firsts = con.execute(
        f"""select lines.fields, rowid + 1, json_keys(line) from {LINES} as lines inner join (
            select fields, min(rowid) as first from {LINES} where fields is not null group by fields
        ) as shapes on lines.rowid = shapes.first order by 2"""
    ).fetchall()
    shapes = [(fields, number, names) for fields, number, names in firsts if len(set(names)) == len(names)]
    if not shapes:
        return None
    condition = f"coalesce(fields in ({', '.join(str(fields) for fields, _, _ in shapes)}), false)"
    (flat,) = con.execute(f"select count(*) from {LINES} where {condition}").fetchall()[0]
    if (count - flat) * MOST_OTHERS > count:
        return None
    return FlatLines(con, count, [(number, names) for _, number, names in shapes], condition)
