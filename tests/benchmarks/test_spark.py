"""The line through two sizes says what both engines cost before the first ticket, and by the million."""

from __future__ import annotations

from datetime import date
from pathlib import Path

import pytest

from ingestion.samples import write_samples
from tests.benchmarks import spark


def test_growth_is_a_line_through_the_smallest_and_the_largest_size() -> None:
    found = [
        {"tickets": tickets, "engine": engine, "cpu_seconds": cpu, "build_seconds": cpu / 2}
        for engine, tickets, cpu in (
            *(("duckdb", 0, 2.0), ("duckdb", 500_000, 38.0)),
            *(("spark", 0, 360.0), ("spark", 250_000, 999.0), ("spark", 500_000, 720.0)),
        )
    ]
    by_cpu = [row for row in spark.growth(found, price=0.5) if row["figure"] == "cpu_seconds"]
    assert [(row["engine"], row["fixed"], row["a_million_tickets"]) for row in by_cpu] == [
        ("duckdb", 2.0, 72.0),
        ("spark", 360.0, 720.0),
    ]
    assert (by_cpu[1]["price_fixed"], by_cpu[1]["price_a_million"]) == (0.05, 0.1)


def test_one_size_has_no_slope() -> None:
    one = [{"tickets": 3_000, "engine": name, "cpu_seconds": 5.0, "build_seconds": 4.0} for name in spark.ENGINES]
    assert {row["a_million_tickets"] for row in spark.growth(one, price=1)} == {0.0}


@pytest.mark.slow
def test_a_night_tells_what_its_build_took(tmp_path: Path) -> None:
    write_samples(tmp_path / "exports", tickets=500, seed=3, until=date(2026, 6, 30), optional=False)
    told = spark.night("duckdb", tmp_path / "exports", tmp_path / "home")
    assert told["build_seconds"] > 0
    assert told["cpu_seconds"] == told["python_cpu"] > 0
    assert "driver_cpu" not in told
