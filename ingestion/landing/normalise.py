"""From text to our columns: one SQL expression per column, made from the mapping and the contract.

Each mapped column passes four steps: `found` (their text, trimmed, null spellings gone), `mapped` (values files
applied), `parsed` (instants and dates by the declared formats), and the typed value beside the code of its
fault. Nothing here looks at single rows: DuckDB applies the expressions to the whole file.
"""

from __future__ import annotations

from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

import duckdb

from data_checks.contract import datasets
from data_checks.gist import gist
from data_checks.rules import row_rules
from ingestion.errors import MappingInvalid
from ingestion.landing import instants
from ingestion.sqltext import literal, quoted

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from duckdb import DuckDBPyConnection

    from data_checks.contract import Column
    from ingestion.mapping import Feed
    from ingestion.mapping_columns import ColumnMap, DatasetMap
    from ingestion.sources.records import Records

BLANKS = "' \t\r\n'"
TRUE, FALSE = ("true", "1", "yes", "y", "是"), ("false", "0", "no", "n", "否")
_CODES = {"id": "bad_id", "int": "bad_number", "decimal": "bad_number", "bool": "bad_bool"}


@dataclass(frozen=True)
class Typed:
    """The rows of one dataset before they are judged: a relation with _row, and for each mapped column its
    value (under our name), its text (`text_of`) and the code of its fault (`fault_of`), if any.

    columns: the mapped ones. table: what the relation `view` reads; rows are deleted there. `is_gone` marks the
    rows that say no more than that their key is gone.
    """

    map: DatasetMap
    table: str
    view: str
    columns: tuple[Column, ...]


def text_of(column: str) -> str:
    return quoted(f"text of {column}")


def other_text_of(column: str) -> str:
    """Their text where ours reads otherwise: most text is what it became, and is not kept twice."""
    return quoted(f"other text of {column}")


def fault_of(column: str) -> str:
    return quoted(f"fault of {column}")


def type_rows(con: DuckDBPyConnection, records: Records, feed: Feed, map: DatasetMap) -> Typed:
    """Make the typed rows of one dataset from the records of a file."""
    contract = datasets()[map.name]
    columns = tuple(column for column in contract.columns if map.column(column.name))
    table, view = f"aftercare_typed_{map.name}", f"aftercare_rows_{map.name}"
    con.execute(f"create or replace temp table {table} as {_select(records, feed, map, columns)}")
    constants = [
        f"cast({_default(feed, column)} as {column.duckdb_type}) as {quoted(column.name)}"
        for column in contract.columns
        if column not in columns
    ]
    texts = [
        f"coalesce({other_text_of(column.name)}, cast({quoted(column.name)} as varchar)) as {text_of(column.name)}"
        for column in columns
    ]
    shown = f"create or replace temp view {view} as select {', '.join(['*', *texts, *constants])}"
    con.execute(f"{shown}, false as is_gone from {table}")
    if map.gone_when:
        gone = f"aftercare_gone_{map.name}"
        with predicates_of(map):
            con.execute(f"create or replace temp table {gone} as select _row from {view} where {map.gone_when}")
        con.execute(f"{shown}, _row in (from {gone}) as is_gone from {table}")
    return Typed(map, table, view, columns)


@contextmanager
def predicates_of(map: DatasetMap) -> Iterator[None]:
    """Say of a predicate of source.toml that cannot be evaluated where it stands."""
    try:
        yield
    except (duckdb.ProgrammingError, duckdb.DataError) as error:
        told = f"where or gone_when of {map.name} ({map.file}): {gist(error)}"
        raise MappingInvalid(f"{map.file.partition('/')[0]}/source.toml", told) from error


def _default(feed: Feed, column: Column) -> str:
    """What an unmapped column holds: nothing, but for the currency a source declares."""
    return literal(feed.currency) if column.name == "currency" and feed.currency else "null"


