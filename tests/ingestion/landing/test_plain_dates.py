"""Real dates of workbooks and Parquet in columns of text: what a person would have typed, nothing else changed."""

from __future__ import annotations

import duckdb
import pytest

from ingestion.landing import instants


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("2024-11-22 00:00:00.000000", "2024-11-22"),
        ("2024-11-22 10:05:09.000000", "2024-11-22 10:05:09"),
        ("2024-11-22 10:05:09.250000", "2024-11-22 10:05:09.250000"),
        ("2024-11-22 00:00:00", "2024-11-22"),
        ("on 2024-11-22 00:00:00", "on 2024-11-22 00:00:00"),
        ("C-100", "C-100"),
        ("T0000001", "T0000001"),
        (None, None),
    ],
)
def test_a_real_date_in_a_column_of_text_loses_its_midnight_only(text: str | None, shown: str | None) -> None:
    found = duckdb.execute(f"select {instants.plain('text')} from (select cast(? as varchar) as text)", [text])
    assert found.fetchone() == (shown,)
