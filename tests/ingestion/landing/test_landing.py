"""Landing a file: values, faults, duplicates, fan-out, and counts that add up."""

from __future__ import annotations

from datetime import date, datetime
from decimal import Decimal
from typing import TYPE_CHECKING

import pytest

from ingestion.errors import ColumnsMissing

if TYPE_CHECKING:
    from tests.ingestion.landing.conftest import Land, Result

pytestmark = pytest.mark.slow

HEADER = "number,opened,closed,state,topic,score,deleted,moves\n"


def ticket(
    number: str = "T-1", opened: str = "2025-06-02 09:00:00", closed: str = "", state: str = "open", rest: str = ",,,"
) -> str:
    return f"{number},{opened},{closed},{state},{rest}\n"


# --- values -----------------------------------------------------------------------------------------------


def test_local_times_become_utc_and_the_text_stays_beside_them(land: Land) -> None:
    result = land(HEADER + ticket(closed=" 2025-06-02 18:30:00 "))
    assert result.rows("created_at, closed_at, original.created_at, original.closed_at") == [
        (datetime(2025, 6, 2, 1), datetime(2025, 6, 2, 10, 30), "2025-06-02 09:00:00", "2025-06-02 18:30:00")
    ]


def test_each_value_may_follow_any_declared_format_and_no_other(land: Land) -> None:
    settings = "datetime_format = ['%d/%m/%Y %H:%M', 'iso']\ntimezone = 'UTC'"
    times = ["05/06/2025 09:00", "2025-06-05T09:00:00+02:00", "2025-06-05 09:00", "06/05/2025 9 Uhr", "2025-13-01"]
    result = land(HEADER + "".join(ticket(f"T-{i}", time) for i, time in enumerate(times)), settings)
    expected = [datetime(2025, 6, 5, 9), datetime(2025, 6, 5, 7), datetime(2025, 6, 5, 9)]
    assert result.rows("created_at") == [(value,) for value in expected]
    assert result.held == [(4, "created_at", "bad_datetime"), (5, "created_at", "bad_datetime")]


@pytest.mark.parametrize(
    ("text", "hour"),
    [
        ("2025-06-05 09:00:00", 9),
        ("2025-06-05T09:00+02", 7),
        ("2025-06-05T09:00-02", 11),
        ("2025-06-05T09:00:00Z", 9),
        ("2025-06-05T09:00:00+02", 7),
        ("2025-06-05 09:00:00.000+0200", 7),
    ],
)
def test_an_instant_of_any_length_keeps_its_zone(land: Land, text: str, hour: int) -> None:
    result = land(HEADER + ticket(opened=text), "datetime_format = 'iso'\ntimezone = 'UTC'")
    assert result.rows("created_at") == [(datetime(2025, 6, 5, hour),)]


def test_whole_numbers_are_taken_as_they_are_written_or_not_at_all(land: Land) -> None:
    numbers = ["7", "07", "+7", "7.0", "7e2", "9999999999999999999", "7 "]
    result = land(HEADER + "".join(ticket(f"T-{i}", rest=f",,,{one}") for i, one in enumerate(numbers)))
    told = [("T-0", 7, None), ("T-1", 7, "07"), ("T-2", 7, "+7"), ("T-3", 7, "7.0")]
    assert result.rows("ticket_id, reassign_count, original.reassign_count") == [*told, ("T-6", 7, None)]
    assert [(row, code) for row, _, code in result.held] == [(5, "bad_number"), (6, "bad_number")]


def test_counts_of_seconds_and_workbook_serials_are_instants_too(land: Land) -> None:
    assert land(HEADER + ticket(opened="1743879557"), "datetime_format = 'epoch_s'").rows("created_at") == [
        (datetime(2025, 4, 5, 18, 59, 17),)
    ]
    assert land(HEADER + ticket(opened="1743879557123"), "datetime_format = 'epoch_ms'").rows("created_at") == [
        (datetime(2025, 4, 5, 18, 59, 17, 123000),)
    ]
    assert land(HEADER + ticket(opened="45778.5"), "datetime_format = 'excel'\ntimezone = 'UTC'").rows(
        "created_at"
    ) == [(datetime(2025, 5, 1, 12),)]


