"""S10.4: two public sets of one telephone company tell different contracts of 265 of 7,043 customers."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from dashboard.metrics import query
from dashboard.metrics.query import Snapshot
from ingestion import pipeline
from ingestion.settings import Settings
from ingestion.warehouse.kpis import Query

pytestmark = [pytest.mark.real, pytest.mark.slow]

SERVICES = "Telco_customer_churn_services.csv"
SOURCES = {
    "telco_cognos": ("Customer ID", 10, "services", ["telco_churn_satisfaction", SERVICES]),
    "telco_watson": ("customerID", 20, "customers", ["telco_churn", "Telco-Customer-Churn.csv"]),
}
CUSTOMERS, DIFFERING = 7_043, 265


@pytest.fixture(scope="module")
def telco(shared_dir: Path, tmp_path_factory: pytest.TempPathFactory) -> Snapshot:
    """Both sets as two sources of one namespace, connected by mappings of the owner's."""
    base = tmp_path_factory.mktemp("telco")
    for source, (heading, precedence, feed, place) in SOURCES.items():
        mapping = base / "home" / "mappings" / source
        mapping.mkdir(parents=True)
        declared = f"""customer_namespace = "telco"
customer_precedence = {precedence}
ignore = [".*"]
[feeds.{feed}]
file = '.*\\.csv'
[feeds.{feed}.datasets.customers]
"""
        (mapping / "source.toml").write_text(declared, encoding="utf-8")
        lines = f"their_heading,our_column,required\n{heading},customer_id,yes\nContract,segment,\n"
        (mapping / f"{feed}.csv").write_text(lines, encoding="utf-8")
        (base / "exports" / source).mkdir(parents=True)
        shutil.copy2(shared_dir.joinpath("data", *place), base / "exports" / source)
    outcome = pipeline.run(base / "exports", Settings(home=base / "home", settle_seconds=0))
    assert outcome.verdict == "published", outcome.findings
    snapshot = query.open_snapshot(base / "home")
    assert snapshot is not None
    return snapshot


def test_all_customers_of_both_sets_are_loaded_and_each_is_one(telco: Snapshot) -> None:
    assert query.meta(telco, "loads")["rows_loaded"].to_list() == [CUSTOMERS] * 2
    brought = query.meta(telco, "datasets").filter(query.meta(telco, "datasets")["dataset"] == "customers")
    assert dict(brought.select("source", "row_count").rows()) == dict.fromkeys(SOURCES, CUSTOMERS)
    assert telco.run(Query("select count(*) as n from core.dim_customers", ())).item() == CUSTOMERS


def test_what_they_tell_differently_is_counted_and_case_alone_is_no_difference(telco: Snapshot) -> None:
    assert query.meta(telco, "disagreements").rows() == [
        ("segment", "telco_cognos", "telco_watson", CUSTOMERS, DIFFERING)
    ]


def test_the_declared_source_is_believed(telco: Snapshot) -> None:
    """As S10.2 counts the contracts of the second set."""
    sql = "select segment, count(*) as n from core.dim_customers group by all order by all"
    assert telco.run(Query(sql, ())).rows() == [
        ("Month-to-Month", 3_610),
        ("One Year", 1_550),
        ("Two Year", 1_883),
    ]
