"""The nightly run: take in what is new, check it, keep it, model it, check that, publish. Or nothing at all.

Readers are shown a new snapshot by the last act alone, and until then the warehouse can be put back as it was:
whatever stops or kills a run, the next one starts from what the last published run left (night.settle).
"""

from __future__ import annotations

import json
import time
from dataclasses import dataclass, field
from datetime import timedelta
from typing import TYPE_CHECKING, Literal

from data_checks import gate
from data_checks.gist import gist, place
from ingestion import bounds, data_docs, drift, gates, inbox, overrides, publishing, swapped, usage
from ingestion.errors import Finding, IngestionError
from ingestion.landing import judge_references, land_file
from ingestion.mapping import load_sources
from ingestion.night import Night, Stopped, Tally, lock, log, night, settle
from ingestion.overrides import Acceptance
from ingestion.progress import Silent
from ingestion.sqltext import quoted
from ingestion.steps import reached
from ingestion.warehouse import corrections, last_run, ledger, raw, snapshots, spark, waiting
from ingestion.warehouse.errors import AsOfTooLate, WarehouseError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from datetime import datetime
    from pathlib import Path

    from ingestion.inbox import Arrival
    from ingestion.landing import Landed
    from ingestion.mapping import Source
    from ingestion.progress import Progress
    from ingestion.publishing import Engine
    from ingestion.settings import Settings

Verdict = Literal["published", "held", "nothing_new", "stopped"]


@dataclass(frozen=True)
class Outcome:
    """What a run came to. `published` is what readers see now, whichever run made it.

    stage_seconds: how long each stage took that the run came to, by its name in Progress.stage.
    """

    run_id: str
    verdict: Verdict
    log: Path
    published: snapshots.Published | None
    loads: Sequence[ledger.Load]
    findings: Sequence[tuple[str, Finding]]
    checks: Tally
    models_built: int
    stage_seconds: Mapping[str, float]
    accepted: Acceptance = field(default_factory=Acceptance)


def run(
    exports: Path,
    settings: Settings,
    *,
    as_of: datetime | None = None,
    engine: Engine = "duckdb",
    progress: Progress | None = None,
    accepted: Acceptance | None = None,
) -> Outcome:
    """Take in the new files of `exports` and publish what follows from them, or publish nothing and say why.

    Args:
        as_of: the instant (UTC, without a zone) as of which everything is counted, which may lie before what is
            published; by default how far tonight's sources go, and never before what is published.
        engine: what builds the models; everything else is DuckDB's, and the snapshot is the same.
        accepted: failed checks that somebody answers for, this once.

    Raises:
        AnotherRun: another process holds the home.
        AsOfTooLate: `as_of` lies more than a day ahead; nothing was read.
        MappingInvalid: a mapping file is wrong; nothing was read.
        SparkMissing: Spark was to build and is not installed; nothing was read.
        WarehouseError, OSError, duckdb.Error: the run failed; nothing was published, nothing kept.
    """
    if engine == "spark":
        spark.require()
    limit = snapshots.now() + timedelta(days=1)
    if as_of is not None and as_of > limit:
        raise AsOfTooLate(as_of=f"{as_of:%Y-%m-%d %H:%M}", limit=f"{limit:%Y-%m-%d %H:%M}")
    sources = load_sources(settings.home / "mappings")
    with lock(settings.home) as places, night(places, settings, progress or Silent(), exports) as tonight:
        tonight.accepted = accepted or Acceptance()
        try:
            return _run(tonight, exports, sources, as_of, engine)
        except Stopped:
            return _put_back(tonight, "stopped")
        except WarehouseError as error:
            tonight.tell("stop", error.finding)
            if error.stops:
                return _put_back(tonight, "stopped")
            _put_back(tonight, "failed")
            raise
        except BaseException as error:
            # No traceback: its messages may quote what a customer wrote.
            log.error("run %s failed: %s at %s", tonight.run_id, gist(error), place(error))
            _put_back(tonight, "failed")
            raise


