"""Jira Service Management: the tables of a warehouse connector as they come, a written service desk, an own export.

The tables hold no change of a status, and two of their four issues stand in a status that their list does not name.
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
    return shared_dir / "data" / "vendor_jira"


@pytest.fixture(scope="module")
def connector(night: Callable[..., query.Snapshot], tables: Path) -> query.Snapshot:
    return night("jira", *sorted(tables.glob("*.csv")))


# --- The tables of a connector -----------------------------------------------------------------------------


@pytest.mark.real
def test_every_record_and_heading_of_the_tables_is_accounted_for(connector: query.Snapshot, tables: Path) -> None:
    history = table(tables / "issue_field_history.csv")
    assert len(history) == 10
    assert "status" not in set(history["field_id"])
    assert counts(connector) == {
        "issue.csv": (4, 4, 0, 0),
        "issue_field_history.csv": (10, 10, 0, 0),
        "user.csv": (3, 3, 0, 0),
    }
    assert not UNKNOWN & told(connector).keys()
    assert rows(connector, "select count(*) from core.fct_ticket_events") == [(0,)]


@pytest.mark.real
def test_issues_carry_names_instead_of_ids(connector: query.Snapshot, tables: Path) -> None:
    issues = table(tables / "issue.csv")
    names = {
        name: dict(zip(found["id"], found["name"], strict=True))
        for name in ("status", "priority", "project")
        for found in [table(tables / f"{name}.csv")]
    }
    status = {"In Progress": "open"}
    priority = {"Medium": "normal", "Lowest": "low", "Highest": "urgent"}
    expected = [
        (
            issue["id"],
            f"jira:{issue['reporter']}",
            datetime.fromisoformat(issue["created"]),
            # A status that the list does not name stays the id it is.
            status.get(names["status"].get(issue["status"], ""), issue["status"]),
            priority[names["priority"][issue["priority"]]],
            names["project"][issue["project"]],
        )
        for _, issue in issues.iterrows()
    ]
    assert [row[3] for row in expected] == ["open", "10003", "10003", "open"]
    sql = "select ticket_id, customer_key, created_at, status, priority, team from core.fct_tickets order by 1"
    assert rows(connector, sql) == expected


@pytest.mark.real
def test_what_is_in_progress_is_open_and_an_unknown_state_ends_once_resolved(connector: query.Snapshot) -> None:
    """10011 has a resolution time and is in progress again; 10018 took from 10 to 28 November, to the second."""
    sql = """select ticket_id, is_open, resolved_at, case when not is_open then resolution_calendar_seconds end
        from core.fct_tickets order by 1"""
    assert rows(connector, sql) == [
        ("10011", True, None, None),
        ("10015", False, datetime(2020, 6, 11, 7, 38, 3), 0),
        ("10018", False, datetime(2020, 11, 28, 19, 11, 45), 18 * 86_400),
        ("10027", True, None, None),
    ]


@pytest.mark.real
def test_whoever_reports_is_a_customer(connector: query.Snapshot, tables: Path) -> None:
    expected = sorted(f"jira:{one}" for one in table(tables / "user.csv")["id"])
    assert [row[0] for row in rows(connector, "select customer_key from core.dim_customers order by 1")] == expected


# --- A service desk by hand --------------------------------------------------------------------------------

STATUS = """id,name,description,status_category_id
1,Waiting for support,,4
2,Waiting for customer,,4
3,Repaired by Kim,,3
4,In the workshop,,4
"""
ISSUES = """id,key,project,issue_type,priority,reporter,assignee,status,summary,created,resolved,updated
1,SD-1,7,9,5,qm:1,qm:2,3,broken,2026-03-02 01:00:00,2026-03-02 09:00:00,2026-03-02 09:00:00
2,SD-2,7,9,6,qm:1,,4,late,2026-03-02 02:00:00,,2026-03-02 03:00:00
"""
HISTORY = """field_id,issue_id,time,value,is_active,author_id
status,1,2026-03-02 01:00:00.100,1,false,qm:1
assignee,1,2026-03-02 02:00:00.000,qm:2,true,qm:2
status,1,2026-03-02 02:00:00.000,2,false,qm:2
status,1,2026-03-02 05:00:00.000,4,false,qm:1
status,1,2026-03-02 09:00:00.000,3,true,qm:2
"""


@pytest.fixture(scope="module")
def desk(night: Callable[..., query.Snapshot], tmp_path_factory: pytest.TempPathFactory) -> query.Snapshot:
    folder = tmp_path_factory.mktemp("desk")
    texts = {"status": STATUS, "issue": ISSUES, "issue_field_history": HISTORY}
    texts |= {"status_category": "id,name\n2,To Do\n3,Done\n4,In Progress\n"}
    texts |= {"priority": "id,name\n5,Blocker\n6,Soon\n", "issue_type": "id,name\n9,Service request\n"}
    texts |= {"project": "id,name\n7,Repairs\n", "user": "id,name,email\nqm:1,Ann,\nqm:2,Kim,\n"}
    for name, text in texts.items():
        (folder / f"{name}.csv").write_text(text, encoding="utf-8")
    return night("jira", *sorted(folder.iterdir()), is_judged=False)


def test_a_state_of_ones_own_counts_by_its_category(desk: query.Snapshot) -> None:
    sql = "select ticket_id, status, is_open, priority, category, team, agent_id from core.fct_tickets order by 1"
    assert rows(desk, sql) == [
        ("1", "solved", False, "urgent", "Service request", "Repairs", "qm:2"),
        # A priority that nobody explained passes as it is.
        ("2", "open", True, "Soon", "Service request", "Repairs", None),
    ]
    assert not UNKNOWN & told(desk).keys()


def test_the_history_pauses_while_the_customer_is_waited_for(desk: query.Snapshot) -> None:
    """Eight hours from 01:00 to 09:00; from 02:00 to 05:00 the customer was waited for."""
    events = "select event_seq, status from core.fct_ticket_events order by event_seq"
    assert rows(desk, events) == [
        (1_772_413_200_100_000, "open"),
        (1_772_416_800_000_000, "pending"),
        (1_772_427_600_000_000, "open"),
        (1_772_442_000_000_000, "solved"),
    ]
    sql = """select resolved_at, resolution_calendar_seconds, cast(resolution_policy_seconds as bigint)
        from core.fct_tickets where ticket_id = '1'"""
    assert rows(desk, sql) == [(datetime(2026, 3, 2, 9), 8 * 3600, 5 * 3600)]


# --- Jira's own export -------------------------------------------------------------------------------------

OWN = """Summary,Issue key,Issue id,Issue Type,Status,Status Category,Project key,Project name,Priority,Resolution,\
Assignee,Reporter,Created,Last Viewed,Updated,Resolved,Labels,Labels,Comment,Comment,Custom field (Team),\
Request Type,Satisfaction rating
broken,SD-1,10011,Service request,Waiting for customer,In Progress,SD,Repairs,High,,Kim,Norville Rogers,\
01/Apr/20 8:33 AM,,29/May/20 11:33 PM,,a,b,"01/Apr/20 9:00 AM;kim;text","x",Blue,Get IT help,
late,SD-2,10012,Service request,Repaired by Kim,Done,SD,Repairs,Highest,Done,Kim,Ann Lee,\
02/Apr/20 12:05 AM,,29/May/20 11:33 AM,29/May/20 11:33 AM,,,,,,Get IT help,4
"""


def test_an_export_of_jira_s_own_is_read_by_its_headings_however_often_they_repeat(tmp_path: Path) -> None:
    path = tmp_path / "Jira Export Excel CSV (all fields) 20200601.csv"
    path.write_text(OWN, encoding="utf-8")
    result, (waiting, done) = landed(path, "jira", "own_export", "tickets")
    assert result.verdict == "accept"
    assert "unmapped_column" not in {finding.code for finding in result.warnings}
    assert (waiting["ticket_id"], waiting["customer_id"], waiting["agent_id"]) == ("10011", "Norville Rogers", "Kim")
    assert (waiting["created_at"], waiting["updated_at"]) == (
        datetime(2020, 4, 1, 8, 33),
        datetime(2020, 5, 29, 23, 33),
    )
    assert (waiting["status"], waiting["category"], waiting["priority"]) == ("pending", "Get IT help", "high")
    assert (done["created_at"], done["resolved_at"]) == (datetime(2020, 4, 2, 0, 5), datetime(2020, 5, 29, 11, 33))
    assert (done["status"], float(done["csat_score"]), done["team"]) == ("solved", 4, "Repairs")
