"""One run's surroundings: the lock, the connections, the log, and settling what a killed run left behind."""

from __future__ import annotations

import logging
import os
import shutil
import time
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from tempfile import gettempdir
from typing import TYPE_CHECKING

import duckdb
from filelock import FileLock, Timeout

from data_checks.gist import gist
from ingestion import overrides
from ingestion.steps import reached
from ingestion.usage import Timed
from ingestion.warehouse import engines, last_run, ledger, migrations, models, snapshots, spark_storage
from ingestion.warehouse.errors import AnotherRun, WarehouseBusy, WarehouseDamaged
from ingestion.warehouse.places import Places

if TYPE_CHECKING:
    from collections.abc import Iterator

    from data_checks.gate import GateResult
    from ingestion.errors import Finding
    from ingestion.progress import Progress
    from ingestion.settings import Settings
    from ingestion.warehouse.differences import Differences

log = logging.getLogger("aftercare.run")

_RUN_ID = "%Y%m%dT%H%M%S"
# `aftercare status` holds the warehouse for less than this.
PATIENCE_SECONDS = 10.0
# Who asks whether a run is going on holds the lock for far less (last_run.is_going_on).
_LOCK_SECONDS = 0.3
_LEVELS = {"stop": logging.ERROR, "warn": logging.WARNING, "note": logging.INFO}


class Stopped(Exception):
    """The gate stops the run; its reasons are among the night's findings."""


@dataclass
class Tally:
    """How many checks held, and how many did not without stopping the run."""

    passed: int = 0
    warned: int = 0
    failed: int = 0


@dataclass
class Night:
    """What every stage of a run works with.

    con: the build file is its main catalog; `warehouse` and `scratch` are attached.
    findings: what was said tonight, with its severity (stop, warn or note), in order.
    """

    run_id: str
    settings: Settings
    places: Places
    progress: Timed
    started_at: datetime
    con: duckdb.DuckDBPyConnection
    findings: list[tuple[str, Finding]] = field(default_factory=list)
    loads: list[ledger.Load] = field(default_factory=list)
    checks: Tally = field(default_factory=Tally)
    models_built: int = 0
    # What somebody answers for tonight.
    accepted: overrides.Acceptance = field(default_factory=overrides.Acceptance)
    # What the gates said, with the file it is about, '' for built tables.
    judged: list[tuple[str, GateResult]] = field(default_factory=list)
    # Tables that differ from last night's; None: everything was built from raw.
    changed_tables: frozenset[str] | None = None
    # Which rows of them differ, as far as that is known.
    differences: Differences | None = None

    @property
    def build_catalog(self) -> str:
        """The name DuckDB gives the build file."""
        row = self.con.execute("select current_database()").fetchone()
        return str(row[0]) if row else ""

    def tell(self, severity: str, finding: Finding, load_id: str | None = None) -> str:
        """Keep a finding for the ledger, the log and whoever started the run; returns the severity it has tonight.

        What would stop the run and is accepted warns, and stands on record as accepted.
        """
        if severity == "stop" and self.accepted.covers(finding):
            severity = "warn"
            overrides.record(self.con, self.run_id, load_id, finding, self.accepted)
        self.findings.append((severity, finding))
        log.log(_LEVELS[severity], "%s %s", finding.code, finding.fields)
        ledger.record_finding(self.con, self.run_id, load_id, finding.code, severity, finding.fields)
        return severity

    @property
    def workdir(self) -> Path:
        """Temporary files of this run."""
        return self.places.scratch / self.run_id

    def stop_if_told(self) -> None:
        """Raises Stopped where a finding stops the run."""
        if any(severity == "stop" for severity, _ in self.findings):
            raise Stopped

    def abandon_transaction(self) -> None:
        """Leave a transaction that an error interrupted, if there is one."""
        try:
            self.con.execute("rollback")
        except duckdb.TransactionException:
            log.info("no transaction was open")

    def open_build_again(self, beside: Path) -> None:
        """Open the build file as it lies there now, with `beside` as scratch: what was landed is in raw by now."""
        self.con = _connect_build(self.places, self.settings, self.run_id, beside, [])

    def close_build(self) -> None:
        """Write everything to disk and leave build and people files closed; the ledger stays reachable."""
        self.con.execute("checkpoint")
        # What lies beside the build is kept for the next night: closing alone would pass over a disk that is full.
        self.con.execute("checkpoint scratch")
        self.con.execute("detach scratch")
        self.con.execute("detach warehouse")
        self.con.close()
        self.con = _open_ledger(self.places)


@contextmanager
def lock(home: Path) -> Iterator[Places]:
    """Hold the home for writing. Raises AnotherRun if another process does.

    What is written meanwhile is readable for its owner alone: customers are in it.
    """
    places = Places(home.expanduser().resolve())
    before = os.umask(0o077)
    try:
        places.make()
        with FileLock(places.lock, timeout=_LOCK_SECONDS, poll_interval=0.02):
            yield places
    except Timeout as error:
        raise AnotherRun(home=str(home)) from error
    finally:
        os.umask(before)


@contextmanager
def ledger_open(places: Places) -> Iterator[duckdb.DuckDBPyConnection]:
    """The warehouse file alone, attached as `warehouse`, after whatever a killed run left is settled.

    The lock must be held.
    """
    con = _open_ledger(places)
    try:
        had = migrations.bring_forward(con, "warehouse", places.warehouse.name)
        ledger.create(con, "warehouse")
        if had < migrations.VERSION:
            con.execute("checkpoint warehouse")
        recover(con, places)
        yield con
    finally:
        con.close()


