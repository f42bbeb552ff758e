"""Spark builds what DuckDB builds: every table of a night row by row, and the functions on which the two differ."""

from __future__ import annotations

import os
import re
import shutil
from collections.abc import Iterator
from datetime import date, datetime
from decimal import Decimal
from importlib.util import find_spec
from pathlib import Path

import duckdb
import pytest

from ingestion import pipeline
from ingestion.samples import write_samples
from ingestion.settings import Settings
from ingestion.warehouse import engines, models, snapshots, spark
from ingestion.warehouse.errors import ModelFailed, ModelInvalid, SparkMissing
from tests.gates import open_gate
from tests.ingestion.conftest import Shop

MODEL = "-- One row per case.\n-- grain: case_no\n"


# A second source that knows some of the sample's customers, so that there is something to disagree on.
SHOP = {
    "source.toml": 'customer_namespace = "sample"\ncustomer_precedence = 10\ndata_through = "filename"\n'
    "[feeds.customers.datasets.customers]\n",
    "customers.csv": "their_heading,our_column\nid,customer_id\nsegment,segment\nmanager,account_manager_id\n",
}
SHOP_CUSTOMERS = "id,segment,manager\nC0000001,家庭,AM001\nC0000002,,AM002\nC0000003,家庭,\n"


def drop_most_engineers(sample: Path) -> None:
    """Keep one in ten: each day of everybody on the staff list is a row, for three years."""
    for feed, encoding in (("staff", "utf-8"), ("staff_assessments", "gb18030"), ("training", "utf-8")):
        (file,) = sample.glob(f"{feed}-*.csv")
        lines = file.read_text(encoding).splitlines(keepends=True)
        file.write_text("".join(line for line in lines if not re.search(r"\bE\d{4}[1-9]\b", line)), encoding)


def write_text(file: Path, text: str) -> None:
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(text, encoding="utf-8")


@pytest.fixture(scope="module")
def spark_here() -> Iterator[None]:
    """Skips where Spark cannot run, or fails where `spark` is required. Java compiles less: shorter, same rows."""
    try:
        spark.require()
    except SparkMissing as error:
        if "spark" in os.environ.get("AFTERCARE_REQUIRE", "").split(","):
            pytest.fail(f"no Spark here: {error}")
        pytest.skip(f"no Spark here: {error}")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("JDK_JAVA_OPTIONS", "-XX:TieredStopAtLevel=1 -XX:+UseSerialGC")
        yield


@pytest.fixture(scope="module")
def both(spark_here: None, tmp_path_factory: pytest.TempPathFactory) -> Iterator[duckdb.DuckDBPyConnection]:
    """The snapshots of one night of every sample and of a shop of its customers, as catalogs `duckdb` and `spark`."""
    root = tmp_path_factory.mktemp("both")
    write_samples(root / "exports", tickets=1_500, seed=7, until=date(2026, 6, 30))
    drop_most_engineers(root / "exports" / "sample")
    write_text(root / "exports" / "shop" / "customers-2026-06-30.csv", SHOP_CUSTOMERS)
    with open_gate(), duckdb.connect() as con:
        for engine in ("duckdb", "spark"):
            home = root / engine
            for name, text in SHOP.items():
                write_text(home / "mappings" / "shop" / name, text)
            outcome = pipeline.run(root / "exports", Settings(home=home, settle_seconds=0), engine=engine)
            assert outcome.verdict == "published", outcome.findings
            assert outcome.published is not None
            con.execute(f"attach '{outcome.published.file}' as {engine} (read_only)")
            assert not list((home / "tmp").iterdir()), "temporary files are left"
        yield con


def tables(con: duckdb.DuckDBPyConnection, catalog: str) -> list[str]:
    found = con.execute(
        """select schema_name || '.' || table_name from duckdb_tables()
        where database_name = ? and schema_name in ('core', 'marts') order by all""",
        [catalog],
    )
    return [row[0] for row in found.fetchall()]


# Minutes of Java for 120 models: asked for with -m soak, since the whole suite has 25 minutes on two cores.
@pytest.mark.soak
def test_spark_publishes_the_same_tables_with_the_same_columns(both: duckdb.DuckDBPyConnection) -> None:
    assert tables(both, "spark") == tables(both, "duckdb")
    for table in tables(both, "duckdb"):
        described = both.execute(f"describe duckdb.{table}").fetchall()
        assert both.execute(f"describe spark.{table}").fetchall() == described, table


