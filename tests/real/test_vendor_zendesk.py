"""Zendesk: the tables of a warehouse connector and the pages of the API as they come, and small exports by hand.

The tables do not fit together: one ticket of ten has its requester among the users, no comment has its ticket. So
what a reply and a solution come to is worked out by hand on four written tickets.
"""

import json
from collections.abc import Callable
from datetime import datetime
from pathlib import Path

import pytest

from dashboard.metrics import query
from tests.real.vendor import counts, landed, rows, table, told

pytestmark = pytest.mark.slow

UNKNOWN = {"unmapped_column", "unmatched_file"}


@pytest.fixture(scope="module")
def tables(shared_dir: Path) -> Path:
    return shared_dir / "data" / "vendor_zendesk"


@pytest.fixture(scope="module")
def connector(night: Callable[..., query.Snapshot], tables: Path) -> query.Snapshot:
    return night("zendesk", *sorted(tables.glob("*.csv")))


@pytest.fixture(scope="module")
def pages(shared_dir: Path) -> list[Path]:
    return sorted((shared_dir / "data" / "vendor_zendesk_api_json").glob("*.json"))


@pytest.fixture(scope="module")
def api(night: Callable[..., query.Snapshot], pages: list[Path]) -> query.Snapshot:
    return night("zendesk", *pages)


# --- The tables of a connector -----------------------------------------------------------------------------


@pytest.mark.real
def test_every_record_of_the_tables_is_accounted_for(connector: query.Snapshot, tables: Path) -> None:
    users = set(table(tables / "user_data.csv")["id"])
    tickets = table(tables / "ticket_data.csv")
    known = set(tickets[tickets["requester_id"].isin(users)]["id"])
    assert known == {"11071"}
    assert not set(table(tables / "ticket_comment_data.csv")["ticket_id"]) & known
    history = table(tables / "ticket_field_history_data.csv")
    # S14.2: 30 of 38 changes are of the status. Of those, three repeat another word for word.
    states = history[history["field_name"] == "status"]
    twice = int(states.drop(columns="_fivetran_synced").duplicated().sum())
    orphans = int((~states.drop_duplicates()["ticket_id"].isin(known)).sum())
    assert (len(history), len(states), twice, orphans) == (38, 30, 3, 14)
    assert counts(connector) == {
        "user_data.csv": (10, 10, 0, 0),
        "ticket_data.csv": (10, 1, 9, 0),
        "ticket_comment_data.csv": (20, 0, 20, 0),
        "ticket_field_history_data.csv": (38, 21, 14, 3),
    }
    held = rows(connector, "select code, count(*) from meta.quarantine group by code order by code")
    assert held == [("orphan_customer", 9), ("orphan_ticket", 34)]


@pytest.mark.real
def test_no_heading_and_no_table_is_unknown(connector: query.Snapshot) -> None:
    assert not UNKNOWN & told(connector).keys()


@pytest.mark.real
def test_the_solution_of_the_ticket_with_a_history(connector: query.Snapshot) -> None:
    """Opened on 28 August at 18:06:36, solved on 14 November at 11:01:27: 78 days less 7 h 5 min 9 s. Pending from
    29 August to 2 September, 5 to 15, 30 September to 1 October, 20 October to 2 November: 28 days to the second."""
    day = 86_400
    sql = """select ticket_id, customer_key, channel, status, agent_id, is_open, first_solved_at, reopened_at,
        resolved_at, resolution_calendar_seconds, cast(resolution_policy_seconds as bigint) from core.fct_tickets"""
    solved = datetime(2020, 11, 14, 11, 1, 27)
    taken = 78 * day - 25_509
    assert rows(connector, sql) == [
        ("11071", "zendesk:2222", "email", "closed", "1111", False, solved, None, solved, taken, taken - 28 * day)
    ]


@pytest.mark.real
def test_the_history_of_the_status_is_the_table_s(connector: query.Snapshot, tables: Path) -> None:
    history = table(tables / "ticket_field_history_data.csv")
    of_ticket = history[(history["ticket_id"] == "11071") & (history["field_name"] == "status")]
    expected = [
        (datetime.fromisoformat(at), state.replace("-", "_"))
        for at, state in zip(of_ticket["updated"], of_ticket["value"], strict=True)
    ]
    assert len(expected) == 13
    assert rows(connector, "select occurred_at, status from core.fct_ticket_events order by event_seq") == expected


