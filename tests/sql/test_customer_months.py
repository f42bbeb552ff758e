"""The months of the customers do not depend on how far back the stored holidays go."""

from collections.abc import Callable
from datetime import date

from dashboard.metrics import query
from ingestion.warehouse.kpis import Query

ORDERS = """
    source | order_id | customer_id | ordered_at       | order_kind
    -------+----------+-------------+------------------+-----------
    shop   | O1       | C1          | 2003-11-10 02:00 | sale
"""


def test_months_before_the_first_stored_holiday_count_too(make_snapshot: Callable[..., query.Snapshot]) -> None:
    """The calendar begins with 2004. Bought in November 2003: active as December begins, and ever since."""
    snapshot = make_snapshot({"raw.orders": ORDERS}, as_of="2004-02-15 00:00")
    found = snapshot.run(Query("select month_start from core.fct_customer_months order by month_start", ()))
    assert found["month_start"].to_list() == [date(2003, 12, 1), date(2004, 1, 1), date(2004, 2, 1)]
