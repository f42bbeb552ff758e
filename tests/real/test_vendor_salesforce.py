"""Salesforce: the tables of a warehouse connector as they come, and cases by hand.

No export of cases was at hand: the cases here are written with the standard names of the object's fields. The tables
do not fit together: no order and no contact names an account of theirs.
"""

from collections.abc import Callable
from datetime import datetime
from pathlib import Path

import pytest

from dashboard.metrics import query
from tests.real.vendor import counts, landed, rows, table, told

pytestmark = pytest.mark.slow

UNKNOWN = {"unmapped_column", "unmatched_file", "joined_file_missing"}


@pytest.fixture(scope="module")
def tables(shared_dir: Path) -> Path:
    return shared_dir / "data" / "vendor_salesforce"


@pytest.fixture(scope="module")
def connector(night: Callable[..., query.Snapshot], tables: Path) -> query.Snapshot:
    return night("salesforce", *sorted(tables.glob("*.csv")))


# --- The tables of a connector -----------------------------------------------------------------------------


@pytest.mark.real
def test_every_record_of_the_tables_is_accounted_for(connector: query.Snapshot, tables: Path) -> None:
    accounts = set(table(tables / "sf_account_data.csv")["id"])
    orders = table(tables / "sf_order_data.csv")
    assert len(orders) == 10
    assert not set(orders["account_id"]) & accounts
    assert counts(connector) == {
        "sf_account_data.csv": (10, 10, 0, 0),
        "sf_contact_data.csv": (4, 4, 0, 0),
        "sf_order_data.csv": (10, 0, 10, 0),
        "sf_product_2_data.csv": (2, 2, 0, 0),
    }
    assert rows(connector, "select distinct code from meta.quarantine") == [("orphan_customer",)]


@pytest.mark.real
def test_no_heading_and_no_table_is_unknown(connector: query.Snapshot) -> None:
    assert not UNKNOWN & told(connector).keys()


@pytest.mark.real
def test_deleted_accounts_are_gone_and_contacts_belong_to_their_account(
    connector: query.Snapshot, tables: Path
) -> None:
    accounts = table(tables / "sf_account_data.csv")
    contacts = table(tables / "sf_contact_data.csv")
    kept = list(accounts[accounts["is_deleted"] == "false"]["id"])
    assert kept == ["0015500000Xyy06AAB"]
    masters = {one: account or one for one, account in zip(contacts["id"], contacts["account_id"], strict=True)}
    customers = {f"salesforce:{number}" for number in (*kept, *masters.values())}
    assert {row[0] for row in rows(connector, "select customer_key from core.dim_customers")} == customers
    ids = dict(rows(connector, "select named_key, customer_key from core.dim_customer_ids"))
    assert {one: ids[f"salesforce:{one}"] for one in masters} == {
        one: f"salesforce:{master}" for one, master in masters.items()
    }
    assert rows(connector, "select distinct customer_type from core.dim_customers") == [("business",)]


@pytest.mark.real
def test_products_are_the_table_s(connector: query.Snapshot, tables: Path) -> None:
    products = table(tables / "sf_product_2_data.csv")
    expected = sorted((f"salesforce:{one}", name) for one, name in zip(products["id"], products["name"], strict=True))
    assert rows(connector, "select product_key, product from core.dim_products order by 1") == expected


@pytest.mark.real
def test_orders_load_where_no_accounts_are_exported(tables: Path) -> None:
    result, orders = landed(tables / "sf_order_data.csv", "salesforce", "order", "orders")
    expected = table(tables / "sf_order_data.csv")
    assert (result.verdict, result.rows_loaded) == ("accept", 10)
    assert [float(order["amount"]) for order in orders] == [*map(float, expected["total_amount"])]
    assert sum(map(float, expected["total_amount"])) == pytest.approx(54_800.6)
    assert {order["ordered_at"] for order in orders} == {datetime(2019, 11, 11, 17, 23, 34)}
    assert {order["status"] for order in orders} == {"paid"}


# --- Cases by hand -----------------------------------------------------------------------------------------