def test_an_hour_that_the_change_of_clocks_skipped_is_held_back(land: Land) -> None:
    times = ["2025-03-09 01:59:59", "2025-03-09 02:15:00", "2025-03-09 03:00:00"]
    result = land(
        HEADER + "".join(ticket(f"T-{i}", time) for i, time in enumerate(times)), "timezone = 'America/New_York'"
    )
    assert result.rows("created_at") == [(datetime(2025, 3, 9, 6, 59, 59),), (datetime(2025, 3, 9, 7),)]
    assert result.held == [(2, "created_at", "nonexistent_time")]


def test_years_that_stand_for_never_are_no_instants(land: Land) -> None:
    result = land(HEADER + ticket("T-1", "1970-01-01 08:00:00") + ticket("T-2", "2098-01-01 00:00:00"))
    assert result.held == [(1, "created_at", "bad_datetime"), (2, "created_at", "future_date")]


def test_what_lies_ahead_of_the_day_in_the_file_name_has_not_happened(land: Land) -> None:
    rows = HEADER + ticket("T-1", "2025-06-03 23:59:00") + ticket("T-2", "2025-06-05 00:00:01")
    result = land(rows, "data_through = 'filename'", file="tickets-2025-06-03.csv")
    assert result.landed.data_through == datetime(2025, 6, 3, 16)
    assert result.held == [(2, "created_at", "future_date")]


def test_data_through_is_the_newest_event_or_where_the_source_says(land: Land) -> None:
    rows = HEADER + ticket("T-1", closed="2025-06-04 00:00:00") + ticket("T-2", "2025-06-03 00:00:00")
    assert land(rows).landed.data_through == datetime(2025, 6, 3, 16)
    assert land(rows, "data_through = 'column:created_at'").landed.data_through == datetime(2025, 6, 2, 16)


def test_a_name_without_a_day_does_not_hide_what_is_wrong_inside(land: Land) -> None:
    settings = "data_through = 'filename'"
    good = land(HEADER + ticket("T-1"), settings).landed
    assert ([fault.code for fault in good.faults], good.data_through) == (["data_through_missing"], None)
    bad = land(HEADER + ticket("T-1", "soon"), settings).landed
    assert [fault.code for fault in bad.faults] == ["mostly_held_back", "data_through_missing"]
    with pytest.raises(ColumnsMissing) as refused:
        land("a,b\n1,2\n", settings)
    assert [fault.code for fault in refused.value.findings] == ["missing_column", "data_through_missing"]


@pytest.mark.parametrize(
    ("text", "settings", "expected"),
    [
        ("4.5", "", Decimal("4.5000")),
        ("+4", "", Decimal(4)),
        (".5", "", None),  # outside 1..5, so it must have been understood as a number: see below
        ("4,5", "decimal_mark = ','", Decimal("4.5000")),
        ("4.5", "decimal_mark = ','", None),
        ("4e0", "", None),
        ("１", "", None),
        ("12,3,4", "thousands_mark = ','", None),
    ],
)
def test_numbers_follow_the_declared_marks(land: Land, text: str, settings: str, expected: Decimal | None) -> None:
    result = land(
        "number;opened;state;score\n" + f"T-1;2025-06-02 09:00:00;open;{text}\n", f"{settings}\ndelimiter=';'"
    )
    assert result.rows("csat_score") == ([] if expected is None else [(expected,)])
    if expected is None:
        assert result.held == [(1, "csat_score", "score_out_of_scale" if text == ".5" else "bad_number")]


