"""A night that starts from the last one's tables ends with the tables that a full build makes, whatever came."""

from __future__ import annotations

import os
import shutil
from datetime import datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from ingestion import growth
from ingestion.retract import retract
from ingestion.rollback import roll_back
from ingestion.warehouse import incremental, keying, models, snapshots
from ingestion.warehouse.errors import ModelInvalid
from tests.ingestion.changing_nights import Changes, instants, leave_out_what_is_tested_elsewhere, run_night

if TYPE_CHECKING:
    from collections.abc import Callable

    from dashboard.metrics.query import Snapshot
    from ingestion.pipeline import Outcome
    from tests.ingestion.conftest import Shop

SEEDS = [int(seed) for seed in os.environ.get("AFTERCARE_TEST_SEEDS", "3").split(",")]
# One says what most say; a longer row, after a quiet night, of them is asked for like more seeds.
NIGHTS = int(os.environ.get("AFTERCARE_TEST_NIGHTS", "1"))


@pytest.fixture
def home(full_snapshot: Snapshot, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A home of its own in which two nights have passed on every export, the second without anything to build upon.

    So every fact has cells: of one that wrongly counts as untouched they would stay as they are, and be seen to.
    """
    leave_out_what_is_tested_elsewhere(monkeypatch)
    home = Path(shutil.copytree(full_snapshot.file.parents[1], tmp_path / "home"))
    shutil.rmtree(home / "kept")
    tonight, _ = run_night(home, as_of(home) + timedelta(seconds=1), is_compared=False)
    assert tonight.changed_tables is None
    return home


def as_of(home: Path) -> datetime:
    pointer = snapshots.published(home)
    assert pointer is not None
    return pointer.as_of


@pytest.mark.slow
@pytest.mark.parametrize("seed", SEEDS)
def test_nights_of_random_changes_end_as_full_builds_do(home: Path, seed: int) -> None:
    if NIGHTS > 1:
        # The first brings nothing, and only as_of moves on. A row that it wrongly kept would be there to the end.
        quiet, _ = run_night(home, as_of(home) + timedelta(seconds=1), is_compared=False)
        assert quiet.changed_tables is not None
        assert not {"core.fct_orders", "core.fct_order_items", "staging.stg_orders"} & quiet.changed_tables
        assert "core.fct_tickets" in quiet.changed_tables
    for number, instant in enumerate(instants(seed, as_of(home), nights=NIGHTS)):
        # Every fifth night brings nothing.
        change = Changes(100 * seed + number, instant) if (seed + number) % 5 else None
        tonight, wrong = run_night(home, instant, change, is_last=number == NIGHTS - 1)
        assert (tonight.changed_tables is None, wrong) == (False, [])


@pytest.fixture
def second(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> Shop:
    """A shop after its first night, in which even the smallest table is followed by key; new tickets have come."""
    monkeypatch.setattr(incremental, "SMALL", -1)
    monkeypatch.setattr(incremental, "TOUCHED_AT_MOST", 2)
    shop.night()
    come(shop, 1)
    return shop


def come(shop: Shop, number: int) -> None:
    """A ticket that is new, and one that changed."""
    shop.tickets(
        f"060{number + 1}",
        (f"N{number}", "C001", f"2025-06-0{number + 1} 10:00:00"),
        ("T001", "C002", f"2025-06-0{number + 1} 11:00:00"),
    )


def is_grown(outcome: Outcome) -> bool:
    """Whether the night started from the last one's tables."""
    return "followed by key" in outcome.log.read_text(encoding="utf-8")


def built_whole(shop: Shop) -> str:
    """What readers would see had the last night built everything."""
    other = type(shop)(shop.root.with_name("whole"))
    shutil.copytree(shop.root / "exports", other.exports)
    shutil.copytree(shop.home / "mappings", other.home / "mappings")
    other.night()
    return other.content()


def told(outcome: Outcome) -> set[str]:
    return {finding.code for _, finding in outcome.findings} & {
        "built_anew",
        "built_anew_damaged",
        "built_anew_swollen",
    }


def test_a_second_night_follows_keys_and_shows_what_a_full_one_would(second: Shop) -> None:
    outcome = second.night()
    assert is_grown(outcome)
    assert "3 were followed by key" in outcome.log.read_text(encoding="utf-8")
    assert second.content() == built_whole(second)
    assert {file.stem for file in (second.home / "kept").iterdir()} == {outcome.run_id}


def kept(shop: Shop, ending: str) -> Path:
    (file,) = (shop.home / "kept").glob(f"*.{ending}")
    return file


def damage(shop: Shop) -> None:
    with kept(shop, "duckdb").open("rb+") as file:
        file.seek(-1000, os.SEEK_END)
        file.write(b"x" * 10)


def forget(shop: Shop) -> None:
    kept(shop, "json").unlink()


def cut_off(shop: Shop) -> None:
    kept(shop, "json").write_text('{"run_id": "')


def lose(shop: Shop) -> None:
    kept(shop, "duckdb").unlink()


def withdraw(shop: Shop) -> None:
    rows = shop.ledger("select sha256 from meta.loads where feed = 'tickets'")
    retract(shop.home, str(rows[0][0]), "a test")


def redefine(shop: Shop) -> None:
    file = shop.sql / "marts" / "mart_tickets_daily.sql"
    file.write_text(file.read_text(encoding="utf-8").replace("'unknown'", "'nowhere'"), encoding="utf-8")
    models._load_models.cache_clear()


def go_back(shop: Shop) -> None:
    """The night before the last is shown again; the last one's tables are no longer where numbers stand."""
    shop.night()
    come(shop, 2)
    roll_back(shop.home)


@pytest.mark.parametrize(
    ("spoil", "note"),
    [
        (withdraw, {"built_anew"}), (redefine, {"built_anew"}), (damage, {"built_anew_damaged"}),
        (lose, {"built_anew_damaged"}), (forget, set()), (cut_off, set()), (go_back, set()),
    ],
)  # fmt: skip
def test_what_no_longer_holds_is_not_built_upon(second: Shop, spoil: Callable[[Shop], None], note: set[str]) -> None:
    spoil(second)
    outcome = second.night()
    assert (is_grown(outcome), told(outcome)) == (False, note)
    come(second, 3)
    following = second.night()
    assert (is_grown(following), told(following)) == (True, set())


def test_a_night_as_of_an_earlier_time_is_built_whole(second: Shop) -> None:
    outcome = second.night(as_of=datetime(2025, 6, 1, 12))
    assert (is_grown(outcome), told(outcome)) == (False, {"built_anew"})


def test_files_with_more_gaps_than_rows_are_built_whole(second: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(growth, "SWOLLEN", 0.5)
    outcome = second.night()
    assert (is_grown(outcome), told(outcome)) == (False, {"built_anew_swollen"})


def test_another_program_builds_all_by_itself(second: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(growth, "program", lambda: "another")
    outcome = second.night()
    assert (is_grown(outcome), told(outcome)) == (False, {"built_anew"})


def test_a_night_that_fails_after_keeping_its_tables_leaves_none(
    second: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object, **__: object) -> None:
        raise OSError(28, "No space left on device")

    before = sorted(file.name for file in (second.home / "kept").iterdir())
    with monkeypatch.context() as patch:
        patch.setattr(snapshots, "publish", full)
        with pytest.raises(OSError, match="No space"):
            second.night()
    assert sorted(file.name for file in (second.home / "kept").iterdir()) == before


def test_tables_that_never_reached_their_file_are_not_kept(second: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    size = growth._size

    def with_a_log_left(file: Path) -> int:
        file.with_name(f"{file.name}.wal").touch()
        return size(file)

    beside = growth._beside
    monkeypatch.setattr(growth, "_beside", lambda night: (with_a_log_left(beside(night)), beside(night))[1])
    outcome = second.night()
    assert not (second.home / "kept" / f"{outcome.run_id}.json").exists()


def test_a_model_that_reads_as_of_and_is_followed_by_key_says_which_rows_move_with_it() -> None:
    silent = [
        model.name
        for model in models.load_models()
        if (keys := keying.keying(model))
        and "raw.run" in model.references
        and "as_of" in keying.words(model.sql)
        and not keys.has_moves
    ]
    assert silent == []


def test_every_line_of_every_header_can_be_read() -> None:
    assert sum(keying.keying(model) is not None for model in models.load_models()) > 60


@pytest.mark.parametrize(
    ("lines", "reason"),
    [
        ("-- via: core.b.x = core.a.x", "without `-- by:`"),
        ("-- by: x\n-- via: core.c.x = core.a.x", "core.c"),
        ("-- by: x\n-- via: core.b = core.a", "is not `table.column"),
        ("-- by: x\n-- key: core.a", "is not `table = expression`"),
        ("-- by: x\n-- near: core.a", "is not `table.column`"),
        ("-- by: x\n-- moves: in core.c: true", "core.c"),
        ("-- by: x\n-- shared: nobody", "nobody"),
    ],
)
def test_a_line_that_means_nothing_is_refused(lines: str, reason: str) -> None:
    sql = f"-- grain: x\n{lines}\nwith b as (select x from core.b) select core.a.x from core.a inner join b using (x)"
    with pytest.raises(ModelInvalid, match=reason):
        keying.keying(models.parse_model("core.m", sql))
