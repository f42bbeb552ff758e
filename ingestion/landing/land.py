"""Take in one file: read, type, judge, find repeats, write. Readable from top to bottom."""

from __future__ import annotations

from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

from data_checks.rules import rules
from ingestion.errors import CountMismatch, DataThroughMissing, Finding, IngestionError
from ingestion.landing import ambiguous, joins, judge, keys, through, write
from ingestion.landing.accounting import Landed
from ingestion.landing.normalise import type_rows
from ingestion.landing.told import write_told
from ingestion.sqltext import quoted

if TYPE_CHECKING:
    from collections.abc import Iterator

    from duckdb import DuckDBPyConnection

    from ingestion.landing.normalise import Typed
    from ingestion.mapping import ExportFile, Feed
    from ingestion.sources.records import Records


def land_file(
    con: DuckDBPyConnection,
    catalog: str,
    file: ExportFile,
    feed: Feed,
    load_id: str,
    *,
    now: datetime | None = None,
    work: Path | None = None,
    accepted: tuple[str, ...] = (),
) -> Landed:
    """Take in one file; nothing outside `<catalog>.landing` changes.

    Creates `<catalog>.landing."<load_id>__<dataset>"` per dataset of the feed (a raw row without load_seq) and
    `<catalog>.landing."<load_id>__held"` (one line per reason: dataset, source_row, key, column_name, code,
    original). References to other files are judged later, by `judge_references`.

    Args:
        now: UTC without a zone; what lies more than a day after it has not happened.
        accepted: codes of faults for which the load is not stopped.
        work: where temporary copies go while the file is read; by default the system's temporary folder.

    Raises:
        IngestionError: the file as a whole cannot be taken in; nothing in <catalog>.landing may be used.
    """
    sha256, size = joins.identity(file.path, feed), file.path.stat().st_size
    landed = Landed(
        source=feed.source,
        feed=feed.name,
        file=file.path.name,
        sha256=sha256,
        bytes=size,
        load_id=load_id,
        customer_namespace=feed.customer_namespace,
        path=file.path,
        settings=feed,
        accepted=accepted,
    )
    end, nameless = _named_end(feed, file.path.name)
    now = now or datetime.now(UTC).replace(tzinfo=None)
    # After this nothing can have happened: a day after now, or after the end the file names for itself.
    limit = min(now, end or now) + timedelta(days=1)
    try:
        with TemporaryDirectory(dir=work, prefix="aftercare-") as folder, temporary_tables(con):
            records = joins.read_records(con, file.path, feed, Path(folder))
            _land(con, catalog, landed, feed, records, limit)
    except IngestionError as error:
        error.others += nameless
        raise
    landed.faults += nameless
    return landed


def _named_end(feed: Feed, file_name: str) -> tuple[datetime | None, list[Finding]]:
    """The end a file names for itself; a name without one is a fault that must not hide those of the content."""
    try:
        return through.named_end(feed, file_name), []
    except DataThroughMissing as error:
        return None, [error.finding]


def _land(
    con: DuckDBPyConnection, catalog: str, landed: Landed, feed: Feed, records: Records, limit: datetime
) -> None:
    landed.rows_read = records.rows_read
    landed.headings = list(dict.fromkeys(heading for heading in records.headings if heading))
    landed.warnings += records.warnings
    landed.notes += records.notes
    judge.begin(con)
    judge.record_faults(con, feed, records.bad)
    typed = [type_rows(con, records, feed, dataset) for dataset in feed.datasets]
    _verify_read(con, landed, records, typed)
    for one in typed:
        for finding in judge.judge_rows(con, feed, one, limit):
            _tell(landed, finding)
    landed.faults += ambiguous.findings(con, feed, typed, landed.file, limit, records.typed)
    keys.find_repeats(con, typed)
    con.execute(f"create schema if not exists {quoted(catalog)}.landing")
    for one in typed:
        write.write_rows(con, catalog, landed, one)
    write.count_records(con, catalog, landed)
    landed.examples = write.examples(con)
    landed.balance()
    landed.judge_small(write.main_reason(con))
    landed.judge_accuracy()
    if not landed.rows_read:
        told = landed.warnings if feed.may_be_empty else landed.faults
        told.append(Finding("no_rows", {"file": landed.file}))
    write.write_held(con, catalog, landed, records.originals)
    write_told(con, catalog, landed, typed)
    landed.warnings += write.flag_findings(con, landed)
    _tell_choice(con, landed, feed)
    landed.data_through = through.data_through(con, catalog, landed, feed, typed)


def _tell_choice(con: DuckDBPyConnection, landed: Landed, feed: Feed) -> None:
    """A `where` that leaves records out is told, and a dataset that a file with records gives nothing to warns."""
    for dataset in feed.datasets:
        left_out = judge.chosen_findings(con, dataset, landed.rows_read, landed.file)
        if left_out:
            landed.notes.append(left_out)
        if landed.rows_read and not landed.datasets[dataset.name]:
            told: dict[str, str | int] = {"file": landed.file, "dataset": dataset.name, "rows_read": landed.rows_read}
            landed.warnings.append(Finding("none_chosen", told))


def _verify_read(con: DuckDBPyConnection, landed: Landed, records: Records, typed: list[Typed]) -> None:
    """Every record counted is either a typed row or a bad one; a bad cell's record is a row."""
    whole = sum(not bad.heading for bad in records.bad)
    for one in typed:
        row = con.execute(f"select count(*) from {one.table}").fetchone()
        if row is None or row[0] + whole != records.rows_read:
            raise CountMismatch(landed.file, records.rows_read, (row[0] if row else 0) + whole)


def _tell(landed: Landed, finding: Finding) -> None:
    """A row rule that only warns, or one that stops the load at the first row."""
    told = landed.faults if rules()[finding.code].severity == "stop" else landed.warnings
    told.append(Finding(finding.code, {"file": landed.file, **finding.fields}))


@contextmanager
def temporary_tables(con: DuckDBPyConnection) -> Iterator[None]:
    """Drop, afterwards, every temporary relation made for one file: the next may have another shape."""
    try:
        yield
    finally:
        for kind in ("view", "table"):
            names = con.execute(
                f"select {kind}_name from duckdb_{kind}s() where temporary and {kind}_name like 'aftercare_%'"
            ).fetchall()
            for (name,) in names:
                con.execute(f"drop {kind} if exists {quoted(name)}")
