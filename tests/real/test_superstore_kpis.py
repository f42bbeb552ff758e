"""Repurchase under our own definition on both editions of the superstore list, against pandas.

The reference rule counts any further order id at any time (98.73 %); ours asks for a paid order on a later
day within the window, of customers whose window has passed (others by Kaplan-Meier), and a returned order is
no purchase.
"""

from dataclasses import dataclass
from datetime import date
from pathlib import Path

import pandas as pd
import pytest
from lifelines import KaplanMeierFitter

from dashboard.metrics import query
from dashboard.metrics.access import Scope
from ingestion.warehouse.kpis import Filter, load_kpis

pytestmark = [pytest.mark.real, pytest.mark.slow]

EVER = Filter(date(2013, 1, 1), date(2026, 12, 31))
WINDOWS = (90, 180, 365)


def read_workbook(path: Path) -> pd.DataFrame:
    """One row an order, of the workbook: day, and whether the sheet of returns lists its order id."""
    sheets = pd.read_excel(path, sheet_name=["订单", "退货"], engine="calamine", dtype=str)
    lines = sheets["订单"].rename(columns=str.strip)
    lines["is_returned"] = lines["订单 ID"].isin(sheets["退货"]["订单 ID"])
    return _orders(lines)


def read_list(path: Path) -> pd.DataFrame:
    return _orders(pd.read_csv(path, encoding="gb18030", dtype=str).assign(is_returned=False))


def _orders(lines: pd.DataFrame) -> pd.DataFrame:
    lines["day"] = pd.to_datetime(lines["订单日期"])
    by_order = lines.groupby(["订单 ID", "客户 ID", "城市"], as_index=False)
    return by_order.agg(day=("day", "min"), is_returned=("is_returned", "max"), region=("地区", "first"))


@dataclass(frozen=True)
class Repurchase:
    """Customers by their first purchase: `days` until they bought again, or as long as they are known not to."""

    first_day: pd.Series
    days: pd.Series
    is_repeated: pd.Series
    last_day: pd.Timestamp


def repurchases(orders: pd.DataFrame) -> Repurchase:
    """The day of the newest order still runs: what is known, of repeats and of silence, ends the day before."""
    last_day = orders["day"].max() - pd.Timedelta(days=1)
    purchases = orders[~orders["is_returned"]]
    first = purchases.groupby("客户 ID")["day"].min().rename("first_day")
    later = purchases.join(first, on="客户 ID").query("day > first_day and day <= @last_day")
    further = later.groupby("客户 ID")["day"].min()
    second = further.reindex(first.index)
    return Repurchase(first, (second.fillna(last_day) - first).dt.days, second.notna(), last_day)


def published(snapshot: query.Snapshot, kpi: str, dates: Filter) -> dict[str, object]:
    (value,) = query.values(snapshot, Scope.everything(), load_kpis()[kpi], dates).to_dicts()
    return value


@pytest.fixture(scope="module", params=["workbook", "list"])
def night_and_orders(request: pytest.FixtureRequest, superstore_folder: Path) -> tuple[query.Snapshot, pd.DataFrame]:
    snapshot = request.getfixturevalue(f"superstore_{request.param}")
    if request.param == "workbook":
        return snapshot, read_workbook(superstore_folder / "示例 - 超市.xls")
    return snapshot, read_list(superstore_folder / "商城详细销售数据.csv")


@pytest.mark.parametrize("days", WINDOWS)
def test_repurchase_of_customers_whose_window_has_passed(
    night_and_orders: tuple[query.Snapshot, pd.DataFrame], days: int
) -> None:
    snapshot, orders = night_and_orders
    expected = repurchases(orders)
    matured_until = expected.last_day - pd.Timedelta(days=days)
    matured = expected.first_day <= matured_until
    value = published(snapshot, f"repurchase_{days}d", Filter(EVER.date_from, matured_until.date()))
    repeated = expected.is_repeated & (expected.days <= days) & matured
    assert (value["numerator"], value["denominator"]) == (int(repeated.sum()), int(matured.sum()))
    assert value["value"] == pytest.approx(repeated.sum() / matured.sum(), abs=1e-12)
    assert value["state"] == "ok"


@pytest.mark.parametrize("days", WINDOWS)
def test_repurchase_with_young_customers_is_the_kaplan_meier_share(
    night_and_orders: tuple[query.Snapshot, pd.DataFrame], days: int
) -> None:
    snapshot, orders = night_and_orders
    expected = repurchases(orders)
    observed = expected.days >= 0
    curve = KaplanMeierFitter().fit(expected.days[observed], expected.is_repeated[observed])
    value = published(snapshot, f"repurchase_{days}d", EVER)
    assert value["n"] == int(observed.sum())
    assert value["value"] == pytest.approx(1 - curve.predict(days), abs=1e-9)


def test_purchases_of_a_region_are_those_delivered_there(
    superstore_workbook: query.Snapshot, superstore_folder: Path
) -> None:
    orders = read_workbook(superstore_folder / "示例 - 超市.xls")
    by_region = query.values(superstore_workbook, Scope.everything(), load_kpis()["order_volume"], EVER, ("region",))
    found = {row["region"]: row["value"] for row in by_region.to_dicts()}
    assert found == orders[~orders["is_returned"]].groupby("region").size().to_dict()
