"""Connect a file: look at it, propose a mapping, write it for review, try it. Nothing is loaded."""

from __future__ import annotations

import tomllib
from dataclasses import dataclass, field, replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

from data_checks.contract import datasets
from ingestion.check import CheckResult, check_file
from ingestion.connect import write
from ingestion.connect.evidence import read_evidence
from ingestion.connect.layout import find_layout
from ingestion.connect.propose import TO_FILL, propose
from ingestion.connect.settings import file_pattern, settings_of, with_scales
from ingestion.connect.words import is_open
from ingestion.errors import Finding
from ingestion.mapping import Feed, load_sources
from ingestion.warehouse.engines import open_memory

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from datetime import datetime

    from ingestion.connect.evidence import Column, Evidence
    from ingestion.connect.layout import Layout
    from ingestion.connect.propose import DatasetProposal
    from ingestion.connect.settings import Settings
    from ingestion.connect.write import Target, Words


@dataclass(frozen=True)
class Connected:
    """What was found, proposed, written and tried.

    doubts: what a person has to decide or to know, codes of cli.connect.doubts.
    to_fill: (file, line, dataset, our column) of lines that nothing was found for; until they are filled the file
        is not tried. checked: the dry run with the proposal, None where it could not be run.
    """

    layout: Layout
    rows: int
    columns: tuple[Column, ...]
    proposals: tuple[DatasetProposal, ...]
    options: dict[str, object]
    doubts: tuple[Finding, ...]
    written: tuple[Path, ...]
    to_fill: tuple[tuple[Path, int, str, str], ...] = ()
    checked: CheckResult | None = None
    mappings: dict[str, str] = field(default_factory=dict)


def connect(
    path: Path,
    source: str,
    feed: str,
    own: Path,
    words: Words,
    *,
    wanted: Sequence[str] = (),
    options: Mapping[str, str] | None = None,
    force: bool = False,
    now: datetime | None = None,
) -> Connected:
    """Propose a mapping for one file and write it below `own` (HOME/mappings).

    Args:
        wanted: datasets the records are to fill; the best fitting one without any.
        options: options of the feed that are known (`--set`); they are written as given.
        force: write the mapping files of the feed anew; source.toml stays as it is even then.

    Raises:
        ConnectRefused: nothing was written, the code says why.
        IngestionError: the file cannot be read, or an existing mapping or an option is wrong.
    """
    target = write.target_of(own, source, feed, force=force)
    given = dict(options or {})
    known = list(target.mappings)
    with TemporaryDirectory(prefix="aftercare-") as folder:
        work = Path(folder)
        start = _start(target, source).with_options(given)
        set_options = frozenset("timezone" if name == "tz" else name for name in given)
        layout = find_layout(path, start, set_options, work)
        found = {name: str(value) for name, value in layout.options().items() if name not in set_options}
        read_with = start.with_options(found)
        with open_memory() as con, read_evidence(con, path, read_with, work) as evidence:
            proposals, doubts = [], list(layout.doubts)
            for one in propose(evidence, wanted or known, feed):
                scaled, told = with_scales(evidence, one)
                proposals.append(scaled)
                doubts += told
            doubts += _key_doubts(evidence, proposals)
            settings = settings_of(evidence, read_with, set_options, proposals)
            result = _write(path, target, evidence, layout, proposals, settings, given, words, force=force)
    doubts += [*settings.doubts, *_doubts(layout, evidence.twice, proposals, result.mappings)]
    doubts += _taken_by_others(own, source, feed, path.name)
    result = replace(result, doubts=(*doubts, *result.doubts))
    if result.to_fill:
        return result
    return replace(result, checked=check_file(path, source, feed, {}, {}, own_mappings=own, now=now))


def _start(target: Target, source: str) -> Feed:
    """A feed without datasets, on the clock that the existing source declares."""
    zone = tomllib.loads(target.declared).get("timezone", Feed.timezone)
    return Feed(source=source, name=target.feed, datasets=(), timezone=str(zone))


def _write(
    path: Path,
    target: Target,
    evidence: Evidence,
    layout: Layout,
    proposals: Sequence[DatasetProposal],
    settings: Settings,
    given: Mapping[str, str],
    words: Words,
    *,
    force: bool,
) -> Connected:
    files: dict[str, str] = {}
    names = [target.mapping(one.dataset, is_first=number == 0) for number, one in enumerate(proposals)]
    for one, name in zip(proposals, names, strict=True):
        others = {m.their_heading for other in proposals if other is not one for m in other.found}
        files[name] = write.mapping_csv(evidence, one, frozenset(others), words)
        for column, values in one.values.items():
            is_closed = column == "status" or datasets()[one.dataset].column(column).type == "enum"
            files[f"values/{one.dataset}.{column}.csv"] = write.values_csv(values, is_closed=is_closed)
    shared, options = _options(path, target, layout, settings, given)
    if not target.is_known:
        comments = _comments(settings, words)
        each = list(zip(proposals, names, strict=True))
        files["source.toml"] = write.source_toml(target, shared, options, comments, each, words)
    written, kept = write.put(target, files, force=force)
    to_fill = tuple(
        (target.folder / name, write.line_of(files[name], match.our_column), one.dataset, match.our_column)
        for one, name in zip(proposals, names, strict=True)
        for match in one.missing
    )
    mappings = {one.dataset: name for one, name in zip(proposals, names, strict=True)}
    return Connected(
        layout, evidence.rows, evidence.columns, tuple(proposals), {**shared, **options}, tuple(kept), tuple(written),
        to_fill, mappings=mappings,
    )  # fmt: skip


