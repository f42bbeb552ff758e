"""What a mapping says of texts: lists in one cell, texts of several headings, values known by how they begin."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from ingestion.errors import MappingInvalid

if TYPE_CHECKING:
    from pathlib import Path

    from .conftest import Land

HEADER = "number,opened,state,who,first,last\n"
COLUMNS = {
    "number": "ticket_id",
    "opened": "created_at",
    "state": "status",
    "#first who": "customer_id",
    "first + last": "subject",
    "number + who": "flow_id",
}


def ticket(tmp_path: Path, *cells: str) -> Path:
    file = tmp_path / "tickets.csv"
    file.write_text(HEADER + ",".join(("1001", "2025-06-01 10:00:00", *cells)) + "\n", encoding="utf-8")
    return file


@pytest.mark.parametrize(
    ("listed", "first"), [("701", "701"), ("701;702;703", "701"), (" 701 ; 702", "701"), ("", None), (";702", None)]
)
def test_of_a_list_in_one_cell_the_first_entry_is_taken(
    land: Land, tmp_path: Path, listed: str, first: str | None
) -> None:
    result = land(ticket(tmp_path, "open", listed, "", ""), columns=COLUMNS | {"number + who": ""})
    assert result.rows("customer_id") == [(first,)]


@pytest.mark.parametrize(
    ("first", "last", "name"), [("Ada", "Lovelace", "Ada Lovelace"), ("Ada", "", "Ada"), ("", "", None)]
)
def test_text_of_several_headings_is_told_as_words_and_lacks_what_is_missing(
    land: Land, tmp_path: Path, first: str, last: str, name: str | None
) -> None:
    result = land(ticket(tmp_path, "open", "701", first, last), columns=COLUMNS)
    assert result.rows("subject") == [(name,)]


def test_an_id_of_several_headings_is_none_without_one_of_them(land: Land, tmp_path: Path) -> None:
    assert land(ticket(tmp_path, "open", "701", "", ""), columns=COLUMNS).rows("flow_id") == [("1001-701",)]
    assert land(ticket(tmp_path, "open", "", "", ""), columns=COLUMNS).rows("flow_id") == [(None,)]


STATES = "their_value,our_value\nClosed,closed\nClosed by *,solved\nCLOSED*,cancelled\nOpen*,open\n"


@pytest.mark.parametrize(
    ("theirs", "ours"),
    [
        ("Closed", "closed"),  # written out: before any beginning
        ("closed by bot", "solved"),  # the longer beginning wins, whichever line comes first
        ("Closed (Support)", "cancelled"),
        ("OPEN-Waiting", "open"),
        ("Reopened", "Reopened"),  # does not begin so, and nothing says what else is
    ],
)
def test_a_value_is_known_by_how_it_begins(land: Land, tmp_path: Path, theirs: str, ours: str) -> None:
    result = land(ticket(tmp_path, theirs, "", "", ""), columns=COLUMNS, files={"values/status.csv": STATES})
    assert result.rows("status") == [(ours,)]


def test_a_value_that_begins_so_is_not_refused(land: Land, tmp_path: Path) -> None:
    files = {"values/status.csv": STATES + "*,\n"}
    assert land(ticket(tmp_path, "open-7", "", "", ""), columns=COLUMNS, files=files).held == []
    held = land(ticket(tmp_path, "Reopened", "", "", ""), columns=COLUMNS, files=files).held
    assert held == [(1, "status", "unknown_status")]


def test_micros_belong_to_whole_numbers_only(land: Land, tmp_path: Path) -> None:
    with pytest.raises(MappingInvalid, match="#micros"):
        land(ticket(tmp_path, "open", "", "", ""), columns=COLUMNS | {"#micros opened": "team"})