def _run(
    tonight: Night, exports: Path, sources: Mapping[str, Source], as_of: datetime | None, engine: Engine
) -> Outcome:
    arrivals = look(tonight, exports, sources)
    if arrivals:
        gate.prepare()
    landed = land(tonight, arrivals, sources)
    gates.check_exports(tonight, landed)
    append(tonight, landed, sources)
    aim = publishing.aim(tonight, as_of)
    if not aim.is_new:
        return _nothing_new(tonight, aim)
    gates.check_calendars(tonight, aim.as_of)
    gates.check_freshness(tonight, aim.as_of, sources)
    publishing.build(tonight, aim, sources, engine)
    bounds.write(tonight, aim.as_of, sources)
    gates.check_bounds(tonight)
    gates.check_marts(tonight)
    return _outcome(tonight, publishing.publish(tonight, aim, sources))


def look(tonight: Night, exports: Path, sources: Mapping[str, Source]) -> list[Arrival]:
    """Tonight's files; what is wrong with the others is told."""
    tonight.progress.stage("look")

    def wait(seconds: float) -> None:
        tonight.progress.stage("settle")
        time.sleep(seconds)

    known = ledger.known_files(tonight.con)
    names = ledger.known_names(tonight.con)
    found = inbox.look(exports, sources, known, tonight.settings.settle_seconds, wait, names)
    for finding in found.findings:
        tonight.tell("warn", finding)
    reached("looked")
    return found.arrivals


def land(tonight: Night, arrivals: list[Arrival], sources: Mapping[str, Source]) -> list[Landed]:
    """Read every file, hold back its bad records, then those whose references are nowhere.

    Raises:
        Stopped: a file cannot be taken in. Every file is read first, so that all faults are told at once.
    """
    paths = [arrival.file.path for arrival in arrivals]
    tonight.progress.stage("land", len(arrivals), sum(path.stat().st_size for path in paths if path.exists()))
    landed: list[Landed] = []
    for number, arrival in enumerate(arrivals, start=1):
        tonight.progress.part(arrival.file.path.name)
        load_id = f"{tonight.run_id}-{number:03d}"
        try:
            one = land_file(
                tonight.con,
                "scratch",
                arrival.file,
                arrival.feed,
                load_id,
                work=tonight.workdir,
                accepted=tonight.accepted.checks,
            )
        except IngestionError as error:
            for finding in error.findings:
                tonight.tell("stop", finding, load_id)
            continue
        if one.sha256 != arrival.sha256:
            tonight.tell("stop", Finding("changed_while_reading", {"file": one.file}), load_id)
        landed.append(one)
        tonight.progress.done(one.bytes, one.rows_read)
        log.info("landed %s/%s %s: %s records", one.source, one.feed, one.file, one.rows_read)
        reached("landed_file")
    judge_references(tonight.con, "scratch", landed, "warehouse", namespaces=waiting.namespaces_of(sources))
    reached("references_judged")
    drift.tell(tonight.con, landed)
    swapped.tell(tonight.con, landed)
    for one in landed:
        for finding in one.notes:
            tonight.tell("note", finding, one.load_id)
        for finding in one.warnings:
            tonight.tell("warn", finding, one.load_id)
        for finding in one.faults:
            tonight.tell("stop", finding, one.load_id)
    gates.check_accuracy(tonight, landed)
    tonight.stop_if_told()
    return landed


def append(tonight: Night, landed: list[Landed], sources: Mapping[str, Source]) -> None:
    """Keep tonight's good rows in `raw` and the held back ones in the ledger, one transaction a file."""
    tonight.progress.stage("append", len(landed))
    first = ledger.next_load_seq(tonight.con)
    for load_seq, one in enumerate(landed, start=first):
        tonight.progress.part(one.file)
        load = _load(tonight, one, load_seq)
        tonight.con.execute("begin")
        for dataset in one.datasets:
            landing = f"scratch.landing.{quoted(one.table(dataset))}"
            raw.append(tonight.con, "raw", dataset, landing, load_seq)
        for dataset in waiting.tables(tonight.con, one.load_id):
            landing = f"scratch.landing.{quoted(f'{one.load_id}__waiting__{dataset}')}"
            raw.append(tonight.con, "waiting", dataset, landing, load_seq)
        ledger.record_quarantine(tonight.con, load, f"scratch.landing.{quoted(f'{one.load_id}__held')}")
        ledger.record_told(tonight.con, one.load_id, f"scratch.landing.{quoted(f'{one.load_id}__told')}")
        ledger.record_load(tonight.con, load, one.headings)
        tonight.con.execute("commit")
        tonight.loads.append(load)
        reached("load_appended")
    corrections.release(tonight.con, tonight.run_id, sources)
    waiting.release(tonight.con, tonight.run_id, waiting.namespaces_of(sources))
    reached("waiting_judged")


