"""SIGKILL at every named step of a run: readers see the old snapshot or the new one, whole, and the next run
ends as if nothing had happened."""

from __future__ import annotations

import json
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from ingestion.rollback import release, roll_back
from ingestion.warehouse import snapshots

if TYPE_CHECKING:
    from tests.ingestion.conftest import Shop, SmallShop

pytestmark = pytest.mark.slow

REPOSITORY = Path(__file__).resolve().parents[2]

# In the order in which a run comes to them.
STEPS = (
    *("recovered", "run_recorded", "looked", "landed_file", "references_judged", "exports_checked"),
    *("load_appended", "waiting_judged", "build_begun", "model_built", "cells_built", "built"),
    *("bounds_written", "marts_checked", "records_written"),
    "values_reported",
    *("people_written", "build_closed", "kept_renamed", "kept_recorded"),
    *("snapshot_synced", "snapshot_renamed", "people_synced", "people_renamed"),
    *("snapshots_synced", "pointer_written", "pointer_switched", "pointer_synced", "run_ended", "pruned"),
)
SHOWN_FROM = STEPS.index("pointer_switched")
# Files of the night that is killed, and models of the shop: a run comes to these steps once for each.
TIMES = {"landed_file": 4, "load_appended": 4, "model_built": 3}
POINTS = [(step, time) for step in STEPS for time in range(1, TIMES.get(step, 1) + 1)]
assert len(POINTS) >= 30
# One point of each kind of work, and every act of publishing; the others are killed at with -m soak.
USUAL = {
    *(("landed_file", 2), ("load_appended", 1), ("load_appended", 4), ("model_built", 2), ("records_written", 1)),
    *(("build_closed", 1), ("kept_renamed", 1), ("snapshot_renamed", 1), ("people_renamed", 1)),
    *(("snapshots_synced", 1), ("pointer_written", 1), ("pointer_switched", 1), ("run_ended", 1)),
}
assert {*POINTS} > USUAL

# Each night is a process of its own, which kills itself at the n-th time it comes to a step. All are forked from one
# that has imported what a night needs and opened nothing: importing takes longer than the night.
SCRIPT = """
import os, signal, sys
from pathlib import Path
from data_checks import gate
from ingestion import mapping, pipeline, steps
from ingestion.settings import Settings
from ingestion.warehouse import incremental, models

# However small, tables are followed by key.
incremental.SMALL, incremental.TOUCHED_AT_MOST = -1, 2
check = gate.CheckResult("exports", "s", "e", "c", "stop", True, 0, 1, "code", "zh", "en")
gate.prepare = lambda: None
gate.run_export_checks = gate.run_mart_checks = lambda *_, **__: gate.GateResult("exports", (check,))

def night(root, step, times):
    # One that hangs ends by another signal.
    signal.alarm(120)
    seen = []

    def kill(reached):
        seen.append(reached)
        if seen.count(step) == times:
            os.kill(os.getpid(), signal.SIGKILL)

    models.SQL_DIR = root / "sql"
    steps.listeners.append(kill)
    pipeline.run(root / "exports", Settings(home=root / "home", settle_seconds=0))
    print(" ".join(seen), flush=True)

# Read once, not by each night.
mapping.load_sources()
for line in sys.stdin:
    root, step, times = line.rstrip("\\n").split("\\t")
    child = os.fork()
    if not child:
        said = os.open(root + "/said", os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
        os.dup2(said, 1)
        os.dup2(said, 2)
        night(Path(root), step, int(times))
        os._exit(0)
    print(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]), flush=True)
"""


@dataclass(frozen=True)
class Ended:
    """How a night's process ended, and what it said."""

    returncode: int
    said: str


RunKilled = Callable[..., Ended]


