"""The programme's baseline is what the first night reported, and stays so whatever comes later."""

from datetime import date
from pathlib import Path

import duckdb
import pytest

from ingestion import pipeline
from ingestion.samples import write_samples
from ingestion.settings import Settings
from tests.gates import open_gate

pytestmark = pytest.mark.slow

FROZEN = """select kpi, slice_dimension, slice_value, month_start, frozen_date, value, numerator, denominator, n
    from core.fct_baseline order by all"""


def night(home: Path, until: date) -> list[tuple[object, ...]]:
    """The baseline of the snapshot after a night on samples that end with `until`."""
    write_samples(home / "exports", tickets=400, until=until, optional=False)
    with open_gate():
        outcome = pipeline.run(home / "exports", Settings(home=home / "warehouse", settle_seconds=0))
    assert outcome.verdict == "published", outcome.findings
    assert outcome.published is not None
    with duckdb.connect(str(outcome.published.file), read_only=True) as con:
        return con.execute(FROZEN).fetchall()


def test_the_baseline_is_frozen_with_the_first_night(tmp_path: Path) -> None:
    first = night(tmp_path, date(2025, 6, 30))
    whole = [row for row in first if row[0] == "ticket_volume" and row[1] == "whole"]
    assert [row[3] for row in whole] == [date(2025, 4, 1), date(2025, 5, 1), date(2025, 6, 1)]
    assert {row[4] for row in first} == {date(2025, 7, 1)}
    with duckdb.connect(str(tmp_path / "warehouse" / "warehouse.duckdb"), read_only=True) as con:
        counted = con.execute(
            """select count(distinct ticket_id) from raw.tickets
            where created_at >= '2025-03-31 16:00' and created_at < '2025-04-30 16:00'
                and not coalesce(is_spam, false) and merged_into is null and status <> 'cancelled'
                and not coalesce(is_deleted, false)"""
        ).fetchone()
    assert counted is not None
    assert whole[0][5] == counted[0]
    # Other samples, a month later: all facts differ, the baseline does not.
    assert night(tmp_path, date(2025, 7, 31)) == first
