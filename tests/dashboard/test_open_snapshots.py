"""What a reading process holds open: the newest snapshots only, and nothing that another version wrote."""

from __future__ import annotations

import os
from datetime import datetime
from typing import TYPE_CHECKING

import duckdb
import pytest

from dashboard.metrics import query
from dashboard.metrics.query import Query
from ingestion.warehouse import snapshots
from ingestion.warehouse.errors import SnapshotUnknownSchema
from ingestion.warehouse.places import Places

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = pytest.mark.slow

NAME = Query("select run_id from meta.run", ())


def publish(home: Path, day: int) -> query.Snapshot:
    """Publish a snapshot whose one table says which run it is, and open it as pages do."""
    run_id, places = f"202506{day:02d}T000000", Places(home)
    places.make()
    for file in (places.build(run_id), places.build_people(run_id)):
        with duckdb.connect(str(file)) as con:
            con.execute("create schema meta")
            con.execute("create table meta.run as select ? as run_id", [run_id])
            con.execute("create table meta.many as from range(3000000)")
    snapshots.publish(home, run_id, as_of=datetime(2025, 6, day), state=run_id)
    opened = query.open_snapshot(home)
    assert opened is not None
    assert opened.run(NAME).item() == run_id
    return opened


def held_open(folder: Path) -> set[str]:
    """Files of a folder that this process has open, deleted or not."""
    fds = [f"/proc/self/fd/{fd}" for fd in os.listdir("/proc/self/fd")]
    links = [os.readlink(fd) for fd in fds if os.path.lexists(fd)]
    return {link.rpartition("/")[2][:8] for link in links if link.startswith(str(folder))}


@pytest.mark.skipif(not os.path.isdir("/proc/self/fd"), reason="needs /proc")
def test_old_snapshots_are_released_and_running_questions_end(tmp_path: Path) -> None:
    first = publish(tmp_path, 1)
    running = query.open_cursor(first.file)
    running.execute("select * from meta.many")
    assert running.fetchone() == (0,)
    for day in range(2, 6):
        publish(tmp_path, day)
    assert len(running.fetchall()) == 2_999_999
    assert held_open(tmp_path) >= {"20250603", "20250604", "20250605"}
    running.close()
    assert held_open(tmp_path) == {"20250603", "20250604", "20250605"}
    assert first.run(NAME).item() == first.run_id
    assert len([one for one in query._opened.values() if one.file.is_relative_to(tmp_path)]) <= query.KEPT_OPEN


def test_a_snapshot_of_another_schema_is_not_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    publish(tmp_path, 1)
    monkeypatch.setattr(snapshots, "SCHEMA_VERSION", 2)
    with pytest.raises(SnapshotUnknownSchema):
        query.open_snapshot(tmp_path)
