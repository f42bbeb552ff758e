"""core.dim_datasets: every export that is connected is named, and what only some sources say within one."""

from pathlib import Path

import pytest

from data_checks.contract import datasets
from tests.conftest import RunModel

SQL = Path(__file__).parent.parent.parent / "sql"


def connected(run_model: RunModel, **tables: str) -> set[tuple[object, ...]]:
    """Dataset and rows, for these exports of the source `sample`."""
    given = {f"raw.{name}": text for name, text in tables.items()}
    return set(run_model("core.dim_datasets", given, select="dataset, row_count"))


@pytest.mark.parametrize("dataset", list(datasets()))
def test_one_row_of_an_export_makes_it_connected(run_model: RunModel, dataset: str) -> None:
    samples = {
        "instant": "2025-06-01 08:00",
        "int": "1",
        "decimal": "1",
        "id": "X001",
        "text": "x",
        "date": "2025-06-01",
    }
    required = datasets()[dataset].required_columns
    cells = [column.values[0] if column.values else samples[column.type] for column in required]
    table = " | ".join(column.name for column in required) + "\n-\n" + " | ".join(cells)
    assert (dataset, 1) in connected(run_model, **{dataset: table})


def test_no_rows_no_dataset(run_model: RunModel) -> None:
    assert connected(run_model) == set()


def test_tickets_and_events_tell_of_agents_teams_escalations_and_notices(run_model: RunModel) -> None:
    found = connected(
        run_model,
        tickets="""
            ticket_id | created_at       | status | agent_id | flow_id | knowledge_id
            T001      | 2025-06-01 08:00 | open   | AG001    | F1      | KB1
            T002      | 2025-06-01 08:00 | open   |          | F2      |
            T003      | 2025-06-01 08:00 | open   |          |         |
        """,
        ticket_events="""
            ticket_id | event_seq | event_type | occurred_at      | team | agent_id | actor_role
            T001      | 1         | created    | 2025-06-01 08:00 |      |          |
            T001      | 2         | assigned   | 2025-06-01 08:01 | 一组 | AG002    | system
            T001      | 3         | escalated  | 2025-06-01 08:02 | 一组 |          | system
            T001      | 4         | notice     | 2025-06-01 08:03 |      |          | system
            T001      | 5         | notice     | 2025-06-01 08:04 |      | AG002    | agent
        """,
    )
    told = {name: count for name, count in found if name not in ("tickets", "ticket_events")}
    # One ticket and two events name an agent.
    assert told == {
        "ticket_agents": 3, "team_history": 2, "escalations": 1, "notices": 2, "flows": 2, "knowledge_links": 1,
    }  # fmt: skip


def test_columns_that_only_some_sources_fill(run_model: RunModel) -> None:
    found = connected(
        run_model,
        customers="""
            customer_id | referred_by | segment
            C001        |             | 酒店
            C002        | C001        |
            C003        | C001        |
        """,
        assets="""
            asset_id | customer_id | warranty_end_at
            A001     | C001        | 2030-01-01
            A002     | C001        |
        """,
        visits="""
            visit_id | ticket_id | visit_no | promised_to_at
            V001     | T001      | 1        | 2025-06-02 10:00
            V002     | T001      | 2        |
        """,
        complaints="""
            complaint_id | received_at      | graded_at
            CP01         | 2025-06-01 08:00 | 2025-06-01 08:10
            CP02         | 2025-06-01 08:00 |
        """,
    )
    assert {
        ("referrals", 2), ("segments", 1), ("warranties", 1), ("promised_windows", 1), ("graded_complaints", 1),
    } <= found  # fmt: skip


@pytest.mark.parametrize(
    ("queued", "found"), [("2025-07-01 00:00:00", {("calls", 1)}), ("2025-07-01 00:00:01", set())]
)
def test_what_lies_ahead_does_not_connect_anything(
    run_model: RunModel, queued: str, found: set[tuple[object, ...]]
) -> None:
    """As of 2025-07-01 00:00 UTC a call of one second later has not been made."""
    assert connected(run_model, calls=f"call_id | queued_at\n-\nCL01 | {queued}") == found


def test_every_pseudo_dataset_has_its_words() -> None:
    names = {
        line.split("'")[1] for line in (SQL / "core/dim_datasets.sql").read_text().splitlines() if "select '" in line
    }
    for language in ("zh", "en"):
        words = (SQL.parent / f"dashboard/i18n/{language}.toml").read_text(encoding="utf-8")
        section = words.split("[datasets]")[1].split("\n[")[0]
        assert names == {line.split(" = ")[0] for line in section.splitlines() if " = " in line}, language
