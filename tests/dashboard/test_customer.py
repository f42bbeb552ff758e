"""One customer's page: found by key or number, in her own region, figures by hand, names for who may see them."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING

import duckdb
import pytest
import streamlit as st

from dashboard import downloads, kept, parts, session
from dashboard.metrics import customers
from dashboard.metrics.access import Scope
from dashboard.metrics.query import PeopleMissing, PersonalForbidden, Snapshot
from tests.dashboard.opening import open_app

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from streamlit.testing.v1 import AppTest

    from tests.dashboard.conftest import OpenPage

ALL, MAY = Scope.everything(), Scope(regions=None, may_see_personal=True)
ANN = "crm:1"

TABLES = {
    "core.dim_customers": """customer_key, customer_type, segment, tier_now, region_now, signup_at, churned_at,
            is_core;
        ('crm:1', 'consumer', '家庭', 'vip', '上海', timestamp '2024-01-05 02:00', null::timestamp, false),
        ('crm:2', 'business', 'unknown', 'standard', '北京', null, null, false),
        ('shop:1', 'consumer', 'unknown', 'standard', '北京', null, null, false)""",
    "core.dim_customer_ids": """named_key, customer_key;
        ('crm:1', 'crm:1'), ('web:77', 'crm:1'), ('crm:2', 'crm:2'), ('shop:1', 'shop:1')""",
    "core.dim_customer_records": """customer_key, record_key, belief_no;
        ('crm:1', 'web:77', 2), ('crm:1', 'crm:1', 1), ('crm:2', 'crm:2', 1)""",
    # She moved within 2024 and stayed gold: one stretch of a tier, not two.
    "core.dim_tier_spans": """customer_key, valid_from, valid_to, tier, region, tier_basis;
        ('crm:1', timestamp '1900-01-01', timestamp '2024-01-05 02:00', 'gold', '上海', 'assumed'),
        ('crm:1', timestamp '2024-01-05 02:00', timestamp '2024-06-01', 'gold', '北京', 'known'),
        ('crm:1', timestamp '2024-06-01', timestamp '2025-02-01', 'gold', '上海', 'known'),
        ('crm:1', timestamp '2025-02-01', timestamp '9999-12-31', 'vip', '上海', 'known')""",
    "core.fct_orders": """customer_key, order_key, ordered_at, region, tier, product, order_kind, status, amount,
            currency, is_purchase;
        ('crm:1', 'crm:O1', timestamp '2024-01-05 03:00', '北京', 'gold', '空调', 'sale', 'paid', 1000.25, 'CNY',
            true),
        ('crm:1', 'crm:O2', timestamp '2025-03-01', '上海', 'vip', '空调', 'sale', 'paid', 200.5, 'CNY', true),
        ('crm:1', 'crm:O3', timestamp '2025-03-02', '上海', 'vip', '空调', 'sale', 'cancelled', 9.0, 'CNY', false),
        ('crm:2', 'crm:O4', timestamp '2025-03-02', '北京', 'standard', '空调', 'sale', 'paid', 5.0, 'CNY', true)""",
    "core.fct_tickets": """customer_key, ticket_key, created_at, region, tier, product, kind, status, is_counted,
            is_open;
        ('crm:1', 'crm:T1', timestamp '2025-03-03', '上海', 'vip', '空调', 'repair', 'open', true, true),
        ('crm:1', 'crm:T2', timestamp '2025-03-04', '上海', 'vip', '空调', 'repair', 'closed', false, true),
        ('crm:1', 'crm:T3', timestamp '2024-03-04', '北京', 'gold', '空调', 'consult', 'closed', true, false)""",
    "core.fct_complaints": """customer_key, complaint_key, received_at, region, tier, product, reason, outcome,
            is_counted, is_open;
        ('crm:1', 'crm:P1', timestamp '2025-03-05', '上海', 'vip', '空调', '维修超时', 'settled', true, false)""",
    "core.fct_survey_answers": """customer_key, survey_key, responded_at, region, tier, product, dimension, score,
            is_rating, is_nps_answer;
        ('crm:1', 'crm:S1', timestamp '2025-03-06', '上海', 'vip', '空调', 'overall', 5, true, false),
        ('crm:1', 'crm:S2', timestamp '2025-03-08', '上海', 'vip', '空调', 'overall', 2, true, false),
        ('crm:1', 'crm:S2', timestamp '2025-03-08', '上海', 'vip', '空调', 'speed', 1, false, false),
        ('crm:1', 'crm:S3', timestamp '2025-03-09', '上海', 'vip', '空调', 'nps', 9, false, true)""",
    "core.fct_assets": """customer_key, asset_key, sold_at, region, tier, product, product_group;
        ('crm:1', 'crm:A1', timestamp '2024-01-05 03:00', '上海', 'gold', '空调', '家电'),
        ('crm:1', 'crm:A2', null::timestamp, '上海', 'vip', '空调', '家电')""",
    "core.fct_points": """customer_key, entry_key, occurred_at, region, tier, reason, points;
        ('crm:1', 'crm:L1', timestamp '2025-03-06', '上海', 'vip', 'purchase', 30::bigint),
        ('crm:1', 'crm:L2', timestamp '2025-03-07', '上海', 'vip', 'redeem', -12::bigint)""",
    "core.fct_interactions": """customer_key, interaction_key, occurred_at, region, tier, kind, is_held;
        ('crm:1', 'crm:I1', timestamp '2025-03-10', '上海', 'vip', 'visit', true),
        ('crm:1', 'crm:I2', null::timestamp, '上海', 'vip', 'visit', false)""",
    "meta.run": "business_timezone; ('Asia/Shanghai')",
    "meta.datasets": """dataset, row_count;
        ('customers', 3), ('orders', 4), ('tickets', 3), ('complaints', 1), ('survey_answers', 3), ('assets', 2),
        ('points_ledger', 2), ('interactions', 2)""",
}
PEOPLE = {
    "people.customers": """customer_key, name, phone, email, address;
        ('web:77', 'Ann Web', null, 'ann@example.com', null), ('crm:1', '安妮', '10000000001', null, null)""",
    "people.tickets": "ticket_key, subject; ('crm:T1', '不制冷'), ('crm:T9', '别人的')",
    "people.complaints": "complaint_key, text; ('crm:P1', '三天没人来')",
    "people.survey_comments": "survey_key, comment; ('crm:S2', '太慢了'), ('crm:S2', null)",
}


def write(file: Path, tables: dict[str, str]) -> None:
    with duckdb.connect(str(file)) as con:
        for name, told in tables.items():
            columns, _, rows = told.partition(";")
            con.execute(f"create schema if not exists {name.split('.')[0]}")
            con.execute(f"create table {name} as select * from (values {rows}) as t({columns})")


@pytest.fixture
def snapshot(tmp_path: Path) -> Snapshot:
    write(tmp_path / "R1.duckdb", TABLES)
    write(tmp_path / "R1.people.duckdb", PEOPLE)
    now = datetime(2025, 4, 1)
    return Snapshot(run_id="R1", as_of=now, published_at=now, file=tmp_path / "R1.duckdb")


@pytest.mark.parametrize(
    ("wanted", "found"),
    [
        ("crm:1", ["crm:1"]),
        ("web:77", ["crm:1"]),
        ("77", ["crm:1"]),
        ("1", ["crm:1", "shop:1"]),
        ("crm:9", []),
        ("", []),
        ("' or 1=1 --", []),
    ],
)
def test_a_customer_is_found_by_any_of_her_keys_or_numbers(snapshot: Snapshot, wanted: str, found: list[str]) -> None:
    assert customers.alike(snapshot, ALL, wanted) == found


def test_who_is_in_another_region_is_not_found(snapshot: Snapshot) -> None:
    beijing = Scope(regions=("北京",))
    assert customers.alike(snapshot, beijing, "crm:1") == []
    assert customers.alike(snapshot, beijing, "1") == ["shop:1"]
    assert customers.profile(snapshot, beijing, ANN).is_empty()
    assert customers.alike(snapshot, Scope(regions=()), "crm:2") == []


def test_a_tier_is_one_stretch_though_the_region_changes_within_it(snapshot: Snapshot) -> None:
    assert customers.tiers(snapshot, ALL, ANN).rows() == [
        ("gold", "assumed", datetime(1900, 1, 1), datetime(2024, 1, 5, 2)),
        ("gold", "known", datetime(2024, 1, 5, 2), datetime(2025, 2, 1)),
        ("vip", "known", datetime(2025, 2, 1), None),
    ]


def figures(snapshot: Snapshot, scope: Scope) -> dict[str, tuple[object, ...]]:
    found = customers.figures(snapshot, scope, ANN)
    return {row[0]: row[1:] for row in found.select("event", "counted", "open", "total", "last").rows()}


def test_figures_count_what_kpis_count(snapshot: Snapshot) -> None:
    told = figures(snapshot, ALL)
    assert told["order"] == (2, 0, 1200.75, 200.5)
    assert told["ticket"] == (2, 1, None, None)
    assert told["complaint"] == (1, 0, None, None)
    assert told["rating"] == (2, 0, 7.0, 2.0)
    assert told["points"] == (2, 0, 18.0, -12.0)
    assert told["asset"][0] == 2
    assert told["contact"][0] == 1


def test_what_happened_in_another_region_is_no_business_of_the_reader(snapshot: Snapshot) -> None:
    shanghai = Scope(regions=("上海",))
    assert figures(snapshot, shanghai)["order"] == (1, 0, 200.5, 200.5)
    keys = customers.events(snapshot, shanghai, ANN, 100)["event_key"].to_list()
    assert "crm:T1" in keys
    assert not {"crm:O1", "crm:T3"} & set(keys)
    assert customers.tiers(snapshot, shanghai, ANN)["from_at"].to_list()[1] == datetime(2024, 6, 1)


def test_events_come_newest_first_and_no_more_than_asked_for(snapshot: Snapshot) -> None:
    found = customers.events(snapshot, ALL, ANN, 100)
    assert found["event_key"].to_list() == [
        *(
            "crm:I1",
            "crm:S3",
            "crm:S2",
            "crm:L2",
            "crm:L1",
            "crm:S1",
            "crm:P1",
            "crm:T2",
            "crm:T1",
            "crm:O3",
            "crm:O2",
        ),
        *("crm:T3", "crm:A1", "crm:O1"),
    ]
    assert customers.events(snapshot, ALL, ANN, 2)["event_key"].to_list() == ["crm:I1", "crm:S3"]


def test_each_of_name_and_contact_is_of_the_source_believed_first(snapshot: Snapshot) -> None:
    told = {"name": "安妮", "phone": "10000000001", "email": "ann@example.com"}
    assert customers.person(snapshot, MAY, ANN) == told
    said = customers.said(snapshot, MAY, ANN, ["crm:T1", "crm:P1", "crm:S2"])
    assert said == {
        ("ticket", "crm:T1"): "不制冷",
        ("complaint", "crm:P1"): "三天没人来",
        ("rating", "crm:S2"): "太慢了",
    }


@pytest.mark.parametrize("scope", [ALL, Scope(regions=("北京",), may_see_personal=True)])
def test_nobody_else_reads_names_or_words(snapshot: Snapshot, scope: Scope) -> None:
    with pytest.raises(PersonalForbidden):
        customers.person(snapshot, scope, ANN)
    with pytest.raises(PersonalForbidden):
        customers.said(snapshot, scope, ANN, ["crm:T1"])


def test_a_missing_people_file_is_said_to_be_missing(snapshot: Snapshot) -> None:
    snapshot.file.with_suffix(".people.duckdb").unlink()
    with pytest.raises(PeopleMissing):
        customers.person(snapshot, MAY, ANN)


@pytest.fixture
def open_customer(snapshot: Snapshot, monkeypatch: pytest.MonkeyPatch) -> Callable[..., AppTest]:
    """open_customer("zh", "crm:1", scope=MAY) opens the page as a link would."""
    monkeypatch.setattr(session, "open_published", lambda: snapshot)
    st.cache_data.clear()
    kept.frames.clear()

    def opened(lang: str, wanted: str = "", scope: Scope = ALL) -> AppTest:
        monkeypatch.setattr(Scope, "everything", classmethod(lambda _: scope))
        page = open_app("customer", lang=lang, **({"customer": wanted} if wanted else {}))
        assert not page.exception
        return page

    return opened


@pytest.mark.slow
@pytest.mark.parametrize(
    ("lang", "figures", "tier", "row"),
    [
        (
            "zh",
            {"购买次数": "2", "工单": "2", "投诉": "1", "最近评分": "2.00", "积分余额": "18", "设备": "2"},
            "等级：VIP 客户（2025-02-01 起）",
            ("2025-03-09 08:00", "评分", "NPS"),
        ),
        (
            "en",
            {"Purchases": "2", "Tickets": "2", "Complaints": "1", "Last score": "2.00", "Points balance": "18"}
            | {"Devices": "2"},
            "Tier: VIP (since 2025-02-01)",
            ("2025-03-09 08:00", "Score", "NPS"),
        ),
    ],
)
def test_the_page_shows_her_from_every_side(
    open_customer: Callable[..., AppTest], lang: str, figures: dict[str, str], tier: str, row: tuple[str, ...]
) -> None:
    page = open_customer(lang, "77")
    assert {one.label: one.value for one in page.metric} == figures
    assert tier in " ".join(one.value for one in page.markdown)
    assert page.query_params["customer"] == "77"
    assert tuple(page.dataframe[0].value.iloc[1])[:2] == row[:2]
    assert page.dataframe[0].value.shape[0] == 14
    assert len(page.get("vega_lite_chart")) + len(page.get("arrow_vega_lite_chart")) >= 1


@pytest.mark.slow
def test_the_page_hides_names_and_words_from_who_may_not_see_them(open_customer: Callable[..., AppTest]) -> None:
    page = open_customer("zh", ANN)
    assert "姓名已隐藏" in page.subheader[0].value
    assert "主题或原话" not in page.dataframe[0].value.columns
    page = open_customer("zh", ANN, scope=MAY)
    assert "安妮" in page.subheader[0].value
    assert "10000000001" in " ".join(one.value for one in page.markdown)
    assert "三天没人来" in page.dataframe[0].value["主题或原话"].to_list()
    # Looked at, and not put into the menu that a page's tables are downloaded from.
    assert not any(
        "三天没人来" in downloads.csv(one.frame).decode() for one in page.session_state[downloads.KEY].offers
    )


@pytest.mark.slow
@pytest.mark.parametrize(
    ("wanted", "scope", "said"),
    [
        ("", ALL, "填写客户编号"),
        ("nobody", ALL, "没有找到客户“nobody”"),
        ("crm:1", Scope(regions=("北京",)), "没有找到客户“crm:1”"),
        ("1", ALL, "`crm:1`、`shop:1`"),
    ],
)
def test_the_page_says_what_to_do_where_there_is_no_one_customer(
    open_customer: Callable[..., AppTest], wanted: str, scope: Scope, said: str
) -> None:
    page = open_customer("zh", wanted, scope)
    assert said in " ".join(one.value for one in (*page.info, *page.warning))
    assert not page.metric


@pytest.mark.slow
def test_a_row_of_the_customer_list_opens_that_customer(open_page: OpenPage, monkeypatch: pytest.MonkeyPatch) -> None:
    draw, asked = parts.sheet, []
    monkeypatch.setattr(
        parts, "sheet", lambda *told, key=None, **more: 0 if key == "customers" else draw(*told, key=key, **more)
    )
    monkeypatch.setattr(customers, "alike", lambda snapshot, scope, wanted: asked.append(wanted) or [])
    page = open_page("loyalty")
    assert not page.exception
    assert page.title[0].value == "客户 360"
    assert asked == ["crm:1"]
    assert page.query_params["customer"] == "crm:1"
