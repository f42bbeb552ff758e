"""HubSpot: the tables of a warehouse connector as they come, and small exports in both of its shapes.

Expected values are read off the files by hand. The tables do not fit together: no ticket names a contact of theirs,
no deal has a stage, and one stage of four is explained; what does fit is written in the small exports here.
"""

from collections.abc import Callable
from datetime import datetime
from decimal import Decimal
from pathlib import Path

import pytest

from dashboard.metrics import query
from tests.real.vendor import counts, rows, table, taken, told, write

pytestmark = pytest.mark.slow

UNKNOWN = {"unmapped_column", "unmatched_file", "joined_file_missing"}


@pytest.fixture(scope="module")
def tables(shared_dir: Path) -> Path:
    return shared_dir / "data" / "vendor_hubspot"


@pytest.fixture(scope="module")
def hubspot(night: Callable[..., query.Snapshot], tables: Path) -> query.Snapshot:
    return night("hubspot", *sorted(tables.glob("*.csv")))


@pytest.mark.real
def test_every_record_and_heading_of_the_tables_is_accounted_for(hubspot: query.Snapshot) -> None:
    assert counts(hubspot) == {
        "contact_data.csv": (22, 22, 0, 0),
        "contact_merge_audit_data.csv": (4, 4, 0, 0),
        "deal_data.csv": (44, 44, 0, 0),
        "ticket_data.csv": (25, 25, 0, 0),
        "ticket_property_history_data.csv": (15, 15, 0, 0),
    }
    assert not UNKNOWN & told(hubspot).keys()


@pytest.mark.real
def test_the_tickets_hold_what_the_table_says(hubspot: query.Snapshot, tables: Path) -> None:
    records = table(tables / "ticket_data.csv").to_dict("records")

    def instant(text: str) -> datetime | None:
        return datetime.fromisoformat(text) if text else None

    sql = "select ticket_id, created_at, first_response_at, agent_id, category from core.fct_tickets"
    assert {row[0]: row[1:] for row in rows(hubspot, sql)} == {
        record["id"]: (
            instant(record["property_createdate"]),
            instant(record["property_first_agent_reply_date"]),
            record["property_hubspot_owner_id"] or None,
            record["property_hs_ticket_category"] or "unknown",
        )
        for record in records
    }


@pytest.mark.real
def test_the_stage_tells_the_status_and_where_nobody_explains_it_the_close_date_does(hubspot: query.Snapshot) -> None:
    """One ticket stands in a stage that the stage table calls open, although it has a close date."""
    explained = "select ticket_id, status, is_open, closed_at from core.fct_tickets where status <> 'unknown'"
    assert rows(hubspot, explained) == [("350123456", "open", True, datetime(2025, 7, 25, 8, 15))]
    # 23 of the other 24 have a close date but for two, and one of those dates lies before the ticket.
    others = """select count(*), count(*) filter (not is_open), count(*) filter (resolved_at = closed_at)
        from core.fct_tickets where status = 'unknown'"""
    assert rows(hubspot, others) == [(24, 21, 21)]
    impossible = rows(hubspot, "select is_open, closed_at from core.fct_tickets where ticket_id = '307034542'")
    assert impossible == [(True, None)]
    assert told(hubspot)["closed_before_created"][0]["count"] == 1


@pytest.mark.real
def test_changes_of_the_stage_are_the_status_history(hubspot: query.Snapshot) -> None:
    """15 changes of properties, of which two are of the stage; micros by hand: 1594292781.056 and 1735689600 s."""
    events = "select ticket_key, event_seq, occurred_at, event_type, status from core.fct_ticket_events order by 2"
    assert rows(hubspot, events) == [
        ("hubspot:350123456", 1594292781056000, datetime(2020, 7, 9, 11, 6, 21, 56000), "status", "open"),
        ("hubspot:350123456", 1735689600000000, datetime(2025, 1, 1), "status", "open"),
    ]


