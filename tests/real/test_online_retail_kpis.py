"""Invoices of a wholesaler: purchases and repurchase under our own definitions, against pandas and lifelines.

The reference divides by all customers (43.56 %), ours estimates those whose window has not passed; a credit note is
no purchase, and the business day turns in China, whose evening the afternoon of these invoices is.
"""

from collections.abc import Callable
from pathlib import Path

import pandas as pd
import pytest

from dashboard.metrics import query
from tests.real.expected import NEAR, between, parts, published, share, survival, total

pytestmark = [pytest.mark.real, pytest.mark.slow]

EVER = between("2009-12-01", "2010-12-31")


@pytest.fixture(scope="module")
def snapshot(owned_snapshot: Callable[[str], query.Snapshot]) -> query.Snapshot:
    return owned_snapshot("online_retail")


@pytest.fixture(scope="module")
def purchases(shared_dir: Path) -> pd.DataFrame:
    """One row an invoice that takes nothing back and names its customer: the local day of its first line."""
    lines = pd.read_parquet(shared_dir / "data" / "online_retail_ii_2009" / "online_retail.parquet")
    lines = lines[lines["Customer ID"].notna() & ~lines["Invoice"].str.startswith("C")]
    invoices = lines.drop_duplicates("Invoice").rename(columns={"Customer ID": "customer", "Country": "country"})
    at = pd.to_datetime(invoices["InvoiceDate"]).dt.tz_localize("UTC").dt.tz_convert("Asia/Shanghai")
    return invoices.assign(day=at.dt.tz_localize(None).dt.normalize())[["customer", "country", "day"]]


@pytest.fixture(scope="module")
def customers(purchases: pd.DataFrame) -> pd.DataFrame:
    """By their first day: days until they bought again, or as long as they are known not to have."""
    last_day = purchases["day"].max() - pd.Timedelta(days=1)
    table = pd.DataFrame({"first": purchases.groupby("customer")["day"].min()})
    later = purchases.join(table, on="customer").query("day > first and day <= @last_day")
    second = later.groupby("customer")["day"].min().reindex(table.index)
    table["days"] = (second.fillna(last_day) - table["first"]).dt.days
    table["is_back"] = second.notna()
    return table[table["days"] >= 0]


def test_purchases_by_month_and_country(snapshot: query.Snapshot, purchases: pd.DataFrame) -> None:
    assert total(snapshot, "order_volume", EVER)["value"] == len(purchases) == 19_215
    months = published(snapshot, "order_volume", EVER, period="month")
    assert [row["value"] for row in months] == purchases.groupby(purchases["day"].dt.to_period("M")).size().to_list()
    countries = published(snapshot, "order_volume", EVER, by=("region",))
    assert {row["region"]: row["value"] for row in countries} == purchases.groupby("country").size().to_dict()


@pytest.mark.parametrize("days", [90, 180, 365])
def test_repurchase_of_all_is_the_kaplan_meier_share(
    snapshot: query.Snapshot, customers: pd.DataFrame, days: int
) -> None:
    curve = survival(customers["days"], customers["is_back"])
    back = int((customers["is_back"] & (customers["days"] <= days)).sum())
    value = total(snapshot, f"repurchase_{days}d", EVER)
    assert (value["n"], value["numerator"]) == (len(customers), back)
    assert value["value"] == pytest.approx(1 - curve.predict(days), **NEAR)
    band = curve.confidence_interval_.loc[:days].iloc[-1]
    assert (value["lower"], value["upper"]) == pytest.approx(tuple(1 - band.iloc[::-1]), **NEAR)


def test_repurchase_within_90_days_by_month_of_the_first(snapshot: query.Snapshot, customers: pd.DataFrame) -> None:
    """Until August every window has passed, so a month is its plain share."""
    found = published(snapshot, "repurchase_90d", between("2009-12-01", "2010-08-31"), period="month")
    is_back = customers["is_back"] & (customers["days"] <= 90)
    expected = is_back.groupby(customers["first"].dt.to_period("M")).agg(["sum", "size"])
    assert len(found) == 9
    for row in found:
        counts = expected.loc[pd.Period(row["period"], "M")]
        assert parts(row) == pytest.approx(share(int(counts["sum"]), int(counts["size"])), **NEAR)
