"""A table built a part of its keys at a time is the table built at once, whichever model it is."""

from collections.abc import Iterator
from pathlib import Path

import duckdb
import pytest

from dashboard.metrics.query import Snapshot
from ingestion.warehouse import models, parts
from ingestion.warehouse.places import Places

MODELS = {model.name: model for model in models.load_models()}
PARTED = sorted(name for name, model in MODELS.items() if parts.are_possible(model) and not model.is_view)
MADE_UP = models.parse_model(
    "core.fct_words", "-- grain: k\n-- by: k\nselect k, list(word order by word) as words from core.told group by k"
)


@pytest.fixture(scope="module")
def con(full_snapshot: Snapshot) -> Iterator[duckdb.DuckDBPyConnection]:
    """A night's snapshot as `shown`, what it kept for the next night as `kept`, and its raw rows as `warehouse`."""
    home = full_snapshot.file.parents[1]
    with duckdb.connect() as con:
        con.execute("set timezone = 'UTC'")
        con.execute(f"attach '{full_snapshot.file}' as shown (read_only)")
        con.execute(f"attach '{home / 'kept' / full_snapshot.file.name}' as kept (read_only)")
        con.execute(f"attach '{Places(home).warehouse}' as warehouse (read_only)")
        yield con


def catalog(table: str) -> str:
    """Where the night of the fixture left a table."""
    found = models.catalog_of(models.static_inputs(), MODELS.values())(table)
    return {"scratch": "kept", "": "shown"}.get(found, found)


def test_nearly_every_big_table_can_be_parted() -> None:
    assert len(PARTED) > 60
    assert {"core.fct_ticket_facts", "core.fct_ticket_handling_own", "staging.stg_ticket_events"} <= {*PARTED}


@pytest.mark.parametrize("name", PARTED)
def test_in_parts_the_table_is_the_same(con: duckdb.DuckDBPyConnection, name: str) -> None:
    whole = f"{catalog(name)}.{name}"
    several = parts.statements(con, MODELS[name], catalog, 3)
    assert len(several) == 3
    con.execute(f"create or replace temp table parted as {several[0]}")
    for other in several[1:]:
        con.execute(f"insert into parted {other}")
    assert con.execute(f"from parted except all from {whole}").fetchall() == []
    assert con.execute(f"from {whole} except all from parted").fetchall() == []


def test_neighbours_are_never_parted() -> None:
    near = MODELS["core.fct_ticket_outcomes_own"]
    assert not parts.are_possible(near)
    assert parts.finer(near, 1) == 0


@pytest.fixture
def tight(tmp_path: Path) -> Iterator[duckdb.DuckDBPyConnection]:
    """Little memory, nowhere to spill, and words that do not fit in at once."""
    config = {"memory_limit": "60MB", "temp_directory": "", "threads": 1}
    with duckdb.connect(str(tmp_path / "tight.duckdb"), config=config) as con:
        con.execute("create schema core")
        con.execute(
            "create table core.told as select range % 400000 as k, md5(range::varchar) as word from range(800000)"
        )
        con.execute("checkpoint")
        yield con


def test_where_memory_runs_out_finer_parts_are_tried(tight: duckdb.DuckDBPyConnection) -> None:
    with pytest.raises(duckdb.OutOfMemoryException):
        tight.execute(f"create table core.at_once as {MADE_UP.sql}")
    models.build(tight, MADE_UP, lambda _: "")
    found = "select count(*), count(distinct k), sum(len(words)) from core.fct_words"
    assert tight.execute(found).fetchall() == [(400_000, 400_000, 800_000)]


def test_where_no_parts_are_fine_enough_the_night_says_so(
    tight: duckdb.DuckDBPyConnection, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(parts, "MOST", 1)
    with pytest.raises(models.ModelFailed, match="OutOfMemory"):
        models.build(tight, MADE_UP, lambda _: "")


def test_the_more_rows_for_the_memory_the_more_parts(
    con: duckdb.DuckDBPyConnection, monkeypatch: pytest.MonkeyPatch
) -> None:
    facts = MODELS["core.fct_ticket_facts"]
    assert parts.first_count(con, facts, catalog) == 1
    rows = con.execute("select count(*) from shown.core.fct_ticket_facts").fetchall()[0][0]
    monkeypatch.setattr(parts, "_limit", lambda _: rows * parts.BYTES_A_ROW * 4)
    # Some fifteen inputs with a row a ticket, of which four fit.
    assert 3 <= parts.first_count(con, facts, catalog) <= 8