@pytest.mark.real
def test_end_users_are_the_customers(connector: query.Snapshot, tables: Path) -> None:
    users = table(tables / "user_data.csv")
    expected = sorted(f"zendesk:{number}" for number in users[users["role"] == "end-user"]["id"])
    assert len(expected) == 9
    assert [row[0] for row in rows(connector, "select customer_key from core.dim_customers order by 1")] == expected
    # Each of them belongs to an organization.
    assert rows(connector, "select distinct customer_type from core.dim_customers") == [("business",)]


@pytest.mark.real
def test_without_the_users_no_ticket_is_held_back(tables: Path) -> None:
    result, tickets = landed(tables / "ticket_data.csv", "zendesk", "ticket", "tickets")
    assert (result.verdict, result.rows_loaded) == ("accept", 10)
    expected = table(tables / "ticket_data.csv")
    assert [ticket["ticket_id"] for ticket in tickets] == list(expected["id"])
    assert [ticket["is_deleted"] for ticket in tickets] == [state == "deleted" for state in expected["status"]]
    assert [ticket["created_at"] for ticket in tickets] == [*map(datetime.fromisoformat, expected["created_at"])]


# --- The pages of the API ----------------------------------------------------------------------------------


@pytest.mark.real
def test_overlapping_pages_become_one_thousand_tickets(api: query.Snapshot, pages: list[Path]) -> None:
    """S14.1: 1,013 rows, 1,000 ids, 515 of them deleted."""
    read = [json.loads(path.read_text("utf-8")) for path in pages if path.name.startswith("incremental_tickets")]
    tickets = [ticket for page in read for ticket in page["tickets"]]
    deleted = {ticket["id"] for ticket in tickets if ticket["status"] == "deleted"}
    assert (len(tickets), len({ticket["id"] for ticket in tickets}), len(deleted)) == (1013, 1000, 515)
    files = {file: found for file, found in counts(api).items() if file.startswith("incremental_tickets")}
    assert files == {
        "incremental_tickets_page1.json": (1000, 1000, 0, 0),
        "incremental_tickets_perpage_a.json": (7, 7, 0, 0),
        "incremental_tickets_perpage_b.json": (6, 6, 0, 0),
    }
    published = rows(api, "select ticket_id, is_counted, status, channel from core.fct_tickets")
    assert len(published) == 1000
    assert {number for number, is_counted, _, _ in published if not is_counted} == set(map(str, deleted))
    assert {state for _, is_counted, state, _ in published if is_counted} == {"new"}
    assert {channel for _, _, _, channel in published} == {"other"}  # all came in by the API
    assert not UNKNOWN & told(api).keys()


@pytest.mark.real
def test_the_example_rating_counts_as_satisfied(api: query.Snapshot) -> None:
    sql = "select survey_key, score, scale_min, scale_max, is_rating, is_satisfied from core.fct_survey_answers"
    ((key, *scale, is_rating, is_satisfied),) = rows(api, sql)
    assert (key, [float(part) for part in scale], is_rating, is_satisfied) == ("zendesk:35436", [5, 1, 5], True, True)
    responded = rows(api, "select responded_at, sent_at from core.fct_surveys")
    assert responded == [(datetime(2011, 7, 20, 22, 55, 29), None)]


@pytest.mark.real
def test_metrics_beside_the_pages_tell_when_a_ticket_was_solved(pages: list[Path], tmp_path: Path) -> None:
    metric = json.loads(next(path for path in pages if path.name == "ticket_metric.json").read_text("utf-8"))
    ticket = {"id": 4343, "status": "solved", "requester_id": 20, "created_at": "2009-07-20T22:55:29Z"}
    ticket |= {"updated_at": "2011-05-09T10:38:52Z", "generated_timestamp": 1304937532, "via": {"channel": "email"}}
    ticket |= {"satisfaction_rating": {"score": "bad", "comment": "slow"}, "submitter_id": 10, "group_id": 7}
    (tmp_path / "tickets_page1.json").write_text(json.dumps({"tickets": [ticket]}))
    (tmp_path / "ticket_metrics.json").write_text(json.dumps({"ticket_metrics": [metric]}))
    (tmp_path / "users.json").write_text(json.dumps({"users": [{"id": 10, "role": "admin"}]}))
    (tmp_path / "groups.json").write_text(json.dumps({"groups": [{"id": 8, "name": "Second line"}]}))
    result, (one,) = landed(tmp_path / "tickets_page1.json", "zendesk", "ticket_pages", "tickets")
    assert one["resolved_at"] == datetime(2011, 5, 9, 10, 38, 52)
    assert (one["reopen_count"], one["opened_by"], one["channel"], one["csat_score"]) == (55, "agent", "email", 1)
    assert one["team"] == "7"  # the list of groups does not name it
    assert "unmapped_column" not in {finding.code for finding in result.warnings}


