"""A shop with two small exports and three small models, so that whole runs take a moment."""

from __future__ import annotations

import hashlib
import os
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from ingestion import mapping, pipeline
from ingestion.settings import Settings
from ingestion.warehouse import engines, models, snapshots, spark
from ingestion.warehouse.errors import SparkMissing
from tests.gates import open_gate

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    SmallShop = Callable[[Path], AbstractContextManager["Shop"]]

SOURCE = """
timezone = "Asia/Shanghai"
[feeds.customers.datasets.customers]
[feeds.tickets.datasets.tickets]
"""
MAPPINGS = {
    "customers.csv": "their_heading,our_column,required\nid,customer_id,yes\nname,name,\nchanged,updated_at,\n",
    "tickets.csv": "their_heading,our_column,required\nid,ticket_id,yes\ncustomer,customer_id,\n"
    "created,created_at,yes\nsubject,subject,\n=open,status,\nchanged,updated_at,\n",
}
MODELS = {
    "staging/stg_tickets.sql": """-- Tickets, newest version.
-- grain: ticket_key
-- by: ticket_key
-- key: raw.tickets = source || ':' || ticket_id
select source || ':' || ticket_id as ticket_key, customer_id, created_at, subject
from raw.tickets
qualify row_number() over (partition by source, ticket_id order by version_key desc, load_seq desc) = 1
""",
    "core/fct_tickets.sql": """-- One row per ticket.
-- grain: ticket_key
-- by: ticket_key
-- moves: as_of < new_as_of
select ticket_key, customer_id, cast(created_at as date) as created_date, run.as_of
from staging.stg_tickets cross join raw.run as run
""",
    "marts/mart_tickets_daily.sql": """-- Tickets a day.
-- grain: date
-- access: region
-- by: date
-- key: core.fct_tickets = created_date
select created_date as date, 'unknown' as region, count(*) as ticket_count from core.fct_tickets group by 1
""",
    "targets/targets.csv": "kpi,value\nticket_volume,1\n",
}


@dataclass
class Shop:
    """A home, its exports, and a way to run a night over them."""

    root: Path

    @property
    def home(self) -> Path:
        return self.root / "home"

    @property
    def exports(self) -> Path:
        return self.root / "exports"

    @property
    def sql(self) -> Path:
        return self.root / "sql"

    def settings(self, **changes: Any) -> Settings:
        return Settings(home=self.home, **{"settle_seconds": 0, **changes})

    def customers(self, name: str, *ids: str) -> Path:
        rows = "".join(f"{each},Name of {each},2025-05-01 08:00:00\n" for each in ids)
        return self._write(f"customers-{name}.csv", f"id,name,changed\n{rows}")

    def tickets(self, name: str, *rows: tuple[str, str, str]) -> Path:
        lines = "".join(f"{ticket},{customer},{at},broken,{at}\n" for ticket, customer, at in rows)
        return self._write(f"tickets-{name}.csv", f"id,customer,created,subject,changed\n{lines}")

    def _write(self, name: str, text: str) -> Path:
        file = self.exports / "shop" / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text, encoding="utf-8")
        return file

    def night(self, **options: Any) -> pipeline.Outcome:
        return pipeline.run(self.exports, self.settings(), **options)

    def asked(self, sql: str) -> list[tuple[object, ...]]:
        """Rows from the snapshot that readers see."""
        published = snapshots.published(self.home)
        assert published is not None
        with engines.open_reader(published.file) as con:
            return con.execute(sql).fetchall()

    def ledger(self, sql: str) -> list[tuple[object, ...]]:
        with engines.open_reader(self.home / "warehouse.duckdb") as con:
            return con.execute(sql).fetchall()

    def content(self) -> str:
        """A hash of every number readers see, whichever run made it."""
        published = snapshots.published(self.home)
        assert published is not None
        digest = hashlib.sha256()
        tables = "select schema_name, table_name from duckdb_tables() where schema_name <> 'meta' order by all"
        with engines.open_reader(published.file) as con:
            for schema, table in con.execute(tables).fetchall():
                rows = con.execute(f"select * from {schema}.{table} order by all").fetchall()
                digest.update(f"{table}{rows}".encode())
            digest.update(str(con.execute("from meta.datasets order by all").fetchall()).encode())
        return digest.hexdigest()

    def leftovers(self) -> list[str]:
        """Temporary files: there must be none once no run is going on."""
        hidden = [file.name for file in (self.home / "snapshots").iterdir() if file.name.startswith(".")]
        scratch = [file.name for file in (self.home / "tmp").iterdir()]
        drafts = [file.name for file in self.home.glob("published.json.*")]
        return hidden + scratch + drafts


def lay_out(root: Path) -> Shop:
    """Write the shop's mappings and models."""
    shop = Shop(root)
    for name, text in {"source.toml": SOURCE, **MAPPINGS}.items():
        file = shop.home / "mappings" / "shop" / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text, encoding="utf-8")
    for name, text in MODELS.items():
        file = shop.sql / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text, encoding="utf-8")
    return shop


@contextmanager
def shop_in(root: Path) -> Iterator[Shop]:
    """Two customers with a ticket each, exported and not yet taken in; the gate lets everything pass."""
    shop = lay_out(root)
    shop.customers("0601", "C001", "C002")
    shop.tickets("0601", ("T001", "C001", "2025-06-01 09:00:00"), ("T002", "C002", "2025-06-01 23:30:00"))
    with open_gate(), pytest.MonkeyPatch.context() as patched:
        patched.setattr(models, "SQL_DIR", shop.sql)
        yield shop


@pytest.fixture
def shop(tmp_path: Path) -> Iterator[Shop]:
    """A small shop of the test's own, see shop_in."""
    with shop_in(tmp_path) as shop:
        yield shop


@pytest.fixture(scope="module")
def helpdesk_alone(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """The plain contract as the only source: every check reads every mapping there is, and many need no other."""
    folder = tmp_path_factory.mktemp("mappings")
    (folder / "helpdesk").symlink_to(mapping.SHIPPED / "helpdesk")
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(mapping, "SHIPPED", folder)
        yield


@pytest.fixture(scope="session")
def small_shop() -> SmallShop:
    """The way to set up a small shop, for fixtures that outlive a test."""
    return shop_in


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
