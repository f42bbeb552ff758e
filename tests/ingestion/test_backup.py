"""Backup and restore: a home comes back whole, and nothing newer is overwritten unasked."""

from __future__ import annotations

import os
import shutil
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest
from filelock import FileLock

from ingestion import backup, rollback, steps
from ingestion.warehouse import serving, snapshots
from ingestion.warehouse.errors import AnotherRun, BackupDamaged, BackupInside, BackupOlder, NothingToBackUp

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.ingestion.conftest import Shop, SmallShop

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def made(small_shop: SmallShop, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Shop]:
    """A shop with one published night and its backup, then a second night."""
    with small_shop(tmp_path_factory.mktemp("kept")) as shop:
        shop.night()
        backup.back_up(shop.home, shop.root / "backups")
        shop.tickets("0602", ("T003", "C001", "2025-06-02 10:00:00"))
        shop.night()
        yield shop


@pytest.fixture
def shop_kept(made: Shop, tmp_path: Path) -> Shop:
    """A copy of it for one test."""
    shutil.copytree(made.root, tmp_path, dirs_exist_ok=True)
    return replace(made, root=tmp_path)


def only(folder: Path) -> Path:
    (found,) = folder.iterdir()
    return found


def everything(home: Path) -> dict[str, bytes]:
    """Every file of a home but the lock, whose content says nothing."""
    files = [file for file in home.rglob("*") if file.is_file() and file.name != "run.lock"]
    return {str(file.relative_to(home)): file.read_bytes() for file in files}


def test_an_empty_home_becomes_what_was_backed_up_and_goes_on(shop_kept: Shop) -> None:
    content = shop_kept.content()
    (shop_kept.home / "alerts.toml").write_text("# nobody yet\n", encoding="utf-8")
    made = backup.back_up(shop_kept.home, shop_kept.root / "more")
    moved = replace(shop_kept, root=shop_kept.root / "elsewhere")
    shutil.copytree(shop_kept.exports, moved.exports)
    restored = backup.restore(moved.home, made.folder)
    assert restored.set_aside is None
    assert moved.content() == content
    served = serving.serve(moved.home)
    assert served is not None
    assert served.instead_of is None
    assert moved.ledger("select count(*) from raw.tickets") == [(3,)]
    assert (moved.home / "mappings" / "shop" / "source.toml").is_file()
    assert (moved.home / "alerts.toml").is_file()
    assert moved.night().verdict == "nothing_new"
    moved.tickets("0603", ("T004", "C002", "2025-06-03 10:00:00"))
    assert moved.night().verdict == "published"
    assert moved.asked("select count(*) from core.fct_tickets") == [(4,)]


def test_a_newer_home_is_not_overwritten_unasked(shop_kept: Shop) -> None:
    before = everything(shop_kept.home)
    with pytest.raises(BackupOlder) as refused:
        backup.restore(shop_kept.home, only(shop_kept.root / "backups"))
    assert str(refused.value.fields["newest"]) > str(refused.value.fields["backup"])
    assert everything(shop_kept.home) == before


def test_what_is_replaced_is_set_aside(shop_kept: Shop) -> None:
    first, second = snapshots.kept(shop_kept.home)
    restored = backup.restore(shop_kept.home, only(shop_kept.root / "backups"), replace=True)
    assert restored.published is not None
    assert restored.published.run_id == first
    assert snapshots.kept(shop_kept.home) == [first]
    assert shop_kept.asked("select count(*) from core.fct_tickets") == [(2,)]
    assert restored.set_aside is not None
    assert (restored.set_aside / "snapshots" / f"{second}.duckdb").is_file()
    assert (restored.set_aside / "warehouse.duckdb").is_file()
    # The second night's file still lies in the exports: it is taken in again.
    assert shop_kept.night().verdict == "published"
    assert shop_kept.asked("select count(*) from core.fct_tickets") == [(3,)]


def test_a_home_whose_warehouse_broke_is_restored(shop_kept: Shop) -> None:
    made = backup.back_up(shop_kept.home, shop_kept.root / "more")
    content = shop_kept.content()
    (shop_kept.home / "warehouse.duckdb").write_bytes(b"not a database any more" * 1000)
    with pytest.raises(BackupOlder):
        backup.restore(shop_kept.home, made.folder)
    backup.restore(shop_kept.home, made.folder, replace=True)
    assert shop_kept.content() == content
    assert shop_kept.night().verdict == "nothing_new"


