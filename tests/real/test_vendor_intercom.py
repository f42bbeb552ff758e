"""Intercom: the tables of a warehouse connector as they come, and those of a small workspace that fit together.

Expected values are read off the files by hand. In the tables as they come no part belongs to one of the two
conversations, no contact to a conversation, and nobody rated anything.
"""

from collections.abc import Callable
from datetime import datetime
from decimal import Decimal
from pathlib import Path

import pytest

from dashboard.metrics import query
from tests.real.vendor import counts, rows, taken, told, write

pytestmark = pytest.mark.slow

UNKNOWN = {"unmapped_column", "unmatched_file", "joined_file_missing"}


@pytest.fixture(scope="module")
def intercom(night: Callable[..., query.Snapshot], shared_dir: Path) -> query.Snapshot:
    return night("intercom", *sorted((shared_dir / "data" / "vendor_intercom").glob("*.csv")))


@pytest.mark.real
def test_every_record_and_heading_of_the_tables_is_accounted_for(intercom: query.Snapshot) -> None:
    """The nine parts belong to conversations that are not in the table, and wait for them."""
    assert counts(intercom) == {
        "contact_history_data.csv": (9, 9, 0, 0),
        "conversation_history_data.csv": (9, 9, 0, 0),
        "conversation_part_history_data.csv": (9, 0, 9, 0),
    }
    assert not UNKNOWN & told(intercom).keys()
    held = "select distinct dataset, column_name, code from meta.quarantine"
    assert rows(intercom, held) == [("ticket_events", "ticket_id", "orphan_ticket")]


@pytest.mark.real
def test_nine_versions_are_two_conversations_as_they_stood_last(intercom: query.Snapshot) -> None:
    """first_contact_reply_created_at equals created_at: it is the customer's own message and no response."""
    sql = "select ticket_id, created_at, first_response_at, is_response_expected from core.fct_tickets order by 1"
    assert rows(intercom, sql) == [
        ("156643300001311", datetime(2020, 10, 28, 23, 59, 37), None, False),
        ("156643300001372", datetime(2020, 11, 4, 3, 12, 3), None, False),
    ]
    sql = "select distinct status, agent_id, channel, priority, customer_key from core.fct_tickets"
    assert rows(intercom, sql) == [("closed", "4077639", "chat", "normal", None)]
    assert rows(intercom, "select as_of from meta.run") == [(datetime(2020, 11, 6, 13, 55, 1),)]


@pytest.mark.real
def test_contacts_are_customers_and_one_of_them_belongs_to_a_company(intercom: query.Snapshot) -> None:
    sql = "select customer_type, count(*), min(signup_at) from core.dim_customers group by 1 order by 2"
    assert rows(intercom, sql) == [
        ("business", 1, datetime(2020, 6, 7, 18, 56, 42)),
        ("unknown", 8, datetime(2020, 6, 4, 13, 23, 7)),
    ]


