"""Spark builds what DuckDB builds: every table of a night row by row, and the functions on which the two differ."""

from __future__ import annotations

import os
import re
import shutil
from collections import Counter
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
from ingestion.warehouse import engines, models, snapshots, spark, spark_checks, spark_session, spark_sql
from ingestion.warehouse.errors import ModelFailed, ModelInvalid, SparkMissing
from tests.gates import open_gate
from tests.ingestion.cluster import cluster_in
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


@pytest.fixture(scope="module", params=["sample", "servicenow"])
def both(
    request: pytest.FixtureRequest, spark_here: None, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[duckdb.DuckDBPyConnection]:
    """The snapshots of one night, built by DuckDB and by a cluster of two workers, as catalogs `duckdb` and `spark`.

    Of every sample and of a shop of its customers, or of a real event log.
    """
    root = tmp_path_factory.mktemp(request.param)
    {"sample": write_both_sources, "servicenow": copy_incident_log}[request.param](root / "exports")
    with open_gate(), duckdb.connect() as con, cluster_in(root / "cluster") as cluster:
        for engine in ("duckdb", "spark"):
            home = root / engine
            for name, text in SHOP.items():
                write_text(home / "mappings" / "shop" / name, text)
            settings = Settings(
                home=home,
                settle_seconds=0,
                memory_limit="1GB",
                spark_master=cluster.url,
                spark_shared=str(root / "shared"),
            )
            outcome = pipeline.run(root / "exports", settings, engine=engine)
            assert outcome.verdict == "published", outcome.findings
            assert outcome.published is not None
            con.execute(f"attach '{outcome.published.file}' as {engine} (read_only)")
            con.execute(f"attach '{outcome.published.people_file}' as {engine}_people (read_only)")
            assert not list((home / "tmp").iterdir()), "temporary files are left"
        assert min(cluster.worked()) > 0, "one of the workers had nothing to do"
        con.execute(f"create table told as select '{request.param}' as exports")
        yield con


def write_both_sources(exports: Path) -> None:
    write_samples(exports, tickets=1_500, seed=7, until=date(2026, 6, 30))
    drop_most_engineers(exports / "sample")
    write_text(exports / "shop" / "customers-2026-06-30.csv", SHOP_CUSTOMERS)


def copy_incident_log(exports: Path) -> None:
    """UCI's log of ServiceNow incidents; without the real data sets this skips, or fails where they are required."""
    folder = Path(os.environ.get("AFTERCARE_REAL_DATA", Path(__file__).parents[3] / "shared"))
    file = folder / "data" / "itsm_incident_log" / "incident_event_log.zip"
    if not file.exists():
        refuse = pytest.fail if "real" in os.environ.get("AFTERCARE_REQUIRE", "").split(",") else pytest.skip
        refuse(f"no real data sets at {folder}: set AFTERCARE_REAL_DATA")
    (exports / "servicenow").mkdir(parents=True)
    shutil.copy2(file, exports / "servicenow")


def tables(con: duckdb.DuckDBPyConnection, catalog: str, schemas: tuple[str, ...] = ("core", "marts")) -> list[str]:
    found = con.execute(
        """select distinct schema_name || '.' || table_name from duckdb_columns()
        where database_name = ? and list_contains(?, schema_name) order by all""",
        [catalog, list(schemas)],
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
    different, empty = {}, []
    for table in tables(both, "duckdb"):
        found, count = compared(both, table)
        if found:
            different[table] = found
        if not count:
            empty.append(table)
    assert different == {}
    if both.execute("select exports from told").fetchone() == ("sample",):
        assert empty == [], "equal, but for want of rows"


@pytest.mark.soak
def test_what_is_made_of_those_tables_is_the_same_too(both: duckdb.DuckDBPyConnection) -> None:
    """Cells hold whole numbers, the people file what staging says: equal to the last digit."""
    for suffix, schemas in (("", ("cells",)), ("_people", ("people",))):
        names = tables(both, f"duckdb{suffix}", schemas)
        assert names
        assert tables(both, f"spark{suffix}", schemas) == names
        for mine, theirs in (("duckdb", "spark"), ("spark", "duckdb")):
            for name in names:
                more = f"from {mine}{suffix}.{name} except all from {theirs}{suffix}.{name}"
                assert both.execute(f"select count(*) from ({more})").fetchone() == (0,), name


def compared(con: duckdb.DuckDBPyConnection, table: str) -> tuple[dict[str, int], int]:
    """Column -> rows in which it differs, and all rows: keys and whole numbers exactly, doubles to 1e-9."""
    told = con.execute("select grain from duckdb.meta.models where name = ?", [table]).fetchone()
    assert told is not None
    grain = told[0].split(", ")
    on = " and ".join(f"{same_key('mine', key)} is not distinct from {same_key('theirs', key)}" for key in grain)
    differs = {}
    for name, data_type, *_ in con.execute(f"describe duckdb.{table}").fetchall():
        one, other = f'mine."{name}"', f'theirs."{name}"'
        differs[name] = f"{one} is distinct from {other}"
        if data_type in {"DOUBLE", "FLOAT"}:
            # The last digits of a double depend on the order in which it was added up.
            near = f"abs({one} - {other}) <= 1e-9 * greatest(1, abs({one}))"
            differs[name] += f" and not coalesce({near}, false)"
    differs.pop("load_id", None)
    counts = ", ".join(f"count(*) filter ({condition})" for condition in differs.values())
    row = con.execute(
        f"select {counts}, (select count(*) from duckdb.{table}), (select count(*) from spark.{table}) "
        f"from duckdb.{table} as mine full join spark.{table} as theirs on {on}"
    ).fetchone()
    assert row is not None
    found = {name: int(count) for name, count in zip(differs, row, strict=False) if count}
    if row[-1] != row[-2]:
        found["rows of DuckDB and of Spark differ by"] = row[-2] - row[-1]
    return found, int(row[-2])


def same_key(side: str, column: str) -> str:
    """A column of a key; a load is named after its night, and these are two."""
    return f"split_part({side}.load_id, '-', 2)" if column == "load_id" else f'{side}."{column}"'


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
NEWEST = f"""{MODEL}
with
versions as (select case_no % 2 as case_no, case_no as version, began_at from raw.cases)

select *, cast(1 as bigint) as version_count from versions where case_no is null
union all
select *, count(*) over (partition by case_no) as version_count
from versions
qualify row_number() over (partition by versions.case_no order by version desc) = 1
"""
EXPECTED_NEWEST = [(0, 4, "2025-12-31 23:00:59.900000", 2), (1, 5, "2024-02-28 18:30:00", 3)]
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
    sql["core.newest"] = NEWEST
    # A home may be called anything.
    with build_with(engine, sql, tmp_path / "家 o'clock" / "spark") as con:
        assert rows(con, "core.times") == EXPECTED_TIMES
        assert rows(con, "core.values") == EXPECTED_VALUES
        assert rows(con, "core.unrolled") == EXPECTED_UNROLLED
        assert rows(con, "core.newest") == EXPECTED_NEWEST
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
    statement = spark_sql.translated(model)
    assert "CONVERT_TIMEZONE('UTC', zone, t)" in statement
    assert "FROM_UTC_TIMESTAMP" not in statement


def test_every_model_of_ours_can_be_translated() -> None:
    for model in models.load_models():
        assert spark_sql.translated(model).startswith(("SELECT", "WITH"))


def test_every_rule_that_stops_a_night_is_asked_on_spark_too() -> None:
    # Imports Great Expectations, which takes seconds.
    from data_checks.suites import marts

    ordered = models.load_models()
    asked = Counter(one.model for one in spark_checks.questions(ordered, lambda name: ("region",)))
    assert len(asked) > 50
    for model in ordered:
        declared = marts.declared(model.name)
        if model.schema == "staging" or declared is None:
            continue
        suite = marts.suite_for(model.name, declared, grain=model.grain, columns=("region",))
        rules = [one for one in suite.expectations if "unique" not in one.expectation_type]
        assert asked[model.name] == len(rules), model.name


def test_keys_of_several_columns_are_looked_up_as_columns() -> None:
    sql = "select (select count(*) from raw.x where (a, b) in (select (a, b) from raw.y)) as case_no"
    assert "(a, b) IN (SELECT a, b FROM raw.y)" in spark_sql.statement_of(sql, "core.x")


def test_how_a_cte_is_put_by_is_left_to_spark() -> None:
    sql = "with a as not materialized (select 1 as x), b as materialized (select 2 as x) select * from a, b"
    assert "MATERIALIZED" not in spark_sql.statement_of(sql, "core.x")


def test_minutes_between_are_refused_since_spark_counts_them_otherwise() -> None:
    model = models.parse_model("core.x", f"{MODEL}select date_diff('minute', a, b) as case_no from raw.x")
    with pytest.raises(ModelInvalid, match="MINUTE"):
        spark_sql.translated(model)


@pytest.mark.parametrize("missing", ["pyspark", "Java"])
def test_without_spark_nothing_is_read(missing: str, shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(
        spark_session, "find_spec", lambda name: None if missing == "pyspark" else find_spec("duckdb")
    )
    monkeypatch.setattr(shutil, "which", lambda name: None)
    with pytest.raises(SparkMissing) as raised:
        shop.night(engine="spark")
    assert raised.value.fields == {"missing": missing}
    assert snapshots.published(shop.home) is None
    assert not (shop.home / "warehouse.duckdb").exists()