@pytest.mark.parametrize("fault", ["changed", "missing", "manifest", "outside"])
def test_a_damaged_backup_changes_nothing(shop_kept: Shop, fault: str) -> None:
    folder, before = only(shop_kept.root / "backups"), everything(shop_kept.home)
    warehouse, manifest = folder / "warehouse.duckdb", folder / backup.MANIFEST
    if fault == "changed":
        content = bytearray(warehouse.read_bytes())
        content[len(content) // 2] ^= 1
        warehouse.write_bytes(content)
    elif fault == "missing":
        warehouse.unlink()
    elif fault == "manifest":
        manifest.write_text("{}", encoding="utf-8")
    else:
        manifest.write_text(manifest.read_text("utf-8").replace("published.json", "../../published.json"), "utf-8")
    with pytest.raises(BackupDamaged):
        backup.restore(shop_kept.home, folder, replace=True)
    after = everything(shop_kept.home)
    assert {name: content for name, content in after.items() if not name.startswith("tmp/")} == before


def test_a_backup_that_breaks_off_leaves_no_folder(shop_kept: Shop) -> None:
    def full(step: str) -> None:
        if step == "backup_copied":
            raise OSError(28, "No space left on device")

    steps.listeners.append(full)
    try:
        with pytest.raises(OSError, match="No space"):
            backup.back_up(shop_kept.home, shop_kept.root / "more")
    finally:
        steps.listeners.remove(full)
    assert list((shop_kept.root / "more").iterdir()) == []


@pytest.mark.parametrize("step", ["restore_copied", "restore_placed", "restore_switched"])
def test_a_restore_that_breaks_off_leaves_readers_a_whole_snapshot_and_can_be_repeated(
    shop_kept: Shop, step: str
) -> None:
    def cut(name: str) -> None:
        if name == step:
            raise KeyboardInterrupt

    folder = only(shop_kept.root / "backups")
    steps.listeners.append(cut)
    try:
        with pytest.raises(KeyboardInterrupt):
            backup.restore(shop_kept.home, folder, replace=True)
    finally:
        steps.listeners.remove(cut)
    served = serving.serve(shop_kept.home)
    assert served is not None
    assert served.instead_of is None
    backup.restore(shop_kept.home, folder, replace=True)
    assert shop_kept.asked("select count(*) from core.fct_tickets") == [(2,)]


def test_a_hold_and_what_waits_for_its_release_are_in_the_backup(shop_kept: Shop) -> None:
    rollback.roll_back(shop_kept.home)
    shop_kept.tickets("0603", ("T004", "C002", "2025-06-03 10:00:00"))
    waiting = shop_kept.night().run_id
    made = backup.back_up(shop_kept.home, shop_kept.root / "more")
    moved = shop_kept.root / "elsewhere" / "home"
    backup.restore(moved, made.folder)
    assert rollback.release(moved).run_id == waiting


def test_neither_beside_a_run(shop_kept: Shop) -> None:
    with FileLock(shop_kept.home / "run.lock"):
        with pytest.raises(AnotherRun):
            backup.back_up(shop_kept.home, shop_kept.root / "more")
        with pytest.raises(AnotherRun):
            backup.restore(shop_kept.home, only(shop_kept.root / "backups"))


def test_nowhere_that_is_no_place_for_it(shop_kept: Shop, tmp_path: Path) -> None:
    with pytest.raises(BackupInside):
        backup.back_up(shop_kept.home, shop_kept.home / "backups")
    with pytest.raises(NothingToBackUp):
        backup.back_up(tmp_path / "nothing", shop_kept.root / "more")


def test_a_backup_is_for_its_owner_alone(shop_kept: Shop) -> None:
    folder = backup.back_up(shop_kept.home, shop_kept.root / "more").folder
    files = [each for each in (folder, *folder.rglob("*")) if "mappings" not in each.parts]
    assert {str(each): oct(os.stat(each).st_mode) for each in files if os.stat(each).st_mode & 0o077} == {}
