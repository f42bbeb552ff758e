"""Nights on a real cluster: a master and two workers as processes of this machine, from Spark's own distribution.

Each night costs Java ten seconds or more: one stays in every run of the tests, the others are asked for with -m soak.
"""

from __future__ import annotations

from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import duckdb
import pytest

from ingestion import pipeline, retract, steps
from ingestion.settings import Settings
from ingestion.warehouse import models, snapshots
from ingestion.warehouse.errors import SharedUnusable, SparkLost
from tests.gates import open_gate
from tests.ingestion.cluster import Cluster, cluster_in
from tests.ingestion.conftest import lay_out

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from tests.ingestion.conftest import Shop

SECRET = "a-key-that-nobody-shall-read"  # noqa: S105
SMALL = {
    # Java's and Spark's own compilers take longer than such small tables are worth.
    "spark.sql.codegen.wholeStage": "false",
    "spark.sql.codegen.factoryMode": "NO_CODEGEN",
    "spark.sql.shuffle.partitions": "2",
    "spark.executor.memory": "512m",
    "spark.executor.extraJavaOptions": "-XX:TieredStopAtLevel=1 -XX:+UseSerialGC",
    "spark.hadoop.fs.s3a.secret.key": SECRET,
}
MODELS = {
    "core/fct_cases.sql": """-- One row per case.
-- grain: ticket_key
select
    ticket_key, customer_id, case when customer_id <> 'C009' then '华东' end as region,
    cast(created_at as date) as created_date, created_at, cast(1 as double) / 3 as share,
    cast(1.5 as decimal(18, 4)) as amount, run.business_timezone
from staging.stg_tickets cross join raw.run as run
""",
    "core/fct_again.sql": """-- The same as a view.
-- grain: ticket_key
-- keep: view
select ticket_key, created_date, amount * 2 as amount from core.fct_cases
""",
    "core/fct_between.sql": """-- Customers of cases; nobody reads it but a mart.
-- grain: customer_id
-- keep: build
select customer_id, count(*) as case_count from core.fct_cases group by customer_id
""",
    "marts/mart_cases.sql": """-- Cases a day.
-- grain: date
-- access: region
select
    cases.created_date as date, '华东' as region, count(*) as case_count,
    sum(between_.case_count) as of_same_customer
from core.fct_cases as cases inner join core.fct_between as between_ on cases.customer_id = between_.customer_id
group by 1
""",
}


