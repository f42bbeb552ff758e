"""A page's totals and trends, asked together: a table is read once for all KPIs, dates and periods, finished at once.

KPIs of one fact under one filter differ in columns and dates alone, and so do this period, the one before and the
months of a trend. So a query brings days (sums) or segments of days (durations), and what each question is about is
added up from these here, for all at once: a query costs more to plan than to read, and a frame more to set up than to
fill. Questions split by slices, and what does not add up, are answers.py's.
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Final

import polars as pl

from dashboard.metrics import answers, finishing, survival
from dashboard.metrics.asked import MOST_CARRIED, side_by_side
from ingestion.warehouse import cells, kpi_cells, kpi_spans, kpi_sql
from ingestion.warehouse.kpi_cells import TIMED
from ingestion.warehouse.kpis import Query, load_kpis

if TYPE_CHECKING:
    from collections.abc import Hashable, Mapping, Sequence

    from dashboard.metrics.asked import Asked
    from dashboard.metrics.query import Snapshot
    from ingestion.warehouse.cells import Durations
    from ingestion.warehouse.kpi_spans import Span
    from ingestion.warehouse.kpis import Kpi

_KEY: Final = {"place": pl.Int64, "step": pl.Int64}
_SCHEMA: Final = {
    "value": pl.Float64,
    "numerator": pl.Int64,
    "denominator": pl.Int64,
    "n": pl.Int64,
    "lower": pl.Float64,
    "upper": pl.Float64,
    "state": pl.String,
    "is_exact_enough": pl.Boolean,
}
_ADDED: Final = ("numerator", "denominator", "n", "pending", "squares")


@dataclass(frozen=True)
class _One:
    """A question, its place among those asked, and its periods."""

    place: int
    kpi: Kpi
    question: kpi_sql.Question
    spans: tuple[Span, ...]


@dataclass(frozen=True)
class _Family:
    """What questions have in common that one query answers."""

    model: str
    time: str
    over_time: str
    has_region: bool
    slices: Hashable
    tables: tuple[str, ...]
    durations: Durations | None


Read = list[tuple[str, pl.DataFrame]]
"""By kind: place, step (which of the question's periods), minimum_n, and sums or counts by duration."""


def is_fit(one: Asked) -> bool:
    """Whether a question is one of those that are answered here."""
    kpi = one.kpi
    # Decimals are added up by DuckDB alone: days of them, rounded to doubles, would end in other digits.
    adds_up = kpi.kind in kpi_sql.SUM_KINDS and kpi.kind != "rate" and not kpi.is_decimal
    return not one.question.by and (adds_up or kpi.kind.startswith("km_"))


def answer(snapshot: Snapshot, asked: Mapping[int, Asked]) -> pl.DataFrame:
    """A row for each period of each question, in order: place, step, period and value_query's columns.

    A period without units is all nulls. Questions whose fact is long and that no cells serve are left out: they are
    DuckDB's own work, in its memory.
    """
    families: dict[_Family, list[_One]] = defaultdict(list)
    for place, one in asked.items():
        told = _One(place, one.kpi, one.question, kpi_spans.spans_of(one.kpi, one.question))
        family = _family(snapshot, told)
        if family is not None:
            families[family].append(told)
    reads = side_by_side([partial(_read, snapshot, family, ones) for family, ones in families.items()])
    kinds: dict[str, list[pl.DataFrame]] = defaultdict(list)
    ones: list[_One] = []
    for members, read in zip(families.values(), reads, strict=True):
        if read is not None:
            ones += members
            for kind, frame in read:
                kinds[kind].append(frame)
    found = [_finished(kind, pl.concat(frames), asked) for kind, frames in kinds.items()]
    return _mended(snapshot, _placed(sorted(ones, key=lambda one: one.place), found), asked)


def _family(snapshot: Snapshot, one: _One) -> _Family | None:
    kpi, question = one.kpi, one.question
    slices = tuple((name, tuple(values)) for name, values in question.filter.where.items())
    tables = [table for table in snapshot.cells if (table.model, table.time) == (kpi.rows, kpi.time)]
    durations: Durations | None = None
    if kpi.kind in kpi_sql.SUM_KINDS:
        fit = [one for one in tables if kpi_cells.fits(one, kpi, question, "sums", list(kpi_cells.named([kpi])))]
    else:
        durations = cells.durations_of(kpi, load_kpis())
        wanted = [durations.sql] if durations else []
        fit = [one for one in tables for kind in TIMED if kpi_cells.fits(one, kpi, question, kind, wanted)]
    if durations is not None and not fit and any(table.model == kpi.rows for table in snapshot.cells):
        return None
    names = tuple(table.name for table in fit)
    has_region = "region" in kpi.dimensions
    return _Family(
        kpi.rows,
        kpi.time,
        kpi.over_time,
        has_region,
        (slices, question.regions, question.last_date),
        names,
        durations,
    )


def _read(snapshot: Snapshot, family: _Family, ones: Sequence[_One]) -> Read | None:
    spans = list(dict.fromkeys(span for one in ones for span in one.spans if span.days))
    if not spans:
        return []
    tables = [table for table in snapshot.cells if table.name in family.tables]
    plan = kpi_spans.plan_of(spans, tables, is_by_day=family.over_time != "sum")
    if family.durations is None:
        return _sums(snapshot, ones, plan, spans)
    return _counts(snapshot, family.durations, ones, plan, spans)


def _sums(snapshot: Snapshot, ones: Sequence[_One], plan: kpi_cells.Plan, spans: Sequence[Span]) -> Read:
    of_kpi: dict[int, list[_One]] = defaultdict(list)
    for one in ones:
        of_kpi[id(one.kpi)].append(one)
    kpis = [same[0].kpi for same in of_kpi.values()]
    names = kpi_cells.named(kpis)
    asked = kpi_spans.sums_query(kpis, ones[0].question, plan, names, spans)
    added = _between(snapshot.run(asked), spans)
    row_of = {span: row for row, span in enumerate(spans)}
    found = []
    for kpi, same in zip(kpis, of_kpi.values(), strict=True):
        keys = [(one.place, step, row_of[span]) for one in same for step, span in enumerate(one.spans) if span.days]
        columns = {
            name: pl.col(names[sql]) if sql in names else pl.lit(0, dtype=pl.Int64)
            for name, sql in kpi_sql.sums_of(kpi).items()
        }
        rows = added.select("is_any", **columns)[[row for _, _, row in keys]]
        frame = rows.with_columns(
            pl.Series("place", [place for place, _, _ in keys], dtype=pl.Int64),
            pl.Series("step", [step for _, step, _ in keys], dtype=pl.Int64),
            pl.lit(int(kpi.minimum_n)).alias("minimum_n"),
        )
        found.append((kpi.kind, frame.filter("is_any").drop("is_any")))
    return found


def _between(rows: pl.DataFrame, spans: Sequence[Span]) -> pl.DataFrame:
    """What the rows, in order of date, add up to within each span, and whether there is any: is_any."""
    ends = zip(*(span.days for span in spans if span.days), strict=True)
    since, to = (pl.Series(each, dtype=pl.Date) for each in ends)
    first = rows["date"].search_sorted(since, side="left")
    after = rows["date"].search_sorted(to, side="right")
    names = [name for name in rows.columns if name != "date"]
    nothing = pl.DataFrame({name: [0] for name in names}, schema={name: rows.schema[name] for name in names})
    running = pl.concat([nothing, rows.select(pl.col(names).cum_sum())])
    added = running.select(pl.col(names).gather(after) - pl.col(names).gather(first))
    return added.with_columns((after > first).alias("is_any"))


def _counts(
    snapshot: Snapshot, durations: Durations, ones: Sequence[_One], plan: kpi_cells.Plan, spans: Sequence[Span]
) -> Read | None:
    """Counts by duration for the curve of each KPI and span; None where they are too many to carry."""
    kpi, question, bounds = ones[0].kpi, ones[0].question, kpi_spans.bounds_of(spans)
    is_straight = kpi_cells.is_straight(plan)
    if is_straight:
        asked = kpi_spans.exact_durations_query(kpi, question, durations, bounds, spans)
    else:
        asked = kpi_spans.durations_query(kpi, question, durations, plan, bounds, spans)
    counts = snapshot.run(Query(f"{asked.sql}\nlimit {MOST_CARRIED + 1}", asked.binds))
    if counts.height > MOST_CARRIED:
        return None
    rows = [(row, segment) for row, span in enumerate(spans) for segment in kpi_spans.segments_of(span, bounds)]
    members = pl.DataFrame(rows, schema={"span": pl.Int64, "segment": pl.Int32}, orient="row")
    of_span = (
        counts.lazy()
        .join(members.lazy(), on="segment")
        .group_by("span", "cell")
        .agg(pl.col("events", "leaving").sum())
        .sort("span", "cell")
        .collect()
    )
    return [_of_one(one, of_span, spans, None if is_straight else durations) for one in ones]


def _of_one(
    one: _One, counts: pl.DataFrame, spans: Sequence[Span], durations: Durations | None
) -> tuple[str, pl.DataFrame]:
    row_of = {span: row for row, span in enumerate(spans)}
    steps = [(row_of[span], step) for step, span in enumerate(one.spans) if span.days]
    mine = pl.DataFrame(steps, schema={"span": pl.Int64, "step": pl.Int64}, orient="row")
    rows = counts.join(mine, on="span", maintain_order="left").drop("span")
    return one.kpi.kind, survival.told(one.kpi, rows, durations).with_columns(
        pl.lit(one.place, dtype=pl.Int64).alias("place")
    )


def _finished(kind: str, rows: pl.DataFrame, asked: Mapping[int, Asked]) -> pl.DataFrame:
    """place, step, value_query's columns and is_exact_enough of all KPIs of a kind."""
    if kind.startswith("km_"):
        return survival.values(kind, rows, ("place", "step"))
    kpi = next(one.kpi for one in asked.values() if one.kpi.kind == kind)
    sums = {name: pl.col(name) for name in _ADDED}
    found = finishing.finished(kpi, rows, ("place", "step"), sums, pl.col("minimum_n"))
    return found.with_columns(is_exact_enough=pl.lit(value=True))


def _placed(ones: Sequence[_One], found: Sequence[pl.DataFrame]) -> pl.DataFrame:
    """What was found, at the periods that were asked for."""
    keys = [(one.place, step, span.period) for one in ones for step, span in enumerate(one.spans)]
    asked = pl.DataFrame(keys, schema={**_KEY, "period": pl.Date}, orient="row")
    rows = pl.concat([pl.DataFrame(schema={**_KEY, **_SCHEMA}), *found])
    return asked.join(rows, on=list(_KEY), how="left", maintain_order="left")


def _mended(snapshot: Snapshot, rows: pl.DataFrame, asked: Mapping[int, Asked]) -> pl.DataFrame:
    """The rows, those that cells do not tell well enough replaced by what the facts themselves say."""
    unsure = rows.filter(~pl.col("is_exact_enough"))
    rows = rows.drop("is_exact_enough")
    if unsure.is_empty():
        return rows

    def exactly(place: int, groups: pl.DataFrame) -> pl.DataFrame:
        found = answers.exact(snapshot, asked[place].kpi, asked[place].question, groups.select("period", "n"))
        steps = groups.select(*_KEY, "period")
        return steps.join(found, on="period", how="left", nulls_equal=True).select(rows.columns).cast(rows.schema)

    work = [partial(exactly, groups["place"][0], groups) for groups in unsure.partition_by("place")]
    sure = rows.join(unsure, on=list(_KEY), how="anti")
    return pl.concat([sure, *side_by_side(work)]).sort(*_KEY)