@pytest.mark.soak
def test_spark_publishes_the_same_rows(both: duckdb.DuckDBPyConnection) -> None:
    different, empty = [], []
    for table in tables(both, "duckdb"):
        columns = ", ".join(
            # The last digits of a double depend on the order in which it was added up.
            f'round("{name}", 9) as "{name}"' if data_type in {"DOUBLE", "FLOAT"} else f'"{name}"'
            for name, data_type, *_ in both.execute(f"describe duckdb.{table}").fetchall()
            # A load is named after its night, and these are two.
            if name != "load_id"
        )
        mine, theirs = (f"select {columns} from {catalog}.{table}" for catalog in ("duckdb", "spark"))
        row = both.execute(
            f"select (select count(*) from ({mine} except all {theirs})),"
            f" (select count(*) from ({theirs} except all {mine})), (select count(*) from duckdb.{table})"
        ).fetchone()
        assert row is not None
        different += [(table, row)] if row[0] or row[1] else []
        empty += [] if row[2] else [table]
    assert different == []
    assert empty == [], "equal, but for want of rows"


# Times in zones whose clocks change, seconds with fractions, a day that begins twice, decimals, lists and blanks.
CASES = """
    (1, 'Asia/Shanghai',    '2025-06-01 16:30:00',     '2025-06-02 16:29:59',     '10.0050', 31,   'pending on_hold'),
    (2, 'America/New_York', '2025-03-09 07:30:00',     '2025-03-10 03:30:00',     '20.0050', 60,   'pending'),
    (3, 'America/Havana',   '2026-11-01 12:00:00',     '2026-11-01 11:59:30',     null,      61,   ''),
    (4, 'Europe/Berlin',    '2025-12-31 23:00:59.900', '2025-12-31 23:01:01.100', '0.0001',  null, 'a.pending'),
    (5, 'Asia/Kolkata',     '2024-02-28 18:30:00',     null,                      '-0.5000', 1,    null)
"""
TIMES = f"""{MODEL}
with
local_times as (
    select *, began_at at time zone 'UTC' at time zone zone as began_local from raw.cases
)

select
    case_no,
    began_local,
    cast(cast(began_local as date) as timestamp) at time zone zone at time zone 'UTC' as day_began_at,
    cast(isodow(cast(began_local as date)) as integer) as weekday,
    date_diff('second', began_at, ended_at) as seconds,
    date_diff('day', cast(began_at at time zone 'UTC' at time zone zone as date), ended_at) as days,
    began_at + interval '1 second' * day_count as later_at
from local_times
"""
VALUES = rf"""{MODEL}
select
    case_no,
    cast(ceil(day_count / 30.0) as integer) as month_no,
    coalesce(list_contains(string_split(pauses_on, ' '), 'pending'), false) as is_paused,
    sum(amount) over (order by case_no rows unbounded preceding) as amount_so_far,
    coalesce(amount, 0) > 10 as is_above,
    greatest(0, day_count - 60) as beyond,
    row_number() over (order by ended_at desc, case_no) as from_newest,
    row_number() over (order by day_count, case_no) as from_least,
    case when case_no = 1 then '华东 it''s a\nb ${{x}}' end as words
from raw.cases
"""
UNROLLED = """-- One row per case and day.
-- grain: case_no, midnight
select case_no, unnest(generate_series(
    cast(cast(began_at as date) as timestamp), cast(ended_at as timestamp), interval '1 day')) as midnight
from raw.cases
where ended_at >= began_at
"""
NONE = f"{MODEL}select case_no, zone, amount from raw.cases where zone = 'nowhere'"
EXPECTED_TIMES = [
    (1, "2025-06-02 00:30:00", "2025-06-01 16:00:00", 1, 86399, 0, "2025-06-01 16:30:31"),
    (2, "2025-03-09 03:30:00", "2025-03-09 05:00:00", 7, 72000, 1, "2025-03-09 07:31:00"),
    # At one o'clock it is midnight again: the day begins at the later of the two.
    (3, "2026-11-01 07:00:00", "2026-11-01 05:00:00", 7, -30, 0, "2026-11-01 12:01:01"),
    # Boundaries between seconds, not seconds elapsed.
    (4, "2026-01-01 00:00:59.900000", "2025-12-31 23:00:00", 4, 2, -1, None),
    (5, "2024-02-29 00:00:00", "2024-02-28 18:30:00", 4, None, None, "2024-02-28 18:30:01"),
]
WORDS = r"华东 it's a\nb ${x}"
EXPECTED_VALUES = [
    (1, 2, True, "10.0050", True, 0, 3, 2, WORDS),
    (2, 2, True, "30.0100", True, 0, 4, 3, None),
    (3, 3, False, "30.0100", False, 1, 1, 4, None),
    (4, None, False, "30.0101", False, 0, 2, 5, None),
    (5, 1, False, "29.5101", False, 0, 5, 1, None),
]
EXPECTED_UNROLLED = [(1, "2025-06-01 00:00:00"), (1, "2025-06-02 00:00:00"), (2, "2025-03-09 00:00:00"),
                     (2, "2025-03-10 00:00:00"), (4, "2025-12-31 00:00:00")]  # fmt: skip