CONVERSATIONS = """id,updated_at,created_at,state,assignee_id,assignee_type,source_type,source_delivered_as,\
source_author_id,source_author_type,priority,sla_status,conversation_rating_value,conversation_rating_created_at,\
conversation_rating_remark,first_contact_reply_created_at
71,2024-05-01 08:00:00,2024-05-01 08:00:00,open,,,conversation,customer_initiated,c1,user,priority,active,,,,\
2024-05-01 08:00:00
71,2024-05-02 09:00:00,2024-05-01 08:00:00,closed,901,admin,conversation,customer_initiated,c1,user,priority,hit,4,\
2024-05-02 08:30:00,fine,2024-05-01 08:00:00
72,2024-05-01 12:00:00,2024-05-01 10:00:00,snoozed,31,team,email,admin_initiated,901,admin,not_priority,missed,,,,\
2024-05-01 11:00:00
73,2024-05-01 12:00:00,2024-05-01 12:00:00,open,,nobody_admin,whatsapp,customer_initiated,c9,lead,not_priority,,,,,\
2024-05-01 12:00:00
"""
PARTS = """id,conversation_id,created_at,updated_at,part_type,author_id,author_type,assigned_to_id,assigned_to_type,\
body,conversation_updated_at
1,71,2024-05-01 08:00:05,2024-05-01 08:00:05,comment,900,bot,,,b,2024-05-01 08:00:00
2,71,2024-05-01 08:00:05,2024-05-01 08:00:05,assignment,900,bot,31,team,,2024-05-01 08:00:00
3,71,2024-05-01 08:10:00,2024-05-01 08:10:00,note,901,admin,,,b,2024-05-01 08:00:00
4,71,2024-05-01 08:20:00,2024-05-01 08:20:00,comment,901,admin,,,b,2024-05-02 09:00:00
4,71,2024-05-01 08:20:00,2024-05-01 08:20:00,comment,901,admin,,,b,2024-05-02 09:30:00
5,71,2024-05-01 08:20:00,2024-05-01 08:20:00,close,901,admin,,,,2024-05-02 09:00:00
6,71,2024-05-02 07:00:00,2024-05-02 07:00:00,open,c1,user,,,b,2024-05-02 09:00:00
7,71,2024-05-02 08:00:00,2024-05-02 08:00:00,close,901,admin,,,,2024-05-02 09:00:00
8,71,2024-05-02 08:30:00,2024-05-02 08:30:00,conversation_rating_changed,c1,user,,,,2024-05-02 09:00:00
9,72,2024-05-01 11:00:00,2024-05-01 11:00:00,comment,c2,contact,,,b,2024-05-01 12:00:00
10,72,2024-05-01 11:30:00,2024-05-01 11:30:00,comment,901,admin,,,b,2024-05-01 12:00:00
11,72,2024-05-01 12:00:00,2024-05-01 12:00:00,snoozed,901,admin,,,,2024-05-01 12:00:00
"""
CONTACTS = """id,updated_at,created_at,name,role,location_country
c1,2024-05-01 08:00:00,2024-01-01 08:00:00,Ada,user,Ireland
c2,2024-05-01 08:00:00,2024-01-02 08:00:00,Grace,lead,France
"""
FILES = {
    "conversation_history.csv": CONVERSATIONS,
    "conversation_part_history.csv": PARTS,
    "contact_history.csv": CONTACTS,
    # 73 is of a contact that was not exported.
    "conversation_contact_history.csv": "contact_id,conversation_id\nc1,71\nc2,72\nc9,73\n",
    "contact_company_history.csv": "company_id,contact_id\nk1,c1\n",
    "company_history.csv": "id,name,plan_name,updated_at\nk1,Acme,Pro,2024-05-01 08:00:00\n",
    "admin.csv": "id,name\n901,Jo\n",
    "team.csv": "id,name\n31,Billing\n",
}


@pytest.fixture(scope="module")
def workspace(night: Callable[..., query.Snapshot], tmp_path_factory: pytest.TempPathFactory) -> query.Snapshot:
    return night("intercom", *write(tmp_path_factory.mktemp("workspace"), FILES), is_judged=False)


def test_a_conversation_waits_for_the_first_public_comment_of_a_person(workspace: query.Snapshot) -> None:
    """Not for the bot's, not for a note; where an agent began it, from the customer's first message on."""
    assert not UNKNOWN & told(workspace).keys()
    sql = """select ticket_id, response_start_at, first_response_at, response_calendar_seconds
        from core.fct_tickets order by 1"""
    assert rows(workspace, sql) == [
        ("71", datetime(2024, 5, 1, 8), datetime(2024, 5, 1, 8, 20), 1200),
        ("72", datetime(2024, 5, 1, 11), datetime(2024, 5, 1, 11, 30), 1800),
    ]


def test_parts_tell_the_history_of_the_status(workspace: query.Snapshot) -> None:
    spans = "select opened_at, ended_at from core.fct_open_spans where ticket_key = 'intercom:71' order by span_no"
    assert rows(workspace, spans) == [
        (datetime(2024, 5, 1, 8), datetime(2024, 5, 1, 8, 20)),
        (datetime(2024, 5, 2, 7), datetime(2024, 5, 2, 8)),
    ]
    sql = """select event_seq, event_type, status, actor_role, is_public, agent_id, team from core.fct_ticket_events
        order by event_seq"""
    assert rows(workspace, sql) == [
        (1, "message", None, "bot", True, None, None),
        (2, "assigned", None, "bot", None, None, "Billing"),
        (3, "message", None, "agent", False, "901", None),
        (4, "message", None, "agent", True, "901", None),
        (5, "status", "closed", "agent", None, "901", None),
        (6, "status", "open", "customer", None, None, None),
        (7, "status", "closed", "agent", None, "901", None),
        (8, "notice", None, "customer", None, None, None),
        (9, "message", None, "customer", True, None, None),
        (10, "message", None, "agent", True, "901", None),
        (11, "status", "on_hold", "agent", None, "901", None),
    ]


