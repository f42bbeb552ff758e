"""Every record of the real exports is accounted for, and none of them is held back."""

import pytest

from dashboard.metrics import query
from dashboard.metrics.access import Scope
from ingestion.warehouse.kpis import Filter, load_kpis

pytestmark = [pytest.mark.real, pytest.mark.slow]

RECORDS = {
    "servicenow": {"incident_event_log.zip": 141_712},
    "event_log": {"helpdesk.xes.gz": 23_075},
    "olist": {
        "olist_orders_dataset.csv": 4_000,
        "olist_customers_dataset.csv": 4_000,
        "olist_order_items_dataset.csv": 4_519,
        "olist_products_dataset.csv": 3_132,
        "olist_order_reviews_dataset.csv": 3_986,
    },
    "superstore_workbook": {"示例 - 超市.xls": 10_000},
    "superstore_list": {"商城详细销售数据.csv": 9_959},
}


@pytest.mark.parametrize("home", RECORDS)
def test_all_records_are_read_and_loaded(request: pytest.FixtureRequest, home: str) -> None:
    loads = query.meta(request.getfixturevalue(home), "loads").to_dicts()
    assert {load["file"]: load["rows_read"] for load in loads} == RECORDS[home]
    assert {load["file"]: load["rows_loaded"] for load in loads} == RECORDS[home]
    assert all(load["rows_quarantined"] == load["rows_duplicate"] == 0 for load in loads)


def test_what_a_source_does_not_bring_is_not_connected(servicenow: query.Snapshot) -> None:
    brought = query.meta(servicenow, "datasets").to_dicts()
    assert {row["dataset"] for row in brought if row["row_count"]} >= {"tickets", "ticket_events"}
    assert not {row["dataset"] for row in brought if row["row_count"]} & {"orders", "surveys", "visits"}


@pytest.mark.parametrize("kpi", ["first_response_time", "sla_response_met", "csat", "repurchase_90d"])
def test_a_kpi_whose_facts_the_log_does_not_tell_is_not_connected(servicenow: query.Snapshot, kpi: str) -> None:
    """Above all no reply times: an incident whose replies are unknown is not an unanswered one."""
    (value,) = query.values(servicenow, Scope.everything(), load_kpis()[kpi], Filter()).to_dicts()
    assert (value["state"], value["value"]) == ("not_connected", None)
