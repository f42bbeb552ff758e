"""`a ?? b`: of several headings that can tell the same, the first that says something the mapping knows."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from ingestion.errors import ColumnsMissing
from ingestion.mapping_columns import ColumnMap, alternatives

if TYPE_CHECKING:
    from pathlib import Path

    from .conftest import Land

COLUMNS = {
    "number": "ticket_id",
    "opened": "created_at",
    "state | status ?? category ?? code": "status",
    "account ?? first + last": "customer_id",
}
HEADER = "number,opened,state,category,code,account,first,last\n"
WORDS = {"values/status.csv": "their_value,our_value\nOpen,open\nDone*,solved\n3,closed\n"}


def row(*cells: str) -> str:
    return HEADER + ",".join(("1001", "2025-06-01 10:00:00", *cells)) + "\n"


@pytest.mark.parametrize(
    ("cells", "status"),
    [
        (("open", "Done", "3"), "open"),  # known, in any case: the first speaks
        (("In the workshop", "Done by Kim", "3"), "solved"),  # not known; the second is, by how it begins
        (("In the workshop", "Blue", "3"), "closed"),
        (("In the workshop", "Blue", "9"), "In the workshop"),  # nothing known: the first that says anything
        (("", "Blue", "9"), "Blue"),
        (("", "", "9"), "9"),
    ],
)
def test_the_first_that_the_values_file_names_counts(land: Land, cells: tuple[str, ...], status: str) -> None:
    assert land(row(*cells, "a01", "", ""), columns=COLUMNS, files=WORDS).rows("status") == [(status,)]


@pytest.mark.parametrize(
    ("cells", "customer"),
    [(("a01", "b", "c"), "a01"), (("", "b", "c"), "b-c"), (("", "b", ""), None), ((" ", "", ""), None)],
)
def test_without_a_values_file_the_first_with_a_value_counts(
    land: Land, cells: tuple[str, ...], customer: str | None
) -> None:
    assert land(row("open", "", "", *cells), columns=COLUMNS).rows("customer_id") == [(customer,)]


def test_a_star_still_refuses_what_nothing_names(land: Land) -> None:
    files = {"values/status.csv": WORDS["values/status.csv"] + "*,\n"}
    assert land(row("Blue", "Done", "9", "a01", "", ""), columns=COLUMNS, files=files).held == []
    held = land(row("Blue", "Green", "9", "a01", "", ""), columns=COLUMNS, files=files).held
    assert held == [(1, "status", "unknown_status")]


def test_a_required_column_needs_one_of_them(land: Land) -> None:
    text = "number,opened,code,account\n1001,2025-06-01 10:00:00,3,a01\n"
    assert land(text, columns=COLUMNS, files=WORDS).rows("status") == [("closed",)]
    with pytest.raises(ColumnsMissing) as caught:
        land(text.replace("code", "other"), columns=COLUMNS, files=WORDS)
    assert caught.value.missing == ["state"]


def test_a_joined_file_is_one_of_them_and_may_be_missing(land: Land, tmp_path: Path) -> None:
    feed = "[feeds.tickets.datasets.tickets]\n[[feeds.tickets.joins]]\nfile = 'states.csv'\n"
    feed += "on = 'code'\nprefix = 's.'\n"
    columns = {"number": "ticket_id", "opened": "created_at", "s.name ?? code": "status"}
    file = tmp_path / "tickets.csv"
    file.write_text("number,opened,code\n1001,2025-06-01 10:00:00,7\n1002,2025-06-01 10:00:00,8\n")
    optional = feed + "is_optional = true\n"
    assert land(file, feeds=feed, columns=columns).codes == {"joined_file_missing"}
    without = land(file, feeds=optional, columns=columns)
    assert (without.codes, without.rows("status")) == (set(), [("7",), ("8",)])
    (tmp_path / "states.csv").write_text("code,name\n7,Open\n")
    assert land(file, feeds=optional, columns=columns).rows("status") == [("Open",), ("8",)]


def test_headings_are_asked_in_order_of_what_a_file_has() -> None:
    column = ColumnMap("status", alternatives("a | b"), otherwise=(alternatives("c + d"), alternatives("e")))
    assert column.headings == ("a", "b", "c", "d", "e")
    assert column.ways({"b", "c", "d"}) == (("b",), ("c", "d"))
    assert column.ways({"c", "e"}) == (("e",),)
    assert column.parts({"b", "c", "d"}) == ("b", "c", "d")
    assert column.ways(set()) == (("a",),)
