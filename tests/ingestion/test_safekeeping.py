"""What keeps a night and its data safe: who may read the files, what is said of errors, who may hold what open."""

from __future__ import annotations

import shutil
import stat
import subprocess
import sys
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

import duckdb
import pytest

from dashboard import cli
from data_checks import gate
from ingestion import night, publishing
from ingestion.warehouse import models, records, snapshots
from ingestion.warehouse.errors import (
    ModelFailed,
    PersonalColumn,
    SnapshotUnknownSchema,
    WarehouseBusy,
    WarehouseDamaged,
)

if TYPE_CHECKING:
    from collections.abc import Iterator

    from ingestion import pipeline
    from tests.ingestion.conftest import Shop

pytestmark = pytest.mark.slow

HOLD = "import duckdb, sys, time; con = duckdb.connect(sys.argv[1], read_only=True); print('held', flush=True)"
SUBJECT = "broken"  # what customers wrote as the subject of every ticket
TICKETS = "select count(*) from core.fct_tickets"


def codes(outcome: pipeline.Outcome) -> list[tuple[str, str]]:
    return [(severity, finding.code) for severity, finding in outcome.findings]


def edited(file: Path, old: str, new: str) -> None:
    text = file.read_text(encoding="utf-8")
    assert old in text
    file.write_text(text.replace(old, new), encoding="utf-8")
    models._load_models.cache_clear()


def everything_said(shop: Shop, *errors: Exception) -> str:
    """Log, ledger and, for a run that failed, what stands on stderr."""
    logs = "".join(file.read_text(encoding="utf-8") for file in (shop.home / "logs").iterdir())
    ledger = str(shop.ledger("from meta.findings")) + str(shop.ledger("from meta.runs"))
    return "".join([logs, ledger, *(cli.explain(error)[0] for error in errors)])


def test_what_is_written_is_for_its_owner_alone(shop: Shop) -> None:
    shop.night()
    files = [file for file in shop.home.rglob("*") if file.is_file() and "mappings" not in file.parts]
    assert files
    assert {file.name: oct(stat.S_IMODE(file.stat().st_mode)) for file in files if file.stat().st_mode & 0o077} == {}


def test_a_value_that_cannot_be_converted_is_said_nowhere(shop: Shop) -> None:
    edited(
        shop.sql / "staging" / "stg_tickets.sql", "created_at, subject", "created_at, cast(subject as int) as subject"
    )
    with pytest.raises(ModelFailed) as failed:
        shop.night()
    said = everything_said(shop, failed.value)
    assert "ConversionException" in said
    assert SUBJECT not in said


def test_nor_is_one_that_a_predicate_of_the_mapping_stumbles_over(shop: Shop) -> None:
    source = shop.home / "mappings" / "shop" / "source.toml"
    with source.open("a", encoding="utf-8") as lines:
        lines.write('where = "cast(subject as int) = 1"\n')
    outcome = shop.night()
    assert (outcome.verdict, codes(outcome)) == ("stopped", [("stop", "mapping_file_invalid")])
    said = everything_said(shop)
    assert "source.toml" in said
    assert SUBJECT not in said


@pytest.mark.parametrize("text", ["subject as topic", "upper(subject) as topic", "* rename (subject as topic)"])
def test_no_model_beyond_staging_names_a_personal_column(text: str) -> None:
    with pytest.raises(PersonalColumn):
        models.parse_model("core.fct_x", f"-- grain: a\nselect a, {text} from staging.stg_tickets")


def test_a_predicate_that_chooses_nothing_is_told(shop: Shop) -> None:
    source = shop.home / "mappings" / "shop" / "source.toml"
    with source.open("a", encoding="utf-8") as lines:
        lines.write("where = \"ticket_id = 'T001'\"\n")
    outcome = shop.night()
    assert codes(outcome) == [("note", "rows_not_chosen")]
    assert (outcome.findings[0][1].fields["count"], outcome.findings[0][1].fields["of"]) == (1, 2)
    edited(source, "ticket_id = 'T001'", "ticket_id is not null")
    shop.tickets("0601b", ("T004", "C001", "2025-06-01 11:00:00"))
    assert codes(shop.night()) == []
    edited(source, "ticket_id is not null", "ticket_id = 't-001'")
    shop.tickets("0602", ("T003", "C001", "2025-06-02 10:00:00"))
    assert codes(shop.night()) == [("note", "rows_not_chosen"), ("warn", "none_chosen")]


