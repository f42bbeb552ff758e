"""The records held back, as they were found, are shown to who may see personal data, and to nobody else."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING

import duckdb
import pytest

from dashboard import downloads
from dashboard.metrics import query
from dashboard.metrics.access import Scope
from dashboard.metrics.query import Snapshot

if TYPE_CHECKING:
    from pathlib import Path

    from tests.dashboard.conftest import OpenPage

SAID = "Ms. Quarrel"


@pytest.fixture
def snapshot(tmp_path: Path) -> Snapshot:
    with duckdb.connect(str(tmp_path / "R1.people.duckdb")) as con:
        con.execute("create schema people")
        con.execute(
            """create table people.quarantine as select * from (values
                ('L1', 3, 'T3', 'created_at', 'T3,30/02/2025'), ('L1', 3, 'T3', 'status', 'T3,30/02/2025'),
                ('L1', 4, 'T4', 'status', 'T4,'), ('L2', 3, 'C3', 'tier', 'C3,gold?')
            ) as held(load_id, source_row, key, column_name, original)"""
        )
    now = datetime(2025, 7, 1)
    return Snapshot(run_id="R1", as_of=now, published_at=now, file=tmp_path / "R1.duckdb")


def test_each_record_asked_for_is_told_once_however_many_faults_it_has(snapshot: Snapshot) -> None:
    scope = Scope(regions=None, may_see_personal=True)
    found = query.held_records(snapshot, scope, ["L1", "L2", "L2"], [3, 3, 4])
    assert sorted(found.rows()) == [("L1", 3, "T3", "T3,30/02/2025"), ("L2", 3, "C3", "C3,gold?")]


@pytest.mark.parametrize(
    "scope",
    [Scope.everything(), Scope(regions=("上海",), may_see_personal=True), Scope(regions=(), may_see_personal=True)],
)
def test_nobody_else_may(snapshot: Snapshot, scope: Scope) -> None:
    with pytest.raises(query.PersonalForbidden):
        query.held_records(snapshot, scope, ["L1"], [3])


def test_the_data_page_shows_them_to_who_may_see_personal_data(
    open_page: OpenPage, monkeypatch: pytest.MonkeyPatch
) -> None:
    plain = open_page("data_quality")
    assert SAID not in _shown(plain)
    may = Scope(regions=None, may_see_personal=True)
    monkeypatch.setattr(Scope, "everything", classmethod(lambda _: may))
    page = open_page("data_quality")
    assert not page.exception
    assert f"{SAID} wrote line 12" in _shown(page)
    # Looked at, and not put into the menu that a page's tables are downloaded from.
    offers = page.session_state[downloads.KEY].offers
    assert offers
    assert not any(SAID in downloads.csv(one.frame).decode() for one in offers)
    some = Scope(regions=("上海",), may_see_personal=True)
    monkeypatch.setattr(Scope, "everything", classmethod(lambda _: some))
    assert SAID not in _shown(open_page("data_quality"))


def _shown(page: object) -> str:
    return "\n".join(table.value.to_csv() for table in page.dataframe)  # type: ignore[attr-defined]
