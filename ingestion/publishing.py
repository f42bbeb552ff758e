"""The second half of a run: decide what to publish, build it, publish it."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from datetime import UTC, timedelta
from functools import partial
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

from ingestion import baseline, effects, gates, growth, restatements, topics
from ingestion.errors import Finding
from ingestion.steps import reached
from ingestion.warehouse import cells_build, contents, ledger, models, serving, snapshots, spark
from ingestion.warehouse.kpis import load_kpis

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime
    from typing import Literal

    from ingestion.mapping import Source
    from ingestion.night import Night

    Engine = Literal["duckdb", "spark"]


APART = timedelta(days=2)
"""Sources further apart than this are told; a night's difference between systems is usual."""


@dataclass(frozen=True)
class Aim:
    """What this run would publish. Equal state, equal numbers: then there is nothing new to publish."""

    as_of: datetime
    definitions: str
    state: str
    is_new: bool


def aim(tonight: Night, wanted: datetime | None) -> Aim:
    """Decide as of when to count, and whether anything differs from what was published (or built) last."""
    loaded = ledger.loads_state(tonight.con)
    pointer = snapshots.published(tonight.places.home)
    last = pointer.waiting or pointer if pointer else None
    loads = _loads(loaded)
    as_of = wanted or _as_of(tonight, last)
    _warn_of_distance(tonight, as_of)
    definitions = _short(f"{models.definition_hash()} {tonight.settings.business_timezone}")
    state = f"{loads}definitions={definitions} schema={snapshots.SCHEMA_VERSION} as_of={as_of.isoformat()}"
    is_told = any(finding.code == "nothing_found" for _, finding in tonight.findings)
    if not loaded and last is None and not is_told:
        tonight.tell("warn", Finding("nothing_loaded", {}))
    is_new = bool(loaded) if last is None else state != last.state or _is_damaged(last)
    return Aim(as_of, definitions, state, is_new)


def _is_damaged(last: snapshots.Snapshot) -> bool:
    """Whether what was published has been lost since: then the same numbers are published anew."""
    return bool(serving.fault(last.seal) or serving.fault(last.people_seal))


def _as_of(tonight: Night, last: snapshots.Snapshot | None) -> datetime:
    """How far the sources go, and never earlier than what readers were shown, unless that was withdrawn since."""
    through = ledger.as_of(tonight.con)
    if last is None or last.as_of > tonight.started_at + timedelta(days=1):
        # Nothing was shown yet, or numbers as of a time to come, which must not stick.
        return through or tonight.started_at
    is_as_built = last.state.startswith(_loads(ledger.loads_state(tonight.con, until=last.run_id)))
    unchanged = is_as_built and ledger.loads_state(tonight.con, until=last.run_id) == ledger.loads_state(tonight.con)
    if through is None or unchanged:
        return last.as_of
    return max(through, last.as_of) if is_as_built else through


def _warn_of_distance(tonight: Night, as_of: datetime) -> None:
    """Tell when a source of tonight lies so far off that its numbers and the others' speak of different times."""
    reach = ledger.reach_of_sources(tonight.con, tonight.run_id)
    ends = [*reach.values(), as_of]
    if reach and max(ends) - min(ends) > APART:
        zone = ZoneInfo(tonight.settings.business_timezone)
        told = [f"{source} {_local(through, zone)}" for source, through in reach.items()]
        earliest, through = next(iter(reach.items()))
        fields: dict[str, str | int] = {
            "sources": ", ".join(told),
            "earliest": earliest,
            "earliest_through": _local(through, zone),
            "as_of": _local(as_of, zone),
            "zone": zone.key,
            **ledger.rows_after(tonight.con, as_of),
        }
        tonight.tell("warn", Finding("sources_apart", fields))


def _local(instant: datetime, zone: ZoneInfo) -> str:
    return instant.replace(tzinfo=UTC).astimezone(zone).strftime("%Y-%m-%d %H:%M")


def _loads(loaded: str) -> str:
    """How a state begins that was built from these loads."""
    return f"loads={_short(loaded)} "