@pytest.mark.real
def test_what_the_tables_do_not_tell_is_not_there(hubspot: query.Snapshot) -> None:
    assert rows(hubspot, "select count(*) from core.dim_customers") == [(22,)]
    assert rows(hubspot, "select count(*) from core.fct_tickets where customer_key is not null") == [(0,)]
    brought = {row[0] for row in rows(hubspot, "select dataset from meta.datasets where row_count > 0")}
    assert not brought & {"orders", "customer_links"}
    chosen = {found["dataset"]: (found["count"], found["of"]) for found in told(hubspot)["rows_not_chosen"]}
    assert chosen == {"orders": (44, 44), "customer_links": (4, 4), "ticket_events": (13, 15)}


STAGES = """stage_id,pipeline_id,label,ticket_state,is_closed,display_order,active
1,0,New,OPEN,false,0,true
2,0,Waiting on contact,OPEN,false,1,true
77,9,Vom Hersteller erwartet,OPEN,false,2,true
78,9,Erledigt,CLOSED,true,3,true
"""
TICKETS = """id,is_deleted,property_createdate,property_closed_date,property_first_agent_reply_date,\
property_hs_pipeline_stage,property_hs_ticket_priority,property_source_type,property_hs_time_to_close_sla_status,\
property_hs_lastmodifieddate,property_subject
1001,false,2024-05-01 08:00:00,,,1,HIGH,EMAIL,0,2024-05-01 08:00:00,one
1002,false,2024-05-01 09:00:00,,2024-05-01 09:30:00.250,2,MEDIUM,CHAT,2,2024-05-02 08:00:00,two
1003,false,2024-05-01 10:00:00,,2024-05-01 10:10:00,77,LOW,PHONE,1,2024-05-02 08:00:00,three
1004,false,2024-05-01 11:00:00,2024-05-03 11:00:00,2024-05-01 11:05:00,78,URGENT,FORM,3,2024-05-03 11:00:00,four
1005,true,2024-05-01 12:00:00,2024-05-03 12:00:00,,4,,,,2024-05-03 12:00:00,five
1006,false,2024-05-01 13:00:00,,,1,,,,2024-05-01 13:00:00,six
"""
# Of two contacts the first counts; 503 was merged into 502 since; 599 was never exported.
TICKET_CONTACTS = "ticket_id,contact_id\n1001,501\n1001,502\n1002,502\n1003,503\n1006,599\n"
CONTACTS = """id,_fivetran_deleted,property_firstname,property_country,property_createdate,_fivetran_synced
501,FALSE,Ada,United Kingdom,2024-01-01 08:00:00,2024-05-03 06:00:00
502,FALSE,Grace,United States,2024-01-02 08:00:00,2024-05-03 06:00:00
503,TRUE,Grace,Canada,2024-01-03 08:00:00,2024-05-03 06:00:00
"""
# 999 was merged away before anything was exported.
MERGES = """canonical_vid,contact_id,vid_to_merge,entity_id,timestamp
502,502,503,json,2024-02-01 08:00:00
502,502,999,json,2024-02-01 08:00:00
"""
HISTORY = """ticket_id,name,value,source,source_id,timestamp_instant
1004,subject,four,CRM,,2024-05-01 11:00:00
1004,hs_pipeline_stage,1,CRM,,2024-05-01 11:00:00
1004,hs_pipeline_stage,78,CRM,,2024-05-02 11:00:00.500
1004,hs_pipeline_stage,77,CRM,,2024-05-02 15:00:00
1004,hs_pipeline_stage,78,CRM,,2024-05-03 11:00:00
"""
DEALS = """deal_id,is_deleted,deal_pipeline_stage_id,property_amount,property_closedate,property_createdate,\
property_deal_currency_code,owner_id,property_hs_lastmodifieddate
1,false,won,1200.50,2024-04-01 08:00:00,2024-01-01 08:00:00,EUR,1,2024-04-01 08:00:00
2,false,open,900,2031-01-01 08:00:00,2024-01-01 08:00:00,EUR,1,2024-04-01 08:00:00
3,false,lost,800,2024-04-02 08:00:00,2024-01-01 08:00:00,EUR,1,2024-04-02 08:00:00
4,true,won,700,2024-04-03 08:00:00,2024-01-01 08:00:00,EUR,1,2024-04-03 08:00:00
5,false,won,600,2024-04-04 08:00:00,2024-01-01 08:00:00,EUR,1,2024-04-04 08:00:00
"""
DEAL_STAGES = """stage_id,label,closed_won,is_closed
won,Closed Won,true,true
open,Sent,false,false
lost,Lost,false,true
"""


