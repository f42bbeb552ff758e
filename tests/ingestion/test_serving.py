"""A damaged snapshot is noticed and the one before it served, until the next run has built it anew."""

from __future__ import annotations

import os
import shutil
from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING

import duckdb
import pytest

from dashboard.metrics import query
from dashboard.metrics.query import Query
from ingestion.warehouse import serving, snapshots
from ingestion.warehouse.errors import SnapshotDamaged
from ingestion.warehouse.places import Places

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from ingestion.warehouse.snapshots import Published, Seal
    from tests.ingestion.conftest import Shop, SmallShop

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def made(small_shop: SmallShop, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Shop]:
    """A shop with two published nights."""
    with small_shop(tmp_path_factory.mktemp("served")) as shop:
        shop.night()
        shop.tickets("0602", ("T003", "C001", "2025-06-02 10:00:00"))
        shop.night()
        yield shop


@pytest.fixture
def two_nights(made: Shop, tmp_path: Path) -> Shop:
    """A copy of it for one test, files with their times."""
    shutil.copytree(made.root, tmp_path, dirs_exist_ok=True)
    return replace(made, root=tmp_path)


def published(shop: Shop) -> Published:
    found = snapshots.published(shop.home)
    assert found is not None
    return found


def flip(seal: Seal, *, keep_time: bool = False) -> None:
    """Change one byte in the middle of a file, as a failing disk or a careless hand does."""
    before = seal.file.stat()
    content = bytearray(seal.file.read_bytes())
    content[len(content) // 2] ^= 1
    seal.file.write_bytes(content)
    if keep_time:
        os.utime(seal.file, ns=(before.st_atime_ns, before.st_mtime_ns))


def shown(shop: Shop) -> serving.Served:
    found = serving.serve(shop.home)
    assert found is not None
    return found


def test_what_is_published_is_served(two_nights: Shop) -> None:
    found = shown(two_nights)
    assert (found.snapshot, found.instead_of, found.fault) == (published(two_nights), None, "")


def test_a_file_changed_since_it_was_published_is_not_served(two_nights: Shop) -> None:
    first, second = snapshots.kept(two_nights.home)
    flip(published(two_nights).seal)
    found = shown(two_nights)
    assert found.instead_of is not None
    assert (found.snapshot.run_id, found.instead_of.run_id) == (first, second)
    assert "sha256" in found.fault
    opened = query.open_snapshot(two_nights.home)
    assert opened is not None
    assert (opened.run_id, opened.instead_of) == (first, second)
    assert opened.run(Query("select count(*) from core.fct_tickets", ())).item() == 2


def test_a_file_cut_short_or_gone_is_not_served(two_nights: Shop) -> None:
    file = published(two_nights).file
    os.truncate(file, file.stat().st_size - 4096)
    assert "bytes instead of" in shown(two_nights).fault
    file.unlink()
    assert "No such file" in shown(two_nights).fault


def test_a_copy_that_is_sound_is_served_though_its_time_is_another(two_nights: Shop) -> None:
    os.utime(published(two_nights).file, ns=(1, 1))
    assert shown(two_nights).instead_of is None


def test_what_time_and_size_do_not_tell_is_found_by_the_servers_watch(two_nights: Shop) -> None:
    flip(published(two_nights).seal, keep_time=True)
    assert shown(two_nights).instead_of is None
    assert "sha256" in serving.hash_published(two_nights.home)
    assert shown(two_nights).instead_of is not None


def test_a_file_is_hashed_once_a_process(two_nights: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    hashed: list[object] = []
    real = serving.sha256
    monkeypatch.setattr(serving, "sha256", lambda file: (hashed.append(file), real(file))[1])
    for _ in range(3):
        shown(two_nights)
    assert hashed == []
    for _ in range(3):
        assert serving.hash_published(two_nights.home) == ""
        shown(two_nights)
    assert hashed == [published(two_nights).file]


def test_a_block_that_breaks_under_a_reader_is_found_out_by_its_question(two_nights: Shop) -> None:
    opened = query.open_snapshot(two_nights.home)
    assert opened is not None
    assert serving.hash_published(two_nights.home) == ""
    query._connections.clear()
    content = bytearray(opened.file.read_bytes())
    content[12288:] = bytes(len(content) - 12288)
    stat = opened.file.stat()
    opened.file.write_bytes(content)
    os.utime(opened.file, ns=(stat.st_atime_ns, stat.st_mtime_ns))
    serving._verdicts[published(two_nights).seal] = (serving._identity_of(opened.file), "")
    with pytest.raises(duckdb.Error):
        opened.run(Query("select count(*), max(as_of) from core.fct_tickets", ()))
    again = query.open_snapshot(two_nights.home)
    assert again is not None
    assert again.instead_of == opened.run_id


def test_where_nothing_is_sound_it_is_said(two_nights: Shop) -> None:
    for run_id in snapshots.kept(two_nights.home):
        flip(snapshots.snapshot(two_nights.home, run_id).seal)
    with pytest.raises(SnapshotDamaged):
        serving.serve(two_nights.home)


@pytest.mark.parametrize("record", ["{tru", "{}"])
def test_a_broken_record_hides_no_sound_snapshot_before_it(two_nights: Shop, record: str) -> None:
    first = published(two_nights).run_id
    for number in (1, 2):
        two_nights.tickets(f"061{number}", (f"T1{number}", "C002", f"2025-06-1{number} 10:00:00"))
        assert two_nights.night().verdict == "published"
    newest = published(two_nights)
    middle = [one for one in snapshots.kept(two_nights.home) if first < one < newest.run_id]
    Places(two_nights.home).record(middle[0]).write_text(record, encoding="utf-8")
    assert snapshots.prune(two_nights.home, 9, days=7) == []
    flip(newest.seal)
    served = serving.serve(two_nights.home)
    assert served is not None
    assert served.snapshot.run_id == first


def test_the_next_run_publishes_the_same_numbers_anew(two_nights: Shop) -> None:
    content, damaged = two_nights.content(), published(two_nights)
    flip(damaged.seal)
    outcome = two_nights.night()
    assert outcome.verdict == "published"
    assert published(two_nights).run_id > damaged.run_id
    assert shown(two_nights).instead_of is None
    assert two_nights.content() == content
    assert two_nights.night().verdict == "nothing_new"


def test_the_last_snapshot_of_each_recent_day_stays(two_nights: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    for hour in range(3, 6):
        two_nights.tickets(f"060{hour}", (f"T00{hour}x", "C001", f"2025-06-0{hour} 10:00:00"))
        two_nights.night()
    kept = snapshots.kept(two_nights.home)
    assert len(kept) == 5
    noon = snapshots.now().replace(hour=12, minute=0, second=0)
    ages = dict(zip(kept, (9, 2, 2, 1, 0), strict=True))
    for run_id, days in ages.items():
        record = two_nights.home / "snapshots" / f"{run_id}.json"
        text = record.read_text(encoding="utf-8")
        at = snapshots.snapshot(two_nights.home, run_id).published_at
        moved = (noon - timedelta(days=days)).isoformat()
        record.write_text(text.replace(at.isoformat(), moved), encoding="utf-8")
    monkeypatch.setattr(snapshots, "now", lambda: noon)
    assert snapshots.prune(two_nights.home, 1, days=7) == [kept[0], kept[1]]
    assert snapshots.kept(two_nights.home) == kept[2:]
    assert snapshots.prune(two_nights.home, 1) == kept[2:4]
