"""Orphans: rows that point at nobody, judged when all files of the night are in."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ingestion.landing import judge_references
from ingestion.warehouse import raw

if TYPE_CHECKING:
    from duckdb import DuckDBPyConnection

    from ingestion.landing import Landed
    from tests.ingestion.landing.conftest import Land, Result

COLUMNS = {"number": "ticket_id", "buyer": "customer_id", "opened": "created_at", "state": "status"}
SHARED = 'customer_namespace = "ours"\n'


def tickets(land: Land, *buyers: str, settings: str = SHARED) -> Result:
    rows = "".join(f"T-{i},{buyer},2025-06-02 09:00:00,open\n" for i, buyer in enumerate(buyers, start=100))
    return land("number,buyer,opened,state\n" + rows, settings, columns=COLUMNS)


def customers(land: Land, *ids: str, settings: str = SHARED) -> Result:
    return land(
        "id\n" + "".join(f"{each}\n" for each in ids),
        settings,
        file="customers.csv",
        feeds="[feeds.customers.datasets.customers]\n",
        files={"customers.csv": {"id": "customer_id"}},
    )


def judge(con: DuckDBPyConnection, *landed: Landed, raw_catalog: str | None = None, **namespaces: str) -> None:
    judge_references(con, "memory", landed, raw_catalog, namespaces=namespaces)


def test_a_ticket_of_an_unknown_customer_is_held_back_with_its_text_and_waits(
    land: Land, con: DuckDBPyConnection
) -> None:
    one, known = tickets(land, "C-001", "C-999", ""), customers(land, "C-001")
    judge(con, one.landed, known.landed)
    assert one.counts == (3, 2, 1, 0)
    assert one.landed.datasets == {"tickets": 2}
    assert one.held == [(2, "customer_id", "orphan_customer")]
    assert one.originals == {2: "T-101,C-999,2025-06-02 09:00:00,open"}
    assert one.rows("customer_id", "waiting__tickets") == [("C-999",)]


def test_where_no_customers_are_exported_nobody_is_unknown(land: Land, con: DuckDBPyConnection) -> None:
    one, foreign = tickets(land, "C-999"), customers(land, "C-001", settings='customer_namespace = "theirs"\n')
    judge(con, one.landed, foreign.landed)
    assert one.counts == (1, 1, 0, 0)


def test_customers_of_earlier_nights_count_by_the_namespace_of_their_source(
    land: Land, con: DuckDBPyConnection
) -> None:
    raw.create_tables(con, "memory")
    con.execute("insert into raw.customers by name select 'crm' as source, 'C-001' as customer_id")
    one = tickets(land, "C-001", "C-002")
    judge(con, one.landed, raw_catalog="memory", crm="ours")
    assert one.held == [(2, "customer_id", "orphan_customer")]
    other = tickets(land, "C-001", "C-002")
    judge(con, other.landed, raw_catalog="memory", crm="theirs")
    assert other.held == []


def test_what_points_at_a_row_that_is_held_back_is_held_back_too(land: Land, con: DuckDBPyConnection) -> None:
    settings = SHARED + "datetime_format = '%Y-%m-%d'"
    orders = land(
        "order,buyer,day\nO-001,C-999,2025-06-01\nO-002,C-001,2025-06-01\n",
        settings,
        file="orders.csv",
        feeds="[feeds.orders.datasets.orders]\n",
        files={"orders.csv": {"order": "order_id", "buyer": "customer_id", "day": "ordered_at"}},
    )
    items = land(
        "order,line\nO-001,1\nO-002,1\n",
        settings,
        file="order_items.csv",
        feeds="[feeds.order_items.datasets.order_items]\n",
        files={"order_items.csv": {"order": "order_id", "line": "line_no"}},
    )
    items.landed.source = orders.landed.source  # one source gives both
    known = customers(land, "C-001")
    judge(con, items.landed, orders.landed, known.landed)
    assert orders.held == [(1, "customer_id", "orphan_customer")]
    assert items.held == [(1, "order_id", "orphan_order")]


def test_too_many_orphans_stop_a_large_file(land: Land, con: DuckDBPyConnection) -> None:
    one, known = tickets(land, *["C-001"] * 490, *["C-999"] * 20), customers(land, "C-001")
    judge(con, one.landed, known.landed)
    assert (one.landed.verdict, one.counts) == ("reject", (510, 490, 20, 0))
    assert [fault.code for fault in one.landed.faults] == ["accuracy_below_target"]


def test_a_file_that_changed_since_leaves_no_wrong_text(land: Land, con: DuckDBPyConnection) -> None:
    one, known = tickets(land, "C-999"), customers(land, "C-001")
    one.landed.path.write_text("something else")
    judge(con, one.landed, known.landed)
    assert one.originals == {1: None}
