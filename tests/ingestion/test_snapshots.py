"""Publishing: one act that readers see, an older snapshot to go back to, and nothing damaged shown."""

import hashlib
import json
import subprocess
import sys
import time
from datetime import datetime
from pathlib import Path

import duckdb
import pytest

from ingestion.warehouse import engines, snapshots
from ingestion.warehouse.errors import NoSuchSnapshot, PointerDamaged, SnapshotDamaged
from ingestion.warehouse.places import Places

pytestmark = pytest.mark.slow

ROOT = Path(__file__).resolve().parents[2]
AS_OF = datetime(2025, 6, 1, 12, 30)


def make(home: Path, run_id: str) -> snapshots.Published:
    """Build and publish a snapshot whose one table says which run it is."""
    places = Places(home)
    places.make()
    for file in (places.build(run_id), places.build_people(run_id)):
        with duckdb.connect(str(file)) as con:
            con.execute("create schema meta")
            con.execute("create table meta.run as select ? as run_id", [run_id])
            con.execute("checkpoint")
    return snapshots.publish(home, run_id, as_of=AS_OF, state=f"state of {run_id}")


def seen(home: Path) -> str:
    """The run that a reader of the pointer sees."""
    published = snapshots.published(home)
    assert published is not None
    with engines.open_reader(published.file) as con:
        row = con.execute("select run_id from meta.run").fetchone()
    assert row is not None
    return str(row[0])


def test_nothing_is_published_in_a_new_home(tmp_path: Path) -> None:
    assert snapshots.published(tmp_path) is None
    assert snapshots.kept(tmp_path) == []


def test_a_published_snapshot_is_what_the_pointer_says(tmp_path: Path) -> None:
    published = make(tmp_path, "20250601T000000")
    assert snapshots.published(tmp_path) == published
    assert seen(tmp_path) == "20250601T000000"
    told = json.loads((tmp_path / "published.json").read_text(encoding="utf-8"))
    assert {"run_id", "file", "sha256", "as_of", "published_at", "schema_version"} <= told.keys()
    file = tmp_path / told["file"]
    assert hashlib.sha256(file.read_bytes()).hexdigest() == told["sha256"]
    assert told["as_of"] == "2025-06-01T12:30:00"
    snapshots.verify(published)


def test_publishing_leaves_no_temporary_file(tmp_path: Path) -> None:
    make(tmp_path, "20250601T000000")
    assert sorted(file.name for file in (tmp_path / "snapshots").iterdir()) == [
        "20250601T000000.duckdb",
        "20250601T000000.json",
        "20250601T000000.people.duckdb",
    ]
    assert not (tmp_path / "published.json.tmp").exists()


def test_a_build_with_a_write_ahead_log_is_not_published(tmp_path: Path) -> None:
    make(tmp_path, "20250601T000000")
    places = Places(tmp_path)
    places.build("20250602T000000").write_bytes(b"")
    places.build("20250602T000000").with_name(".build_20250602T000000.duckdb.wal").write_bytes(b"left over")
    with pytest.raises(SnapshotDamaged):
        snapshots.publish(tmp_path, "20250602T000000", as_of=AS_OF, state="")
    assert seen(tmp_path) == "20250601T000000"


def test_the_pointer_of_somebody_else_is_reported(tmp_path: Path) -> None:
    (tmp_path / "published.json").write_text('{"run_id": "x"}', encoding="utf-8")
    with pytest.raises(PointerDamaged):
        snapshots.published(tmp_path)
    (tmp_path / "published.json").write_text("{", encoding="utf-8")
    with pytest.raises(PointerDamaged):
        snapshots.published(tmp_path)


def test_a_home_can_be_moved(tmp_path: Path) -> None:
    make(tmp_path / "old", "20250601T000000")
    (tmp_path / "old").rename(tmp_path / "new")
    assert seen(tmp_path / "new") == "20250601T000000"


def test_the_newest_snapshots_stay_and_the_published_one_always(tmp_path: Path) -> None:
    runs = [f"2025060{day}T000000" for day in range(1, 6)]
    for run_id in runs:
        make(tmp_path, run_id)
    snapshots.rollback(tmp_path, runs[0])
    assert snapshots.prune(tmp_path, keep=2) == runs[1:3]
    assert snapshots.kept(tmp_path) == [runs[0], runs[3], runs[4]]
    assert seen(tmp_path) == runs[0]