def test_what_a_conversation_says_of_itself(workspace: query.Snapshot) -> None:
    sql = """select ticket_id, status, customer_key, region, channel, priority, agent_id, team, source_sla_met,
        customer_type from core.fct_tickets order by 1"""
    assert rows(workspace, sql) == [
        ("71", "closed", "intercom:c1", "Ireland", "chat", "high", "901", "Billing", True, "business"),
        ("72", "on_hold", "intercom:c2", "France", "email", "normal", None, "Billing", False, "unknown"),
    ]
    assert rows(workspace, "select customer_key, segment from core.dim_customers order by 1") == [
        ("intercom:c1", "Pro"),
        ("intercom:c2", "unknown"),
    ]


def test_a_rating_is_an_answer_on_a_scale_of_five(workspace: query.Snapshot) -> None:
    sql = "select ticket_key, customer_key, score, scale_min, scale_max from core.fct_survey_answers"
    assert rows(workspace, sql) == [("intercom:71", "intercom:c1", Decimal(4), Decimal(1), Decimal(5))]
    sql = "select sent_at, responded_at, is_rating, is_satisfied from core.fct_survey_answers"
    assert rows(workspace, sql) == [(None, datetime(2024, 5, 2, 8, 30), True, True)]


def test_a_repeated_part_is_a_duplicate_and_an_unknown_contact_holds_the_conversation_back(
    workspace: query.Snapshot,
) -> None:
    assert counts(workspace) == {
        "contact_history.csv": (2, 2, 0, 0),
        "conversation_history.csv": (4, 3, 1, 0),
        "conversation_part_history.csv": (12, 11, 0, 1),
    }
    held = "select file, source_row, column_name, code from meta.quarantine"
    assert rows(workspace, held) == [("conversation_history.csv", 4, "customer_id", "orphan_customer")]


def test_an_unknown_kind_of_part_by_an_unknown_kind_of_author_is_a_notice(tmp_path: Path) -> None:
    parts = PARTS.splitlines()[0] + "\n12,72,2024-05-01 13:00:00,2024-05-01 13:00:00,brand_new,901,newcomer,,,,\n"
    files = {"conversation_part_history.csv": parts, "admin.csv": FILES["admin.csv"]}
    columns = "event_type, is_public, actor_role"
    _, events = taken(tmp_path, files, "intercom", "conversation_part", "ticket_events", columns)
    assert events == [("notice", None, None)]


def test_times_counted_in_seconds_are_understood(tmp_path: Path) -> None:
    """1714550400 seconds after 1970 are 2024-05-01 08:00 UTC."""
    contacts = "id,updated_at,created_at,name\nc1,1714550400,1714550400,Ada\n"
    _, customers = taken(tmp_path, {"contact_history.csv": contacts}, "intercom", "contact", "customers", "signup_at")
    assert customers == [(datetime(2024, 5, 1, 8),)]


def test_newer_tables_count_for_themselves(tmp_path: Path) -> None:
    """statistics_first_admin_reply_at is the agents' first answer; a workspace may have no ratings at all."""
    conversation = """id,updated_at,created_at,state,title,admin_assignee_id,statistics_first_admin_reply_at,\
statistics_last_close_at,statistics_count_reopens,first_contact_reply_created_at
156643300001311,2024-05-02 08:00:00,2024-05-01 08:00:00,closed,Hello,902,2024-05-01 08:45:00,\
2024-05-02 08:00:00,2,2024-05-01 08:00:00
"""
    columns = "subject, agent_id, first_response_at, closed_at, reopen_count"
    files = {"conversation_history.csv": conversation}
    codes, tickets = taken(tmp_path, files, "intercom", "conversation", "tickets", columns)
    assert codes == {"absent_column", "joined_file_missing", "none_chosen"}
    assert tickets == [("Hello", "902", datetime(2024, 5, 1, 8, 45), datetime(2024, 5, 2, 8), 2)]
