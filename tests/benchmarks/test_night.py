"""The night's benchmark does real work: its floor holds every exported row, its second night the rows it says."""

from __future__ import annotations

import csv
from datetime import date
from pathlib import Path

import duckdb
import pytest

from ingestion.samples import write_samples
from tests.benchmarks import floor, second_night

LAST = date(2026, 6, 30)


@pytest.fixture(scope="module")
def exports(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("exports")
    write_samples(folder, tickets=2_000, seed=3, until=LAST, optional=False)
    return folder


def test_the_floor_reads_every_row_of_every_export(exports: Path, tmp_path: Path) -> None:
    text_bytes = floor.prepare(exports, tmp_path)
    floor.read(tmp_path, tmp_path / "floor.duckdb")
    with duckdb.connect(str(tmp_path / "floor.duckdb")) as con:
        tables = {row[0] for row in con.execute("select table_name from duckdb_tables()").fetchall()}
        assert con.execute("select count(*), count(distinct ticket_id) from tickets").fetchall() == [(2_000, 2_000)]
        # GB18030, as the dispatch system writes it.
        assert con.execute("""select count(*) from visits where "处理结果" = '已修复'""").fetchone() != (0,)
    assert tables == {file.name.partition("-")[0] for file in (exports / "sample").iterdir()}
    assert text_bytes > sum(file.stat().st_size for file in (exports / "sample").iterdir())


def test_the_second_night_is_one_per_cent_of_the_first(exports: Path, tmp_path: Path) -> None:
    rows = second_night.write(exports, tmp_path, last=LAST)
    assert rows["tickets"] == 20
    file = tmp_path / "sample" / "tickets-2026-07-01.csv"
    with file.open(encoding="utf-8") as lines:
        tickets = list(csv.DictReader(lines))
    new = [ticket for ticket in tickets if ticket["ticket_id"].startswith("N260701")]
    assert len(new) == 10
    assert all(ticket["created_at"].startswith("2026-07-01") for ticket in new)
    assert all(ticket["updated_at"] < "2026-07-02" for ticket in tickets)
    assert all(rows[feed] > 0 for feed in rows), rows