@pytest.mark.parametrize(("text", "expected"), [("Yes", True), ("是", True), ("0", False), ("N", False), ("", None)])
def test_truth_has_the_spellings_of_the_contract(land: Land, text: str, expected: bool | None) -> None:
    assert land(HEADER + ticket(rest=f",,{text},")).rows("is_deleted") == [(expected,)]


def test_other_words_are_no_truth_and_fractions_no_count(land: Land) -> None:
    result = land(
        HEADER + ticket("T-1", rest=",,maybe,") + ticket("T-2", rest=",,,1.5") + ticket("T-3", rest=",,,2.0")
    )
    assert result.held == [(1, "is_deleted", "bad_bool"), (2, "reassign_count", "bad_number")]
    assert result.rows("reassign_count") == [(2,)]


def test_null_spellings_are_missing_and_a_missing_required_value_is_held_back(land: Land) -> None:
    result = land(HEADER + ticket("T-1", closed="N/A") + ticket("T-2", state="?"), "nulls = ['N/A', '?']")
    assert result.rows("ticket_id, closed_at") == [("T-1", None)]
    assert result.held == [(2, "status", "missing_value")]


def test_values_files_translate_and_what_they_refuse_is_held_back(land: Land) -> None:
    values = "their_value,our_value\n待处理,open\nDone,closed\n,new\n*,\n"
    states = ["待处理", "done", "", "lost"]
    result = land(
        HEADER + "".join(ticket(f"T-{i}", state=state) for i, state in enumerate(states)),
        files={"values/status.csv": values},
    )
    assert result.rows("status") == [("open",), ("closed",), ("new",)]
    assert result.held == [(4, "status", "unknown_status")]


def test_without_a_values_file_text_passes_and_enumerations_do_not(land: Land) -> None:
    columns = {"number": "ticket_id", "opened": "created_at", "state": "status", "kind": "kind"}
    rows = "number,opened,state,kind\nT-1,2025-06-02 09:00:00,Odd,Repair\nT-2,2025-06-02 09:00:00,Odd,other thing\n"
    result = land(rows, columns=columns)
    assert result.rows("status, kind, original.kind") == [("Odd", "repair", "Repair")]
    assert result.held == [(2, "kind", "unknown_kind")]


def test_ids_hide_no_invisible_characters(land: Land) -> None:
    result = land(HEADER + ticket("T-5\u200e777") + ticket("  T-2 ") + ticket("T") + ticket("T 4"))
    assert result.rows() == [("T-2",)]
    assert result.held == [(row, "ticket_id", "bad_id") for row in (1, 3, 4)]
    assert land(HEADER + ticket("T 4"), "id_pattern = '[A-Z] [0-9]'").rows() == [("T 4",)]


def test_composite_headings_constants_and_record_numbers(land: Land) -> None:
    columns = {"area + number": "ticket_id", "#record": "reassign_count", "opened": "created_at", "=open": "status"}
    rows = "area,number,opened\nN,17,2025-06-02 09:00:00\nS,18,2025-06-02 09:00:00\n"
    assert land(rows, columns=columns).rows("ticket_id, reassign_count, status") == [
        ("N-17", 1, "open"),
        ("S-18", 2, "open"),
    ]


# --- rules ------------------------------------------------------------------------------------------------


def test_an_impossible_order_of_times_holds_the_record_back(land: Land) -> None:
    result = land(HEADER + ticket(closed="2025-06-01 09:00:00"))
    assert result.held == [(1, "closed_at", "closed_before_created")]
    assert result.originals == {1: "T-1,2025-06-02 09:00:00,2025-06-01 09:00:00,open,,,,"}


