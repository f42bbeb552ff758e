"""What a header says beside the last one of its feed: new, gone and renamed columns, and what was so before."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from ingestion.retract import retract

if TYPE_CHECKING:
    from ingestion import pipeline
    from tests.ingestion.conftest import Shop

pytestmark = pytest.mark.slow

ABOUT_COLUMNS = ("new_column", "gone_column", "renamed_column", "unmapped_column", "absent_column")


def customers(shop: Shop, night: str, *headings: str) -> Path:
    """An export of one customer with these columns, that no other night has sent."""
    values = {"id": f"C{night}", "changed": "2025-05-01 08:00:00"}
    cells = ",".join(values.get(heading, "x") for heading in headings)
    file = shop.exports / "shop" / f"customers-{night}.csv"
    file.write_text(f"{','.join(headings)}\n{cells}\n", encoding="utf-8")
    return file


def told(outcome: pipeline.Outcome) -> list[tuple[str, str, object]]:
    return [
        (severity, finding.code, finding.fields["columns"])
        for severity, finding in outcome.findings
        if finding.code in ABOUT_COLUMNS
    ]


@pytest.fixture
def first_night(shop: Shop) -> Shop:
    """Customers with one column nobody knows (vip) and without one that the mapping knows (name)."""
    customers(shop, "0601", "id", "changed", "vip")
    shop.night()
    return shop


def test_the_first_file_of_a_feed_is_compared_with_its_mapping_alone(shop: Shop) -> None:
    for file in (shop.exports / "shop").glob("customers-*"):
        file.unlink()
    customers(shop, "0601", "id", "changed", "vip")
    assert told(shop.night()) == [("warn", "absent_column", "name"), ("warn", "unmapped_column", "vip")]


def test_what_was_so_last_time_is_noted_and_warns_no_more(first_night: Shop) -> None:
    customers(first_night, "0602", "id", "changed", "vip")
    assert told(first_night.night()) == [("note", "unmapped_column", "vip"), ("note", "absent_column", "name")]


def test_new_columns_and_gone_ones_warn(first_night: Shop) -> None:
    customers(first_night, "0602", "id", "name", "vip", "remarks")
    # `name` is new and known, `remarks` new and not known; `changed` had been there.
    assert told(first_night.night()) == [
        ("note", "unmapped_column", "vip"),
        ("warn", "new_column", "name, remarks"),
        ("warn", "gone_column", "changed"),
    ]
    customers(first_night, "0603", "id", "name", "vip", "remarks")
    assert told(first_night.night()) == [
        ("note", "unmapped_column", "vip, remarks"),
        ("note", "absent_column", "changed"),
    ]


def test_a_column_like_one_that_is_gone_was_probably_renamed(first_night: Shop) -> None:
    customers(first_night, "0602", "id", "vip", "Changed at", "remarks")
    assert told(first_night.night()) == [
        ("note", "unmapped_column", "vip"),
        ("note", "absent_column", "name"),
        ("warn", "new_column", "remarks"),
        ("warn", "renamed_column", "changed → Changed at"),
    ]


def test_what_the_mapping_says_not_to_load_is_no_news(first_night: Shop) -> None:
    mapping = first_night.home / "mappings" / "shop" / "customers.csv"
    with mapping.open("a", encoding="utf-8") as file:
        file.write("remarks,,\n")
    customers(first_night, "0602", "id", "changed", "vip", "remarks")
    assert told(first_night.night()) == [("note", "unmapped_column", "vip"), ("note", "absent_column", "name")]


def test_two_files_of_one_night_are_compared_with_each_other(first_night: Shop) -> None:
    customers(first_night, "0602", "id", "changed", "name", "vip")
    customers(first_night, "0603", "id", "changed", "name")
    outcome = first_night.night()
    # `vip` was never known: nobody misses it.
    assert told(outcome) == [("note", "unmapped_column", "vip"), ("warn", "new_column", "name")]


def test_a_retracted_file_and_a_stopped_night_are_no_measure(first_night: Shop) -> None:
    customers(first_night, "0602", "id", "changed", "name")
    load = first_night.night().loads[0]
    retract(first_night.home, load.sha256, "wrong export")
    customers(first_night, "0603", "id", "changed", "vip")
    assert ("note", "unmapped_column", "vip") in told(first_night.night())
    broken = customers(first_night, "0604", "id", "changed", "remarks")
    broken.write_text("id,changed,remarks\nC0604,yesterday,x\n", encoding="utf-8")
    assert first_night.night().verdict == "stopped"
    broken.unlink()
    customers(first_night, "0605", "id", "changed", "vip")
    assert told(first_night.night()) == [("note", "unmapped_column", "vip"), ("note", "absent_column", "name")]


def test_readers_see_the_drift_of_the_night(first_night: Shop) -> None:
    customers(first_night, "0602", "id", "changed", "vip", "remarks")
    first_night.night()
    asked = "select code, fields from meta.findings where code = 'new_column'"
    assert first_night.asked(asked) == [("new_column", '{"file": "customers-0602.csv", "columns": "remarks"}')]