@pytest.fixture(scope="module")
def cluster(spark_here: None, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    """A master and two workers of one core each."""
    with cluster_in(tmp_path_factory.mktemp("cluster") / "here") as cluster:
        yield cluster


@dataclass
class Watched:
    """What was seen of a night while it ran."""

    commands: str = ""
    said: str = ""
    at: dict[str, Callable[[], None]] = field(default_factory=dict)

    def __call__(self, step: str) -> None:
        if step == "built_by_spark":
            self.commands = "".join(
                file.read_text(errors="replace") for file in Path("/proc").glob("[0-9]*/cmdline") if readable(file)
            )
        if step in self.at:
            self.at.pop(step)()


def readable(file: Path) -> bool:
    try:
        file.read_bytes()
    except OSError:
        return False
    return True


@contextmanager
def watching() -> Iterator[Watched]:
    watched = Watched()
    steps.listeners.append(watched)
    try:
        yield watched
    finally:
        steps.listeners.remove(watched)


@pytest.fixture
def shop(tmp_path: Path) -> Iterator[Shop]:
    """The shop with models of this file; the gate that DuckDB asks lets everything pass."""
    shop = lay_out(tmp_path)
    for name in ("core/fct_tickets.sql", "marts/mart_tickets_daily.sql"):
        (shop.sql / name).unlink()
    for name, text in MODELS.items():
        (shop.sql / name).write_text(text, encoding="utf-8")
    shop.customers("0601", "C001", "C002")
    shop.tickets("0601", ("T001", "C001", "2025-06-01 09:00:00"), ("T002", "C002", "2025-06-01 23:30:00"))
    with open_gate(), pytest.MonkeyPatch.context() as patched:
        patched.setattr(models, "SQL_DIR", shop.sql)
        yield shop


def settings(shop: Shop, cluster: Cluster, **changes: Any) -> Settings:
    told: dict[str, Any] = {
        "home": shop.home,
        "settle_seconds": 0,
        "spark_master": cluster.url,
        "spark_shared": str(shop.root / "共 享"),
        "spark_options": SMALL,
        "memory_limit": "600MB",
        "spark_wait_seconds": 10,
    }
    return Settings(**{**told, **changes})


def night(shop: Shop, cluster: Cluster, **changes: Any) -> pipeline.Outcome:
    return pipeline.run(shop.exports, settings(shop, cluster, **changes), engine="spark")


def other_home(shop: Shop) -> Path:
    """A home of its own that knows the same source."""
    home = shop.root / "other"
    home.mkdir()
    (home / "mappings").symlink_to(shop.home / "mappings")
    return home


def raw_files(shop: Shop) -> dict[str, list[str]]:
    """Dataset -> the loads that lie in shared storage, of those that have any."""
    raw = shop.root / "共 享" / "raw"
    found = {each.name: sorted(file.name.rpartition("-")[0] for file in each.iterdir()) for each in raw.iterdir()}
    return {name: files for name, files in found.items() if files}


def in_raw(shop: Shop, dataset: str) -> list[str]:
    return [str(row[0]) for row in shop.ledger(f"select distinct load_id from raw.{dataset} order by 1")]


def shown(file: Path) -> dict[str, list[tuple[object, ...]]]:
    """Every table readers see, with its columns and rows; what a night writes of itself aside."""
    with duckdb.connect(str(file), read_only=True) as con:
        names = con.execute(
            "select distinct schema_name || '.' || table_name from duckdb_columns() "
            "where schema_name in ('core', 'marts') order by 1"
        ).fetchall()
        return {
            name: con.execute(f"describe {name}").fetchall() + con.execute(f"from {name} order by all").fetchall()
            for (name,) in names
        }


@pytest.mark.soak
def test_two_workers_build_what_duckdb_builds(
    cluster: Cluster, shop: Shop, capfd: pytest.CaptureFixture[str]
) -> None:
    before = cluster.worked()
    with watching() as watched:
        first = night(shop, cluster)
    assert first.verdict == "published", first.findings
    assert [after - early for after, early in zip(cluster.worked(), before, strict=True)] == [1, 1]
    log = first.log.read_text(encoding="utf-8")
    assert "spark executor 0 at 127.0.0.1" in log
    assert "spark executor 1 at 127.0.0.1" in log

    other = pipeline.run(shop.exports, settings(shop, cluster, home=other_home(shop)), engine="duckdb")
    assert first.published is not None
    assert other.published is not None
    assert shown(first.published.file) == shown(other.published.file)
    assert list(shown(first.published.file)) == ["core.fct_again", "core.fct_cases", "marts.mart_cases"]
    with duckdb.connect(str(first.published.people_file), read_only=True) as con:
        assert con.execute("select subject from people.tickets").fetchall() == [("broken",), ("broken",)]

    said = "".join(capfd.readouterr())
    told = "".join(file.read_text(errors="replace") for file in cluster.folder.rglob("*") if file.is_file())
    assert SECRET not in log + said + told + watched.commands + repr(settings(shop, cluster))
    assert "CoarseGrainedExecutorBackend" in watched.commands
    assert shop.leftovers() == []
    assert not (shop.root / "共 享" / "runs").exists()


@pytest.mark.soak
def test_only_what_is_new_is_written_and_what_is_withdrawn_goes(cluster: Cluster, shop: Shop) -> None:
    night(shop, cluster)
    kept = {file: file.stat().st_mtime_ns for file in (shop.root / "共 享" / "raw").rglob("*.parquet")}
    assert len(kept) == 1, "no model reads customers"
    # One ticket more; and one of a customer nobody knows, who waits.
    late = shop.tickets("0602", ("T003", "C001", "2025-06-02 09:00:00"), ("T004", "C003", "2025-06-02 10:00:00"))
    assert night(shop, cluster).verdict == "published"
    assert {file: file.stat().st_mtime_ns for file in kept} == kept, "what was there is not written again"
    assert raw_files(shop)["tickets"] == in_raw(shop, "tickets")
    assert shop.asked("select sum(case_count) from marts.mart_cases") == [(3,)]

    # The customer comes, and the load that had one row now has two.
    shop.customers("0603", "C003")
    assert night(shop, cluster).verdict == "published"
    assert shop.asked("select sum(case_count) from marts.mart_cases") == [(4,)]
    retract.retract(shop.home, snapshots.sha256(late), "wrong file")
    assert night(shop, cluster).verdict == "published"
    assert raw_files(shop)["tickets"] == in_raw(shop, "tickets")
    assert len(raw_files(shop)["tickets"]) == 1
    assert shop.asked("select sum(case_count) from marts.mart_cases") == [(2,)]


@pytest.mark.soak
def test_what_breaks_a_rule_is_stopped_before_anything_comes_back(cluster: Cluster, shop: Shop) -> None:
    shop.customers("0602", "C009")
    shop.tickets("0602", ("T009", "C009", "2025-06-02 09:00:00"))
    steps_seen: list[str] = []
    steps.listeners.append(steps_seen.append)
    try:
        outcome = night(shop, cluster)
    finally:
        steps.listeners.remove(steps_seen.append)
    assert outcome.verdict == "stopped"
    told = [finding for severity, finding in outcome.findings if severity == "stop"]
    assert [(one.code, one.fields["check"], one.fields["suite"], one.fields["rows"]) for one in told] == [
        ("check_failed", "model_missing_value", "core.fct_cases", 1)
    ]
    assert "model_built" in steps_seen
    assert "built_by_spark" not in steps_seen
    (check,) = shop.ledger("select suite, code, severity, success, unexpected_count, element_count from meta.checks "
                           "where not success")  # fmt: skip
    assert check == ("core.fct_cases", "model_missing_value", "stop", False, 1, 3)


@pytest.mark.soak
def test_a_broken_grain_stops_the_night_as_on_duckdb(cluster: Cluster, shop: Shop) -> None:
    mart = shop.sql / "marts" / "mart_cases.sql"
    mart.write_text(mart.read_text(encoding="utf-8").replace("group by 1", "group by 1, cases.ticket_key"), "utf-8")
    codes = []
    for engine, home in (("spark", shop.home), ("duckdb", other_home(shop))):
        outcome = pipeline.run(shop.exports, settings(shop, cluster, home=home), engine=engine)  # type: ignore[arg-type]
        assert outcome.verdict == "stopped"
        codes.append([finding for severity, finding in outcome.findings if severity == "stop"])
    assert codes[0] == codes[1]
    assert codes[0][0].code == "grain_broken"


@pytest.mark.slow
def test_the_night_ends_well_on_the_worker_that_is_left(cluster: Cluster, shop: Shop) -> None:
    with watching() as watched:
        watched.at["model_built"] = lambda: cluster.kill_worker(0)
        outcome = night(shop, cluster)
    cluster.add_worker()
    assert outcome.verdict == "published", outcome.findings
    assert shop.asked("select sum(case_count) from marts.mart_cases") == [(2,)]
    assert shop.leftovers() == []


@pytest.mark.soak
def test_without_any_worker_the_night_ends_and_readers_keep_what_they_had(cluster: Cluster, shop: Shop) -> None:
    assert pipeline.run(shop.exports, shop.settings()).verdict == "published"
    before = shop.content()
    shop.customers("0602", "C003")
    shop.tickets("0602", ("T003", "C003", "2025-06-02 09:00:00"))
    running = [number for number, worker in enumerate(cluster.workers) if worker.poll() is None]
    with watching() as watched:
        watched.at["model_built"] = lambda: [cluster.kill_worker(number) for number in running] and None
        with pytest.raises(SparkLost) as raised:
            night(shop, cluster, spark_wait_seconds=3)
    assert raised.value.fields == {"master": cluster.url, "seconds": 3}
    assert shop.ledger("select verdict, message_code from meta.runs order by run_id") == [
        ("published", None),
        ("failed", "spark_lost"),
    ]
    assert shop.content() == before
    assert shop.leftovers() == []
    assert not (shop.root / "共 享" / "runs").exists()

    # Files of the loads that were put back are there still, and are not believed.
    given_back = set(raw_files(shop)["tickets"])
    cluster.add_worker()
    cluster.add_worker()
    assert night(shop, cluster).verdict == "published"
    assert raw_files(shop)["tickets"] == in_raw(shop, "tickets")
    assert not given_back <= set(raw_files(shop)["tickets"])
    assert shop.asked("select sum(case_count) from marts.mart_cases") == [(3,)]


def bucket(folder: Path) -> dict[str, str]:
    """Options under which `s3a://bucket/aftercare` is a folder, by Hadoop's own view of other file systems."""
    folder.mkdir()
    return {
        **SMALL,
        "spark.hadoop.fs.s3a.impl": "org.apache.hadoop.fs.viewfs.ViewFileSystemOverloadScheme",
        "spark.hadoop.fs.viewfs.mounttable.bucket.link./aftercare": f"file://{folder}",
    }


@pytest.mark.soak
@pytest.mark.parametrize("url", ["file://{place}", "s3a://bucket/aftercare"])
def test_a_url_is_reached_through_the_file_systems_that_spark_knows(cluster: Cluster, shop: Shop, url: str) -> None:
    place = shop.root / "by_url"
    told = {"spark_shared": url.format(place=place), "spark_options": bucket(place)}
    for expected in (2, 3):
        outcome = night(shop, cluster, **told)
        assert outcome.verdict == "published", outcome.findings
        assert shop.asked("select sum(case_count) from marts.mart_cases") == [(expected,)]
        shop.tickets("0602", ("T003", "C001", "2025-06-02 09:00:00"))
    loads = sorted(file.name.rpartition("-")[0] for file in (place / "raw" / "tickets").glob("*.parquet"))
    assert loads == in_raw(shop, "tickets")
    assert shop.leftovers() == []


@pytest.mark.soak
def test_a_url_that_spark_has_no_connector_for_is_said(cluster: Cluster, shop: Shop) -> None:
    with pytest.raises(SharedUnusable) as raised:
        night(shop, cluster, spark_shared=f"s3a://name:{SECRET}@bucket/aftercare")
    assert raised.value.fields["location"] == "s3a://bucket/aftercare"
    assert "ClassNotFoundException" in str(raised.value.fields["reason"])
    assert SECRET not in str(raised.value)
    assert shop.ledger("select verdict, message_code from meta.runs") == [("failed", "shared_unusable")]
    assert SECRET not in "".join(file.read_text("utf-8") for file in (shop.home / "logs").iterdir())
