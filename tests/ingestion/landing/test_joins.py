"""Joined files bring columns to the records of another file, and never a record."""

from __future__ import annotations

import gzip
import json
from datetime import datetime
from io import BytesIO
from typing import TYPE_CHECKING

import openpyxl
import polars as pl
import pytest

from ingestion.errors import ColumnsMissing, CorruptGzip
from ingestion.landing.joins import identity
from ingestion.mapping import load_source
from ingestion.sources.unpack import fingerprint

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from .conftest import Land

TICKETS = "number,opened,state,by\n1001,2025-06-01 10:00:00,open,7\n1002,2025-06-02 10:00:00,open, 8 \n"
TICKETS += "1003,2025-06-03 10:00:00,open,9\n1004,2025-06-04 10:00:00,open,\n"
USERS = "id,role,team\n8,agent,second\n7,admin,first\n8,bot,third\n"
COLUMNS = {"number": "ticket_id", "opened": "created_at", "state": "status", "user.role": "subject",
           "user.team": "team", "by": ""}  # fmt: skip
FEED = "[feeds.tickets.datasets.tickets]\n[[feeds.tickets.joins]]\n"
JOIN = FEED + "file = 'users(-.*)?\\.csv'\non = 'by'\nkey = 'id'\nprefix = 'user.'\n"


def folder_of(tmp_path: Path, **files: str | bytes) -> Path:
    """The folder of one export; names are given with _ for their point."""
    folder = tmp_path / "exports"
    folder.mkdir(exist_ok=True)
    for name, content in files.items():
        path = folder / name.replace("_", ".")
        path.write_bytes(content.encode() if isinstance(content, str) else content)
    return folder


def told(result: object) -> dict[str, dict[str, object]]:
    landed = result.landed  # type: ignore[attr-defined]
    return {finding.code: finding.fields for finding in [*landed.warnings, *landed.notes]}


def test_pages_of_one_list_are_all_joined_and_the_last_by_name_is_believed_first(land: Land, tmp_path: Path) -> None:
    pages = {
        "users-1_csv": "id,role,team\n7,admin,first\n9,agent,third\n",
        "users-2_csv": "id,team\n8,second\n7,moved\n",
    }
    folder = folder_of(tmp_path, tickets_csv=TICKETS, **pages)
    result = land(folder / "tickets.csv", feeds=JOIN, columns=COLUMNS)
    assert result.rows("ticket_id, team") == [
        ("1001", "moved"), ("1002", "second"), ("1003", "third"), ("1004", None)
    ]  # fmt: skip
    assert result.rows("subject") == [(None,), (None,), ("agent",), (None,)]
    assert "joined_key_repeated" not in told(result)


def test_the_first_record_of_a_trimmed_key_counts_and_nothing_is_counted_but_the_file(
    land: Land, tmp_path: Path
) -> None:
    folder = folder_of(tmp_path, tickets_csv=TICKETS, users_csv=USERS)
    result = land(folder / "tickets.csv", feeds=JOIN, columns=COLUMNS)
    assert result.rows("ticket_id, team") == [("1001", "first"), ("1002", "second"), ("1003", None), ("1004", None)]
    assert result.counts == (4, 4, 0, 0)
    assert told(result)["joined_key_repeated"] == {"file": "users.csv", "column": "id", "count": 1}
    assert "unmapped_column" not in told(result)


def test_held_records_show_the_text_of_their_own_file(land: Land, tmp_path: Path) -> None:
    broken = TICKETS.replace("2025-06-02", "yesterday")
    folder = folder_of(tmp_path, tickets_csv=broken, users_csv=USERS)
    result = land(folder / "tickets.csv", feeds=JOIN, columns=COLUMNS)
    assert result.held == [(2, "created_at", "bad_datetime")]
    assert result.originals == {2: "1002,yesterday 10:00:00,open, 8 "}