A, P, Q = "0011U00000Aaa01QAB", "0031U00000Ppp01QAC", "0031U00000Qqq01QAC"
C1, C2, C3, C4, C5 = (f"5001U00000Abc0{number}QAB" for number in range(1, 6))
ACCOUNTS = f"""Id,IsDeleted,Name,BillingCity,BillingState,Industry,OwnerId,CreatedDate,LastModifiedDate,Segment__c
{A},false,Acme,Chicago,Illinois,Retail,0051U000001QAA,2025-01-01T00:00:00.000Z,2025-06-01T00:00:00.000Z,x
"""
CONTACTS = f"""Id,IsDeleted,AccountId,Name,Email,CreatedDate,LastModifiedDate
{P},false,{A},Ann Lee,ann@example.com,2025-02-01T00:00:00.000Z,2025-06-01T00:00:00.000Z
{Q},false,,Bo Ray,bo@example.com,2025-02-01T00:00:00.000Z,2025-06-01T00:00:00.000Z
"""
CASES = f"""Id,IsDeleted,CaseNumber,ContactId,AccountId,Type,Status,Reason,Origin,Subject,Priority,IsClosed,\
ClosedDate,IsEscalated,OwnerId,CreatedDate,LastModifiedDate,Product__c
{C1},false,00001001,{P},{A},Question,Done - no reply,Installation,Email,help,High,true,2026-03-02T04:00:00.000Z,\
false,0051U000001QAA,2026-03-02T01:00:00.000Z,2026-03-02T04:00:00.000Z,x
{C2},false,00001002,{Q},,Problem,Waiting on Customer,,Phone,late,Medium,false,,true,0051U000001QAA,\
2026-03-02T02:00:00.000Z,2026-03-02T02:20:00.000Z,
{C3},true,00001003,{P},{A},,New,,Web,spam,Low,false,,false,0051U000001QAA,2026-03-02T03:00:00.000Z,\
2026-03-02T03:00:00.000Z,
{C4},false,00001004,,0011U00000Zzz01QAB,,New,,Fax,lost,Low,false,,false,0051U000001QAA,2026-03-02T03:00:00.000Z,\
2026-03-02T03:00:00.000Z,
{C5},false,00001005,{P},,,In the workshop,,Web,broken,Low,false,,false,0051U000001QAA,2026-03-02T05:00:00.000Z,\
2026-03-02T05:00:00.000Z,
"""
HISTORY = f"""Id,IsDeleted,CaseId,CreatedById,CreatedDate,Field,DataType,OldValue,NewValue
0171,false,{C1},0051U000001QAA,2026-03-02T01:00:00.000Z,created,Text,,
0172,false,{C1},0051U000001QAA,2026-03-02T01:30:00.000Z,Status,DynamicEnum,New,Working
0173,false,{C1},0051U000001QAA,2026-03-02T01:30:00.000Z,Owner,Text,Queue,Bob
0174,false,{C1},0051U000001QAA,2026-03-02T04:00:00.000Z,Status,DynamicEnum,Working,Done - no reply
"""
EMAILS = f"""Id,ParentId,MessageDate,CreatedDate,Incoming,Status,IsDeleted,Subject,TextBody
02s1,{C1},2026-03-02T01:00:00.000Z,2026-03-02T01:00:01.000Z,true,1,false,help,…
02s2,{C1},2026-03-02T01:10:00.000Z,2026-03-02T01:10:00.000Z,false,5,false,draft,…
02s3,{C1},2026-03-02T01:30:00.000Z,2026-03-02T01:30:00.000Z,false,3,false,re: help,…
02s4,0061U00000Opp01QAB,2026-03-02T01:40:00.000Z,2026-03-02T01:40:00.000Z,false,3,false,an offer,…
"""
COMMENTS = f"""Id,ParentId,IsPublished,CommentBody,CreatedById,CreatedDate,LastModifiedDate,IsDeleted
00a1,{C2},false,a note,0051U000001QAA,2026-03-02T02:10:00.000Z,2026-03-02T02:10:00.000Z,false
00a2,{C2},true,an answer,0051U000001QAA,2026-03-02T02:20:00.000Z,2026-03-02T02:20:00.000Z,false
00a3,{C2},true,thanks,0051U000002QAA,2026-03-02T02:40:00.000Z,2026-03-02T02:40:00.000Z,false
"""
USERS = "Id,UserType\n0051U000001QAA,Standard\n0051U000002QAA,CspLitePortal\n"


@pytest.fixture(scope="module")
def written(night: Callable[..., query.Snapshot], tmp_path_factory: pytest.TempPathFactory) -> query.Snapshot:
    folder = tmp_path_factory.mktemp("written")
    texts = {"Account": ACCOUNTS, "Contact": CONTACTS, "Case": CASES, "CaseHistory": HISTORY}
    texts |= {"EmailMessage": EMAILS, "CaseComment": COMMENTS, "User": USERS}
    for name, text in texts.items():
        (folder / f"{name}.csv").write_text(text, encoding="utf-8")
    return night("salesforce", *sorted(folder.iterdir()), is_judged=False)


def test_a_case_counts_for_the_account_of_its_contact(written: query.Snapshot) -> None:
    sql = "select ticket_id, customer_key, region, is_counted from core.fct_tickets order by ticket_id"
    assert rows(written, sql) == [
        (C1, f"salesforce:{A}", "Illinois", True),
        (C2, f"salesforce:{Q}", "unknown", True),
        (C3, f"salesforce:{A}", "Illinois", False),
        (C5, f"salesforce:{A}", "Illinois", True),
    ]
    # The account of the fourth was not exported.
    held = rows(written, "select file, source_row, column_name, code from meta.quarantine")
    assert held == [("Case.csv", 4, "customer_id", "orphan_customer")]
    assert not UNKNOWN & told(written).keys()


