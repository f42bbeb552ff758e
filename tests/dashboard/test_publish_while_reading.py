"""Publishing under readers: 20 threads of one process and 3 processes more, and a new snapshot every second."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

import duckdb
import pytest

from ingestion.warehouse import snapshots
from ingestion.warehouse.places import Places
from tests.dashboard.asked import REPOSITORY

if TYPE_CHECKING:
    from pathlib import Path

ROWS = 20_000
THREADS, PROCESSES, KEPT = 20, 3, 7
BEGUN = datetime(2025, 6, 1)

# Every table of a snapshot says which run it is of, so that a mixture cannot pass for one of them. Readers pause as
# people do; every tenth read is a question that is still being answered while four more snapshots are published, and
# by then the process has let go of the connection it runs on; its 18 MB are more than DuckDB hands over ahead.
READER = """
import json, sys, threading, time
from pathlib import Path
from dashboard.metrics import query
from dashboard.metrics.query import Query

home, threads = Path(sys.argv[1]), int(sys.argv[2])
TABLES = ("meta.run", "core.fct_tickets", "marts.mart_tickets_daily")
told = {"reads": 0, "long": 0, "errors": [], "mixed": [], "back": [], "seen": set()}
lock = threading.Lock()
stop = threading.Event()

def once(number, last):
    shown = query.open_snapshot(home)
    found = set()
    for table in TABLES:
        found.update(shown.run(Query(f"select distinct run_id from {table}", ()))["run_id"].to_list())
        time.sleep(0.01)
    if number % 10 == 1:
        cursor = query.open_cursor(shown.file)
        cursor.execute("select run_id, repeat(run_id, 60) from core.fct_tickets")
        found.add(cursor.fetchone()[0])
        time.sleep(4.5)
        rest = cursor.fetchall()
        cursor.close()
        found.update(run_id for run_id, _ in rest)
        if len(rest) != int(sys.argv[3]) - 1:
            found.add(f"{len(rest)} rows")
    with lock:
        told["reads"] += 1
        told["long"] += number % 10 == 1
        told["seen"].add(shown.run_id)
        if found != {shown.run_id}:
            told["mixed"].append([shown.run_id, sorted(found)])
        if shown.run_id < last:
            told["back"].append([last, shown.run_id])
    return shown.run_id

def read():
    number, last = 0, ""
    while not stop.is_set():
        number += 1
        try:
            last = once(number, last)
        except Exception as error:
            with lock:
                told["errors"].append(f"{type(error).__name__}: {error}")
        time.sleep(0.05)
    # Who was in the middle of a long question when publishing ended, too, has to see the newest now.
    once(0, last)

everyone = [threading.Thread(target=read) for _ in range(threads)]
[one.start() for one in everyone]
print("reading", flush=True)
sys.stdin.read()
stop.set()
[one.join() for one in everyone]
print(json.dumps({**told, "seen": len(told["seen"]), "last": max(told["seen"])}))
"""


def publish(home: Path, number: int) -> str:
    run_id, places = f"{BEGUN + timedelta(seconds=number):%Y%m%dT%H%M%S}", Places(home)
    places.make()
    for file in (places.build(run_id), places.build_people(run_id)):
        with duckdb.connect(str(file)) as con:
            for schema in ("meta", "core", "marts"):
                con.execute(f"create schema {schema}")
            con.execute("create table meta.run as select ? as run_id", [run_id])
            con.execute(
                f"create table core.fct_tickets as select ? as run_id, range as n from range({ROWS})", [run_id]
            )
            con.execute("create table marts.mart_tickets_daily as select ? as run_id from range(30)", [run_id])
    snapshots.publish(home, run_id, as_of=BEGUN, state=run_id)
    snapshots.prune(home, KEPT)
    return run_id


def reader(home: Path, threads: int) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-c", READER, str(home), str(threads), str(ROWS)],
        cwd=REPOSITORY,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


@pytest.mark.slow
@pytest.mark.parametrize("seconds", [8, pytest.param(60, marks=pytest.mark.soak)])
def test_no_reader_fails_or_sees_two_snapshots_at_once(tmp_path: Path, seconds: int) -> None:
    publish(tmp_path, 0)
    readers = [reader(tmp_path, threads) for threads in (THREADS, *[1] * PROCESSES)]
    for each in readers:
        assert each.stdout is not None
        assert each.stdout.readline() == "reading\n"
    began, number, took = time.monotonic(), 0, []
    while time.monotonic() < began + seconds:
        number += 1
        time.sleep(max(0.0, began + number - 1 - time.monotonic()))
        at = time.monotonic()
        newest = publish(tmp_path, number)
        took.append(time.monotonic() - at)
    told = []
    for each in readers:
        out, err = each.communicate(timeout=60)
        assert each.returncode == 0, err
        told.append(json.loads(out))
    print(json.dumps({"published": number, "slowest_publish": round(max(took), 2), "readers": told}))  # noqa: T201
    assert number >= seconds // 2, "too few snapshots for the test to mean anything"
    for one in told:
        assert (one["errors"], one["mixed"], one["back"]) == ([], [], [])
        assert one["last"] == newest, "a reader was left behind on an older snapshot"
        assert one["long"] >= 1
        assert one["seen"] >= 2
    assert told[0]["seen"] >= number // 3
    assert len(snapshots.kept(tmp_path)) == KEPT