def _select(records: Records, feed: Feed, map: DatasetMap, columns: tuple[Column, ...]) -> str:
    names_of_steps = ("found", "mapped", "parsed", "placed", "timed", "valued", "typed")
    steps: dict[str, list[str]] = {name: [] for name in names_of_steps}
    for column in columns:
        entry = map.column(column.name)
        if entry is None:
            continue
        name, text = column.name, text_of(column.name)
        steps["found"].append(f"{_found(records, feed, entry, column, map.values.get(name))} as {text}")
        if entry.is_micros:
            steps["found"].append(f"{_apart(records, feed, entry)} as {quoted(f'apart {name}')}")
        steps["mapped"] += _mapped(name, map.values.get(name))
        value, fault = _cast(feed, map.name, column, entry, records.typed, steps)
        refused = f"when {quoted(f'refused {name}')} then {literal(f'unknown_{name}')} "
        # A step of its own: the branches of a case that name the value again would each work it out again.
        steps["valued"].append(f"{value} as {quoted(name)}")
        other = f"case when {text} is distinct from cast({quoted(name)} as varchar) then {text} end"
        fault = f"case {refused}{fault} end"
        steps["typed"] += [
            f"{other} as {other_text_of(name)}",
            quoted(name),
            f"{fault} as {fault_of(name)}",
        ]
    names = [quoted(entry.our_column) for entry in map.bare]
    bare = [
        f"{dashed(_parts(records, feed, entry.parts(records.headings)))} as {quoted(entry.our_column)}"
        for entry in map.bare
    ]
    return (
        f"with found as (select _row, {', '.join([*steps['found'], *bare])} from {records.relation}), "
        f"mapped as (select *, {', '.join(steps['mapped'])} from found), "
        f"parsed as (select {', '.join(['*', *steps['parsed']])} from mapped), "
        f"placed as (select {', '.join(['*', *steps['placed']])} from parsed), "
        f"timed as (select {', '.join(['*', *steps['timed']])} from placed), "
        f"valued as (select {', '.join(['*', *steps['valued']])} from timed) "
        f"select {', '.join(['_row', *names, *steps['typed']])} from valued"
    )


def _column(records: Records, heading: str) -> str:
    """The relation's column under a heading; an optional heading that is absent is missing everywhere."""
    column = records.columns.get(heading)
    return quoted(column) if column else "cast(null as varchar)"


def clean(expression: str, feed: Feed) -> str:
    """Their text without blanks around it; NULL where it is one of the null spellings."""
    # Trimming is seven times the cost of seeing that there is nothing to trim; '!' follows the blank.
    untouched = f"{expression} > '!' and {expression}[-1] > ' '"
    trimmed = f"case when {untouched} then {expression} else nullif(trim({expression}, {BLANKS}), '') end"
    nulls = ", ".join(literal(null) for null in feed.nulls if null)
    return f"case when {trimmed} not in ({nulls}) then {trimmed} end" if nulls else trimmed


def _parts(records: Records, feed: Feed, headings: Iterable[str]) -> list[str]:
    return [clean(_column(records, heading), feed) for heading in headings]


def _found(records: Records, feed: Feed, entry: ColumnMap, column: Column, values: Mapping[str, str] | None) -> str:
    """Their text: of several ways to it the first that says something, at best something the values file names."""
    if entry.is_record_number:
        return "cast(_row as varchar)"
    if entry.constant is not None:
        return f"cast({literal(entry.constant)} as varchar)"
    texts = [_text(records, feed, entry, column, parts) for parts in entry.ways(records.headings)]
    named = [f"case when {_is_named(values, text)} then {text} end" for text in texts] if values else []
    return f"coalesce({', '.join([*named, *texts])})" if texts[1:] else texts[0]


def _text(records: Records, feed: Feed, entry: ColumnMap, column: Column, headings: Iterable[str]) -> str:
    parts = _parts(records, feed, list(headings)[:1] if entry.is_micros else headings)
    if records.typed and column.type not in ("instant", "date") and not entry.is_micros:
        parts = [instants.plain(part) for part in parts]
    if entry.is_first:
        parts = [f"nullif(trim(split_part({part}, ';', 1), {BLANKS}), '')" for part in parts]
    # An id without one of its parts is no id; of a name the other part is still a name.
    return f"nullif(concat_ws(' ', {', '.join(parts)}), '')" if column.type == "text" and parts[1:] else dashed(parts)


def _apart(records: Records, feed: Feed, entry: ColumnMap) -> str:
    """0 to 999, below what clocks of exports tell, from what `#micros at + id` names beside the instant: the same
    number whenever the same event is exported."""
    others = _parts(records, feed, next(iter(entry.ways(records.headings)), ())[1:])
    return f"coalesce(cast(md5_number_lower({dashed(others)}) % 1000 as bigint), 0)" if others else "0"


def dashed(parts: Iterable[str]) -> str:
    """SQL for several texts as one; missing if one of them is."""
    return " || '-' || ".join(parts)


def _mapped(name: str, values: Mapping[str, str] | None) -> list[str]:
    """Their value to ours: as written, else regardless of case, else by how it begins (the longest beginning
    first), else what '*' says; no '*' lets it pass. Ours may be '#none': then theirs counts as missing, while a
    '*' without a value of ours refuses it."""
    text, mapped, refused = text_of(name), quoted(f"mapped {name}"), quoted(f"refused {name}")
    if values is None:
        return [f"{text} as {mapped}", f"false as {refused}"]
    star = values.get("*")
    other = text if star is None else _value(star)
    found = " ".join(f"when {is_it} then {value}" for is_it, value in _named(values, text).items())
    expression = f"case when {text} is null then {_value(values.get('', ''))} {found} else {other} end"
    is_refused = f"coalesce({text} is not null and not {_is_named(values, text)}, false)" if star == "" else "false"
    return [f"{expression} as {mapped}", f"{is_refused} as {refused}"]