def cases(sql: dict[str, str]) -> tuple[duckdb.DuckDBPyConnection, list[models.Model]]:
    """The cases in a database of their own, and models that read them."""
    con = engines.open_memory()
    con.execute("create schema raw")
    con.execute(f"""create table raw.cases as
        select case_no, zone, cast(began_at as timestamp) as began_at, cast(ended_at as timestamp) as ended_at,
            cast(amount as decimal(18, 4)) as amount, cast(day_count as bigint) as day_count, pauses_on,
            ['a'] as flags, {{'amount': 'ten'}} as original
        from (values {CASES}) as t(case_no, zone, began_at, ended_at, amount, day_count, pauses_on)""")
    return con, [models.parse_model(name, text) for name, text in sql.items()]


def build_with(engine: str, sql: dict[str, str], workdir: Path) -> duckdb.DuckDBPyConnection:
    con, given = cases(sql)
    if engine == "spark":
        spark.build(
            con, given, lambda table: "", workdir, Settings(threads=2, memory_limit="600MB"), lambda name: None
        )
    else:
        for model in given:
            models.build(con, model, lambda table: "")
    return con


def rows(con: duckdb.DuckDBPyConnection, table: str) -> list[tuple[object, ...]]:
    """Rows in order; instants and decimals as text."""
    found = con.execute(f"from {table} order by all").fetchall()
    return [tuple(str(value) if isinstance(value, datetime | Decimal) else value for value in row) for row in found]


@pytest.mark.slow
@pytest.mark.parametrize("engine", ["duckdb", "spark"])
def test_functions_mean_the_same(engine: str, spark_here: None, tmp_path: Path) -> None:
    sql = {"core.times": TIMES, "core.values": VALUES, "core.unrolled": UNROLLED, "core.none": NONE}
    # A home may be called anything.
    with build_with(engine, sql, tmp_path / "家 o'clock" / "spark") as con:
        assert rows(con, "core.times") == EXPECTED_TIMES
        assert rows(con, "core.values") == EXPECTED_VALUES
        assert rows(con, "core.unrolled") == EXPECTED_UNROLLED
        assert rows(con, "core.none") == []


@pytest.mark.slow
def test_a_model_that_fails_on_spark_is_named_without_the_value(
    spark_here: None, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    sql = f"{MODEL}select case_no, cast(zone as bigint) as zone_no from raw.cases"
    with pytest.raises(ModelFailed) as raised:
        build_with("spark", {"core.broken": sql}, tmp_path / "spark")
    assert raised.value.fields["model"] == "core.broken"
    assert "CAST_INVALID_INPUT" in str(raised.value.fields["reason"])
    assert "Shanghai" not in str(raised.value)
    assert capfd.readouterr() == ("", ""), "Spark speaks to its own log"


def test_one_within_the_other_is_translated_too() -> None:
    model = models.parse_model(
        "core.x",
        f"{MODEL}select date_diff('day', d, cast(t at time zone 'UTC' at time zone zone as date)) as n from raw.x",
    )
    statement = spark.translated(model)
    assert "CONVERT_TIMEZONE('UTC', zone, t)" in statement
    assert "FROM_UTC_TIMESTAMP" not in statement


def test_every_model_of_ours_can_be_translated() -> None:
    for model in models.load_models():
        assert spark.translated(model).startswith(("SELECT", "WITH"))


def test_minutes_between_are_refused_since_spark_counts_them_otherwise() -> None:
    model = models.parse_model("core.x", f"{MODEL}select date_diff('minute', a, b) as case_no from raw.x")
    with pytest.raises(ModelInvalid, match="MINUTE"):
        spark.translated(model)


@pytest.mark.parametrize("missing", ["pyspark", "Java"])
def test_without_spark_nothing_is_read(missing: str, shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(spark, "find_spec", lambda name: None if missing == "pyspark" else find_spec("duckdb"))
    monkeypatch.setattr(shutil, "which", lambda name: None)
    with pytest.raises(SparkMissing) as raised:
        shop.night(engine="spark")
    assert raised.value.fields == {"missing": missing}
    assert snapshots.published(shop.home) is None
    assert not (shop.home / "warehouse.duckdb").exists()
