"""A night on every sample export, the optional ones too: nothing is held back, nothing is lost, all is connected."""

import duckdb
import pytest

from dashboard.metrics.query import Snapshot
from data_checks.contract import datasets
from ingestion.warehouse import engines

pytestmark = pytest.mark.slow

OPTIONAL = {name for name, dataset in datasets().items() if dataset.is_optional_export}


def rows(snapshot: Snapshot, query: str) -> list[tuple[object, ...]]:
    with engines.open_reader(snapshot.file) as con:
        return con.execute(query).fetchall()


def test_every_record_read_is_loaded(full_snapshot: Snapshot) -> None:
    told = rows(
        full_snapshot, "select feed, rows_read, rows_loaded, rows_quarantined, rows_duplicate from meta.loads"
    )
    assert {feed for feed, *_ in told} == set(datasets())
    assert all((loaded, held, twice) == (read, 0, 0) for _, read, loaded, held, twice in told)


def test_the_night_has_nothing_to_say(full_snapshot: Snapshot) -> None:
    assert rows(full_snapshot, "from meta.findings") == []


def test_every_export_is_connected_with_all_its_rows(full_snapshot: Snapshot) -> None:
    loaded = dict(rows(full_snapshot, "select feed, sum(rows_loaded) from meta.loads group by feed"))
    connected = dict(rows(full_snapshot, "select dataset, sum(row_count) from meta.datasets group by dataset"))
    assert {name: connected.get(name) for name in OPTIONAL} == {name: loaded[name] for name in OPTIONAL}
    assert {"ticket_agents", "team_history", "escalations", "notices", "flows", "knowledge_links"} <= set(connected)
    assert {"referrals", "segments", "warranties", "promised_windows", "graded_complaints"} <= set(connected)


def test_names_of_staff_are_in_the_file_of_personal_columns_only(full_snapshot: Snapshot) -> None:
    people = full_snapshot.file.with_suffix(".people.duckdb")
    with duckdb.connect(str(people), read_only=True) as con:
        found = con.execute("select staff_key, name from people.staff order by staff_key limit 1").fetchall()
    (key, name), *_ = found
    assert str(key).startswith("sample:")
    assert str(name).encode() not in full_snapshot.file.read_bytes()