def _named(values: Mapping[str, str], text: str) -> dict[str, str]:
    """The conditions under which a values file names a text, in their order, and its value then."""
    known = {theirs: ours for theirs, ours in values.items() if theirs and not theirs.endswith("*")}
    starts = sorted((theirs for theirs in values if theirs.endswith("*") and theirs != "*"), key=len, reverse=True)
    table = _map_literal(known)
    folded = _map_literal({theirs.lower(): ours for theirs, ours in known.items()})
    return {
        f"map_contains({table}, {text})": f"{table}[{text}]",
        f"map_contains({folded}, lower({text}))": f"{folded}[lower({text})]",
        **{f"starts_with(lower({text}), {literal(one[:-1].lower())})": _value(values[one]) for one in starts},
    }


def _is_named(values: Mapping[str, str], text: str) -> str:
    return f"({' or '.join(_named(values, text))})"


def _value(ours: str) -> str:
    return literal(ours) if ours not in ("", "#none") else "cast(null as varchar)"


def _map_literal(values: Mapping[str, str]) -> str:
    keys = ", ".join(literal(key) for key in values)
    items = ", ".join(_value(value) for value in values.values())
    return f"map(cast([{keys}] as varchar[]), cast([{items}] as varchar[]))"


def _cast(
    feed: Feed, dataset: str, column: Column, entry: ColumnMap, typed: bool, steps: dict[str, list[str]]
) -> tuple[str, str]:
    """The typed value and the case branches that name its fault; instants add helper columns to `steps`."""
    text = quoted(f"mapped {column.name}")
    if column.type == "instant" or entry.is_micros:
        past = _is_of_the_past(dataset, column.name)
        sql = instants.instant(feed, column.name, text, typed=typed, is_of_the_past=past)
        steps["parsed"] += sql.parsed
        steps["placed"] += sql.placed
        steps["timed"] += sql.timed
        micros = f"epoch_us({sql.value}) + {quoted(f'apart {column.name}')}"
        return micros if entry.is_micros else sql.value, sql.fault
    if column.type == "date":
        value, code = instants.date(feed, text, typed), "bad_date"
    else:
        value, code = _simple(feed, column, text), _CODES.get(column.type, f"unknown_{column.name}")
    return value, f"when {text} is not null and {quoted(column.name)} is null then {literal(code)}"


def _is_of_the_past(dataset: str, column: str) -> bool:
    """Whether the rules say that this instant cannot lie ahead; due times and validity ends may."""
    return any(rule.code == "future_date" and rule.columns[0] == column for rule in row_rules(dataset))


def _simple(feed: Feed, column: Column, text: str) -> str:
    if column.type == "id":
        return f"case when regexp_full_match({text}, {literal(feed.id_pattern)}) then {text} end"
    if column.type == "text":
        return text
    if column.type == "enum":
        values = f"[{', '.join(literal(value) for value in column.values)}]"
        found = f"list_position({values}, lower({text}))"
        return f"case when list_contains({values}, {text}) then {text} when {found} > 0 then {values}[{found}] end"
    if column.type == "bool":
        yes, no = (", ".join(literal(word) for word in words) for words in (TRUE, FALSE))
        return f"case when lower({text}) in ({yes}) then true when lower({text}) in ({no}) then false end"
    digits = _digits(feed, text)
    if column.type == "int":
        whole = f"try_cast(split_part({digits}, '.', 1) as bigint)"
        whole = f"case when regexp_full_match({digits}, '-?[0-9]{{1,18}}([.]0*)?') then {whole} end"
        # Written as we would write it, as most are: told in half the time.
        same = f"case when strlen({text}) < 19 and cast(try_cast({text} as bigint) as varchar) = {text} then"
        return f"coalesce({same} cast({text} as bigint) end, {whole})"
    pattern = "-?([0-9]{1,14}([.][0-9]*)?|[.][0-9]+)"
    return f"case when regexp_full_match({digits}, '{pattern}') then try_cast({digits} as {column.duckdb_type}) end"


def _digits(feed: Feed, text: str) -> str:
    """A number with a decimal point and nothing else; thousands marks only where they separate thousands."""
    number = f"ltrim({text}, '+')"
    if feed.thousands_mark:
        thousands, decimal = (f"[{mark}]" for mark in (feed.thousands_mark, feed.decimal_mark))
        grouped = literal(f"-?[0-9]{{1,3}}({thousands}[0-9]{{3}})+({decimal}[0-9]*)?")
        removed = f"replace({number}, {literal(feed.thousands_mark)}, '')"
        number = f"case when regexp_full_match({number}, {grouped}) then {removed} else {number} end"
    if feed.decimal_mark != ".":
        # A point is then no decimal mark, and must not become one.
        point = f"replace({number}, '.', '?')"
        number = f"replace({point}, {literal(feed.decimal_mark)}, '.')"
    return number