@pytest.fixture(scope="module")
def run_killed() -> Iterator[RunKilled]:
    """Run a night on a shop that kills itself: run_killed(shop, step, times)."""
    command = [sys.executable, "-c", SCRIPT]
    with subprocess.Popen(
        command, cwd=REPOSITORY, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as server:
        asks, answers = server.stdin, server.stdout
        assert asks is not None
        assert answers is not None

        def run(shop: Shop, step: str, times: int = 1) -> Ended:
            asks.write(f"{shop.root}\t{step}\t{times}\n")
            asks.flush()
            return Ended(int(answers.readline()), (shop.root / "said").read_text(encoding="utf-8"))

        yield run
        asks.close()


@pytest.fixture(scope="module")
def prepared(tmp_path_factory: pytest.TempPathFactory, small_shop: SmallShop) -> tuple[Shop, str]:
    """A shop before its second night, and the content that this night publishes if nobody kills it.

    One night is published and an orphan waits; of the files that have come since, one brings its customer.
    """
    with small_shop(tmp_path_factory.mktemp("before")) as shop:
        shop.tickets("0601b", ("T003", "C003", "2025-06-01 10:00:00"))
        shop.night()
        shop.customers("0602", "C003")
        shop.customers("0602b", "C004")
        shop.tickets("0602", ("T004", "C001", "2025-06-02 10:00:00"))
        shop.tickets("0602b", ("T001", "C002", "2025-06-02 11:00:00"), ("T006", "C009", "2025-06-02 12:00:00"))
        undisturbed = copied(shop, tmp_path_factory.mktemp("undisturbed"))
        assert undisturbed.night().verdict == "published"
        return shop, undisturbed.content()


def copied(shop: Shop, root: Path) -> Shop:
    for folder in ("home", "exports", "sql"):
        shutil.copytree(shop.root / folder, root / folder, dirs_exist_ok=True)
    return type(shop)(root)


@pytest.fixture
def undisturbed(prepared: tuple[Shop, str]) -> str:
    return prepared[1]


@pytest.fixture
def second_night(shop: Shop, prepared: tuple[Shop, str]) -> Shop:
    """A copy of the prepared shop, to be killed."""
    shutil.rmtree(shop.exports)
    return copied(prepared[0], shop.root)


def assert_survives(run_killed: RunKilled, shop: Shop, undisturbed: str, step: str, times: int = 1) -> None:
    before = shop.content()
    killed = run_killed(shop, step, times)
    assert killed.returncode == -signal.SIGKILL, killed.said
    published = snapshots.published(shop.home)
    assert published is not None
    snapshots.verify(published)
    assert shop.content() == (undisturbed if STEPS.index(step) >= SHOWN_FROM else before)
    following = shop.night()
    assert following.verdict == ("nothing_new" if STEPS.index(step) >= SHOWN_FROM else "published")
    assert shop.content() == undisturbed
    assert shop.leftovers() == []
    assert shop.ledger("select count(*) from meta.runs where verdict is null") == [(0,)]
    kept = {file.name.partition(".")[0] for file in (shop.home / "snapshots").iterdir()}
    assert kept == set(snapshots.kept(shop.home))
    assert json.loads((shop.home / "published.json").read_text(encoding="utf-8"))["held"] is False


@pytest.mark.parametrize(
    ("step", "time"),
    [pytest.param(*point, marks=() if point in USUAL else pytest.mark.soak) for point in POINTS],
)
def test_a_kill_at_any_step_leaves_a_whole_snapshot(
    run_killed: RunKilled, second_night: Shop, undisturbed: str, step: str, time: int
) -> None:
    assert_survives(run_killed, second_night, undisturbed, step, time)


@pytest.mark.soak
@pytest.mark.parametrize("attempt", range(20))
@pytest.mark.parametrize("step", STEPS)
def test_twenty_kills_at_any_step(
    run_killed: RunKilled, second_night: Shop, undisturbed: str, step: str, attempt: int
) -> None:
    assert_survives(run_killed, second_night, undisturbed, step, 1 + attempt % TIMES.get(step, 1))


def test_the_steps_are_those_of_a_run(run_killed: RunKilled, second_night: Shop) -> None:
    told = run_killed(second_night, "no such step")
    assert told.returncode == 0, told.said
    reached = told.said.split()
    assert tuple(dict.fromkeys(reached)) == STEPS
    assert len(reached) == len(POINTS)


def test_a_kill_while_the_first_night_runs_leaves_nothing_published(run_killed: RunKilled, shop: Shop) -> None:
    assert run_killed(shop, "pointer_written").returncode == -signal.SIGKILL
    assert snapshots.published(shop.home) is None
    assert shop.night().verdict == "published"
    assert len(snapshots.kept(shop.home)) == 1
    assert shop.leftovers() == []


@pytest.mark.parametrize("step", ["pointer_switched", "pointer_synced"])
def test_a_night_readers_were_shown_outlives_a_rollback_after_the_kill(
    run_killed: RunKilled, second_night: Shop, undisturbed: str, step: str
) -> None:
    before = snapshots.published(second_night.home)
    assert before is not None
    assert run_killed(second_night, step).returncode == -signal.SIGKILL
    shown = snapshots.published(second_night.home)
    assert shown is not None
    assert shown.run_id != before.run_id
    assert roll_back(second_night.home).run_id == before.run_id
    second_night.night()
    snapshots.verify(snapshots.snapshot(second_night.home, shown.run_id))
    told = second_night.ledger(f"select verdict from meta.runs where run_id = '{shown.run_id}'")
    assert told == [("published",)]
    roll_back(second_night.home, shown.run_id)
    assert second_night.content() == undisturbed


def test_a_night_built_while_held_outlives_a_release_after_the_kill(
    run_killed: RunKilled, second_night: Shop, undisturbed: str
) -> None:
    second_night.night()
    roll_back(second_night.home)
    second_night.tickets("0603", ("T005", "C001", "2025-06-03 10:00:00"))
    assert run_killed(second_night, "pointer_switched").returncode == -signal.SIGKILL
    release(second_night.home)
    assert second_night.night().verdict == "nothing_new"
    assert second_night.asked("select count(*) from core.fct_tickets") == [(5,)]