def test_words_become_ours_and_unknown_states_go_by_is_closed(written: query.Snapshot) -> None:
    sql = "select ticket_id, status, channel, kind, category, priority from core.fct_tickets where is_counted"
    assert rows(written, f"{sql} order by ticket_id") == [
        (C1, "closed", "email", "consult", "Installation", "high"),
        (C2, "pending", "phone", "other", "unknown", "normal"),
        (C5, "open", "web", "unknown", "unknown", "low"),
    ]


def test_first_answer_and_solution(written: query.Snapshot) -> None:
    """The draft at 01:10 was never sent, so 30 minutes, by the e-mail of the second in which the status changed; the
    note at 02:10 is none of the customer's, so 20 minutes. Closed after three hours in a state of one's own."""
    sql = """select ticket_id, first_response_at, response_calendar_seconds, is_open, resolved_at,
        resolution_calendar_seconds from core.fct_tickets where ticket_id in (?, ?) order by 1"""
    sql = sql.replace("(?, ?)", f"('{C1}', '{C2}')")
    first, second = rows(written, sql)
    morning = datetime(2026, 3, 2)
    closed = morning.replace(hour=4)
    assert first == (C1, morning.replace(hour=1, minute=30), 1800, False, closed, 3 * 3600)
    assert second[:4] == (C2, morning.replace(hour=2, minute=20), 1200, True)


def test_what_is_not_of_a_case_is_no_event(written: query.Snapshot) -> None:
    sql = """select ticket_key, event_type, actor_role, is_public, strftime(occurred_at, '%H:%M')
        from core.fct_ticket_events order by occurred_at, event_type"""
    first, second = f"salesforce:{C1}", f"salesforce:{C2}"
    assert rows(written, sql) == [
        (first, "message", "customer", True, "01:00"),
        (first, "message", "agent", True, "01:30"),
        (first, "status", None, None, "01:30"),
        (second, "message", "agent", False, "02:10"),
        (second, "message", "agent", True, "02:20"),
        (second, "message", "customer", True, "02:40"),
        (first, "status", None, None, "04:00"),
    ]


def test_events_of_the_same_second_are_two(tmp_path: Path) -> None:
    """A rule that changes the state at once after a person did: the export gives both the same second."""
    path = tmp_path / "CaseHistory.csv"
    row = "{},5001U00000Aaa01QAB,Status,{},{},2026-03-02T01:00:00.000Z\n"
    lines = row.format("0171U000001QAA", "New", "Working") + row.format("0171U000002QAA", "Working", "Closed")
    path.write_text("Id,CaseId,Field,OldValue,NewValue,CreatedDate\n" + lines, encoding="utf-8")
    result, events = landed(path, "salesforce", "case_history", "ticket_events")
    assert (result.verdict, [event["status"] for event in events]) == ("accept", ["open", "closed"])
    assert len({(event["ticket_id"], event["event_seq"]) for event in events}) == 2


SNAKE = """case_number,created_date,closed_date,is_closed,status,priority,origin,type,reason,account_id,contact_id,\
owner_id,is_escalated,last_modified_date,is_deleted,_fivetran_synced
00001001,2026-03-02 01:00:00,2026-03-02 04:00:00,TRUE,Closed,High,Web,,,0011U00000Aaa01QAB,,0051U000001QAA,FALSE,\
2026-03-02 04:00:00,FALSE,2026-03-03 00:00:00
00001002,2026-03-02 01:00:00,,FALSE,New,Low,Email,,,,0031U00000Qqq01QAC,0051U000001QAA,FALSE,2026-03-02 01:00:00,\
TRUE,2026-03-03 00:00:00
"""


@pytest.mark.parametrize("is_snake", [True, False], ids=["case_number", "CaseNumber"])
def test_cases_load_by_either_spelling_and_by_number_where_no_id_is_exported(tmp_path: Path, is_snake: bool) -> None:
    path = tmp_path / ("sf_case_data.csv" if is_snake else "Case.csv")
    heading, _, records = SNAKE.partition("\n")
    api = ",".join(name.title().replace("_", "") for name in heading.split(",")[:-1]) + ",_fivetran_synced"
    path.write_text(f"{heading if is_snake else api}\n{records}", encoding="utf-8")
    result, (closed, deleted) = landed(path, "salesforce", "case", "tickets")
    assert result.verdict == "accept"
    assert "unmapped_column" not in {finding.code for finding in result.warnings}
    assert (closed["ticket_id"], closed["customer_id"], closed["status"]) == ("00001001", A, "closed")
    assert (closed["closed_at"], closed["is_deleted"]) == (datetime(2026, 3, 2, 4), False)
    assert (deleted["customer_id"], deleted["channel"], deleted["is_deleted"]) == (Q, "email", True)