@contextmanager
def night(places: Places, settings: Settings, progress: Progress, exports: Path) -> Iterator[Night]:
    """Everything a run needs, opened and recorded; closed and cleaned however it ends. The lock must be held."""
    with ledger_open(places) as con:
        started_at = snapshots.now()
        run_id = _run_id(con, places, started_at)
    with _logged(places.log(run_id)):
        con = _open_build(places, settings, run_id, exports)
        tonight = Night(run_id, settings, places, Timed(progress), started_at, con)
        try:
            ledger.begin_run(tonight.con, run_id, started_at)
            last_run.keep(tonight.con, places)
            log.info("run %s begins", run_id)
            reached("run_recorded")
            yield tonight
        finally:
            tonight.con.close()
            sweep(places)
            spark_storage.sweep(settings)


@contextmanager
def _logged(file: Path) -> Iterator[None]:
    """Write the run's log to a file of its own."""
    handler = logging.FileHandler(file, encoding="utf-8")
    handler.setFormatter(logging.Formatter("%(asctime)s %(levelname)s %(message)s"))
    log.addHandler(handler)
    log.setLevel(logging.INFO)
    log.propagate = False
    try:
        yield
    finally:
        log.removeHandler(handler)
        handler.close()


def _run_id(con: duckdb.DuckDBPyConnection, places: Places, now: datetime) -> str:
    """The run's instant, but always later than the last: run ids stay in order if the clock is set back."""
    row = con.execute("select max(run_id) from warehouse.meta.runs").fetchone()
    latest = max([row[0] if row and row[0] else "", *snapshots.kept(places.home)])
    run_id = now.strftime(_RUN_ID)
    if run_id > latest:
        return run_id
    return (datetime.strptime(latest, _RUN_ID) + timedelta(seconds=1)).strftime(_RUN_ID)  # noqa: DTZ007


def _open_ledger(places: Places) -> duckdb.DuckDBPyConnection:
    con = engines.open_memory()
    _attach_warehouse(con, places)
    return con


def _open_build(places: Places, settings: Settings, run_id: str, exports: Path) -> duckdb.DuckDBPyConnection:
    (places.scratch / run_id).mkdir()
    return _connect_build(places, settings, run_id, places.scratch / run_id / "scratch.duckdb", [exports])


def _connect_build(
    places: Places, settings: Settings, run_id: str, scratch: Path, readable: list[Path]
) -> duckdb.DuckDBPyConnection:
    con = engines.open_writer(places.build(run_id), places, settings)
    _attach_warehouse(con, places)
    engines.attach(con, scratch, "scratch")
    # Predicates in a source.toml and names of files are other people's text: neither reaches any other file.
    if shared := spark_storage.folder_of(settings):
        readable = [*readable, shared]
    engines.confine(con, [places.home, *readable, models.SQL_DIR, Path(gettempdir())])
    return con


def _attach_warehouse(con: duckdb.DuckDBPyConnection, places: Places) -> None:
    """Attach the warehouse file. `aftercare status` may be reading it at this very moment: it is waited for.

    Raises:
        WarehouseBusy: somebody goes on reading it. We hold the run lock, so it is a DuckDB shell, a backup.
        WarehouseDamaged: it is no DuckDB file, or a broken one.
    """
    give_up = time.monotonic() + PATIENCE_SECONDS
    while True:
        try:
            engines.attach(con, places.warehouse, "warehouse")
        except duckdb.Error as error:
            if engines.is_damaged(error):
                raise WarehouseDamaged(file=places.warehouse.name, reason=gist(error)) from error
            if not engines.is_busy(error):
                raise
            if time.monotonic() > give_up:
                raise WarehouseBusy(file=places.warehouse.name) from error
            time.sleep(0.1)
        else:
            places.warehouse.chmod(0o600)
            return


def recover(con: duckdb.DuckDBPyConnection, places: Places) -> None:
    """Settle runs that were killed, and remove every temporary file they left."""
    for run_id in ledger.unfinished(con):
        settle(con, places, run_id, verdict="failed", message_code="cut_off")
    last_run.keep(con, places)
    sweep(places)
    reached("recovered")


def settle(con: duckdb.DuckDBPyConnection, places: Places, run_id: str, *, verdict: str, message_code: str) -> None:
    """End a run that did not end by itself: published if readers were shown it, else as if it had never been."""
    pointer = snapshots.published(places.home)
    shown = {"published": pointer, "held": pointer.waiting if pointer else None}
    for reached_verdict, one in shown.items():
        if one is not None and one.run_id == run_id:
            ledger.end_run(
                con, run_id, verdict=reached_verdict, ended_at=snapshots.now(), as_of=one.as_of, state=one.state
            )
            return
    ledger.undo_run(con, run_id)
    snapshots.discard(places.home, run_id)
    for left in (places.kept(run_id), places.kept_record(run_id)):
        left.unlink(missing_ok=True)
    ledger.end_run(con, run_id, verdict=verdict, ended_at=snapshots.now(), message_code=message_code)


def sweep(places: Places) -> None:
    """Delete temporary files: scratch, unfinished builds, a pointer draft. Only the lock's holder may."""
    for left in places.scratch.iterdir():
        if left.is_dir():
            shutil.rmtree(left)
        else:
            left.unlink()
    for left in places.snapshots.glob(".build_*"):
        left.unlink()
    for file in (places.pointer, places.last_run):
        file.with_name(f"{file.name}.tmp").unlink(missing_ok=True)