def test_a_reply_time_that_is_fulfilled_is_an_answer(tmp_path: Path) -> None:
    kinds = [("reply_time", "activate"), ("reply_time", "fulfill"), ("agent_work_time", "fulfill")]
    events = [
        {"id": number, "ticket_id": 5, "metric": metric, "type": type, "time": f"2026-03-02T01:0{number}:00Z"}
        for number, (metric, type) in enumerate(kinds)
    ]
    path = tmp_path / "ticket_metric_events.json"
    path.write_text(json.dumps({"ticket_metric_events": events}))
    _, (answer,) = landed(path, "zendesk", "ticket_metric_event_pages", "ticket_events")
    assert (answer["event_type"], answer["actor_role"], answer["is_public"]) == ("message", "agent", True)
    assert (answer["event_seq"], answer["occurred_at"]) == (1, datetime(2026, 3, 2, 1, 1))


# --- Four tickets worked out by hand -----------------------------------------------------------------------

USERS = """id,role,active,organization_id,created_at,updated_at
10,agent,TRUE,,2025-01-01 00:00:00,2025-01-01 00:00:00
11,admin,TRUE,,2025-01-01 00:00:00,2025-01-01 00:00:00
20,end-user,TRUE,900,2025-01-01 00:00:00,2025-01-01 00:00:00
21,end-user,TRUE,,2025-01-01 00:00:00,2025-01-01 00:00:00
22,end-user,FALSE,,2025-01-01 00:00:00,2026-03-01 00:00:00
"""
TICKETS = """id,requester_id,submitter_id,group_id,status,priority,type,via_channel,created_at,updated_at
100,20,20,1,closed,high,question,email,2026-03-02 01:00:00,2026-03-06 04:00:00
101,21,10,1,pending,,incident,voice,2026-03-02 02:00:00,2026-03-02 02:45:00
102,10,10,,new,,,web,2026-03-02 05:00:00,2026-03-02 05:00:00
103,22,22,,deleted,,,web,2026-03-02 06:00:00,2026-03-02 06:00:00
"""
COMMENTS = """id,ticket_id,user_id,public,voice_comment,created
1001,100,20,TRUE,FALSE,2026-03-02 01:00:00
1002,100,10,FALSE,FALSE,2026-03-02 01:05:00
1003,100,10,TRUE,FALSE,2026-03-02 01:20:00
1004,100,20,TRUE,FALSE,2026-03-02 03:00:00
1005,100,11,TRUE,FALSE,2026-03-02 04:00:00
2001,101,10,TRUE,TRUE,2026-03-02 02:00:00
2002,101,21,TRUE,FALSE,2026-03-02 02:30:00
2003,101,10,TRUE,FALSE,2026-03-02 02:45:00
"""
HISTORY = """field_name,ticket_id,updated,user_id,value
status,100,2026-03-02 01:00:00,,new
status,100,2026-03-02 01:05:00,10,open
status,100,2026-03-02 01:20:00,10,solved
status,100,2026-03-02 03:00:00,20,open
status,100,2026-03-02 04:00:00,11,solved
status,100,2026-03-06 04:00:00,,closed
priority,100,2026-03-02 01:05:00,10,high
status,101,2026-03-02 02:00:00,10,open
status,101,2026-03-02 02:45:00,10,pending
"""
RATINGS = """id,ticket_id,requester_id,score,comment,created_at,updated_at
1,100,20,good,quick,2026-03-02 05:00:00,2026-03-02 05:00:00
2,101,21,offered,,2026-03-03 00:00:00,2026-03-03 00:00:00
3,101,21,Bad,,2026-03-03 00:00:00,2026-03-04 00:00:00
"""


@pytest.fixture(scope="module")
def written(night: Callable[..., query.Snapshot], tmp_path_factory: pytest.TempPathFactory) -> query.Snapshot:
    folder = tmp_path_factory.mktemp("written")
    texts = {"users": USERS, "tickets": TICKETS, "ticket_comment": COMMENTS, "ticket_field_history": HISTORY}
    texts |= {"satisfaction_ratings": RATINGS, "group": "id,name\n1,First line\n"}
    for name, text in texts.items():
        (folder / f"{name}.csv").write_text(text, encoding="utf-8")
    return night("zendesk", *sorted(folder.iterdir()), is_judged=False)