def _options(
    path: Path, target: Target, layout: Layout, settings: Settings, given: Mapping[str, str]
) -> tuple[dict[str, object], dict[str, object]]:
    """Options of a new source, and those of the feed; what was given on the command line as it would be read."""
    told = Feed(source="", name=target.feed, datasets=()).with_options(given)
    fields = {"datetime_format": "datetime_formats", "date_format": "date_formats", "encoding": "encodings"}
    declared: dict[str, object] = {}
    for name in ("timezone" if name == "tz" else name for name in given):
        value = getattr(told, fields.get(name, name))
        declared[name] = list(value) if isinstance(value, tuple) else value
    zone = declared.pop("timezone", Feed.timezone)
    shared: dict[str, object] = {"customer_namespace": target.folder.name, "timezone": zone}
    pattern = file_pattern(path, target.feed)
    options: dict[str, object] = {"file": pattern} if pattern else {}
    options |= {**layout.options(), **settings.options, **declared}
    if target.declared and {"tz", "timezone"} & given.keys():
        options["timezone"] = zone
    return shared, options


def _comments(settings: Settings, words: Words) -> dict[str, str]:
    comments = {"file": words("comment.pattern")}
    for doubt in settings.doubts:
        if doubt.code == "dates_ambiguous":
            comments["datetime_format"] = words("comment.dates_ambiguous", **doubt.fields)
        if doubt.code == "currency_assumed":
            comments["currency"] = words("comment.currency")
    return comments


def _doubts(
    layout: Layout, twice: Sequence[str], proposals: Sequence[DatasetProposal], mappings: Mapping[str, str]
) -> list[Finding]:
    """What the proposals leave to a person."""
    doubts: list[Finding] = []
    if len(layout.sheets) > 1:
        others = ", ".join(name for name in layout.sheets if name != layout.sheet)
        doubts.append(Finding("sheet_chosen", {"sheet": layout.sheet, "others": others}))
    if layout.header_row != 1 or layout.header_rows != 1:
        doubts.append(Finding("header_found", {"row": layout.header_row, "rows": layout.header_rows}))
    if twice:
        doubts.append(Finding("heading_twice", {"headings": ", ".join(twice)}))
    for one in proposals:
        file = mappings[one.dataset]
        for match in one.matches:
            told: dict[str, str | int] = {"dataset": one.dataset, "column": match.our_column, "file": file}
            if match.reason == "default":
                doubts.append(Finding("default_used", {**told, "text": match.their_heading}))
            elif match.sureness == "unsure" and match.their_heading != TO_FILL:
                doubts.append(Finding("column_unsure", {**told, "heading": match.their_heading}))
        for column, values in one.values.items():
            open_values = sum(is_open(column, ours) for _, ours in values)
            if open_values:
                name = f"values/{one.dataset}.{column}.csv"
                doubts.append(Finding("values_open", {"file": name, "count": open_values, "of": len(values)}))
        doubts += [Finding("values_many", {"dataset": one.dataset, "column": column}) for column in one.too_many]
    return doubts


def _taken_by_others(own: Path, source: str, feed: str, file_name: str) -> list[Finding]:
    """At night a file goes to the first feed its name fits, and to several only where each reads its own sheet."""
    feeds = [each.name for each in load_sources(own)[source].feeds_of(file_name)]
    return [] if feed in feeds or not feeds else [Finding("other_feed_first", {"other": feeds[0]})]


def _key_doubts(evidence: Evidence, proposals: Sequence[DatasetProposal]) -> list[Finding]:
    """Records that share a key although no version says which is newer: the night would hold them back."""
    doubts: list[Finding] = []
    for one in proposals:
        contract = datasets()[one.dataset]
        column = evidence.column(one.heading(contract.key[0])) if len(contract.key) == 1 else None
        has_version = any(one.heading(name) for name in contract.version_columns)
        if column and column.distinct < column.filled and not (one.collapse or has_version):
            told: dict[str, str | int] = {"heading": column.heading, "count": column.filled - column.distinct}
            doubts.append(Finding("key_repeats", {"dataset": one.dataset, **told}))
    return doubts