def _load(tonight: Night, one: Landed, load_seq: int) -> ledger.Load:
    return ledger.Load(
        load_id=one.load_id,
        load_seq=load_seq,
        run_id=tonight.run_id,
        source=one.source,
        feed=one.feed,
        file=one.file,
        sha256=one.sha256,
        bytes=one.bytes,
        rows_read=one.rows_read,
        rows_loaded=one.rows_loaded,
        rows_quarantined=one.rows_quarantined,
        rows_duplicate=one.rows_duplicate,
        data_through=one.data_through,
        loaded_at=tonight.started_at,
        is_full=one.settings.mode == "full",
    )


def _nothing_new(tonight: Night, aim: publishing.Aim) -> Outcome:
    """Nothing a number depends on has changed, so readers keep the snapshot they have."""
    ended_at = snapshots.now()
    ledger.end_run(tonight.con, tonight.run_id, verdict="nothing_new", ended_at=ended_at, state=aim.state)
    _forgotten(tonight, ledger.forget_idle(tonight.con, tonight.run_id))
    return _outcome(tonight, "nothing_new")


def _put_back(tonight: Night, verdict: Literal["stopped", "failed"]) -> Outcome:
    """Leave the warehouse as it was before the run; its findings and its verdict stay."""
    tonight.abandon_transaction()
    code = next((finding.code for severity, finding in tonight.findings if severity == "stop"), "failed")
    settle(tonight.con, tonight.places, tonight.run_id, verdict=verdict, message_code=code)
    tonight.loads.clear()
    _forgotten(tonight, ledger.forget_repeats(tonight.con))
    return _outcome(tonight, "stopped")


def _forgotten(tonight: Night, run_ids: Sequence[str]) -> None:
    """What lies in HOME of runs that the ledger has let go."""
    for run_id in run_ids:
        tonight.places.log(run_id).unlink(missing_ok=True)
        tonight.places.docs(run_id).unlink(missing_ok=True)


def _outcome(tonight: Night, verdict: Verdict) -> Outcome:
    tonight.progress.end()
    for finding in overrides.unused(tonight.con, tonight.run_id, tonight.accepted):
        tonight.tell("note", finding)
    # First: a run that is killed while its pages are drawn has ended all the same.
    last_run.keep(tonight.con, tonight.places)
    data_docs.write(tonight)
    published = snapshots.published(tonight.places.home)
    log.info("run %s: %s", tonight.run_id, verdict)
    log.info("steps %s", json.dumps(tonight.progress.seconds))
    log.info("used %s", json.dumps(_used(tonight, published)))
    return Outcome(
        run_id=tonight.run_id,
        verdict=verdict,
        log=tonight.places.log(tonight.run_id),
        published=published,
        loads=tuple(tonight.loads),
        findings=tuple(tonight.findings),
        checks=tonight.checks,
        models_built=tonight.models_built,
        stage_seconds=dict(tonight.progress.seconds),
        accepted=tonight.accepted,
    )


def _used(tonight: Night, published: snapshots.Published | None) -> dict[str, int]:
    """Bytes: the memory this process took at most, and what lies on disk after the run."""
    files = {"warehouse_bytes": tonight.places.warehouse}
    if published is not None:
        files |= {"snapshot_bytes": published.file, "people_bytes": published.people_file}
    sizes = {name: file.stat().st_size for name, file in files.items() if file.exists()}
    return {"peak_memory_bytes": usage.peak_memory(), **sizes}
