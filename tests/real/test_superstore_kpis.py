"""Repurchase under our own definition on both editions of the superstore list, against pandas.

The reference rule counts any further order id at any time (98.73 %); ours asks for a paid order on a later
day within the window, of customers whose window has passed, and returned orders are no purchases.
"""

from datetime import date
from pathlib import Path

import pandas as pd
import pytest

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
    return by_order.agg(day=("day", "min"), is_returned=("is_returned", "max"), segment=("细分", "first"))


def repurchase(orders: pd.DataFrame, days: int) -> tuple[int, int]:
    """Customers with a further purchase 1 to `days` days after the first one, and those whose time is up."""
    window, as_of = pd.Timedelta(days=days), orders["day"].max()
    purchases = orders[~orders["is_returned"]]
    first = purchases.groupby("客户 ID")["day"].min().rename("first_day")
    further = purchases.join(first, on="客户 ID").query("day > first_day").groupby("客户 ID")["day"].min()
    customers = pd.DataFrame({"first_day": first, "second_day": further})
    matured = customers[customers["first_day"] + window <= as_of]
    return int((matured["second_day"] - matured["first_day"] <= window).sum()), len(matured)


def published(snapshot: query.Snapshot, kpi: str) -> tuple[int, int]:
    (value,) = query.values(snapshot, Scope.everything(), load_kpis()[kpi], EVER).to_dicts()
    return value["numerator"], value["denominator"]


@pytest.mark.parametrize("days", WINDOWS)
def test_repurchase_of_the_workbook(superstore_workbook: query.Snapshot, superstore_folder: Path, days: int) -> None:
    orders = read_workbook(superstore_folder / "示例 - 超市.xls")
    assert published(superstore_workbook, f"repurchase_{days}d") == repurchase(orders, days)


@pytest.mark.parametrize("days", WINDOWS)
def test_repurchase_of_the_list(superstore_list: query.Snapshot, superstore_folder: Path, days: int) -> None:
    orders = read_list(superstore_folder / "商城详细销售数据.csv")
    assert published(superstore_list, f"repurchase_{days}d") == repurchase(orders, days)


def test_orders_of_a_region_are_those_of_its_own_deliveries(
    superstore_workbook: query.Snapshot, superstore_folder: Path
) -> None:
    sheet = pd.read_excel(superstore_folder / "示例 - 超市.xls", sheet_name="订单", engine="calamine", dtype=str)
    sheet = sheet.rename(columns=str.strip).drop_duplicates(["订单 ID", "客户 ID", "城市"])
    by_region = query.values(superstore_workbook, Scope.everything(), load_kpis()["order_volume"], EVER, ("region",))
    found = {row["region"]: row["value"] for row in by_region.to_dicts()}
    assert found == sheet.groupby("地区").size().to_dict()
