"""The tables of the Qualtrics connector: few rows of an integration test, which hardly refer to each other.

They prove the mapping of columns; what the joins and the arithmetic do is proven in tests/ingestion/test_surveys.py.
"""

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from dashboard.metrics import query
from ingestion.warehouse.kpis import Query

pytestmark = [pytest.mark.real, pytest.mark.slow]


@pytest.fixture(scope="module")
def snapshot(night: Callable[..., query.Snapshot], shared_dir: Path) -> query.Snapshot:
    return night("qualtrics", *sorted((shared_dir / "data" / "vendor_qualtrics").glob("*.csv")))


def rows(snapshot: query.Snapshot, sql: str) -> list[tuple[object, ...]]:
    return snapshot.run(Query(sql, ())).rows()


def test_every_record_is_accounted_for(snapshot: query.Snapshot) -> None:
    counted = "select file, rows_read, rows_loaded, rows_quarantined, rows_duplicate from meta.loads order by file"
    assert rows(snapshot, counted) == [
        ("core_contact.csv", 1, 1, 0, 0),
        ("directory_contact.csv", 5, 5, 0, 0),
        # Sent to two contacts that the five of the directory do not include: they wait for them.
        ("distribution_contact.csv", 5, 0, 5, 0),
        ("question_response.csv", 5, 5, 0, 0),
        ("survey_response.csv", 5, 5, 0, 0),
    ]
    held = "select distinct code, column_name from meta.quarantine"
    assert rows(snapshot, held) == [("orphan_customer", "customer_id")]


def test_every_file_and_every_column_is_known(snapshot: query.Snapshot) -> None:
    found = dict(rows(snapshot, "select code, fields from meta.findings"))
    assert not found.keys() & {"unmapped_column", "unmatched_file", "joined_file_missing"}, found
    assert json.loads(found["none_chosen"])["dataset"] == "survey_answers"


def test_responses_and_contacts_are_what_the_tables_say(snapshot: query.Snapshot) -> None:
    surveys = "select survey_key, kind, cast(responded_at as varchar), is_sent from core.fct_surveys order by 1"
    assert rows(snapshot, surveys) == [
        ("qualtrics:R_1LIOcMY4EdVCU3r", "instant", "2022-12-07 10:04:28", False),
        ("qualtrics:R_2DUphVbjGZGkvkg", "instant", "2022-10-17 10:52:34", False),
        ("qualtrics:R_3e9aZTqhcgXRH0o", "instant", "2022-12-07 08:59:21", False),
        ("qualtrics:R_3lDZ9xxqR5Ptexd", "instant", "2023-02-28 12:40:15", False),
        ("qualtrics:R_3q9HmgV7GfTQP6o", "instant", "2022-10-19 13:38:21", False),
    ]
    assert rows(snapshot, "select count(*) from core.dim_customers") == [(6,)]