def test_a_gate_that_checked_nothing_stops_the_night(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(gate, "run_mart_checks", lambda *_, **__: gate.GateResult("marts", ()))
    assert shop.night().verdict == "stopped"
    assert snapshots.published(shop.home) is None


def test_what_cannot_be_pruned_is_only_told(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    def denied(*_: object, **__: object) -> None:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(snapshots, "prune", denied)
    outcome = shop.night()
    assert (outcome.verdict, codes(outcome)) == ("published", [("warn", "prune_failed")])
    assert shop.ledger("select verdict from meta.runs") == [("published",)]


def test_a_passing_reader_of_the_warehouse_is_waited_for(shop: Shop) -> None:
    shop.night()
    warehouse = str(shop.home / "warehouse.duckdb")
    reader = subprocess.Popen([sys.executable, "-c", f"{HOLD}; time.sleep(2)", warehouse], stdout=subprocess.PIPE)
    assert reader.stdout is not None
    assert reader.stdout.readline().strip() == b"held"
    assert shop.night().verdict == "nothing_new"
    reader.communicate()


def test_a_reader_that_stays_is_told_and_a_broken_warehouse_is_not_taken_for_one(
    shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(night, "PATIENCE_SECONDS", 0.3)
    shop.night()
    warehouse = shop.home / "warehouse.duckdb"
    reader = subprocess.Popen(
        [sys.executable, "-c", f"{HOLD}; sys.stdin.read()", str(warehouse)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    )
    assert reader.stdout is not None
    assert reader.stdout.readline().strip() == b"held"
    with pytest.raises(WarehouseBusy):
        shop.night()
    reader.communicate(b"done")
    warehouse.write_bytes(warehouse.read_bytes()[:5000])
    with pytest.raises(WarehouseDamaged):
        shop.night()
    with pytest.raises(WarehouseDamaged):
        records.read(shop.home)


def test_a_snapshot_of_another_schema_is_not_gone_back_to(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    first = shop.night()
    shop.tickets("0602", ("T003", "C001", "2025-06-02 10:00:00"))
    shop.night()
    monkeypatch.setattr(snapshots, "SCHEMA_VERSION", 2)
    with pytest.raises(SnapshotUnknownSchema):
        snapshots.rollback(shop.home, first.run_id)
    assert shop.asked(TICKETS) == [(3,)]


CALENDAR = "date,calendar_id,is_working,kind,name,is_assumed,weekday\n"
LIMITS = "metric,limit_seconds\nresolution,172800\n"


def calendar(shop: Shop, *days: str, assumed: str = "") -> None:
    lines = "".join(f"{day},office,true,workday,,{str(day == assumed).lower()},1\n" for day in days)
    for name, text in {"calendars/calendar_days.csv": CALENDAR + lines, "policies/sla.csv": LIMITS}.items():
        (shop.sql / name).parent.mkdir(exist_ok=True)
        (shop.sql / name).write_text(text, encoding="utf-8")


def test_a_day_the_calendar_lacks_stops_the_night(shop: Shop) -> None:
    shop.tickets("0603", ("T003", "C001", "2025-06-03 10:00:00"))
    calendar(shop, "2025-06-01", "2025-06-03")
    outcome = shop.night()
    assert (outcome.verdict, codes(outcome)) == ("stopped", [("stop", "calendar_gap")])
    assert outcome.findings[0][1].fields["days"] == "2025-06-02"


def test_assumed_days_up_to_the_longest_limit_are_told(shop: Shop) -> None:
    days = ("2025-06-01", "2025-06-02", "2025-06-03", "2025-06-04")
    calendar(shop, *days, assumed="2025-06-03")
    assert codes(shop.night()) == [("warn", "calendar_assumed")]
    calendar(shop, *days, assumed="2025-06-04")
    assert codes(shop.night()) == [("note", "built_anew")]


def test_the_day_of_a_complete_export_decides_what_is_still_there(shop: Shop) -> None:
    """`mode = "full"` written out: what the newest night's files no longer name is marked as gone for the models."""
    source = shop.home / "mappings" / "shop" / "source.toml"
    edited(
        source, "[feeds.tickets.datasets.tickets]", '[feeds.tickets]\nmode = "full"\n[feeds.tickets.datasets.tickets]'
    )
    shop.tickets("0601b", ("T003", "C001", "2025-06-01 10:00:00"))
    marked = "select load_seq from scratch.raw.loads where is_full order by 1"
    seen: list[list[tuple[object, ...]]] = []
    with pytest.MonkeyPatch.context() as patched:
        write = publishing._write_inputs

        def watched(tonight: night.Night, *others: object) -> None:
            write(tonight, *others)  # type: ignore[arg-type]
            seen.append(tonight.con.execute(marked).fetchall())

        patched.setattr(publishing, "_write_inputs", watched)
        shop.night()
        shop.tickets("0602", ("T001", "C001", "2025-06-02 10:00:00"))
        shop.night()
        shop.night(as_of=snapshots.now().replace(year=2025, month=6, day=1, hour=20))
    assert seen == [[(2,)], [(2,), (4,)], [(2,)]]


# A night in a process of its own that may write no file beyond so many bytes, as on a disk that is full.
CRAMPED = """
import resource, sys
from pathlib import Path
from data_checks import gate
from ingestion import pipeline
from ingestion.settings import Settings
from ingestion.warehouse import models

root, most = Path(sys.argv[1]), int(sys.argv[2])
check = gate.CheckResult("exports", "s", "e", "c", "stop", True, 0, 1, "code", "zh", "en")
gate.prepare = lambda: None
gate.run_export_checks = gate.run_mart_checks = lambda *_, **__: gate.GateResult("exports", (check,))
models.SQL_DIR = root / "sql"
resource.setrlimit(resource.RLIMIT_FSIZE, (most, most))
print(pipeline.run(root / "exports", Settings(home=root / "home", settle_seconds=0)).verdict)
"""


@pytest.mark.parametrize("most", [0, 300_000, 1_500_000])
def test_wherever_the_disk_is_full_readers_keep_what_they_have_and_the_next_night_mends_it(
    shop: Shop, most: int
) -> None:
    shop.night()
    before = shop.content()
    shop.tickets("0602", ("T003", "C001", "2025-06-02 10:00:00"))
    repository = Path(__file__).resolve().parents[2]
    cramped = subprocess.run(
        [sys.executable, "-c", CRAMPED, str(shop.root), str(most)], cwd=repository, capture_output=True, text=True,
        timeout=120, check=False,
    )  # fmt: skip
    assert cramped.returncode == 1, cramped.stdout + cramped.stderr
    assert shop.content() == before
    assert shop.night().verdict == "published"
    assert shop.asked(TICKETS) == [(3,)]
    assert shop.leftovers() == []


@pytest.fixture
def small_disk(shop: Shop) -> Iterator[Path]:
    """The shop's home on a disk of its own, of 24 MB."""
    shop.home.rename(shop.root / "home before")
    shop.home.mkdir()
    mounted = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=24m", "tmpfs", shop.home], check=False)
    if mounted.returncode:
        pytest.skip("only root can mount a small disk")
    try:
        shutil.copytree(shop.root / "home before", shop.home, dirs_exist_ok=True)
        yield shop.home
    finally:
        subprocess.run(["umount", shop.home], check=True)


def test_a_full_or_read_only_disk_is_said_in_words_and_the_last_snapshot_stays(shop: Shop, small_disk: Path) -> None:
    shop.night()
    before = shop.content()
    shop.tickets("0602", ("T003", "C001", "2025-06-02 10:00:00"))
    filler = small_disk / "filler"
    with filler.open("wb") as stream, suppress(OSError):
        while stream.write(bytes(1 << 14)):
            stream.flush()
    reasons: list[str] = []
    for prepare in (lambda: None, lambda: subprocess.run(["mount", "-o", "remount,ro", small_disk], check=True)):
        prepare()
        with pytest.raises((OSError, duckdb.Error)) as failed:
            shop.night()
        reasons.append(cli.explain(failed.value)[0])
        assert shop.content() == before
    assert all("Nothing was published" in reason and "Traceback" not in reason for reason in reasons), reasons
    subprocess.run(["mount", "-o", "remount,rw", small_disk], check=True)
    filler.unlink()
    assert shop.night().verdict == "published"
    assert shop.leftovers() == []
