"""Readers see tickets through views of one table: the same rows that the models behind them found out."""

from collections.abc import Iterator

import duckdb
import pytest

from dashboard.metrics.query import Snapshot
from ingestion.warehouse import models

OWN = "_own"
MODELS = {model.name: model for model in models.load_models()}
BEHIND = {name: name.removesuffix(OWN) for name in MODELS if name.endswith(OWN)}
# Contacts are more than tickets: their view has columns of other names.
SEEN = {own: view for own, view in BEHIND.items() if view in MODELS}


@pytest.fixture(scope="module")
def con(full_snapshot: Snapshot) -> Iterator[duckdb.DuckDBPyConnection]:
    """A night's snapshot as `shown`, and what it kept for the next night as `kept`."""
    kept = full_snapshot.file.parents[1] / "kept" / full_snapshot.file.name
    with duckdb.connect() as con:
        con.execute(f"attach '{full_snapshot.file}' as shown (read_only)")
        con.execute(f"attach '{kept}' as kept (read_only)")
        yield con


def columns(con: duckdb.DuckDBPyConnection, table: str) -> set[str]:
    return {row[0] for row in con.execute(f"describe {table}").fetchall()}


def test_what_is_found_out_of_tickets_is_not_published_twice() -> None:
    assert len(SEEN) >= 14
    for own, view in SEEN.items():
        assert not MODELS[own].is_published, own
        assert MODELS[view].is_view, view
        assert "core.fct_ticket_facts" in MODELS[view].references, view
        assert own in MODELS["core.fct_ticket_facts"].references, own


@pytest.mark.parametrize("own", sorted(SEEN))
def test_a_view_shows_the_rows_that_its_model_found(con: duckdb.DuckDBPyConnection, own: str) -> None:
    ours, theirs = f"kept.{own}", f"shown.{SEEN[own]}"
    shared = ", ".join(sorted(columns(con, ours) & columns(con, theirs)))
    lost = con.execute(f"select {shared} from {ours} except all select {shared} from {theirs}").fetchall()
    added = con.execute(f"select {shared} from {theirs} except all select {shared} from {ours}").fetchall()
    assert (lost, added) == ([], [])
    assert con.execute(f"select count(*) from {theirs}").fetchall() != [(0,)]


def test_every_counted_ticket_is_a_contact(con: duckdb.DuckDBPyConnection) -> None:
    found = con.execute(
        """select count(*) from kept.core.fct_ticket_contacts_own as own
        inner join shown.core.fct_contacts as contacts
            on own.ticket_key = contacts.contact_key and contacts.medium = 'ticket'
            and own.is_self_solved = contacts.is_contained and own.is_issue_matured = contacts.is_issue_matured"""
    ).fetchall()
    counted = con.execute("select count(*) from shown.core.fct_tickets where is_counted").fetchall()
    assert found == counted
    assert counted != [(0,)]
