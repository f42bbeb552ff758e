"""ServiceNow beside its audit log: the tables of an instance as they come, tables that fit together, list exports.

Expected values are read off the files by hand. In the tables as they come the one task is a change, the one incident
is the task of nobody, and the one user is not its caller: there is a customer and no ticket.
"""

from collections.abc import Callable
from datetime import datetime
from pathlib import Path

import pytest

from dashboard.metrics import query
from tests.real.vendor import counts, rows, taken, told, write

pytestmark = pytest.mark.slow

UNKNOWN = {"unmapped_column", "unmatched_file", "joined_file_missing"}


@pytest.fixture(scope="module")
def tables(shared_dir: Path) -> Path:
    return shared_dir / "data" / "vendor_servicenow"


@pytest.fixture(scope="module")
def instance(night: Callable[..., query.Snapshot], tables: Path) -> query.Snapshot:
    return night("servicenow", *sorted(tables.glob("*.csv")))


@pytest.mark.real
def test_every_record_and_heading_of_the_tables_is_accounted_for(instance: query.Snapshot) -> None:
    assert counts(instance) == {"sys_user_data.csv": (1, 1, 0, 0), "task_data.csv": (1, 1, 0, 0)}
    assert not UNKNOWN & told(instance).keys()
    (chosen,) = told(instance)["rows_not_chosen"]
    assert (chosen["file"], chosen["count"]) == ("task_data.csv", 1)
    customers = "select customer_key, tier_now, segment, signup_at from core.dim_customers"
    assert rows(instance, customers) == [
        ("servicenow:b0f31e5673500010c2e7660c4cf6a711", "standard", "unknown", datetime(2019, 10, 7, 7, 48, 26))
    ]
    assert rows(instance, "select count(*) from core.fct_tickets") == [(0,)]


@pytest.mark.real
def test_the_task_of_the_table_as_the_incident_it_could_be(tables: Path, tmp_path: Path) -> None:
    """The table's own headings and values, with the class and the id changed so that task and incident meet."""
    task = (tables / "task_data.csv").read_text(encoding="utf-8").replace("change_request", "incident")
    task = task.replace("9d41c061c611228700edc88b231ec47c", "a9e30c7dc61122760116894de7bcc7bd")
    incident = (tables / "incident_data.csv").read_text(encoding="utf-8")
    group = (tables / "sys_user_group_data.csv").read_text(encoding="utf-8")
    files = {"task_data.csv": task, "incident_data.csv": incident, "sys_user_group_data.csv": group}
    columns = "ticket_id, customer_id, category, priority, agent_id, status, created_at, closed_at, updated_at"
    codes, tickets = taken(tmp_path, files, "servicenow", "task", "tickets", columns)
    assert not UNKNOWN & codes
    assert tickets == [
        (
            "CHG0000002",
            "46c6f9efa9fe198101ddf5eed9adf6e7",
            "software",
            "low",
            "681b365ec0a80164000fb0b05854a0cd",
            "pending",  # code 4 of the older state model: awaiting the user
            datetime(2021, 4, 28, 22, 40, 25),
            datetime(2023, 6, 19, 9, 46, 18),
            datetime(2023, 6, 19, 9, 46, 18),
        )
    ]


TASKS = """sys_id,number,sys_class_name,opened_at,closed_at,priority,state,assigned_to_value,assignment_group_value,\
contact_type,reassignment_count,short_description,made_sla,sys_updated_on,_fivetran_deleted
t1,INC1,incident,2024-05-01 08:00:00,,1,3,a1,g1,phone,2,x,TRUE,2024-05-01 09:00:00,FALSE
t2,INC2,incident,2024-05-01 09:00:00,,2,3,a1,g1,self-service,0,x,TRUE,2024-05-01 10:00:00,FALSE
t3,INC3,incident,2024-05-01 10:00:00,2024-05-03 10:00:00,3,7,a1,,email,0,x,TRUE,2024-05-03 10:00:00,FALSE
t4,INC4,incident,2024-05-01 11:00:00,,5,8,,,virtual_agent,0,x,TRUE,2024-05-01 12:00:00,FALSE
t5,CHG5,change_request,2024-05-01 11:00:00,,4,1,,,,0,x,TRUE,2024-05-01 12:00:00,FALSE
t6,INC6,incident,2024-05-01 12:00:00,,4,2,,,walk-in,0,x,TRUE,2024-05-01 12:00:00,TRUE
t7,INC7,incident,2024-05-01 12:00:00,,4,1,,,,0,x,TRUE,2024-05-01 12:00:00,FALSE
"""
INCIDENTS = """sys_id,caller_id_value,category,hold_reason,resolved_at,reopen_count
t1,u1,network,1,,0
t2,u2,network,4,,1
t3,u1,software,,2024-05-02 10:00:00,
t4,u1,,,,
t6,u1,,,,
t7,u9,,,,
"""
USERS = """sys_id,name,email,country,company_value,vip,sys_created_on,sys_updated_on,_fivetran_deleted
u1,Ada Lovelace,ada@example.com,UK,k1,TRUE,2024-01-01 08:00:00,2024-05-01 08:00:00,FALSE
u2,Grace Hopper,grace@example.com,US,,FALSE,2024-01-02 08:00:00,2024-05-01 08:00:00,FALSE
u3,Gone,gone@example.com,US,,FALSE,2024-01-02 08:00:00,2024-05-01 08:00:00,TRUE
"""
FILES = {
    "task.csv": TASKS,
    "incident_table.csv": INCIDENTS,
    "sys_user_group.csv": "sys_id,name\ng1,Network\n",
    "sys_user.csv": USERS,
    "core_company.csv": "sys_id,name,customer\nk1,Acme,true\n",
    "task_sla.csv": "sys_id,task_value,has_breached\ns1,t1,TRUE\ns2,t1,FALSE\n",
}