def test_a_source_that_flags_keeps_the_record_and_clears_only_the_offending_time(land: Land) -> None:
    rows = HEADER + ticket("T-1", closed="2025-06-01 09:00:00") + ticket("T-2", closed="2025-06-03 09:00:00")
    result = land(rows, "time_order = 'flag'")
    assert result.counts == (2, 2, 0, 0)
    assert result.rows("ticket_id, closed_at is null, flags, original.closed_at") == [
        ("T-1", True, ["closed_before_created"], "2025-06-01 09:00:00"),
        ("T-2", False, [], "2025-06-03 09:00:00"),
    ]
    assert "closed_before_created" in result.codes


def test_a_record_with_several_faults_counts_once_and_names_them_all(land: Land) -> None:
    result = land(HEADER + ticket("T", "soon", rest=",9,,-1"))
    assert result.counts == (1, 0, 1, 0)
    assert {code for _, _, code in result.held} == {"bad_id", "bad_datetime", "score_out_of_scale", "negative_count"}


def test_more_than_two_per_cent_held_back_stops_a_large_file_and_warns_of_a_small_one(land: Land) -> None:
    good = [ticket(f"T-{i}") for i in range(490)]
    small = land(HEADER + "".join([*good[:40], ticket("x")]))
    assert (small.landed.verdict, "too_many_held_back" in small.codes) == ("quarantine", True)
    large = land(HEADER + "".join([*good, *[ticket("x")] * 11]))
    assert (large.landed.verdict, "accuracy_below_target" in large.codes) == ("reject", True)
    exact = land(HEADER + "".join([*good, *[ticket("x")] * 10]))
    assert exact.landed.verdict == "quarantine"


# --- keys -------------------------------------------------------------------------------------------------


def test_equal_rows_of_one_key_are_duplicates_whatever_the_unmapped_columns_say(land: Land) -> None:
    rows = "number,opened,state,printed\nT-1,2025-06-02 09:00:00,open,a\nT-1, 2025-06-02 09:00:00,open,b\n"
    result = land(rows, columns={"number": "ticket_id", "opened": "created_at", "state": "status"})
    assert result.counts == (2, 1, 0, 1)
    assert result.rows("source_row") == [(1,)]


def test_conflicting_rows_of_one_key_are_all_held_back(land: Land) -> None:
    result = land(HEADER + ticket("T-1") + ticket("T-2") + ticket("T-1", state="closed") + ticket("T-1"))
    assert result.counts == (4, 1, 3, 0)
    assert result.held == [(row, "ticket_id", "duplicate_conflict") for row in (1, 3, 4)]


def test_a_bad_row_does_not_drag_its_good_namesake_along(land: Land) -> None:
    result = land(HEADER + ticket("T-1", "soon") + ticket("T-1"))
    assert result.counts == (2, 1, 1, 0)


def test_versions_of_one_key_are_all_kept_and_sort_as_text(land: Land) -> None:
    feeds = '[feeds.tickets.datasets.tickets]\nversion = ["@count", "updated_at"]\n'
    columns = {"number": "ticket_id", "opened": "created_at", "state": "status", "changed": "updated_at"}
    rows = "number,opened,state,changed,count\n" + "".join(
        f"T-1,2025-06-02 09:00:00,{state},2025-06-02 {hour}:00:00,{count}\n"
        for state, hour, count in [("open", 10, 2), ("closed", 12, 10), ("open", 10, 2), ("new", 9, 0)]
    )
    result = land(rows, feeds=feeds, columns=columns)
    assert result.counts == (4, 3, 0, 1)
    newest = result.con.execute(
        'select status from memory.landing."L1__tickets" order by version_key desc limit 1'
    ).fetchall()
    assert newest == [("closed",)]


# --- several datasets of one feed ---------------------------------------------------------------------------

LINES = """
[feeds.sales.datasets.order_items]
mapping = "order_items.csv"
[feeds.sales.datasets.orders]
mapping = "orders.csv"
collapse = true
"""
LINE_FILES: dict[str, str | dict[str, str]] = {
    "order_items.csv": {"order": "order_id", "line": "line_no", "price": "amount"},
    "orders.csv": {"order": "order_id", "buyer": "customer_id", "day": "ordered_at"},
}


