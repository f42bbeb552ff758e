"""Alternatives, microseconds, predicates over their headings and tombstones, as they land."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING

import pytest

from ingestion.errors import ColumnsMissing, DuplicateColumns, MappingInvalid

if TYPE_CHECKING:
    from .conftest import Land

COLUMNS = {"number | nr": "ticket_id", "day + time | opened": "created_at", "state": "status"}
FEED = "[feeds.tickets.datasets.tickets]\n"
GONE = FEED + "gone_when = '''\"@deleted\" = 'yes' or status = 'cancelled' '''\n"
OF_TOMBSTONES = {"number": "ticket_id", "opened": "created_at", "state": "status", "changed": "updated_at",
                 "moves": "reassign_count"}  # fmt: skip


def test_the_first_alternative_of_the_file_is_read_and_the_others_may_stand_beside_it(land: Land) -> None:
    text = "nr,number,number ,opened,state\nB01,A01,x,2025-06-01 10:00:00,open\n"
    result = land(text.replace("number ,", "extra,"), columns=COLUMNS)
    assert result.rows("ticket_id, created_at") == [("A01", datetime(2025, 6, 1, 2))]
    assert result.codes == {"unmapped_column"}
    assert land("nr,day,time,state\nB01,2025-06-01,10:00:00,open\n", columns=COLUMNS, settings=(
        "datetime_format = '%Y-%m-%d-%H:%M:%S'"
    )).rows("ticket_id, created_at") == [("B01", datetime(2025, 6, 1, 2))]  # fmt: skip


def test_what_is_known_and_not_loaded_is_not_reported(land: Land) -> None:
    text = "number,opened,state,remark,custom_1,custom\nT01,2025-06-01 10:00:00,open,,,\n"
    result = land(text, "ignore = ['custom_.*']", columns={**COLUMNS, "notes | remark": ""})
    (unknown,) = result.landed.warnings
    assert unknown.fields["columns"] == "custom"


def test_an_alternative_that_is_not_read_may_stand_there_twice(land: Land) -> None:
    row = "A01,B01,B01,2025-06-01 10:00:00,open\n"
    assert land("number,nr,nr,opened,state\n" + row, columns=COLUMNS).rows() == [("A01",)]
    with pytest.raises(DuplicateColumns):
        land("nr,number,number,opened,state\n" + row, columns=COLUMNS)


def test_a_missing_column_is_named_by_its_first_alternative(land: Land) -> None:
    with pytest.raises(ColumnsMissing) as caught:
        land("id,opened,state\nA01,2025-06-01 10:00:00,open\n", columns=COLUMNS)
    assert caught.value.missing == ["number"]


def test_json_records_take_alternatives_by_what_the_file_has(land: Land) -> None:
    text = '{"nr": "B01", "opened": "2025-06-01 10:00:00", "state": "open"}\n'
    assert land(text, columns=COLUMNS, file="tickets.ndjson").rows() == [("B01",)]


def test_an_instant_can_number_events(land: Land) -> None:
    text = "t,at,what\nT001,01/06/2025 10:00:00.25,created\nT001,01.06.2025,created\n"
    mapping = {"t": "ticket_id", "at": "occurred_at", "#micros when | at": "event_seq", "what": "event_type"}
    result = land(
        text,
        "datetime_format = '%d/%m/%Y %H:%M:%S.%f'",
        feeds="[feeds.events.datasets.ticket_events]\n",
        file="events.csv",
        files={"events.csv": mapping},
    )
    local = datetime(2025, 6, 1, 2, 0, 0, 250_000, tzinfo=UTC)
    assert result.rows("event_seq", "ticket_events") == [(int(local.timestamp() * 1_000_000),)]
    assert (2, "event_seq", "bad_datetime") in result.held


def test_events_of_one_instant_are_told_apart_by_a_second_heading(land: Land) -> None:
    row = "T001,2025-06-01 10:00:00,created,{}\n"
    mapping = {"t": "ticket_id", "at": "occurred_at", "#micros at + id": "event_seq", "what": "event_type"}
    events = [
        land(
            "t,at,what,id\n" + "".join(map(row.format, ids)),
            "timezone = 'UTC'",
            feeds="[feeds.events.datasets.ticket_events]\n",
            file="events.csv",
            files={"events.csv": mapping},
        )
        for ids in (["a1", "a2", "", "a1"], ["a2", "a1"])
    ]
    (one, other, nameless), exported_again = (each.rows("event_seq", "ticket_events") for each in events)
    assert exported_again == [other, one]
    start = int(datetime(2025, 6, 1, 10, tzinfo=UTC).timestamp() * 1_000_000)
    assert nameless == (start,)
    assert {number // 1000 for (number,) in (one, other)} == {start // 1000}
    assert events[0].counts == (4, 3, 0, 1)


def test_an_instant_without_a_fraction_is_older_whatever_else_a_version_counts(land: Land) -> None:
    row = "T01,2025-06-01 10:00:00,open,2025-06-01 {},1\n"
    result = land(
        "number,opened,state,changed,n\n" + row.format("10:00:00") + row.format("10:00:00.5"),
        "datetime_format = ['%Y-%m-%d %H:%M:%S', '%Y-%m-%d %H:%M:%S.%f']",
        feeds=FEED + "version = ['updated_at', '@n']\n",
        columns={"number": "ticket_id", "opened": "created_at", "state": "status", "changed": "updated_at"},
    )
    first, second = result.rows("version_key")
    assert first < second


def test_predicates_may_name_headings_which_need_not_be_there(land: Land) -> None:
    feed = FEED + "where = '''coalesce(\"@kind | type\", 'case') = 'case' '''\n"
    head, row = "number,opened,state,type\n", "{},2025-06-01 10:00:00,open,{}\n"
    result = land(head + row.format("T01", "case") + row.format("T02", " note "), feeds=feed, columns=COLUMNS)
    assert result.rows() == [("T01",)]
    assert result.counts == (2, 2, 0, 0)
    assert "unmapped_column" not in result.codes
    without = land("number,opened,state\nT01,2025-06-01 10:00:00,open\n", feeds=feed, columns=COLUMNS)
    assert without.rows() == [("T01",)]


@pytest.mark.parametrize("predicate", ["no_such_column = 1", "cast(subject as int) = 1"])
@pytest.mark.parametrize("option", ["where", "gone_when"])
def test_a_predicate_that_cannot_be_evaluated_is_a_fault_of_the_mapping(
    land: Land, option: str, predicate: str
) -> None:
    with pytest.raises(MappingInvalid) as caught:
        land(
            "number,opened,state,topic\nT01,2025-06-01 10:00:00,open,Ann Smith\n",
            feeds=FEED + f"{option} = '{predicate}'\n",
            columns={**COLUMNS, "topic": "subject"},
        )
    assert caught.value.export.endswith("/source.toml")
    assert "Ann" not in str(caught.value)


HEAD = "number,opened,state,changed,moves,deleted\n"
LIVE = "{},2025-06-01 10:00:00,open,2025-06-01 10:00:00,0,\n"


def test_a_tombstone_needs_only_its_key_and_version(land: Land) -> None:
    gone = "{},,,{},many,yes\n"
    text = HEAD + "".join(LIVE.format(f"T0{i}") for i in range(1, 6))
    text += gone.format("T01", "2025-06-02 10:00:00") + gone.format("", "2025-06-02 10:00:00")
    text += gone.format("T02", "soon")
    result = land(text, feeds=GONE, columns=OF_TOMBSTONES)
    assert result.rows("ticket_id, is_gone") == [*((f"T0{i}", False) for i in range(1, 6)), ("T01", True)]
    assert result.held == [(7, "ticket_id", "missing_value"), (8, "updated_at", "bad_datetime")]
    assert result.counts == (8, 6, 2, 0)


def test_of_a_tombstone_only_the_version_tells_how_far_the_file_goes(land: Land) -> None:
    late = "T02,2031-06-01 10:00:00,open,2025-06-03 10:00:00,0,yes\n"
    result = land(HEAD + LIVE.format("T01") + late, "timezone = 'UTC'", feeds=GONE, columns=OF_TOMBSTONES)
    assert result.rows("ticket_id, is_gone") == [("T01", False), ("T02", True)]
    assert result.landed.data_through == datetime(2025, 6, 3, 10)


def test_a_tombstone_is_heard_though_where_would_leave_it_out(land: Land) -> None:
    """What was paid once and is not any more: `where` alone would let the paid one stand."""
    feed = GONE + "where = \"status = 'solved'\"\n"
    text = HEAD + LIVE.format("T01") + LIVE.format("T02").replace("open", "solved")
    result = land(text + LIVE.format("T03").replace(",\n", ",yes\n"), feeds=feed, columns=OF_TOMBSTONES)
    assert result.rows("ticket_id, is_gone") == [("T02", False), ("T03", True)]
    assert result.counts == (3, 3, 0, 0)


def test_a_tombstone_of_an_event_needs_all_that_tells_events_apart(land: Land) -> None:
    """Events are numbered anew by some exports: the number alone does not say which one is gone."""
    event = "T001,{},2025-06-01 10:00:00,created\n"
    text = "t,n,at,what\n" + event.format(1) + event.format(4) + "T001,2,,created\nT001,3,2025-06-01 10:00:00,\n"
    result = land(
        text,
        feeds="[feeds.events.datasets.ticket_events]\ngone_when = 'true'\n",
        file="events.csv",
        files={"events.csv": {"t": "ticket_id", "at": "occurred_at", "n": "event_seq", "what": "event_type"}},
    )
    assert result.held == [(3, "occurred_at", "missing_value"), (4, "event_type", "missing_value")]


def test_our_columns_can_say_that_a_key_is_gone(land: Land) -> None:
    text = HEAD + LIVE.format("T01") + "T02,2025-06-01 10:00:00,cancelled,2025-06-01 10:00:00,0,\n"
    assert land(text, feeds=GONE, columns=OF_TOMBSTONES).rows("is_gone") == [(False,), (True,)]


def test_gone_and_not_gone_at_the_same_version_is_a_conflict(land: Land) -> None:
    row = "T01,2025-06-01 10:00:00,open,2025-06-01 10:00:00,0,{}\n"
    text = HEAD + row.format("") + row.format("yes") + "".join(LIVE.format(f"T1{i}") for i in range(5))
    result = land(text, feeds=GONE, columns=OF_TOMBSTONES)
    assert [code for _, _, code in result.held] == ["duplicate_conflict"] * 2
