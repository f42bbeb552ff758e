"""A dry run of one file, by the very code the night uses, in a database that is thrown away."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from ingestion.errors import Finding, IngestionError, MappingInvalid
from ingestion.landing import judge_references, land_file
from ingestion.mapping import ExportFile, load_sources
from ingestion.warehouse.engines import open_memory

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

    from duckdb import DuckDBPyConnection

    from ingestion.landing import Landed, Verdict
    from ingestion.mapping import Source

CATALOG = "memory"


@dataclass(frozen=True)
class Reason:
    """Why a record is held back, or, with row 0, why the file is refused."""

    row: int
    key: str
    column: str
    code: str


@dataclass(frozen=True)
class CheckResult:
    """What the night would make of the file, as the exit code and JSON of `aftercare check` show it."""

    verdict: Verdict
    rows_read: int = 0
    rows_loaded: int = 0
    rows_quarantined: int = 0
    rows_duplicate: int = 0
    notes: list[Finding] = field(default_factory=list)
    warnings: list[Finding] = field(default_factory=list)
    faults: list[Finding] = field(default_factory=list)
    reasons: list[Reason] = field(default_factory=list)


def check_file(
    path: Path,
    source: str,
    feed: str,
    options: Mapping[str, str],
    context: Mapping[str, Path],
    *,
    own_mappings: Path | None = None,
    now: datetime | None = None,
) -> CheckResult:
    """Try one file without keeping anything.

    Args:
        options: declared options of the feed to be replaced for this file, such as encoding or tz.
        context: dataset -> a file of the same source that holds what this file refers to.
        own_mappings: HOME/mappings.

    Raises:
        MappingInvalid: no such source, feed, option or context dataset, or a broken mapping.
    """
    con = open_memory()
    try:
        return check_in(con, path, source, feed, options, context, own_mappings=own_mappings, now=now)[0]
    finally:
        con.close()


def check_in(
    con: DuckDBPyConnection,
    path: Path,
    source: str,
    feed: str,
    options: Mapping[str, str],
    context: Mapping[str, Path],
    *,
    own_mappings: Path | None = None,
    now: datetime | None = None,
) -> tuple[CheckResult, Landed | None]:
    """As check_file, in a connection whose main catalog is `memory`, where the landed rows can be looked at."""
    sources = load_sources(own_mappings)
    if source not in sources:
        raise MappingInvalid(f"mappings/{source}/source.toml", f"no such source: {source}")
    settings = sources[source].feed(feed).with_options(options)
    landed: list[Landed] = []
    for dataset, file in context.items():
        name = _feed_of(sources[source], dataset)
        other = sources[source].feed(name)
        landed.append(land_file(con, CATALOG, ExportFile(file, source, name), other, f"context-{dataset}", now=now))
    try:
        one = land_file(con, CATALOG, ExportFile(path, source, feed), settings, "checked", now=now)
    except IngestionError as error:
        if isinstance(error, MappingInvalid):
            raise
        reasons = [Reason(0, "", "", fault.code) for fault in error.findings]
        return CheckResult("reject", rows_read=error.rows_read, faults=error.findings, reasons=reasons), None
    namespaces = {name: known.customer_namespace for name, known in sources.items()}
    judge_references(con, CATALOG, [*landed, one], None, namespaces=namespaces)
    return _result(con, one), one


def _feed_of(source: Source, dataset: str) -> str:
    """The feed of a source that a file of this dataset belongs to."""
    for name, feed in source.feeds.items():
        if any(map.name == dataset for map in feed.datasets):
            return name
    raise MappingInvalid(str(source.folder / "source.toml"), f"no feed gives {dataset}")


def _result(con: DuckDBPyConnection, one: Landed) -> CheckResult:
    rows = con.execute(
        f'select source_row, key, column_name, code from {CATALOG}.landing."checked__held" order by all'
    ).fetchall()
    reasons = [Reason(0, "", "", fault.code) for fault in one.faults]
    return CheckResult(
        verdict=one.verdict,
        rows_read=one.rows_read,
        rows_loaded=one.rows_loaded,
        rows_quarantined=one.rows_quarantined,
        rows_duplicate=one.rows_duplicate,
        notes=one.notes,
        warnings=one.warnings,
        faults=one.faults,
        reasons=[*reasons, *(Reason(row, key or "", column or "", code) for row, key, column, code in rows)],
    )