def _short(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def build(tonight: Night, aim: Aim, sources: Mapping[str, Source], engine: Engine) -> None:
    """Build every model into the build file, verify the grains, and add the run's own records.

    Raises:
        ModelInvalid, ModelFailed, GrainBroken, PersonalColumn, SparkMissing: see ingestion/warehouse/errors.py.
    """
    ordered = models.load_models()
    tonight.progress.stage("build", len(ordered))
    base = growth.begin(tonight, aim.definitions, aim.as_of, is_followed=engine == "duckdb")
    _write_inputs(tonight, aim, sources)
    catalog_of = models.catalog_of(models.static_inputs(), ordered)
    if engine == "spark":
        workdir = tonight.workdir / "spark"
        judge = partial(gates.judge_spark, tonight)
        spark.build(tonight.con, ordered, catalog_of, workdir, tonight.settings, tonight.progress.part, judge)
    else:
        grower = growth.grower(tonight, base, aim.as_of, catalog_of) if base else None
        for model in ordered:
            tonight.progress.part(model.name)
            if grower:
                grower.grow(model)
            else:
                models.build(tonight.con, model, catalog_of)
            reached("model_built")
        if grower:
            growth.end(tonight, grower)
            tonight.differences = grower.differences
    tonight.models_built = len(ordered)
    models.verify_entries(tonight.con)
    if any(model.name == "core.fct_measures" for model in ordered):
        effects.measure(tonight.con)
    if set(topics.READS) <= {model.name for model in ordered}:
        topics.write(tonight.con)
        if tonight.changed_tables is not None:
            # No model: counted anew every night, so its cells are too.
            tonight.changed_tables |= {topics.TABLE}
    _build_cells(tonight)
    contents.refuse_personal_columns(tonight.con, (tonight.build_catalog, "scratch"))
    reached("built")


def _build_cells(tonight: Night) -> None:
    """Cells of the facts that KPIs read; of those that differ from last night's, where tonight was built upon it."""
    folder = models.SQL_DIR / "kpis"
    kpis = load_kpis(folder) if folder.is_dir() else {}
    cells_build.build(tonight.con, kpis, tonight.changed_tables, tonight.differences)
    reached("cells_built")


def _write_inputs(tonight: Night, aim: Aim, sources: Mapping[str, Source]) -> None:
    """What models read besides exports: policies, targets, calendars, and what the run itself knows."""
    con = tonight.con
    models.create_inputs(con, "scratch")
    con.execute(
        "insert into scratch.raw.run values (?, ?, ?)",
        [tonight.run_id, aim.as_of, tonight.settings.business_timezone],
    )
    for source in sources.values():
        currency = next((feed.currency for feed in source.feeds.values() if feed.currency), None)
        con.execute(
            "insert into scratch.raw.sources values (?, ?, ?, ?, ?, ?)",
            [
                *(source.name, source.customer_namespace, currency, source.declares_churn),
                *(source.customer_precedence, source.master_namespace),
            ],
        )
    con.execute(
        """insert into scratch.raw.nights by name
        select run_id, as_of from warehouse.meta.runs where verdict in ('published', 'held')"""
    )
    # A source whose mapping was taken away since keeps the customers it brought, under its own name.
    con.execute(
        """insert into scratch.raw.sources by name
        select distinct source, source as customer_namespace from warehouse.meta.loads
        where state = 'loaded' and source not in (select source from scratch.raw.sources)"""
    )
    # A file of master data often tells no instant of its own: it goes as far as its source went that night, or, if it
    # came alone, as far as its source had gone before.
    # A complete export may lie in several files: it begins with the first load of its night, which alone is marked.
    # One that reaches beyond as_of says nothing yet about what is gone. load_seq is here the order of how far exports
    # reach, so that an old one that was loaded late is not taken for the newest.
    con.execute(
        """insert into scratch.raw.loads by name
        with loaded as (
            select * replace (
                coalesce(
                    data_through,
                    max(data_through) over (partition by source, run_id),
                    max(data_through) over (partition by source order by load_seq)
                ) as data_through
            )
            from warehouse.meta.loads where state = 'loaded'
        ),
        reaching as (
            select *, max(data_through) over (partition by source, feed, run_id) as reach from loaded
        )
        select load_id, source, feed, data_through,
            rows_read, rows_loaded, rows_quarantined, rows_duplicate,
            row_number() over (order by reach nulls first, run_id, load_seq) as load_seq,
            coalesce(is_full, false)
            and load_seq = min(load_seq) over (partition by source, feed, run_id)
            and coalesce(reach <= ?, true) as is_full
        from reaching""",
        [aim.as_of],
    )


def publish(tonight: Night, aim: Aim, sources: Mapping[str, Source]) -> Literal["published", "held"]:
    """Complete and close the snapshot, show it to readers, and keep only the newest ones."""
    tonight.progress.stage("publish")
    home, run_id, settings = tonight.places.home, tonight.run_id, tonight.settings
    record = contents.RunRecord(
        run_id=run_id,
        started_at=tonight.started_at,
        as_of=aim.as_of,
        business_timezone=settings.business_timezone,
        definitions=aim.definitions,
        state=aim.state,
        schema_version=snapshots.SCHEMA_VERSION,
    )
    ended = gates.ended_feeds(tonight.con, aim.as_of, sources)
    contents.write_records(tonight.con, record, models.load_models(), ended)
    reached("records_written")
    restatements.record(tonight, aim.as_of)
    if tonight.differences is not None:
        tonight.differences.drop()
    if any(model.name == "core.fct_baseline" for model in models.load_models()):
        baseline.freeze(tonight.con, tonight.settings.business_timezone)
    contents.write_people(tonight.con, tonight.places.build_people(run_id), models.load_models())
    reached("people_written")
    tonight.close_build()
    reached("build_closed")
    growth.keep(tonight, aim.definitions)
    pointer = snapshots.publish(home, run_id, as_of=aim.as_of, state=aim.state)
    verdict: Literal["published", "held"] = "published" if pointer.run_id == run_id else "held"
    ledger.end_run(tonight.con, run_id, verdict=verdict, ended_at=snapshots.now(), as_of=aim.as_of, state=aim.state)
    reached("run_ended")
    try:
        snapshots.prune(home, settings.keep_snapshots, days=settings.keep_days, zone=settings.business_timezone)
        growth.prune(tonight)
    except OSError as error:
        # Readers have the new snapshot by now: what is left to do is housekeeping.
        tonight.tell("warn", Finding("prune_failed", {"reason": error.strerror or type(error).__name__}))
    reached("pruned")
    return verdict
