"""What a night tells the models of its exports: how far each reaches, in which order, and which are complete."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from tests.ingestion.conftest import Shop

pytestmark = pytest.mark.slow

# The models see raw.loads and raw.sources; readers of this shop see them too.
MODELS = {
    "core/dim_loads.sql": "-- Loads as models see them.\n-- grain: load_id\nselect * from raw.loads\n",
    "core/dim_sources.sql": "-- Sources as models see them.\n-- grain: source\nselect * from raw.sources\n",
}
ORDER = "select load_seq, cast(data_through as varchar), is_full from core.dim_loads where feed = '{}' order by 1"


@pytest.fixture
def watched(shop: Shop) -> Shop:
    for name, text in MODELS.items():
        (shop.sql / name).write_text(text, encoding="utf-8")
    return shop


def declare(shop: Shop, **changes: str) -> None:
    file = shop.home / "mappings" / "shop" / "source.toml"
    text = file.read_text(encoding="utf-8")
    for before, after in changes.items():
        text = text.replace(f"[feeds.{before}.", f"{after}\n[feeds.{before}.")
    file.write_text(text, encoding="utf-8")


def customers(shop: Shop, name: str, changed: str) -> None:
    shop.customers(name, "C001", "C002")
    file = shop.exports / "shop" / f"customers-{name}.csv"
    file.write_text(file.read_text(encoding="utf-8").replace("2025-05-01 08", changed), encoding="utf-8")


def test_a_complete_export_that_comes_late_is_not_the_newest(watched: Shop) -> None:
    declare(watched, customers='[feeds.customers]\nmode = "full"')
    customers(watched, "0601", "2025-05-03 08")
    watched.night()
    customers(watched, "0602", "2025-05-02 08")
    watched.night()
    assert watched.asked(ORDER.format("customers")) == [
        (1, "2025-05-02 00:00:00", True),
        (2, "2025-05-03 00:00:00", True),
    ]
    arrived = "select file from meta.loads where feed = 'customers' order by load_seq"
    assert watched.ledger(arrived) == [("customers-0601.csv",), ("customers-0602.csv",)]


def test_a_file_without_instants_goes_as_far_as_its_source_went_that_night(watched: Shop) -> None:
    mapping = watched.home / "mappings" / "shop" / "customers.csv"
    mapping.write_text("their_heading,our_column,required\nid,customer_id,yes\nname,name,\n", encoding="utf-8")
    watched.night()
    assert watched.asked(ORDER.format("customers")) == [(1, "2025-06-01 15:30:00", False)]
    assert watched.ledger("select data_through from meta.loads where feed = 'customers'") == [(None,)]


def test_a_file_without_instants_that_comes_alone_is_not_older_than_what_came_before(watched: Shop) -> None:
    declare(watched, customers='[feeds.customers]\nmode = "full"')
    mapping = watched.home / "mappings" / "shop" / "customers.csv"
    mapping.write_text("their_heading,our_column,required\nid,customer_id,yes\nname,name,\n", encoding="utf-8")
    watched.night()
    watched.customers("corrected", "C001", "C009")
    watched.night()
    reach = "2025-06-01 15:30:00"
    assert watched.asked(ORDER.format("customers")) == [(1, reach, True), (3, reach, True)]
    arrived = "select load_id from {} where feed = 'customers' order by load_seq"
    assert watched.asked(arrived.format("core.dim_loads")) == watched.ledger(arrived.format("meta.loads"))


def test_models_are_told_who_is_believed_and_whose_ids_masters_are(watched: Shop) -> None:
    file = watched.home / "mappings" / "shop" / "source.toml"
    declared = 'customer_precedence = 7\nmaster_namespace = "group"\n'
    file.write_text(declared + file.read_text(encoding="utf-8"), encoding="utf-8")
    watched.night()
    asked = "select customer_namespace, customer_precedence, master_namespace from core.dim_sources where source = "
    assert watched.asked(f"{asked} 'shop'") == [("shop", 7, "group")]
    assert watched.asked(f"{asked} 'olist'") == [("olist", 100, "olist")]


def test_what_was_gone_and_is_back_is_back_although_the_file_is_as_it_was(watched: Shop) -> None:
    declare(watched, customers='[feeds.customers]\nmode = "full"\ndata_through = "filename"')
    (watched.exports / "shop" / "customers-0601.csv").unlink()
    for day, ids in {"2025-06-01": ("C001", "C002"), "2025-06-02": ("C001",), "2025-06-03": ("C001", "C002")}.items():
        watched.customers(day, *ids)
        watched.night()
    arrived = "select file, rows_loaded from meta.loads where feed = 'customers' order by load_seq"
    assert watched.ledger(arrived) == [
        ("customers-2025-06-01.csv", 2),
        ("customers-2025-06-02.csv", 1),
        ("customers-2025-06-03.csv", 2),
    ]
    assert watched.night().verdict == "nothing_new"
    # Of the same day it is the same file, under whatever name.
    watched.customers("again-2025-06-03", "C001", "C002")
    assert watched.night().verdict == "nothing_new"