def test_of_several_joined_files_the_last_by_name_is_taken(land: Land, tmp_path: Path) -> None:
    folder = folder_of(tmp_path, tickets_csv=TICKETS)
    (folder / "users-2025-05-31.csv").write_text("id,role,team\n7,agent,old\n")
    (folder / "users-2025-06-30.csv").write_text("id,role,team\n7,agent,new\n")
    (folder / ".users-2025-07.csv").write_text("id,role,team\n7,agent,hidden\n")
    assert land(folder / "tickets.csv", feeds=JOIN, columns=COLUMNS).rows("team")[0] == ("new",)


def test_a_missing_joined_file_is_warned_of_and_its_columns_are_empty(land: Land, tmp_path: Path) -> None:
    folder = folder_of(tmp_path, tickets_csv=TICKETS)
    result = land(folder / "tickets.csv", feeds=JOIN, columns=COLUMNS)
    assert result.rows("team") == [(None,)] * 4
    assert told(result)["joined_file_missing"] == {"file": "tickets.csv", "pattern": "users(-.*)?\\.csv"}
    assert told(result)["absent_column"]["columns"] == "user.role, user.team"


def test_a_required_column_of_a_missing_joined_file_stops_and_both_are_told(land: Land, tmp_path: Path) -> None:
    folder = folder_of(tmp_path, tickets_csv=TICKETS)
    columns = {key: ours for key, ours in COLUMNS.items() if ours != "status"} | {"user.state": "status"}
    with pytest.raises(ColumnsMissing) as caught:
        land(folder / "tickets.csv", feeds=JOIN, columns=columns)
    assert caught.value.missing == ["user.state"]
    assert [finding.code for finding in caught.value.findings] == ["missing_column", "joined_file_missing"]


def test_a_joined_file_without_its_key_or_damaged_is_named(land: Land, tmp_path: Path) -> None:
    folder = folder_of(tmp_path, tickets_csv=TICKETS, users_csv=USERS.replace("id,", "nr,"))
    with pytest.raises(ColumnsMissing) as caught:
        land(folder / "tickets.csv", feeds=JOIN, columns=COLUMNS)
    assert (caught.value.export, caught.value.missing) == ("users.csv", ["id"])
    (folder / "users.csv.gz").write_bytes(gzip.compress(USERS.encode())[:-4])
    with pytest.raises(CorruptGzip) as damaged:
        land(folder / "tickets.csv", feeds=JOIN.replace("csv'", "csv.*'"), columns=COLUMNS)
    assert damaged.value.export == "users.csv.gz"


def test_faults_of_a_joined_file_and_keys_that_never_match_are_warned_of(land: Land, tmp_path: Path) -> None:
    folder = folder_of(tmp_path, tickets_csv=TICKETS, users_csv="id,role,team\nx7,admin,first\n8,agent\n")
    result = land(folder / "tickets.csv", feeds=JOIN, columns=COLUMNS)
    assert told(result)["joined_records_bad"] == {"file": "users.csv", "count": 1}
    assert told(result)["joined_nothing_found"] == {"file": "tickets.csv", "other": "users.csv"}
    assert result.counts == (4, 4, 0, 0)


def test_a_value_that_spells_nothing_is_no_key(land: Land, tmp_path: Path) -> None:
    folder = folder_of(tmp_path, tickets_csv=TICKETS.replace(",9\n", ",NULL\n"), users_csv=USERS + "NULL,bot,none\n")
    result = land(folder / "tickets.csv", "nulls = ['NULL']", feeds=JOIN, columns=COLUMNS)
    assert result.rows("team")[2] == (None,)


def test_joins_build_on_each_other_and_the_file_s_own_columns_win(land: Land, tmp_path: Path) -> None:
    users = "id,org,role,team\n7,o1,agent,of the user\n"
    folder = folder_of(tmp_path, tickets_csv=TICKETS, users_csv=users, orgs_csv="org,region,number\no1,north,9999\n")
    second = "[[feeds.tickets.joins]]\nfile = 'orgs\\.csv'\non = 'user.org'\nkey = 'org'\n"
    result = land(folder / "tickets.csv", feeds=JOIN + second, columns=COLUMNS | {"region": "region"})
    assert result.rows("ticket_id, region")[:2] == [("1001", "north"), ("1002", None)]