@pytest.fixture(scope="module")
def account(night: Callable[..., query.Snapshot], tmp_path_factory: pytest.TempPathFactory) -> query.Snapshot:
    """Tables of one small account that fit together."""
    folder = tmp_path_factory.mktemp("account")
    files = {
        "ticket.csv": TICKETS, "ticket_pipeline_stage.csv": STAGES, "ticket_contact.csv": TICKET_CONTACTS,
        "ticket_property_history.csv": HISTORY, "contact.csv": CONTACTS, "contact_merge_audit.csv": MERGES,
        "deal.csv": DEALS, "deal_pipeline_stage.csv": DEAL_STAGES,
        "deal_contact.csv": "deal_id,contact_id\n1,501\n2,501\n3,501\n4,501\n",
    }  # fmt: skip
    return night("hubspot", *write(folder, files), is_judged=False)


def test_stages_of_any_pipeline_and_the_first_contact_of_a_ticket(account: query.Snapshot) -> None:
    assert not UNKNOWN & told(account).keys()
    sql = """select ticket_id, status, customer_key, region, priority, channel, source_sla_met, is_open, is_counted
        from core.fct_tickets order by ticket_id"""
    assert rows(account, sql) == [
        ("1001", "new", "hubspot:501", "United Kingdom", "high", "email", None, True, True),
        ("1002", "pending", "hubspot:502", "United States", "normal", "chat", None, True, True),
        ("1003", "open", "hubspot:502", "United States", "low", "phone", False, True, True),
        ("1004", "closed", None, "unknown", "urgent", "web", True, False, True),
        # The stage table does not name stage 4, but it is everybody's; deleted, so it counts nowhere.
        ("1005", "closed", None, "unknown", "unknown", "unknown", None, False, False),
    ]


def test_a_ticket_waits_for_a_contact_that_was_not_exported(account: query.Snapshot) -> None:
    held = "select file, source_row, column_name, code from meta.quarantine"
    assert rows(account, held) == [("ticket.csv", 6, "customer_id", "orphan_customer")]


def test_the_stage_history_tells_of_a_reopening(account: query.Snapshot) -> None:
    spans = "select opened_at, ended_at from core.fct_open_spans where ticket_key = 'hubspot:1004' order by span_no"
    assert rows(account, spans) == [
        (datetime(2024, 5, 1, 11), datetime(2024, 5, 2, 11, 0, 0, 500000)),
        (datetime(2024, 5, 2, 15), datetime(2024, 5, 3, 11)),
    ]


def test_deals_that_were_won_are_orders_of_their_contact(account: query.Snapshot) -> None:
    """Neither the open, the lost and the deleted deal, nor the one that names no contact."""
    orders = "select order_id, customer_key, ordered_at, amount, currency, is_purchase from core.fct_orders"
    assert rows(account, orders) == [
        ("1", "hubspot:501", datetime(2024, 4, 1, 8), Decimal("1200.5"), "EUR", True),
    ]


def test_contacts_that_were_merged_are_one_customer(account: query.Snapshot) -> None:
    assert rows(account, "select customer_key from core.dim_customers order by 1") == [
        ("hubspot:501",),
        ("hubspot:502",),
    ]
    ids = "select customer_key from core.dim_customer_ids where named_key = 'hubspot:503'"
    assert rows(account, ids) == [("hubspot:502",)]


def test_without_the_stage_table_only_the_default_stages_are_known(tmp_path: Path) -> None:
    files = {"ticket.csv": TICKETS, "ticket_contact.csv": TICKET_CONTACTS}
    codes, statuses = taken(tmp_path, files, "hubspot", "ticket", "tickets", "status")
    assert "joined_file_missing" in codes
    assert statuses == [("new",), ("pending",), ("unknown",), ("unknown",), ("closed",), ("new",)]


