"""Which rows are the same thing told twice, by the key and version the source declares, never by whole rows."""

from __future__ import annotations

from typing import TYPE_CHECKING

from data_checks.contract import datasets
from ingestion.landing.judge import FAULTS, FLAGS, key_text
from ingestion.sqltext import literal, quoted

if TYPE_CHECKING:
    from duckdb import DuckDBPyConnection

    from ingestion.landing.normalise import Typed
    from ingestion.mapping_columns import DatasetMap

HELD, REPEATS, ABSORBED = "aftercare_held", "aftercare_repeats", "aftercare_absorbed"
COLLAPSED_DIFFERENTLY = "collapsed_differently"


def version_key(map: DatasetMap) -> str:
    """SQL for text that sorts as versions do: counters padded with zeros, instants as ISO writes them."""
    if not map.version:
        return "''"
    parts = []
    for part in map.version:
        text = f"cast({quoted(part)} as varchar)"
        # Instants and counters alike keep their order as text, once counters have equal length.
        padded = f"case when regexp_full_match({text}, '[0-9]{{1,20}}') then lpad({text}, 20, '0') else {text} end"
        is_instant = any(column.name == part and column.type == "instant" for column in datasets()[map.name].columns)
        parts.append(f"coalesce({text if is_instant else padded}, '')")
    # A blank sorts before the point of a fraction: 10:00:00 and a counter is older than 10:00:00.5 and another.
    return f"concat_ws(' ', {', '.join(parts)})"


def _key(map: DatasetMap) -> str:
    parts = (f"coalesce(cast({quoted(part)} as varchar), '')" for part in map.key)
    return f"concat_ws('|', {', '.join(parts)})"


def _values(typed: Typed) -> str:
    """All mapped values of a row as one comparable thing; record numbers differ in any case and say nothing."""
    names = [c.name for c in typed.columns if not ((m := typed.map.column(c.name)) and m.is_record_number)]
    return f"row({', '.join(quoted(name) for name in [*names, 'is_gone'])})"


def find_repeats(con: DuckDBPyConnection, typed: list[Typed]) -> None:
    """Hold back conflicting duplicates, then mark what repeats another row and what collapses into one."""
    con.execute(f"create or replace temp table {REPEATS} (_row BIGINT, dataset VARCHAR)")
    con.execute(f"create or replace temp table {ABSORBED} (_row BIGINT, dataset VARCHAR)")
    _hold(con)
    for one in typed:
        _key_rows(con, one)
        if not one.map.collapse:
            _hold_conflicts(con, one)
    _hold(con)
    for one in typed:
        _mark_repeats(con, one)


def keyed(one: Typed) -> str:
    return f"aftercare_keyed_{one.map.name}"


def _hold(con: DuckDBPyConnection) -> None:
    con.execute(f"create or replace temp table {HELD} as select distinct _row from {FAULTS}")


def _key_rows(con: DuckDBPyConnection, one: Typed) -> None:
    """Key and version of the rows that may not be alone with them.

    Few keys repeat as a rule. Hashes, of eight bytes, tell which do not; rows that share one by chance are told apart
    later.
    """
    parts = [*map(quoted, one.map.key), *([] if one.map.collapse else [version_key(one.map)])]
    alike = f"hash({', '.join(parts)})"
    con.execute(
        f"create or replace temp table {keyed(one)} as with rows as (select *, {alike} as alike from {one.view} "
        f"where _row not in (from {HELD})) "
        f"select _row, {_key(one.map)} as key, {version_key(one.map)} as version_key from rows "
        "where alike in (select alike from rows group by alike having count(*) > 1)"
    )


def _hold_conflicts(con: DuckDBPyConnection, one: Typed) -> None:
    """Same key, same version, different values: nobody can say which is right, so all are held back."""
    same = "key, version_key"
    con.execute(
        f"insert into {FAULTS} with "
        f"twice as (select {same} from {keyed(one)} group by all having count(*) > 1), "
        f"members as (select _row, {same} from {keyed(one)} semi join twice using ({same})), "
        f"valued as (select members.*, {_values(one)} as vals, {key_text(one.map)} as shown "
        f"from members join {one.view} using (_row)), "
        f"differing as (select {same} from valued group by all having count(distinct vals) > 1) "
        f"select _row, {literal(one.map.name)}, {literal(one.map.key[0].lstrip('@'))}, "
        f"'duplicate_conflict', shown, null from valued semi join differing using ({same})"
    )


def _mark_repeats(con: DuckDBPyConnection, one: Typed) -> None:
    """Of rows that say the same, the first of the file is kept."""
    group = "key" if one.map.collapse else "key, version_key"
    target = ABSORBED if one.map.collapse else REPEATS
    con.execute(
        f"insert into {target} with kept as (from {keyed(one)} where _row not in (from {HELD})), "
        # Few keys repeat as a rule, and only those are worth sorting.
        f"twice as (select {group} from kept group by all having count(*) > 1) "
        f"select _row, {literal(one.map.name)} from kept semi join twice using ({group}) "
        f"qualify row_number() over (partition by {group} order by _row) > 1"
    )
    if one.map.collapse:
        _flag_differences(con, one)


def _flag_differences(con: DuckDBPyConnection, one: Typed) -> None:
    """Mark the row that stands for records which do not quite agree."""
    con.execute(
        f"insert into {FLAGS} select min(_row), {literal(one.map.name)}, '', '{COLLAPSED_DIFFERENTLY}', false "
        f"from (select _row, key, {_values(one)} as vals from {keyed(one)} join {one.view} using (_row) "
        f"where _row not in (from {HELD})) group by key having count(distinct vals) > 1"
    )