def test_headings_to_join_by_may_be_written_in_several_ways(land: Land, tmp_path: Path) -> None:
    folder = folder_of(tmp_path, tickets_csv=TICKETS, users_csv=USERS)
    join = JOIN.replace("on = 'by'", "on = 'requester | by'").replace("key = 'id'", "key = 'user_id | id'")
    assert land(folder / "tickets.csv", feeds=join, columns=COLUMNS).rows("team")[0] == ("first",)


def test_sheets_lists_and_other_formats_can_be_joined(land: Land, tmp_path: Path) -> None:
    book = openpyxl.Workbook()
    book.active.title = "tickets"  # type: ignore[union-attr]
    for name, text in (("tickets", TICKETS), ("users", USERS)):
        sheet = book[name] if name in book.sheetnames else book.create_sheet(name)
        for row in text.strip().splitlines():
            sheet.append(row.split(","))
    stream = BytesIO()
    book.save(stream)
    head, *rows = (line.split(",") for line in TICKETS.strip().splitlines())
    user_head, *users = (line.split(",") for line in USERS.strip().splitlines())
    page = {"tickets": [dict(zip(head, row, strict=True)) for row in rows]}
    page["users"] = [dict(zip(user_head, row, strict=True)) for row in users]
    parquet = BytesIO()
    pl.read_csv(USERS.encode()).write_parquet(parquet)
    folder = folder_of(tmp_path, tickets_xlsx=stream.getvalue(), tickets_json=json.dumps(page))
    folder_of(tmp_path, tickets_csv=TICKETS, users_parquet=parquet.getvalue())
    keys = "on = 'by'\nkey = 'id'\nprefix = 'user.'\n"
    ways = {
        "tickets.xlsx": FEED.replace("[[", "[feeds.tickets]\nsheet = 'tickets'\n[[") + "sheet = 'users'\n" + keys,
        "tickets.json": FEED.replace("[[", "[feeds.tickets]\npath = 'tickets'\n[[") + "path = 'users'\n" + keys,
        "tickets.csv": FEED + "file = 'users\\.parquet'\n" + keys,
    }
    for name, toml in ways.items():
        assert land(folder / name, feeds=toml, columns=COLUMNS).rows("team")[:2] == [("first",), ("second",)], name


def test_real_dates_of_a_joined_file_are_dates(land: Land, tmp_path: Path) -> None:
    stream = BytesIO()
    pl.DataFrame({"id": [7], "closed": [datetime(2025, 6, 3, 1, 2, 3)]}).write_parquet(stream)
    folder = folder_of(tmp_path, tickets_csv=TICKETS, users_parquet=stream.getvalue())
    toml = JOIN.replace("\\.csv'", "\\.parquet'")
    columns = {"number": "ticket_id", "opened": "created_at", "state": "status", "user.closed": "closed_at"}
    result = land(folder / "tickets.csv", "timezone = 'UTC'", feeds=toml, columns=columns)
    assert result.rows("closed_at")[0] == (datetime(2025, 6, 3, 1, 2, 3),)


def test_the_identity_of_a_load_covers_what_is_joined(tmp_path: Path, declare: Callable[..., Path]) -> None:
    folder = folder_of(tmp_path, tickets_csv=TICKETS)
    main = folder / "tickets.csv"
    feed = load_source(declare(JOIN, {"tickets.csv": COLUMNS})).feed("tickets")
    alone = identity(main, feed)
    assert alone == fingerprint(main)[0]
    (folder / "users.csv").write_text(USERS)
    joined = identity(main, feed)
    (folder / "users.csv").write_text(USERS.replace("first", "1st"))
    assert len({alone, joined, identity(main, feed)}) == 3
    (folder / "users.csv").write_text(USERS)
    assert identity(main, feed) == joined
