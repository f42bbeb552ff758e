"""What a feed has to declare about its values: date formats, ids, null spellings, decimal marks, currency."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from data_checks.contract import datasets
from ingestion.connect import formats
from ingestion.connect.propose import Match
from ingestion.errors import Finding
from ingestion.mapping import ID_PATTERN, Feed
from ingestion.sqltext import literal

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from pathlib import Path

    from ingestion.connect.evidence import Column, Evidence
    from ingestion.connect.formats import Choice
    from ingestion.connect.propose import DatasetProposal

_CJK = "一-鿿"
ID_PATTERNS = (
    ID_PATTERN,
    "[A-Za-z0-9][A-Za-z0-9 _./#:@+-]{0,79}",
    f"[A-Za-z0-9{_CJK}][A-Za-z0-9{_CJK} _./#:@+·&()（）'-]{{0,79}}",
    ".{1,120}",
)
"""From strict to anything: the first that every id of the file fits is proposed."""
_USUAL_SCORE = 5


@dataclass(frozen=True)
class Settings:
    """Options of the feed beside its layout, the choice of date formats, and what a person has to decide."""

    options: dict[str, Any]
    dates: Choice
    doubts: tuple[Finding, ...]


def settings_of(
    evidence: Evidence, feed: Feed, set_options: frozenset[str], proposals: Sequence[DatasetProposal]
) -> Settings:
    """The options that the proposed columns need; those set on the command line stand."""
    by_type = _columns_by_type(evidence, proposals)
    options: dict[str, Any] = {}
    doubts: list[Finding] = []
    instants = by_type["instant"]
    # What is to be filled by hand may be any heading with dates, so theirs are declared as well.
    is_open = not instants or any(one.missing for one in proposals)
    unmapped = [column for column in evidence.columns if column.type == "instant" and column not in instants]
    found = {
        column.heading: column.formats for column in [*instants, *(unmapped if is_open else [])] if column.formats
    }
    con, records = evidence.con, evidence.records
    if "datetime_format" in set_options:
        dates = formats.Choice(feed.datetime_formats)
    else:
        dates = formats.choose(con, records, feed, found)
    if dates.formats and dates.formats != Feed.datetime_formats:
        options["datetime_format"] = _one_or_list(dates.formats)
    days = {column.heading: column.formats for column in by_type["date"] if column.formats}
    if day_formats := formats.choose(con, records, feed, days).formats:
        options["date_format"] = _one_or_list(day_formats)
    doubts += _date_doubts(evidence, feed, dates, instants)
    pattern = _id_pattern(evidence, by_type["id"])
    if pattern != ID_PATTERN:
        options["id_pattern"] = pattern
    coded = [
        column for kind in ("instant", "date", "int", "decimal", "id", "enum", "bool") for column in by_type[kind]
    ]
    if nulls := sorted({word for column in coded for word in column.null_words}):
        options["nulls"] = ["", *nulls]
    options |= _number_marks([*by_type["int"], *by_type["decimal"]])
    if any(one.dataset == "orders" and not one.heading("currency") for one in proposals):
        options["currency"] = "CNY"
        doubts.append(Finding("currency_assumed", {"currency": "CNY"}))
    if "timezone" not in set_options and _has_local_times(evidence, instants, dates):
        doubts.append(Finding("timezone_assumed", {"timezone": feed.timezone}))
    return Settings({name: value for name, value in options.items() if name not in set_options}, dates, tuple(doubts))


def _columns_by_type(evidence: Evidence, proposals: Sequence[DatasetProposal]) -> dict[str, list[Column]]:
    by_type: dict[str, dict[str, Column]] = {}
    for kind in ("id", "text", "enum", "int", "decimal", "bool", "date", "instant"):
        by_type[kind] = {}
    for one in proposals:
        for match in one.found:
            if column := evidence.column(match.their_heading):
                by_type[datasets()[one.dataset].column(match.our_column).type][column.heading] = column
    return {kind: list(columns.values()) for kind, columns in by_type.items()}


def _one_or_list(told: tuple[str, ...]) -> str | list[str]:
    return told[0] if len(told) == 1 else list(told)


def _date_doubts(evidence: Evidence, feed: Feed, dates: Choice, instants: Iterable[Column]) -> list[Finding]:
    doubts: list[Finding] = []
    if dates.rival:
        formats_told, rival = ", ".join(dates.formats), ", ".join(dates.rival)
        told: dict[str, str | int] = {"formats": formats_told, "rival": rival, "count": dates.supported}
        doubts.append(Finding("dates_ambiguous", told))
    for column in instants:
        of = column.filled - column.real_instants
        taken = formats.taken(evidence.con, evidence.records, feed, column.heading, dates.formats) if of else 0
        if taken < of:
            doubts.append(Finding("dates_unread", {"heading": column.heading, "count": of - taken, "of": of}))
    return doubts


def _has_local_times(evidence: Evidence, instants: Iterable[Column], dates: Choice) -> bool:
    """Whether any instant is only what a clock showed, so that its zone has to be declared."""
    if dates.formats and all(formats.has_zone(one) for one in dates.formats):
        return False
    for column in instants:
        row = evidence.con.execute(
            f"select count(*) from (select {evidence.text(column.heading)} as v from {evidence.records.relation}) "
            "where v is not null "
            "and not regexp_matches(v, ':[0-9]{2}([.][0-9]+)? ?(Z|[+-][0-9]{2}(:?[0-9]{2})?)$')"
        ).fetchone()
        if row and row[0]:
            return True
    return False


def _id_pattern(evidence: Evidence, ids: Sequence[Column]) -> str:
    if not ids:
        return ID_PATTERN
    nulls = ", ".join(literal(word) for word in {word for column in ids for word in column.null_words} | {""})
    every = " union all ".join(
        f"select {evidence.text(column.heading)} as v from {evidence.records.relation}" for column in ids
    )
    counted = ", ".join(f"count(*) filter (not regexp_full_match(v, {literal(p)}))" for p in ID_PATTERNS)
    row = evidence.con.execute(
        f"select {counted} from (select regexp_replace(v, '[.]000000$', '') as v from ({every}) "
        f"where v is not null and v not in ({nulls}))"
    ).fetchone()
    misfits = row or (0,) * len(ID_PATTERNS)
    return ID_PATTERNS[misfits.index(min(misfits))]


def _number_marks(numbers: Iterable[Column]) -> dict[str, str]:
    comma, grouped = 0, 0
    for column in numbers:
        comma, grouped = comma + column.comma, grouped + column.grouped
    if comma > grouped:
        return {"decimal_mark": ",", "thousands_mark": "."}
    return {"thousands_mark": ","} if grouped else {}


def with_scales(evidence: Evidence, one: DatasetProposal) -> tuple[DatasetProposal, list[Finding]]:
    """Scores on another scale than 1 to 5: said by constants for surveys, a doubt where a ticket carries them."""
    name = {"tickets": "csat_score", "survey_answers": "score"}.get(one.dataset, "")
    column = evidence.column(one.heading(name)) if name else None
    if column is None or column.type not in ("int", "decimal"):
        return one, []
    row = evidence.con.execute(
        f"select min(s), max(s) from (select try_cast({evidence.text(column.heading)} as double) as s "
        f"from {evidence.records.relation})"
    ).fetchone()
    least, most = row or (None, None)
    if least is None or most is None or (least >= 1 and most <= _USUAL_SCORE):
        return one, []
    if name == "csat_score":
        told: dict[str, str | int] = {"heading": column.heading, "least": f"{least:g}", "most": f"{most:g}"}
        return one, [Finding("score_scale", told)]
    top = next((scale for scale in (5, 10, 100) if most <= scale), most)
    scale = {"scale_min": f"={0 if least < 1 or top > 10 else 1}", "scale_max": f"={top:g}"}
    is_nps = re.search("nps|推荐|recommend", column.heading, re.IGNORECASE)
    scale |= {"dimension": "=nps", "scale_min": "=0"} if is_nps and top == 10 else {}
    found = {match.our_column for match in one.found}
    kept = [match for match in one.matches if match.our_column in found or match.our_column not in scale]
    added = [
        Match(ours, text, 0.0, "default", ours == "dimension") for ours, text in scale.items() if ours not in found
    ]
    order = datasets()[one.dataset].column_names
    ordered = sorted([*kept, *added], key=lambda match: order.index(match.our_column))
    return replace(one, matches=tuple(ordered)), []


def file_pattern(path: Path, feed: str) -> str:
    """For this file and its later editions: other digits, or a date added. '' where the feed's name will do."""
    if Feed(source="", name=feed, datasets=()).matches(path.name):
        return ""
    stem = re.sub(r"(\.[A-Za-z]+)*$", "", path.name)
    escaped = "".join(c if c.isalnum() or c in " _" else re.escape(c) for c in stem)
    extensions = re.escape(path.name[len(stem) :])
    return re.sub("[0-9]+", "[0-9]+", escaped) + "([-_ (（]?[0-9].*)?" + extensions
