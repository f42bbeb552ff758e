"""Built models: do they keep the promises of declarations.py, agree with the facts, and look like recent nights?"""

from collections.abc import Iterator, Sequence
from datetime import date
from typing import Any

from great_expectations.core import ExpectationSuite
from great_expectations.expectations.expectation import Expectation

from data_checks.duckdb_gx import gxe, suite_of
from data_checks.rules import rules
from data_checks.suites import days
from data_checks.suites.declarations import FACTS, MARTS, SLICES, Model
from data_checks.suites.flows import FLOWS
from data_checks.suites.together import BROKEN_WHEN
from data_checks.suites.words import carries

FIRST_DATE, LAST_DATE = date(2000, 1, 1), date(2029, 12, 31)
UNUSUAL = 3  # times more, or less, than recent nights had
NIGHTS_TO_GROW = 7  # a young home grows threefold by itself


def declared(model: str) -> Model | None:
    """The promises of a model. None: a mart nobody declared, which must not be published."""
    if model.startswith("marts."):
        return MARTS.get(model)
    return FACTS.get(model, Model(date=""))


def suite_for(
    name: str,
    model: Model,
    *,
    grain: Sequence[str],
    columns: Sequence[str],
    has_volumes: bool = False,
    has_days: bool = False,
) -> ExpectationSuite:
    """The checks of one model.

    Args:
        name: folder.file, for example marts.mart_tickets_daily.
        grain: the columns its header declares as its grain; none where its uniqueness is proven already.
        columns: those the table has. Core models are checked for the slices among them; marts for all slices.
        has_volumes: meta.previous_volumes (dataset, row_count) exists; dataset holds names like `name`.
        has_days: meta.compared_days exists (see suites/days.py).
    """
    is_mart = name.startswith("marts.")
    slices = model.slices if is_mart else tuple(column for column in SLICES if column in columns)
    expectations = [
        *([_grain(tuple(grain))] if grain else []),
        *_date(model),
        *_filled((*slices, *model.filled, *model.counts)),
        *_counts(model),
        *_ranges(model),
        *_arithmetic(model),
        *_totals(model),
        *_flows(name),
        *([_volume(name)] if has_volumes else []),
        *(days.expectations(name, columns) if has_days else []),
    ]
    return suite_of(name, expectations)


def _grain(grain: tuple[str, ...]) -> Expectation:
    words = carries("grain_not_unique", column=grain[0], detail=", ".join(grain))
    unique: Expectation
    if len(grain) == 1:
        unique = gxe.ExpectColumnValuesToBeUnique(column=grain[0], **words)
    else:
        unique = gxe.ExpectCompoundColumnsToBeUnique(column_list=list(grain), ignore_row_if="never", **words)
    return unique


def _date(model: Model) -> Iterator[Expectation]:
    if model.date:
        yield _no_rows_where(f"{model.date} is null", carries("model_missing_value", column=model.date))
        predicate = f"{model.date} < date '{FIRST_DATE}' or {model.date} > date '{LAST_DATE}'"
        yield _no_rows_where(predicate, carries("model_date_out_of_range", column=model.date))


# One expectation for all columns: with one for each, a night's gate spent most of its time on these two kinds.
def _filled(columns: Sequence[str]) -> Iterator[Expectation]:
    names = list(dict.fromkeys(columns))
    if names:
        predicate = " or ".join(f"{column} is null" for column in names)
        yield _no_rows_where(predicate, carries("model_missing_value", detail=", ".join(names)))


def _counts(model: Model) -> Iterator[Expectation]:
    if model.counts:
        predicate = " or ".join(f"{column} < 0" for column in model.counts)
        yield _no_rows_where(predicate, carries("model_negative_count", detail=", ".join(model.counts)))


def _ranges(model: Model) -> Iterator[Expectation]:
    for column, (low, high) in model.ranges.items():
        words = carries("model_value_out_of_range", column=column, detail=f"{low} … {'' if high is None else high}")
        yield gxe.ExpectColumnValuesToBeBetween(column=column, min_value=low, max_value=high, **words)


def _arithmetic(model: Model) -> Iterator[Expectation]:
    for part, whole in model.parts:
        words = carries("part_exceeds_whole", column=part, detail=f"{part} ≤ {whole}")
        yield gxe.ExpectColumnPairValuesAToBeGreaterThanB(
            column_A=whole, column_B=part, or_equal=True, ignore_row_if="neither", **words
        )
    for part, whole in model.implies:
        words = carries("part_exceeds_whole", column=part, detail=f"{part} → {whole}")
        yield _no_rows_where(f"{part} and not coalesce({whole}, false)", words)
    for whole, parts in model.sums.items():
        words = carries("parts_do_not_add_up", column=whole, detail=f"{whole} = {' + '.join(parts)}")
        yield _no_rows_where(f"{whole} is distinct from {' + '.join(parts)}", words)
    for what, predicate in model.never.items():
        words = carries(what) if what in rules() else carries("model_value_out_of_range", detail=what)
        yield _no_rows_where(predicate, words)


def _totals(model: Model) -> Iterator[Expectation]:
    for measure, facts in model.totals.items():
        words = carries("does_not_reconcile", column="" if measure == "rows" else measure, detail=measure)
        total = "count(*)" if measure == "rows" else f"coalesce(sum({measure}), 0)"
        yield _no_rows(
            f"select 1 from (select {total} as total from {{batch}}) as mart where total is distinct from ({facts})",
            words,
        )


def _flows(name: str) -> Iterator[Expectation]:
    for flow in FLOWS.get(name, ()):
        counts = f"({flow.found}) as found, ({flow.wanted}) as wanted, (select count(*) from {{batch}}) as facts"
        query = f"select 1 from (select {counts}) as flow where found <> wanted"
        yield _no_rows(query, carries(flow.code, detail=flow.name))


def _volume(name: str) -> Expectation:
    """Tonight's rows against the median of recent nights; a model without a past is never unusual."""
    past = f"from meta.previous_volumes where dataset = '{name}' and row_count > 0"
    return _no_rows(
        "select 1 from (select count(*) as rows_now from {batch}) as tonight, "
        f"(select (select median(row_count) {past}) as rows_before, (select count(*) {past}) as nights) as recent "
        f"where {UNUSUAL} * rows_now < rows_before "
        f"or (rows_now > {UNUSUAL} * rows_before and nights >= {NIGHTS_TO_GROW})",
        carries("volume_unusual"),
    )


def _no_rows_where(predicate: str, words: dict[str, Any]) -> Expectation:
    words["meta"][BROKEN_WHEN] = predicate
    return _no_rows(f"select 1 from {{batch}} where {predicate}", words)


def _no_rows(query: str, words: dict[str, Any]) -> Expectation:
    # Great Expectations gives {batch} an alias of its own unless the query says JOIN: these never do.
    silent: Expectation = gxe.UnexpectedRowsExpectation(unexpected_rows_query=query, **words)
    return silent