OWN_TICKETS = """Ticket ID,Ticket name,Pipeline,Ticket status,Create date,Close date,Priority,Source,Ticket owner,\
Category,First agent email response date,Last modified date,Associated Contact IDs,Associated Contact
2001,one,Help,New (Help),2024-05-01 08:00,,High,Email,王伟,Billing,,2024-05-01 08:00,501;502,Ada
2002,two,Help,Waiting on us (Help),2024-05-01 09:00,,Low,Phone,Jo Doe,,2024-05-01 09:20,2024-05-01 09:20,502,Grace
2003,three,Help,Waiting on contact,2024-05-01 09:00,,Low,Phone,Jo Doe,,2024-05-01 09:20,2024-05-01 09:20,502,Grace
2004,four,Help,Closed,2024-05-01 10:00,2024-05-02 10:00,,Chat,,,,2024-05-02 10:00,,
"""


def test_the_list_export_of_tickets(tmp_path: Path) -> None:
    files = {"hubspot-crm-exports-all-tickets-2024-05-03.csv": OWN_TICKETS}
    columns = "ticket_id, status, customer_id, channel, priority, agent_id, first_response_at, closed_at"
    codes, tickets = taken(tmp_path, files, "hubspot", "tickets", "tickets", columns)
    assert not UNKNOWN & codes
    assert tickets == [
        ("2001", "new", "501", "email", "high", "王伟", None, None),
        ("2002", "open", "502", "phone", "low", "Jo Doe", datetime(2024, 5, 1, 9, 20), None),
        ("2003", "pending", "502", "phone", "low", "Jo Doe", datetime(2024, 5, 1, 9, 20), None),
        ("2004", "closed", None, "chat", None, None, None, datetime(2024, 5, 2, 10)),
    ]


def test_the_list_exports_of_contacts_and_deals(tmp_path: Path) -> None:
    contacts = """Record ID,First Name,Last Name,Email,Contact owner,City,Country/Region,Lifecycle Stage,Create Date
501,Ada,Lovelace,ada@example.com,Jo Doe,London,United Kingdom,Customer,2024-01-01 08:00
502,Grace,,,,,,,2024-01-02 08:00
"""
    files = {"hubspot-crm-exports-all-contacts-2024-05-03.csv": contacts}
    columns = "customer_id, name, region, segment, is_gone"
    codes, customers = taken(tmp_path, files, "hubspot", "contact", "customers", columns)
    assert not UNKNOWN & codes
    assert customers == [
        ("501", "Ada Lovelace", "United Kingdom", "Customer", False),
        ("502", "Grace", None, None, False),
    ]
    deals = """Record ID,Deal Name,Deal Stage,Is Closed Won,Amount,Close Date,Create Date,Associated Contact IDs
31,a,Closed Won,true,100.00,2024-04-01 08:00,2024-01-01 08:00,502;501
32,b,Closed Lost,false,200.00,2024-04-01 08:00,2024-01-01 08:00,502
"""
    files = {"hubspot-crm-exports-all-deals-2024-05-03.csv": deals}
    codes, orders = taken(tmp_path, files, "hubspot", "deals", "orders", "order_id, customer_id, amount, is_gone")
    assert not UNKNOWN & codes
    assert orders == [("31", "502", Decimal(100), False), ("32", "502", Decimal(200), True)]


def test_a_deal_that_was_won_and_lost_again_is_no_order_any_more(tmp_path: Path) -> None:
    """Nor is a deleted one, whose contact the connector no longer names."""
    deals = """deal_id,deal_pipeline_stage_id,property_closedate,property_amount,is_deleted
41,won,2024-04-01 08:00:00,10,false
42,lost,2024-04-02 08:00:00,20,false
43,won,2024-04-02 08:00:00,30,true
44,won,2024-04-02 08:00:00,40,false
"""
    files = {
        "deal_data.csv": deals,
        "deal_pipeline_stage_data.csv": "stage_id,closed_won\nwon,true\nlost,false\n",
        "deal_contact_data.csv": "deal_id,contact_id\n41,501\n",
    }
    _, orders = taken(tmp_path, files, "hubspot", "deal", "orders", "order_id, is_gone")
    assert orders == [("41", False), ("42", True), ("43", True)]