def test_going_back_shows_the_snapshot_before_and_holds_publishing(tmp_path: Path) -> None:
    first, second, third = "20250601T000000", "20250602T000000", "20250603T000000"
    make(tmp_path, first)
    make(tmp_path, second)
    held = snapshots.rollback(tmp_path)
    assert (held.run_id, held.held) == (first, True)
    waiting = make(tmp_path, third)
    assert (seen(tmp_path), waiting.waiting and waiting.waiting.run_id) == (first, third)
    released = snapshots.release(tmp_path)
    assert (seen(tmp_path), released.held, released.waiting) == (third, False, None)


def test_a_release_without_a_newer_build_keeps_what_is_shown(tmp_path: Path) -> None:
    make(tmp_path, "20250601T000000")
    make(tmp_path, "20250602T000000")
    snapshots.rollback(tmp_path)
    assert not snapshots.release(tmp_path).held
    assert seen(tmp_path) == "20250601T000000"


def test_there_is_no_going_back_to_what_is_not_kept(tmp_path: Path) -> None:
    make(tmp_path, "20250601T000000")
    with pytest.raises(NoSuchSnapshot):
        snapshots.rollback(tmp_path)
    with pytest.raises(NoSuchSnapshot):
        snapshots.rollback(tmp_path, "20240101T000000")
    assert seen(tmp_path) == "20250601T000000"


@pytest.mark.parametrize("which", ["file", "people_file"])
def test_a_damaged_snapshot_is_not_gone_back_to(tmp_path: Path, which: str) -> None:
    first = make(tmp_path, "20250601T000000")
    make(tmp_path, "20250602T000000")
    damaged: Path = getattr(first, which)
    content = bytearray(damaged.read_bytes())
    content[5000] ^= 1
    damaged.write_bytes(content)
    with pytest.raises(SnapshotDamaged):
        snapshots.rollback(tmp_path)
    assert seen(tmp_path) == "20250602T000000"


def test_a_reader_reaches_no_file_and_no_setting(tmp_path: Path) -> None:
    published = make(tmp_path, "20250601T000000")
    other = tmp_path / "secret.csv"
    other.write_text("a\n1\n", encoding="utf-8")
    with engines.open_reader(published.file) as con:
        for statement in (
            f"from read_csv('{other}')",
            f"attach '{tmp_path}/x.duckdb' as x",
            f"copy (select 1) to '{tmp_path}/out.csv'",
            "create table meta.t as select 1",
            "set enable_external_access = true",
            "install httpfs",
        ):
            with pytest.raises(duckdb.Error):
                con.execute(statement)


READER = """
import sys, threading, time
from pathlib import Path
from ingestion.warehouse import engines, snapshots

home, until = Path(sys.argv[1]), time.time() + float(sys.argv[2])
torn = []

def read():
    last = ""
    while time.time() < until:
        shown = snapshots.published(home)
        with engines.open_reader(shown.file, threads=1) as con:
            (run_id,) = con.execute("select run_id from meta.run").fetchone()
        if run_id != shown.run_id or run_id < last:
            torn.append((last, shown.run_id, run_id))
        last = run_id

threads = [threading.Thread(target=read) for _ in range(4)]
[thread.start() for thread in threads]
[thread.join() for thread in threads]
sys.exit(str(torn) if torn else 0)
"""


@pytest.mark.slow
def test_readers_see_whole_snapshots_in_order_while_others_are_published(tmp_path: Path) -> None:
    make(tmp_path, "20250601T000000")
    readers = [
        subprocess.Popen([sys.executable, "-c", READER, str(tmp_path), "6"], cwd=ROOT, stderr=subprocess.PIPE)
        for _ in range(2)
    ]
    for second in range(1, 13):
        make(tmp_path, f"20250601T0000{second:02d}")
    for reader in readers:
        _, said = reader.communicate(timeout=60)
        assert reader.returncode == 0, said.decode()


def test_going_back_takes_a_moment(tmp_path: Path) -> None:
    make(tmp_path, "20250601T000000")
    make(tmp_path, "20250602T000000")
    began = time.monotonic()
    snapshots.rollback(tmp_path)
    assert time.monotonic() - began < 5