@pytest.fixture(scope="module")
def desk(night: Callable[..., query.Snapshot], tmp_path_factory: pytest.TempPathFactory) -> query.Snapshot:
    return night("servicenow", *write(tmp_path_factory.mktemp("desk"), FILES), is_judged=False)


def test_an_incident_is_a_task_and_what_its_own_table_adds(desk: query.Snapshot) -> None:
    assert not UNKNOWN & told(desk).keys()
    sql = """select ticket_id, status, customer_key, tier, region, priority, channel, category, team, is_counted
        from core.fct_tickets order by 1"""
    assert rows(desk, sql) == [
        ("INC1", "pending", "servicenow:u1", "vip", "UK", "urgent", "phone", "network", "Network", True),
        ("INC2", "on_hold", "servicenow:u2", "standard", "US", "high", "web", "network", "Network", True),
        ("INC3", "closed", "servicenow:u1", "vip", "UK", "normal", "email", "software", "unknown", True),
        ("INC4", "cancelled", "servicenow:u1", "vip", "UK", "low", "chat", "unknown", "unknown", False),
        ("INC6", "open", "servicenow:u1", "vip", "UK", "low", "store", "unknown", "unknown", False),
    ]
    ends = """select ticket_id, resolved_at, closed_at, reopen_count, reassign_count, source_sla_met
        from core.fct_tickets where ticket_id in ('INC2', 'INC3') order by 1"""
    assert rows(desk, ends) == [
        ("INC2", None, None, 1, 0, None),
        ("INC3", datetime(2024, 5, 2, 10), datetime(2024, 5, 3, 10), None, 0, None),
    ]


def test_callers_are_customers_in_the_segment_of_their_company(desk: query.Snapshot) -> None:
    sql = "select customer_key, segment, region_now from core.dim_customers order by 1"
    assert rows(desk, sql) == [("servicenow:u1", "Acme", "UK"), ("servicenow:u2", "unknown", "US")]


def test_an_incident_waits_for_a_caller_that_was_not_exported(desk: query.Snapshot) -> None:
    held = "select file, source_row, column_name, code from meta.quarantine"
    assert rows(desk, held) == [("task.csv", 7, "customer_id", "orphan_customer")]


LABELS = """Number,Opened,Short description,Caller,Priority,State,On hold reason,Category,Assignment group,Assigned to,\
Updated,Updated by,Resolved,Closed,Reassignment count,Channel
INC1,2024-05-01 08:00:00,x,Ada Lovelace,1 - Critical,On Hold,Awaiting Caller,Network,Desk,Jo,2024-05-01 09:00:00,jo,,,1,Phone
INC2,2024-05-01 09:00:00,x,Siobhán O'Brien,5 - Planning,In Progress,,(empty),Desk,(empty),2024-05-01 09:00:00,jo,,,0,Chat
INC3,2024-05-01 10:00:00,x,Ada Lovelace,3 - Moderate,Resolved,,Network,Desk,Jo,2024-05-02 10:00:00,jo,\
2024-05-02 10:00:00,,0,Walk-in
"""  # noqa: E501
NAMES = {
    "Number": "number", "Opened": "opened_at", "Short description": "short_description", "Caller": "caller_id",
    "Priority": "priority", "State": "state", "On hold reason": "hold_reason", "Category": "category",
    "Assignment group": "assignment_group", "Assigned to": "assigned_to", "Updated": "sys_updated_on",
    "Updated by": "sys_updated_by", "Resolved": "resolved_at", "Closed": "closed_at",
    "Reassignment count": "reassignment_count", "Channel": "contact_type",
}  # fmt: skip


@pytest.mark.parametrize("by", ["label", "name"])
def test_the_list_export_by_label_and_by_name_of_the_field(by: str, tmp_path: Path) -> None:
    header, records = LABELS.split("\n", 1)
    headings = header if by == "label" else ",".join(NAMES[label] for label in header.split(","))
    files = {"incident.csv": f"{headings}\n{records}"}
    columns = "ticket_id, customer_id, priority, status, category, team, agent_id, channel, resolved_at"
    codes, tickets = taken(tmp_path, files, "servicenow", "incident", "tickets", columns)
    assert not UNKNOWN & codes
    assert tickets == [
        ("INC1", "Ada Lovelace", "urgent", "pending", "Network", "Desk", "Jo", "phone", None),
        ("INC2", "Siobhán O'Brien", "low", "open", None, "Desk", None, "chat", None),
        ("INC3", "Ada Lovelace", "normal", "solved", "Network", "Desk", "Jo", "store", datetime(2024, 5, 2, 10)),
    ]
