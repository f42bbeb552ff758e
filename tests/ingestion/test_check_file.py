"""The dry run of one file: same verdict as the night, nothing kept."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path

import pytest

from ingestion.check import Reason, check_file
from ingestion.errors import MappingInvalid

NOW = datetime(2025, 7, 1)
CUSTOMERS = "customer_id,name,tier\nK-001,Ann,gold\n"
ORDERS = "order_id,customer_id,ordered_at,amount\n"


def write(folder: Path, name: str, text: str) -> Path:
    path = folder / name
    path.write_text(text, encoding="utf-8")
    return path


def test_reasons_name_record_key_column_and_code(tmp_path: Path) -> None:
    rows = ["S-001,K-001,{},5", "S-002,K-002,{},5", "S-003,K-001,{},-5", "S-004,K-001,{},5"]
    text = ORDERS + "".join(f"{row.format('2025-06-01 10:00:00')}\n" for row in rows)
    orders = write(tmp_path, "anything.csv", text)
    customers = write(tmp_path, "customers.csv", CUSTOMERS)
    result = check_file(orders, "helpdesk", "orders", {}, {"customers": customers}, now=NOW)
    assert (result.verdict, result.rows_read, result.rows_loaded) == ("quarantine", 4, 2)
    assert result.reasons == [
        Reason(2, "S-002", "customer_id", "orphan_customer"),
        Reason(3, "S-003", "amount", "negative_amount"),
    ]


def test_a_file_without_a_usual_extension_is_refused_as_such(tmp_path: Path) -> None:
    orders = write(tmp_path, "orders.zip", ORDERS)
    (fault,) = check_file(orders, "helpdesk", "orders", {}, {}, now=NOW).faults
    assert fault.code == "unknown_format"


def test_a_small_file_of_which_most_is_faulty_is_refused_with_the_main_reason(tmp_path: Path) -> None:
    good, bad = "S-{},K-001,2025-06-01 10:00:00,5\n", "S-{},K-001,01.06.2025,5\n"
    half = ORDERS + "".join(good.format(100 + i) for i in range(2)) + "".join(bad.format(200 + i) for i in range(2))
    assert (
        check_file(write(tmp_path, "half.csv", half), "helpdesk", "orders", {}, {}, now=NOW).verdict == "quarantine"
    )
    more = half + bad.format(300) + "S-301,K-001,2025-06-01 10:00:00,-1\n"
    refused = check_file(write(tmp_path, "more.csv", more), "helpdesk", "orders", {}, {}, now=NOW)
    assert refused.verdict == "reject"
    (fault,) = refused.faults
    assert fault.code == "mostly_held_back"
    wanted = {"reason_code": "bad_datetime", "reason_column": "ordered_at", "reason_count": 3}
    assert wanted.items() <= fault.fields.items()
    alone = write(tmp_path, "alone.csv", ORDERS + bad.format(100))
    assert check_file(alone, "helpdesk", "orders", {}, {}, now=NOW).verdict == "reject"


def test_without_context_nobody_is_unknown(tmp_path: Path) -> None:
    orders = write(tmp_path, "orders.csv", ORDERS + "S-001,K-999,2025-06-01 10:00:00,5\n")
    assert check_file(orders, "helpdesk", "orders", {}, {}, now=NOW).verdict == "accept"


def test_options_replace_what_the_source_declares(tmp_path: Path) -> None:
    orders = write(tmp_path, "orders.csv", ORDERS.replace(",", ";") + "S-001;K-001;01.06.2025;5\n")
    options = {"delimiter": ";", "datetime_format": "%d.%m.%Y"}
    assert check_file(orders, "helpdesk", "orders", options, {}, now=NOW).verdict == "accept"
    refused = check_file(orders, "helpdesk", "orders", {}, {}, now=NOW)
    assert (refused.verdict, refused.reasons) == ("reject", [Reason(0, "", "", "missing_column")])
    assert refused.faults[0].fields["mapping"] == "helpdesk/orders.csv"


def test_of_a_file_that_lost_its_header_no_record_is_told(tmp_path: Path) -> None:
    customers = write(tmp_path, "customers.csv", "K-001,Ann Smith,gold\nK-002,Bo Jones,gold\n")
    result = check_file(customers, "helpdesk", "customers", {}, {}, now=NOW)
    assert [fault.code for fault in result.faults] == ["missing_column"]
    assert "Ann" not in str(result)


def test_a_missing_file_is_refused_like_an_unreadable_one(tmp_path: Path) -> None:
    result = check_file(tmp_path / "gone.csv", "helpdesk", "orders", {}, {}, now=NOW)
    assert (result.verdict, result.reasons[0].code) == ("reject", "unreadable")


def test_the_plain_contract_refuses_what_is_not_on_its_lists(tmp_path: Path) -> None:
    header = "ticket_id,customer_id,created_at,status,priority,channel,csat_score\n"
    rows = [
        "HD-1,K-001,2025-06-01 10:00:00,new,high,web,5",
        "HD-2,K-001,2025-06-01 10:00:00,waiting,high,web,",
        "HD-3,K-001,2025-06-01 10:00:00,new,asap,web,",
        "HD-4,K-001,2025-06-01 10:00:00,new,high,fax,",
        "HD-5,,2025-06-01 10:00:00,new,high,web,",
        "HD-6,K-001,2025-06-01 10:00:00,new,high,web,6",
        *(f"HD-{i},K-001,2025-06-01 10:00:00,new,high,web," for i in range(7, 11)),
    ]
    tickets = write(tmp_path, "tickets.csv", header + "\n".join(rows) + "\n")
    result = check_file(tickets, "helpdesk", "tickets", {}, {}, now=NOW)
    assert [(reason.row, reason.code) for reason in result.reasons] == [
        (2, "unknown_status"),
        (3, "unknown_priority"),
        (4, "unknown_channel"),
        (5, "missing_value"),
        (6, "score_out_of_scale"),
    ]


@pytest.mark.parametrize(
    ("source", "feed", "context"),
    [("nowhere", "orders", {}), ("helpdesk", "nothing", {}), ("helpdesk", "orders", {"visits": "x"})],
)
def test_wrong_names_are_wrong_usage_not_a_verdict(
    tmp_path: Path, source: str, feed: str, context: dict[str, str]
) -> None:
    orders = write(tmp_path, "orders.csv", ORDERS)
    with pytest.raises(MappingInvalid):
        check_file(orders, source, feed, {}, {name: Path(path) for name, path in context.items()}, now=NOW)


def test_a_trial_reads_what_is_joined_from_the_folder_of_the_file(tmp_path: Path) -> None:
    own = tmp_path / "mappings" / "desk"
    own.mkdir(parents=True)
    join = "[[feeds.orders.joins]]\nfile = 'shops\\.csv'\non = 'shop'\nprefix = 'shop.'\n"
    (own / "source.toml").write_text("[feeds.orders.datasets.orders]\n" + join, encoding="utf-8")
    columns = (
        "id,order_id\nbuyer,customer_id\nat,ordered_at\npaid,amount\nshop.kind,order_kind\n=paid,status\nshop,\n"
    )
    (own / "orders.csv").write_text("their_heading,our_column\n" + columns, encoding="utf-8")
    orders = write(tmp_path, "orders.csv", "id,buyer,at,paid,shop\nO001,C001,2025-06-01 10:00:00,10,7\n")

    def codes() -> list[str]:
        result = check_file(orders, "desk", "orders", {}, {}, own_mappings=own.parent, now=NOW)
        assert (result.verdict, result.rows_loaded) == ("accept", 1)
        return [finding.code for finding in result.warnings]

    assert codes() == ["joined_file_missing", "absent_column"]
    write(tmp_path, "shops.csv", "shop,kind\n7,sale\n")
    assert codes() == []
