"""Two sources that speak of one customer: who is believed, where they disagree, and which ids are one person."""

from __future__ import annotations

from collections.abc import Callable
from itertools import pairwise

import pytest

RunModel = Callable[..., list[tuple[object, ...]]]

SOURCES = """
    source | customer_namespace | customer_precedence | master_namespace
    -------+--------------------+---------------------+-----------------
    crm    | acme               | 10                  | acme
    shop   | acme               |                     | acme
    web    | web                | 50                  | acme
"""
# The shop's record is newer, the CRM's is believed; the web knows the same person under an id of its own.
CUSTOMERS = """
    source | customer_id | name | tier     | region | segment | phone | account_manager_id | version_key
    -------+-------------+------+----------+--------+---------+-------+--------------------+-----------------
    crm    | C1          | Ann  | gold     |        | Retail  |       | M1                 | 2025-05-01 00:00
    shop   | C1          | A.   | standard | 北京   | retail  | 123   |                    | 2025-06-01 00:00
    shop   | C2          | Bob  | vip      | 上海   |         |       |                    | 2025-06-01 00:00
    web    | W1          | ann  | silver   | 广东   | SME     |       | M1                 | 2025-06-02 00:00
"""
LINKS = """
    source | customer_id | master_customer_id
    -------+-------------+-------------------
    web    | W1          | C1
"""
GIVEN = {"raw.sources": SOURCES, "raw.customers": CUSTOMERS}


def test_precedence_comes_before_version_and_gaps_are_filled_column_by_column(run_model: RunModel) -> None:
    rows = run_model("staging.stg_customers", GIVEN, "customer_key, source, name, tier, region, phone")
    assert rows == [
        ("acme:C1", "crm", "Ann", "gold", "北京", "123"),
        ("acme:C2", "shop", "Bob", "vip", "上海", None),
        ("web:W1", "web", "ann", "silver", "广东", None),
    ]


def test_a_person_linked_across_namespaces_is_believed_in_the_same_order(run_model: RunModel) -> None:
    columns = "customer_key, source, tier_now, region_now, segment, account_manager_id"
    assert run_model("core.dim_customers", {**GIVEN, "raw.customer_links": LINKS}, columns) == [
        # The web (50) is believed before the shop (100, where nothing is declared).
        ("acme:C1", "crm", "gold", "广东", "Retail", "M1"),
        ("acme:C2", "shop", "vip", "上海", "unknown", None),
    ]


def test_every_disagreement_is_counted_with_what_is_believed_and_what_is_not(run_model: RunModel) -> None:
    columns = "column_name, believed_source, believed_value, other_source, other_value, is_different"
    assert run_model("core.fct_customer_comparisons", {**GIVEN, "raw.customer_links": LINKS}, columns) == [
        ("account_manager_id", "crm", "M1", "web", "M1", False),
        ("region", "web", "广东", "shop", "北京", True),
        ("segment", "crm", "Retail", "shop", "retail", False),
        ("segment", "crm", "Retail", "web", "SME", True),
        ("tier", "crm", "gold", "shop", "standard", True),
        ("tier", "crm", "gold", "web", "silver", True),
    ]


def test_one_source_cannot_disagree_with_itself(run_model: RunModel) -> None:
    two_ids = """
        source | customer_id | tier
        -------+-------------+---------
        shop   | C1          | gold
        shop   | C2          | standard
    """
    links = "source | customer_id | master_customer_id\n shop | C2 | C1"
    given = {"raw.sources": SOURCES, "raw.customers": two_ids, "raw.customer_links": links}
    assert run_model("core.fct_customer_comparisons", given) == []


def test_without_a_declared_precedence_the_newest_is_believed(run_model: RunModel) -> None:
    equal = SOURCES.replace("10  ", "    ")
    rows = run_model(
        "core.dim_customers", {"raw.sources": equal, "raw.customers": CUSTOMERS}, "customer_key, tier_now"
    )
    assert rows[0] == ("acme:C1", "standard")


@pytest.mark.parametrize("order", [(1, 2), (2, 1)])
def test_which_of_two_equal_sources_came_in_first_changes_nothing(
    run_model: RunModel, order: tuple[int, int]
) -> None:
    customers = f"""
        source | load_seq   | customer_id | tier     | version_key
        -------+------------+-------------+----------+-----------------
        crm    | {order[0]} | C1          | gold     | 2025-05-01 00:00
        shop   | {order[1]} | C1          | standard | 2025-05-01 00:00
    """
    given = {"raw.sources": SOURCES.replace("10  ", "    "), "raw.customers": customers}
    assert run_model("core.dim_customers", given, "source, tier_now") == [("crm", "gold")]


@pytest.mark.parametrize(("declared", "churned"), [("true", None), ("false", "2025-03-01 00:00:00")])
def test_where_a_source_tells_of_losses_an_empty_date_is_not_filled(
    run_model: RunModel, declared: str, churned: str | None
) -> None:
    sources = f"""
        source | customer_namespace | customer_precedence | is_churn_declared
        -------+--------------------+---------------------+------------------
        crm    | acme               | 10                  | {declared}
        shop   | acme               | 20                  | true
    """
    customers = """
        source | customer_id | tier | churned_at
        -------+-------------+------+-----------------
        crm    | C1          | gold |
        shop   | C1          | gold | 2025-03-01 00:00
    """
    rows = run_model(
        "core.dim_customers",
        {"raw.sources": sources, "raw.customers": customers},
        "cast(churned_at as varchar), is_churn_declared",
    )
    assert rows == [(churned, True)]


def chain(*ids: str) -> str:
    rows = "\n".join(f"shop | {one} | {other}" for one, other in pairwise(ids))
    return f"source | customer_id | master_customer_id\n{rows}"


@pytest.mark.parametrize("length", [2, 3, 6, 32])
def test_a_chain_of_links_is_followed_to_its_end(run_model: RunModel, length: int) -> None:
    ids = [f"C{number}" for number in range(length + 1)]
    given = {"raw.sources": SOURCES, "raw.customer_links": chain(*ids)}
    rows = run_model("core.dim_customer_ids", given, "customer_key, is_endless")
    assert rows == [(f"acme:C{length}", False)] * (length + 1)


@pytest.mark.parametrize("ids", [("A", "B", "A"), ("X", "A", "B", "C", "A")])
def test_links_in_a_circle_are_marked_and_those_that_name_themselves_are_not(
    run_model: RunModel, ids: tuple[str, ...]
) -> None:
    links = f"{chain(*ids)}\nshop | S | S"
    rows = run_model("core.dim_customer_ids", {"raw.sources": SOURCES, "raw.customer_links": links})
    ends = {name: is_endless for name, _, is_endless in rows}
    assert ends == {**{f"acme:{name}": True for name in ids}, "acme:S": False}
