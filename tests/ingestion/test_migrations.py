"""The history of the warehouse survives upgrades: older files come forward, newer ones are refused."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import duckdb
import pytest

from ingestion.night import ledger_open, lock
from ingestion.warehouse import ledger, migrations, records
from ingestion.warehouse.errors import WarehouseNewer
from ingestion.warehouse.migrations import Step
from ingestion.warehouse.places import Places

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.ingestion.conftest import Shop

pytestmark = pytest.mark.slow

HOMES = Path(__file__).parent / "homes"
Shape = dict[tuple[str, str], str]


def shape(con: duckdb.DuckDBPyConnection, catalog: str) -> Shape:
    """Every column with its type; the order in a table is of no account, since rows are written by name."""
    rows = con.execute(
        "select schema_name || '.' || table_name, column_name, data_type from duckdb_columns() "
        "where database_name = ?",
        [catalog],
    ).fetchall()
    return {(table, column): data_type for table, column, data_type in rows}


@pytest.fixture
def con() -> Iterator[duckdb.DuckDBPyConnection]:
    with duckdb.connect() as opened:
        opened.execute("attach ':memory:' as warehouse")
        yield opened


def laid_out(con: duckdb.DuckDBPyConnection, script: str) -> None:
    con.execute("use warehouse")
    con.execute((HOMES / script).read_text(encoding="utf-8"))
    con.execute("use memory")


def test_a_home_of_the_first_shape_comes_forward_with_its_rows(shop: Shop) -> None:
    shop.tickets("0601b", ("T009", "C009", "2025-06-01 10:00:00"))
    shop.night()
    before = shop.ledger("select load_id, rows_loaded, rows_quarantined from meta.loads order by 1")
    held = shop.ledger("select source_row, code from meta.quarantine order by all")
    assert held
    with duckdb.connect(str(shop.home / "warehouse.duckdb")) as old:
        old.execute((HOMES / "back_to_0.sql").read_text(encoding="utf-8"))
        assert migrations.version(old) == 0
    assert len(records.read(shop.home).files) == len(before)
    shop.tickets("0602", ("T003", "C001", "2025-06-02 10:00:00"))
    outcome = shop.night()
    assert outcome.verdict == "published"
    assert shop.ledger("select max(version), count(*) from meta.warehouse_version") == [(migrations.VERSION, 1)]
    assert shop.ledger("select load_id, rows_loaded, rows_quarantined from meta.loads order by 1")[:-1] == before
    assert shop.ledger("select source_row, code from meta.quarantine order by all") == held
    assert [key for (key,) in shop.asked("select ticket_key from core.fct_tickets order by 1")] == [
        *("shop:T001", "shop:T002", "shop:T003")
    ]
    with duckdb.connect() as fresh:
        fresh.execute("attach ':memory:' as warehouse")
        ledger.create(fresh, "warehouse")
        migrations.bring_forward(fresh, "warehouse", "f")
        fresh.execute(f"attach '{shop.home / 'warehouse.duckdb'}' as upgraded (read_only)")
        assert shape(fresh, "upgraded") == shape(fresh, "warehouse")


def test_a_released_home_comes_forward_to_exactly_the_shape_of_a_new_one(con: duckdb.DuckDBPyConnection) -> None:
    """Red where a column of the ledger was changed without a step: then files of before would lack it."""
    laid_out(con, "version_1.sql")
    assert migrations.bring_forward(con, "warehouse", "f") == 1
    ledger.create(con, "warehouse")
    con.execute("attach ':memory:' as fresh")
    migrations.bring_forward(con, "fresh", "f")
    ledger.create(con, "fresh")
    assert shape(con, "warehouse") == shape(con, "fresh")


def test_steps_are_taken_in_order_and_once(con: duckdb.DuckDBPyConnection) -> None:
    laid_out(con, "version_1.sql")
    steps = (
        *migrations.STEPS,
        Step(2, "", ("alter table meta.runs add column host VARCHAR",)),
        Step(3, "", ("update meta.runs set host = 'here'", "alter table meta.runs rename column host to machine")),
    )
    con.execute("insert into warehouse.meta.runs (run_id) values ('20250601T000000')")
    assert migrations.bring_forward(con, "warehouse", "f", steps) == 1
    assert con.execute("select machine from warehouse.meta.runs").fetchall() == [("here",)]
    assert migrations.bring_forward(con, "warehouse", "f", steps) == 3


def test_a_step_that_fails_leaves_the_version_before(con: duckdb.DuckDBPyConnection) -> None:
    laid_out(con, "version_1.sql")
    before = shape(con, "warehouse")
    steps = (
        *migrations.STEPS,
        Step(2, "", ("alter table meta.runs add column host VARCHAR", "select * from meta.nowhere")),
    )
    with pytest.raises(duckdb.Error):
        migrations.bring_forward(con, "warehouse", "f", steps)
    assert (migrations.version(con, "warehouse"), shape(con, "warehouse")) == (1, before)


def test_every_step_leads_to_the_next_version() -> None:
    assert [step.to for step in migrations.STEPS] == list(range(1, migrations.VERSION + 1))
    assert (HOMES / f"version_{migrations.VERSION}.sql").is_file(), "write down the released shape of this version"


def test_a_file_of_a_newer_program_is_refused_and_left_alone(shop: Shop) -> None:
    published = shop.night().published
    warehouse = shop.home / "warehouse.duckdb"
    with duckdb.connect(str(warehouse)) as newer:
        newer.execute("insert into meta.warehouse_version values (?, now()::timestamp)", [migrations.VERSION + 1])
    before = warehouse.read_bytes()
    shop.tickets("0602", ("T003", "C001", "2025-06-02 10:00:00"))
    for refused in (lambda: shop.night(), lambda: records.read(shop.home)):
        with pytest.raises(WarehouseNewer) as error:
            refused()
        assert error.value.fields["found"] == migrations.VERSION + 1
    assert warehouse.read_bytes() == before
    assert published is not None
    assert shop.asked("select count(*) from core.fct_tickets") == [(2,)]


def test_a_new_home_begins_with_the_newest_version(tmp_path: Path) -> None:
    with lock(tmp_path) as places, ledger_open(places) as con:
        assert migrations.version(con, "warehouse") == migrations.VERSION
    assert Places(tmp_path).warehouse.exists()
