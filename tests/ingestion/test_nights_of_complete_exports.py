"""Whole nights with our own models: complete exports, one of them late, and what becomes of customers and tickets."""

from __future__ import annotations

from contextlib import nullcontext
from pathlib import Path

import pytest

from ingestion import pipeline
from ingestion.settings import Settings
from ingestion.warehouse import engines
from tests.gates import open_gate

pytestmark = pytest.mark.slow

SOURCE = """
data_through = "filename"
mode = "full"
[feeds.customers.datasets.customers]
[feeds.tickets.datasets.tickets]
"""
MAPPINGS = {
    "source.toml": SOURCE,
    "customers.csv": "their_heading,our_column\nid,customer_id\ntier,tier\nregion,region\nowner,account_manager_id\n",
    "tickets.csv": "their_heading,our_column\nid,ticket_id\ncustomer,customer_id\nopened,created_at\nstatus,status\n",
}
# In order of arrival: the export of 2 June comes last. C002 is named on the 1st and 2nd, T003 on the 2nd alone.
NIGHTS = {
    "2025-06-01": (
        "C001,standard,北京,AM01\nC002,gold,广东,AM01\n",
        "T001,C001,2025-06-01 09:00:00,open\nT002,C002,2025-06-01 10:00:00,open\n",
    ),
    "2025-06-03": (
        "C001,vip,上海,AM02\n",
        "T001,C001,2025-06-01 09:00:00,solved\nT002,C002,2025-06-01 10:00:00,open\n",
    ),
    "2025-06-02": (
        "C001,gold,北京,AM02\nC002,gold,广东,AM01\n",
        "T001,C001,2025-06-01 09:00:00,pending\nT002,C002,2025-06-01 10:00:00,open\n"
        "T003,C001,2025-06-02 10:00:00,open\n",
    ),
}


@pytest.fixture(scope="module")
def published(tmp_path_factory: pytest.TempPathFactory) -> Path:
    base = tmp_path_factory.mktemp("complete")
    home, inbox = base / "home", base / "exports" / "crm"
    inbox.mkdir(parents=True)
    (home / "mappings" / "crm").mkdir(parents=True)
    for name, text in MAPPINGS.items():
        (home / "mappings" / "crm" / name).write_text(text, encoding="utf-8")
    for day, (customers, tickets) in NIGHTS.items():
        (inbox / f"customers-{day}.csv").write_text(f"id,tier,region,owner\n{customers}", encoding="utf-8")
        (inbox / f"tickets-{day}.csv").write_text(f"id,customer,opened,status\n{tickets}", encoding="utf-8")
        # The gate has tests of its own; here it judges the last night, which brings the late exports.
        with nullcontext() if day == list(NIGHTS)[-1] else open_gate():
            outcome = pipeline.run(base / "exports", Settings(home=home, settle_seconds=0))
        assert outcome.verdict == "published", outcome.findings
    assert outcome.published is not None
    return outcome.published.file


def asked(published: Path, sql: str) -> list[tuple[object, ...]]:
    with engines.open_reader(published) as con:
        return con.execute(sql).fetchall()


def test_the_late_export_neither_revives_nor_overwrites(published: Path) -> None:
    customers = "select customer_key, tier_now, region_now, account_manager_id from core.dim_customers"
    assert asked(published, customers) == [("crm:C001", "vip", "上海", "AM02")]
    tickets = "select ticket_id, status from core.fct_tickets order by 1"
    assert asked(published, tickets) == [("T001", "solved"), ("T002", "open")]


def test_the_late_export_fills_the_history(published: Path) -> None:
    spans = """select customer_key, cast(valid_from as varchar), tier, region, account_manager_id
        from core.dim_tier_spans where tier_basis = 'known' order by all"""
    # A day ends at 16:00 UTC in Shanghai.
    assert asked(published, spans) == [
        ("crm:C001", "2025-06-01 16:00:00", "standard", "北京", "AM01"),
        ("crm:C001", "2025-06-02 16:00:00", "gold", "北京", "AM02"),
        ("crm:C001", "2025-06-03 16:00:00", "vip", "上海", "AM02"),
        ("crm:C002", "2025-06-01 16:00:00", "gold", "广东", "AM01"),
        ("crm:C002", "2025-06-03 16:00:00", "unknown", "unknown", None),
    ]