def sales(land: Land, *rows: str) -> Result:
    text = "\n".join(["order,line,price,buyer,day", *rows]) + "\n"
    return land(text, "datetime_format = '%Y-%m-%d'", file="sales.csv", feeds=LINES, files=LINE_FILES)


def test_lines_collapse_into_the_order_they_describe(land: Land) -> None:
    result = sales(land, "O-1,1,5,C-1,2025-06-01", "O-1,2,7,C-1,2025-06-01", "O-2,1,9,C-2,2025-06-01")
    assert result.counts == (3, 3, 0, 0)
    assert result.landed.datasets == {"order_items": 3, "orders": 2}


def test_where_lines_disagree_about_their_order_the_first_wins_and_is_marked(land: Land) -> None:
    result = sales(land, "O-1,1,5,C-1,2025-06-01", "O-1,2,7,C-9,2025-06-01")
    assert result.rows("customer_id, flags", "orders") == [("C-1", ["collapsed_differently"])]
    assert "collapsed_differently" in result.codes


def test_a_record_with_a_fault_in_one_dataset_gives_no_row_to_any(land: Land) -> None:
    result = sales(land, "O-1,1,five,C-1,2025-06-01", "O-1,2,7,C-1,2025-06-01")
    assert result.counts == (2, 1, 1, 0)
    assert result.rows("source_row", "order_items") == result.rows("source_row", "orders") == [(2,)]


def test_a_repeated_line_is_a_duplicate_though_its_order_collapses(land: Land) -> None:
    assert sales(land, "O-1,1,5,C-1,2025-06-01", "O-1,1,5,C-1,2025-06-01").counts == (2, 1, 0, 1)


def test_where_chooses_the_records_that_give_a_row_and_hides_no_fault(land: Land) -> None:
    feeds = (
        '[feeds.tickets.datasets.tickets]\n[feeds.tickets.datasets.surveys]\nmapping = "surveys.csv"\n'
        'where = "responded_at is not null"\n'
    )
    files: dict[str, str | dict[str, str]] = {"surveys.csv": {"number": "survey_id", "rated": "responded_at"}}
    columns = {"number": "ticket_id", "opened": "created_at", "state": "status"}
    rows = "number,opened,state,rated\n" + "".join(
        f"T-{i},2025-06-02 09:00:00,open,{rated}\n" for i, rated in enumerate(["", "2025-06-03 00:00:00", "soon"])
    )
    result = land(rows, feeds=feeds, columns=columns, files=files)
    assert result.landed.datasets == {"tickets": 2, "surveys": 1}
    assert result.held == [(3, "responded_at", "bad_datetime")]


def test_the_currency_of_the_source_fills_orders_that_name_none(land: Land) -> None:
    text = "order,buyer,day\nO-1,C-1,2025-06-01\n"
    feeds = "[feeds.orders.datasets.orders]\n"
    files: dict[str, str | dict[str, str]] = {
        "orders.csv": {"order": "order_id", "buyer": "customer_id", "day": "ordered_at"}
    }
    result = land(text, "currency = 'BRL'\ndatetime_format = '%Y-%m-%d'", file="orders.csv", feeds=feeds, files=files)
    assert result.rows("currency", "orders") == [("BRL",)]


def test_days_are_days_without_a_zone(land: Land) -> None:
    feeds = "[feeds.customers.datasets.customers]\n"
    files: dict[str, str | dict[str, str]] = {"customers.csv": {"id": "customer_id", "born": "birthday"}}
    rows = "id,born\nC-1,03.04.1990\nC-2,31.02.1990\n"
    result = land(rows, "date_format = '%d.%m.%Y'", file="customers.csv", feeds=feeds, files=files)
    assert result.rows("birthday", "customers") == [(date(1990, 4, 3),)]
    assert result.held == [(2, "birthday", "bad_date")]
