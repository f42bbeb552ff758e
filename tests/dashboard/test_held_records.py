"""The records held back, as they were found, are shown to who may see personal data, and to nobody else."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING

import duckdb
import polars as pl
import pytest

from dashboard import downloads
from dashboard.metrics import query
from dashboard.metrics.access import Scope
from dashboard.metrics.query import Snapshot
from tests.dashboard.fake_meta import META
from tests.dashboard.fakes import FakeQuery

if TYPE_CHECKING:
    from pathlib import Path

    from tests.dashboard.conftest import OpenPage

SAID = "Ms. Quarrel"
MAY = Scope(regions=None, may_see_personal=True)


@pytest.fixture
def snapshot(tmp_path: Path) -> Snapshot:
    with duckdb.connect(str(tmp_path / "R1.people.duckdb")) as con:
        con.execute("create schema people")
        con.execute(
            """create table people.quarantine as select * from (values
                ('L1', 'tickets', 3, 'T3', 'created_at', 'T3,30/02/2025'),
                ('L1', 'tickets', 3, 'T3', 'status', 'T3,30/02/2025'), ('L1', 'tickets', 4, 'T4', 'status', 'T4,'),
                ('L1', 'visits', 3, 'V3', 'visited_at', 'T3,30/02/2025'), ('L2', null, 3, 'C3', 'tier', 'C3,gold?')
            ) as held(load_id, dataset, source_row, key, column_name, original)"""
        )
    now = datetime(2025, 7, 1)
    return Snapshot(run_id="R1", as_of=now, published_at=now, file=tmp_path / "R1.duckdb")


def test_each_record_asked_for_is_told_once_a_dataset_however_many_faults_it_has(snapshot: Snapshot) -> None:
    found = query.held_records(snapshot, MAY, ["L1", "L2", "L2"], [3, 3, 4])
    assert sorted(found.rows(), key=str) == [
        ("L1", "tickets", 3, "T3", "T3,30/02/2025"),
        ("L1", "visits", 3, "V3", "T3,30/02/2025"),
        ("L2", None, 3, "C3", "C3,gold?"),
    ]


def test_a_snapshot_without_its_people_file_says_so(snapshot: Snapshot) -> None:
    snapshot.file.with_suffix(".people.duckdb").unlink()
    with pytest.raises(query.PeopleMissing):
        query.held_records(snapshot, MAY, ["L1"], [3])


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
    monkeypatch.setattr(Scope, "everything", classmethod(lambda _: MAY))
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


def test_a_record_of_two_datasets_is_one_row_of_its_file_with_the_key_it_has_in_each(
    open_page: OpenPage, monkeypatch: pytest.MonkeyPatch
) -> None:
    held = META["quarantine"]
    visit = held.tail(1).with_columns(dataset=pl.lit("visits"))
    monkeypatch.setitem(META, "quarantine", pl.concat([held, visit]))
    monkeypatch.setattr(Scope, "everything", classmethod(lambda _: MAY))
    page = open_page("data_quality", lang="en")
    assert any(one.value.startswith("3 rows held back, for 4 reasons") for one in page.caption)
    (shown,) = [table.value for table in page.dataframe if "As found" in table.value.columns]
    assert sorted(shown["Key"]) == ["tickets 12", "tickets 3", "tickets 9", "visits 12"]


def test_without_the_people_file_the_data_page_tells_it_and_all_else(
    open_page: OpenPage, monkeypatch: pytest.MonkeyPatch
) -> None:
    def missing(*_: object) -> None:
        raise query.PeopleMissing

    monkeypatch.setattr(Scope, "everything", classmethod(lambda _: MAY))
    monkeypatch.setattr(FakeQuery, "held_records", missing)
    page = open_page("data_quality")
    assert not page.exception
    assert any("个人信息文件缺失" in one.value for one in page.warning)
    assert "tickets-2025-06-30.csv" in _shown(page)
    assert SAID not in _shown(page)


def _shown(page: object) -> str:
    return "\n".join(table.value.to_csv() for table in page.dataframe)  # type: ignore[attr-defined]
