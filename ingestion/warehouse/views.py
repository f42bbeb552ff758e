"""Views of sql/views and cards of sql/cards.toml: what a catalogue row shows where one number cannot say it.

A view is a table over the units of one fact, after the same filter and scope as a KPI. Its SQL may read nothing but
`units`, so that no view can show a row that its reader may not see. A card is context in words, never computed.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from functools import lru_cache
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

from ingestion.sqltext import literal
from ingestion.warehouse import entries, statistics
from ingestion.warehouse.entries import PAGES, KpiEntryInvalid
from ingestion.warehouse.kpi_question import Question, check_slices, conditions_of
from ingestion.warehouse.kpis import OVER_TIME, SQL_DIR, UNITS, Query

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

_PLACEHOLDER = re.compile(r"\{([a-z_][a-z_0-9]*)((?::[^{}:]+)*)\}")


@dataclass(frozen=True)
class View:
    """One entry of sql/views.

    columns: the words of each column of the answer. units_of: the unit of those that are not shown as they are.
    words: of columns that hold codes, the words of each code.
    """

    id: str
    label: Mapping[str, str]
    meaning: Mapping[str, str]
    formula: Mapping[str, str]
    rows: str
    time: str
    sql: str
    columns: Mapping[str, Mapping[str, str]]
    datasets: tuple[str, ...]
    page: str
    owner: str
    document: str
    quote: str
    units_of: Mapping[str, str]
    words: Mapping[str, Mapping[str, Mapping[str, str]]] = field(default_factory=lambda: MappingProxyType({}))
    over_time: str = "sum"
    dimensions: tuple[str, ...] = entries.DIMENSIONS
    not_by: tuple[str, ...] = ()
    catalogue_rows: tuple[int, ...] = ()
    version: str = ""

    @property
    def source(self) -> str:
        """Where the view is asked for: document and sentence."""
        return f"{self.document} {self.quote}"

    def word(self, column: str, value: object, lang: str) -> object:
        """What a reader sees for a value of a column: the words of a code, else the value."""
        known = self.words.get(column, {}).get(str(value))
        return known[lang] if known else value


@dataclass(frozen=True)
class Card:
    """A sentence that others write and nobody can check from these data."""

    id: str
    label: Mapping[str, str]
    text: Mapping[str, str]
    document: str
    quote: str
    catalogue_rows: tuple[int, ...]


@lru_cache(maxsize=4)
def load_views(folder: Path = SQL_DIR / "views") -> Mapping[str, View]:
    """All views by id, in the order of the files. Raises KpiEntryInvalid."""
    found = {view_id: _view(view_id, entry, where) for view_id, entry, where in entries.in_folder(folder)}
    return MappingProxyType(found)


def load_view(view_id: str, folder: Path = SQL_DIR / "views") -> View | None:
    """One view, of which alone the file is read. Raises KpiEntryInvalid."""
    found = entries.one(folder, view_id)
    return _view(view_id, *found) if found else None


@lru_cache(maxsize=4)
def load_cards(file: Path = SQL_DIR / "cards.toml") -> Mapping[str, Card]:
    """All cards by id. Raises KpiEntryInvalid."""
    return MappingProxyType(
        {
            card_id: _card(card_id, entry, f"{file.name} [{card_id}]")
            for card_id, entry in entries.in_file(file).items()
        }
    )


def _view(view_id: str, entry: dict[str, Any], where: str) -> View:
    fields: dict[str, Any] = dict(entry)
    for name in ("label", "meaning", "formula"):
        fields[name] = entries.words(entry, name, where)
    for name in ("datasets", "catalogue_rows", "not_by"):
        fields[name] = tuple(fields.get(name, ()))
    fields["dimensions"] = entries.dimensions(fields)
    named = entry.get("columns", {})
    fields["columns"] = MappingProxyType({name: entries.words(named, name, f"{where} columns") for name in named})
    fields["words"] = MappingProxyType(
        {
            column: {code: entries.words(codes, code, f"{where} words of {column}") for code in codes}
            for column, codes in fields.get("words", {}).items()
        }
    )
    fields["units_of"] = MappingProxyType(dict(fields.get("units_of", {})))
    try:
        view = View(id=view_id, version=entries.version(entry), **fields)
    except TypeError as error:
        raise KpiEntryInvalid(f"{where}: {error}") from error
    entries.one_of(view.page, PAGES, "page", where)
    entries.one_of(view.over_time, OVER_TIME, "over_time", where)
    for unit in view.units_of.values():
        entries.one_of(unit, UNITS, "units_of", where)
    _check_sql(view, where)
    return view


def _check_sql(view: View, where: str) -> None:
    """One SELECT that reads `units` and its own CTEs alone. Raises KpiEntryInvalid."""
    # Imported where it is needed: a command that asks for one KPI parses no view.
    import sqlglot
    from sqlglot import exp

    try:
        statements = sqlglot.parse(_expanded(view.sql, "2000-01-01"), read="duckdb")
    except (sqlglot.errors.SqlglotError, KeyError) as error:
        raise KpiEntryInvalid(f"{where}: sql: {str(error).splitlines()[0]}") from error
    if len(statements) != 1 or not isinstance(statements[0], exp.Query):
        raise KpiEntryInvalid(f"{where}: sql is exactly one SELECT")
    own = {cte.alias for cte in statements[0].find_all(exp.CTE)} | {"units"}
    for table in statements[0].find_all(exp.Table):
        if table.db or (table.name not in own and isinstance(table.this, exp.Identifier)):
            raise KpiEntryInvalid(f"{where}: sql reads {table.sql()}; it may read `units` and nothing else")


def _names(text: str) -> list[str]:
    return [name.strip() for name in text.split(",") if name.strip()]


def _statistics() -> Mapping[str, Callable[..., str]]:
    """What a view may write in braces, by name: statistics whose text nobody should have to write twice."""
    from ingestion.warehouse import statistics_differences, statistics_shrinkage, statistics_weighting

    differences, shrinkage, weighting = statistics_differences, statistics_shrinkage, statistics_weighting
    return {
        "kaplan_meier": lambda units, groups="": statistics.kaplan_meier(units, _names(groups)),
        "km_median": lambda: statistics.km_quantile("survival", "0.5"),
        "km_p90": lambda: statistics.km_quantile("survival", "0.1"),
        "wilson_lower": lambda numerator, denominator: statistics.wilson(numerator, denominator)[0],
        "wilson_upper": lambda numerator, denominator: statistics.wilson(numerator, denominator)[1],
        # p-value of the difference between two shares (Newcombe's interval).
        "difference_p": lambda k, n, k0, n0: differences.p_value(*differences.newcombe(k, n, k0, n0)),
        "benjamini_hochberg": lambda units, p, groups="": differences.benjamini_hochberg(units, p, _names(groups)),
        "shrinkage": lambda units, key, groups="": shrinkage.shrinkage(units, key, _names(groups)),
        "case_mix": lambda units, key, strata, event, groups="": shrinkage.case_mix(
            units, key, _names(strata), event, _names(groups)
        ),
        "post_stratified": lambda units, strata, least, most, groups="": weighting.post_stratified(
            units, _names(strata), least, most, _names(groups)
        ),
    }


def _expanded(sql: str, last_date: str) -> str:
    """The SQL with its placeholders filled."""
    known = _statistics() if _PLACEHOLDER.search(sql) else {}

    def filled(found: re.Match[str]) -> str:
        if found[1] == "last_date":
            return f"date {literal(last_date)}"
        return known[found[1]](*(part for part in found[2].split(":") if part))

    return _PLACEHOLDER.sub(filled, sql)


def view_query(view: View, question: Question, limit: int | None = None) -> Query:
    """The table of a view under a filter, or its first rows. Raises KpiQuestionInvalid."""
    check_slices(view, question)
    conditions, binds = conditions_of(view, question, view.time)
    sql = f"""
with units as (
    select * from {view.rows}
    where {" and ".join(conditions)}
)
select * from (
{_expanded(view.sql, question.last_date.isoformat())}
) as answer{"" if limit is None else " limit ?"}"""
    return Query(sql, (*binds, *(() if limit is None else (limit,))))


def view_rows_query(view: View, question: Question, limit: int | None = None) -> Query:
    """The units behind a view."""
    check_slices(view, question)
    conditions, binds = conditions_of(view, question, view.time)
    tail = "" if limit is None else "\nlimit ?"
    sql = f"select *\nfrom {view.rows}\nwhere {' and '.join(conditions)}\norder by {view.time}{tail}"
    return Query(sql, (*binds, *(() if limit is None else (limit,))))


def _card(card_id: str, entry: dict[str, Any], where: str) -> Card:
    fields = {
        **entry,
        "label": entries.words(entry, "label", where),
        "text": entries.words(entry, "text", where),
        "catalogue_rows": tuple(entry.get("catalogue_rows", ())),
    }
    try:
        return Card(id=card_id, **fields)
    except TypeError as error:
        raise KpiEntryInvalid(f"{where}: {error}") from error
