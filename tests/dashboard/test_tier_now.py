"""Tier then, tier now: by hand on a few units, and on the pages that let their reader switch."""

from __future__ import annotations

from datetime import date, datetime
from typing import TYPE_CHECKING

import duckdb
import pytest

from dashboard.metrics import query, tier_now
from dashboard.metrics.access import Scope
from dashboard.metrics.query import Snapshot
from ingestion.warehouse.kpis import Filter, KpiQuestionInvalid, Query, load_kpis

if TYPE_CHECKING:
    from pathlib import Path

    from tests.dashboard.conftest import OpenPage
    from tests.dashboard.fakes import FakeQuery

ALL = Scope.everything()
YEAR = Filter(date(2025, 1, 1), date(2025, 6, 30))

# Ann was a VIP and was moved down; Bo was moved up; nobody knows whose the fourth ticket is.
SQL = """
create schema core; create schema meta;
create table meta.datasets as select 'tickets' as dataset, 1 as row_count;
create table meta.run as select 'Asia/Shanghai' as business_timezone;
create table core.dim_customers as
select * from (values ('a', 'standard'), ('b', 'vip')) as t(customer_key, tier_now);
create table core.fct_tickets as select * from (values
    ('t1', 'a', 'vip', '上海'), ('t2', 'a', 'vip', '上海'), ('t3', 'b', 'standard', '上海'),
    ('t4', null, 'unknown', '上海'), ('t5', 'b', 'vip', '北京')
) as t(ticket_key, customer_key, tier, region), (select date '2025-03-03' as created_date, true as is_counted);
create table core.fct_ticket_outcomes as
select * from (values ('t1', 'vip'), ('t2', 'vip'), ('t3', 'standard')) as t(ticket_key, tier)
"""


@pytest.fixture
def snapshot(tmp_path: Path) -> Snapshot:
    file = tmp_path / "R1.duckdb"
    with duckdb.connect(str(file)) as con:
        con.execute(SQL)
    now = datetime(2025, 7, 1)
    return Snapshot(run_id="R1", as_of=now, published_at=now, file=file)


def numbers(snapshot: Snapshot, by: str, scope: Scope = ALL, wanted: Filter = YEAR) -> dict[object, object]:
    kpi = load_kpis()["ticket_volume"]
    found = query.values(snapshot, scope, kpi, wanted, (by,))
    return dict(found.select(by, "numerator").rows())


def test_the_tier_now_takes_the_past_along(snapshot: Snapshot) -> None:
    assert numbers(snapshot, "tier") == {"vip": 3, "standard": 1, "unknown": 1}
    assert numbers(snapshot, "tier_now") == {"standard": 2, "vip": 2, "unknown": 1}


def test_filters_mean_the_tier_then_and_the_scope_holds(snapshot: Snapshot) -> None:
    then_vip = Filter(YEAR.date_from, YEAR.date_to, {"tier": ("vip",)})
    assert numbers(snapshot, "tier_now", wanted=then_vip) == {"standard": 2, "vip": 1}
    assert numbers(snapshot, "tier_now", Scope(regions=("北京",))) == {"vip": 1}


def test_the_tier_now_can_be_filtered_by_and_drilled_too(snapshot: Snapshot) -> None:
    now_vip = Filter(YEAR.date_from, YEAR.date_to, {"tier_now": ("vip",)})
    assert numbers(snapshot, "tier", wanted=now_vip) == {"standard": 1, "vip": 1}
    rows = query.rows(snapshot, ALL, load_kpis()["ticket_volume"], now_vip)
    assert sorted(rows["ticket_key"]) == ["t3", "t5"]


def test_a_unit_without_a_customer_of_its_own_is_its_tickets_customers(snapshot: Snapshot) -> None:
    kpi = load_kpis()["reopen_rate"]
    assert tier_now.knows(snapshot, kpi)
    swapped = tier_now.of(snapshot, kpi, ("tier_now",))
    found = snapshot.run(Query(f"select tier_now, count(*) as n from {swapped.rows} group by 1 order by 1", ()))
    assert found.rows() == [("standard", 2), ("vip", 1)]


def test_what_leads_to_no_customer_refuses(snapshot: Snapshot) -> None:
    kpi = load_kpis()["complaints_per_1000_tickets"]
    assert not tier_now.knows(snapshot, kpi)
    with pytest.raises(KpiQuestionInvalid):
        query.values(snapshot, ALL, kpi, YEAR, ("tier_now",))


@pytest.mark.slow
@pytest.mark.parametrize(
    ("lang", "heading", "tier", "told"),
    [("zh", "当前等级", "客户等级", "按客户今天的等级分组"), ("en", "Tier now", "Customer tier", "tier of today")],
)
@pytest.mark.parametrize("name", ["response", "complaints", "satisfaction"])
def test_a_page_groups_by_the_tier_then_unless_its_address_says_now(
    open_page: OpenPage, name: str, lang: str, heading: str, tier: str, told: str
) -> None:
    page = open_page(name, lang=lang)
    assert not page.exception
    assert any(tier in frame.value.columns for frame in page.dataframe)
    assert not any(heading in frame.value.columns for frame in page.dataframe)
    assert "tier_as" not in page.query_params
    page = open_page(name, lang=lang, tier_as="now")
    assert not page.exception
    assert any(heading in frame.value.columns for frame in page.dataframe)
    assert told in " ".join(caption.value for caption in page.caption)
    assert page.query_params["tier_as"] == "now"


@pytest.mark.slow
def test_churn_by_the_tier_now_is_asked_as_such(open_page: OpenPage, fake_query: FakeQuery) -> None:
    asked: list[tuple[str, ...]] = []
    plain = fake_query.values
    fake_query.values = lambda *told: asked.append((told[2].id, *told[4])) or plain(*told)  # type: ignore[method-assign,func-returns-value]
    open_page("loyalty")
    assert ("churn_365d", "tier") in asked
    assert ("churn_365d", "tier_now") not in asked
    open_page("loyalty", tier_as="now")
    assert ("churn_365d", "tier_now") in asked