def test_the_first_public_answer_of_a_person_counts(written: query.Snapshot) -> None:
    """100: the note at 01:05 is private, so 20 minutes. 101: an agent wrote it down, so from the customer's own first
    word at 02:30, 15 minutes. 102: unanswered. 103: deleted, so nothing is expected."""
    sql = """select ticket_id, response_start_at, first_response_at, is_response_expected, is_responded,
        case when is_responded then response_calendar_seconds end, agent_turn_count
        from core.fct_tickets order by ticket_id"""
    morning = datetime(2026, 3, 2)
    assert rows(written, sql) == [
        ("100", morning.replace(hour=1), morning.replace(hour=1, minute=20), True, True, 1200, 2),
        ("101", morning.replace(hour=2, minute=30), morning.replace(hour=2, minute=45), True, True, 900, 2),
        ("102", None, None, False, False, None, 0),
        ("103", morning.replace(hour=6), None, False, False, None, 0),
    ]


def test_a_reply_that_solves_and_a_reopening(written: query.Snapshot) -> None:
    """100: solved at 01:20 in the second of the reply, reopened at 03:00, solved for good at 04:00: three hours."""
    sql = """select ticket_id, status, is_open, is_counted, first_solved_at, reopened_at, resolved_at,
        resolution_calendar_seconds from core.fct_tickets where ticket_id in ('100', '101', '103') order by 1"""
    morning = datetime(2026, 3, 2)
    solved, again, last = morning.replace(hour=1, minute=20), morning.replace(hour=3), morning.replace(hour=4)
    (first, second, third) = rows(written, sql)
    assert first == ("100", "closed", False, True, solved, again, last, 3 * 3600)
    assert second[:4] == ("101", "pending", True, True)
    assert third[:4] == ("103", "cancelled", False, False)


def test_good_and_bad_make_csat_one_half(written: query.Snapshot) -> None:
    sql = """select ticket_key, cast(score as integer), is_rating, is_satisfied from core.fct_survey_answers
        order by ticket_key"""
    assert rows(written, sql) == [("zendesk:100", 5, True, True), ("zendesk:101", 1, True, False)]


def test_staff_and_deleted_users_are_no_customers_and_their_tickets_no_orphans(written: query.Snapshot) -> None:
    customers = rows(written, "select customer_key, customer_type from core.dim_customers order by 1")
    assert customers == [("zendesk:20", "business"), ("zendesk:21", "unknown")]
    assert rows(written, "select count(*) from meta.quarantine") == [(0,)]


def test_words_become_ours(written: query.Snapshot) -> None:
    sql = "select ticket_id, channel, kind, priority, team from core.fct_tickets where is_counted order by 1"
    assert rows(written, sql) == [
        ("100", "email", "consult", "high", "First line"),
        ("101", "phone", "other", "unknown", "First line"),
        ("102", "web", "unknown", "unknown", "unknown"),
    ]


# --- A view exported as CSV --------------------------------------------------------------------------------

VIEW = """Id,Requester,Requester id,Submitter,Assignee,Group,Subject,Tags,Status,Priority,Via,Ticket type,Created at,\
Updated at,Organization,Solved at,Satisfaction Score,Reopens
5,Ann Lee,20,Bob,Bob,Second line,broken,,Solved,High,Mail,Question,2026-03-02 09:00,2026-03-03 10:00,Acme,\
2026-03-03 10:00,Good,1
6,Ann Lee,20,Bob,,,late,,On-hold,-,Web form,-,2026-03-02 09:00,2026-03-03 10:00,Acme,,Not Offered,0
"""


def test_a_view_exported_as_csv_is_read_by_its_own_headings(tmp_path: Path) -> None:
    path = tmp_path / "tickets-2026-03-04.csv"
    path.write_text(VIEW, encoding="utf-8")
    result, (solved, held) = landed(path, "zendesk", "ticket", "tickets")
    assert result.verdict == "accept"
    assert "unmapped_column" not in {finding.code for finding in result.warnings}
    assert (solved["status"], solved["channel"], solved["team"]) == ("solved", "email", "Second line")
    assert (solved["resolved_at"], solved["reopen_count"]) == (datetime(2026, 3, 3, 10), 1)
    assert (float(solved["csat_score"]), held["csat_score"]) == (5, None)
    assert (held["status"], held["priority"], held["kind"], held["agent_id"]) == ("on_hold", None, None, None)
