"""How far the rows held back could move the KPIs of a night: gathered by unit, written beside the facts, judged.

meta.held_units says what each held-back row is about (no personal column: units are numbered), meta.held_now what
those of them count for that are there already, meta.kpi_bounds the interval of every KPI over the default dates.
Pages ask the first two for any other slice and dates, by the same formulas (warehouse/kpi_bounds.py).
"""

from __future__ import annotations

from itertools import groupby
from typing import TYPE_CHECKING, Any

from data_checks.contract import datasets
from ingestion.restatements import last_date
from ingestion.sqltext import literal, quoted
from ingestion.steps import reached
from ingestion.warehouse import kpi_bounds, kpi_sql, models
from ingestion.warehouse.kpi_bounds import Bound, Held, Rule
from ingestion.warehouse.kpis import Filter, Kpi, Query, default_dates, load_kpis
from ingestion.warehouse.ledger import TOLD, told_columns

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import date, datetime

    import duckdb

    from ingestion.mapping import Source
    from ingestion.night import Night

_TABLES = {
    "held_units": "unit varchar, dataset varchar, unit_no bigint, row_no bigint, day date, region varchar, "
    "channel varchar",
    "held_now": "kpi varchar, unit_no bigint, unit_key varchar, day date, "
    f"{', '.join(f'{name} varchar' for name in kpi_bounds.SLICES)}, counts boolean, value decimal(38, 4)",
    "kpi_bounds": "kpi varchar, date_from date, date_to date, value double, lower double, upper double, "
    "held_count bigint, target double, operator varchar, is_crossing boolean",
}
_ROWS, _KEYS = "aftercare_held_rows", "aftercare_held_keys"

Bounded = tuple[Kpi, Rule]


def write(tonight: Night, as_of: datetime, sources: Mapping[str, Source]) -> None:
    """Fill the three tables in the build. They are there, and empty, where nothing is held back."""
    con, zone = tonight.con, tonight.settings.business_timezone
    con.execute("create schema if not exists meta")
    for table, columns in _TABLES.items():
        con.execute(f"create or replace table meta.{table} ({columns})")
    bounded = _bounded()
    if bounded and _has_open(con):
        _gather(con, sources)
        _write_units(con, bounded, zone)
        _write_now(con, bounded)
        _write_bounds(con, bounded, last_date(as_of, zone))
        for table in (_ROWS, _KEYS):
            con.execute(f"drop table temp.{table}")
    reached("bounds_written")


def _bounded() -> list[Bounded]:
    """The KPIs that have a rule and whose fact is built."""
    folder = models.SQL_DIR / "kpis"
    built = {model.name for model in models.load_models()}
    kpis = load_kpis(folder).values() if folder.is_dir() else ()
    found = ((kpi, kpi_bounds.rule_of(kpi, models.SQL_DIR)) for kpi in kpis if kpi.rows in built)
    return [(kpi, rule) for kpi, rule in found if rule is not None]


def _has_open(con: duckdb.DuckDBPyConnection) -> bool:
    found = con.execute("select 1 from warehouse.meta.quarantine where released_by is null limit 1").fetchone()
    return found is not None


def _gather(con: duckdb.DuckDBPyConnection, sources: Mapping[str, Source]) -> None:
    """Every row held back, with what it tells: a record gives one to each dataset of its feed.

    What waits for a reference is typed; of the others the landing kept what could be read. A record that never became
    a row tells nothing.
    """
    feeds = [
        (source.name, feed.name, map.name)
        for source in sources.values()
        for feed in source.feeds.values()
        for map in feed.datasets
    ]
    con.execute("create or replace temp table aftercare_feeds (source varchar, feed varchar, dataset varchar)")
    if feeds:
        con.executemany("insert into aftercare_feeds values (?, ?, ?)", feeds)
    columns = ", ".join(TOLD)
    waiting = " union all by name ".join(
        f"select load_id, {literal(name)} as dataset, source_row, {_told(name)} from warehouse.waiting.{quoted(name)}"
        for name in datasets()
    )
    con.execute(
        f"""create or replace temp table {_ROWS} as
        with open as (
            select distinct load_id, source_row, source, feed, dataset,
                hash(coalesce(original, load_id || '|' || source_row)) as alike
            from warehouse.meta.quarantine where released_by is null
        ),
        records as (
            select load_id, source_row, any_value(source) as source, min(alike) as alike from open group by all
        ),
        told as (
            select load_id, dataset, source_row, {columns} from warehouse.meta.told
            union all by name
            ({waiting})
        ),
        placed as (select records.*, told.* exclude (load_id, source_row) from records inner join told
            using (load_id, source_row)),
        others as (
            select distinct open.source, open.alike, coalesce(feeds.dataset, open.dataset) as dataset
            from open anti join placed using (load_id, source_row)
            left join aftercare_feeds as feeds using (source, feed)
        )
        select source, alike, dataset, {columns} from placed
        union all by name select * from others"""
    )
    con.execute("drop table temp.aftercare_feeds")


def _told(dataset: str) -> str:
    """The columns of TOLD from a typed row."""
    columns = told_columns(dataset).items()
    return ", ".join(f"{quoted(column) if column else 'null'} as {name}" for name, column in columns)


def _write_units(con: duckdb.DuckDBPyConnection, bounded: list[Bounded], zone: str) -> None:
    """meta.held_units, and which key has which number."""
    reads = sorted({(rule.unit, name) for _, rule in bounded for name in rule.reads})
    listed = ", ".join(f"({literal(unit)}, {literal(name)})" for unit, name in reads)
    ids = " ".join(f"when {literal(unit)} then {unit}_id" for unit in sorted({unit for unit, _ in reads}))
    has_people = any(model.name == "core.dim_customer_ids" for model in models.load_models())
    people = "core.dim_customer_ids" if has_people else "(select '' as named_key, '' as customer_key)"
    con.execute(
        f"""create or replace temp table {_KEYS} as
        with read(unit, dataset) as (values {listed}),
        named as (
            select read.unit, rows.*, case read.unit {ids} end as id,
                coalesce(case when read.unit = 'customer' then sources.customer_namespace end, rows.source) as space
            from {_ROWS} as rows
            inner join read using (dataset)
            left join scratch.raw.sources as sources on rows.source = sources.source
        ),
        keyed as (
            select named.*, coalesce(people.customer_key, space || ':' || nullif(id, '')) as key
            from named left join {people} as people
                on named.unit = 'customer' and people.named_key = space || ':' || id
        )
        select unit, dataset, key, happened_at,
            -- As the facts read them: a blank one is none.
            nullif(trim(region), '') as region, nullif(trim(channel), '') as channel,
            case when key is not null then dense_rank() over (partition by unit order by key nulls last) end
                as unit_no,
            dense_rank() over (order by dataset, alike) as row_no
        from keyed"""
    )
    con.execute(
        f"""insert into meta.held_units by name
        select distinct unit, dataset, unit_no, row_no, region, channel,
            cast(happened_at at time zone 'UTC' at time zone ? as date) as day
        from {_KEYS} order by unit, dataset, unit_no, row_no""",
        [zone],
    )


def _write_now(con: duckdb.DuckDBPyConnection, bounded: list[Bounded]) -> None:
    """meta.held_now: what units count for today of which a newer row may be held back, one scan a fact."""
    for (rows, time, key), group in groupby(sorted(bounded, key=_scan), _scan):
        chosen = list(group)
        unit = literal(chosen[0][1].unit)
        known = con.execute(f"select 1 from {_KEYS} where unit = {unit} and key is not null limit 1").fetchone()
        if known is None:
            continue
        told = ", ".join(_now(kpi, rule) for kpi, rule in chosen)
        con.execute(
            f"""insert into meta.held_now by name
            select * exclude (reads, read) from (
                select keys.unit_no, keys.key as unit_key, keys.read, {time} as day,
                    unnest([{told}], recursive := true)
                from {rows} as fact inner join (
                    select unit_no, key, list(distinct dataset) as read from {_KEYS}
                    where unit = {unit} and key is not null group by all
                ) as keys on fact.{key} = keys.key
            ) as units where list_has_any(reads, read)"""
        )


def _scan(one: Bounded) -> tuple[str, str, str]:
    kpi, rule = one
    return kpi.rows, kpi.time, rule.key


def _now(kpi: Kpi, rule: Rule) -> str:
    """What a unit counts for in one KPI, as a struct."""
    contribution, _, counts = kpi_sql.counted_by(kpi)
    if kpi.duration:
        contribution, counts = "0", f"coalesce({kpi.denominator}, false) and {kpi.duration} is not null"
    slices = "".join(
        f", '{name}': cast({name if name in kpi.dimensions else 'null'} as varchar)" for name in kpi_bounds.SLICES
    )
    reads = ", ".join(map(literal, rule.reads))
    return (
        f"{{'kpi': {literal(kpi.id)}, 'reads': [{reads}]{slices}, 'counts': cast({counts} as boolean), "
        f"'value': cast({contribution} as decimal(38, 4))}}"
    )


def _write_bounds(con: duckdb.DuckDBPyConnection, bounded: list[Bounded], last: date) -> None:
    """meta.kpi_bounds: the interval over the default dates, and whether it lies on both sides of the target."""
    question = kpi_sql.Question(Filter(*default_dates(last)), (), "total", last)
    for kpi, rule in bounded:
        held = _held(con, kpi, rule, question)
        if held.count:
            value, bound = _bound(con, kpi, rule, question, held)
            if bound is not None:
                con.execute(
                    "insert into meta.kpi_bounds by name select ? as kpi, ?::date as date_from, ?::date as date_to, "
                    "?::double as value, ?::double as lower, ?::double as upper, ? as held_count",
                    [kpi.id, *question.dates, value, bound.lower, bound.upper, bound.held],
                )
    _mark_crossings(con, question.dates[1])


def _held(con: duckdb.DuckDBPyConnection, kpi: Kpi, rule: Rule, question: kpi_sql.Question) -> Held:
    return Held(**_row(con, kpi_bounds.held_query(kpi, rule, question)))


def _bound(
    con: duckdb.DuckDBPyConnection, kpi: Kpi, rule: Rule, question: kpi_sql.Question, held: Held
) -> tuple[float | None, Bound | None]:
    now = _row(con, kpi_sql.value_query(kpi, question))
    if kpi.kind in kpi_bounds.SUMS:
        numerator, denominator = (int(now.get(name) or 0) for name in ("numerator", "denominator"))
        return now.get("value"), kpi_bounds.of_sums(kpi, numerator, denominator, held)
    at_once, never = (
        _row(con, kpi_bounds.duration_query(kpi, rule, question, held, at_once=at_once)).get("value")
        for at_once in (True, False)
    )
    return now.get("value"), kpi_bounds.of_durations(kpi, at_once, never, held)


def _row(con: duckdb.DuckDBPyConnection, query: Query) -> dict[str, Any]:
    """The one row of an answer by column, {} where there is none."""
    found = con.execute(query.sql, list(query.binds))
    names = [column[0] for column in found.description or ()]
    row = found.fetchone()
    return dict(zip(names, row, strict=True)) if row else {}


def _mark_crossings(con: duckdb.DuckDBPyConnection, on: date) -> None:
    """The absolute target of the whole, where one holds that day: is it met at one end and missed at the other?"""
    columns = {
        name
        for (name,) in con.execute(
            "select column_name from duckdb_columns() where database_name = 'scratch' and schema_name = 'raw' "
            "and table_name = 'targets'"
        ).fetchall()
    }
    if not {"kpi", "kind", "operator", "value", "scope_dimension", "valid_from", "valid_to"} <= columns:
        return
    con.execute(
        """update meta.kpi_bounds as bounds set target = goal.target, operator = goal.operator
        from (
            select kpi, any_value(try_cast(value as double)) as target, any_value(operator) as operator
            from scratch.raw.targets
            where kind = 'absolute' and coalesce(cast(scope_dimension as varchar), '') = ''
                and operator in ('>=', '<=')
                and coalesce(try_cast(valid_from as date) <= $on, true)
                and coalesce(try_cast(valid_to as date) >= $on, true)
            group by kpi
        ) as goal where goal.kpi = bounds.kpi""",
        {"on": on},
    )
    con.execute(
        """update meta.kpi_bounds set is_crossing = case operator
            when '>=' then coalesce(lower, '-inf'::double) < target and coalesce(upper, 'inf'::double) >= target
            else coalesce(lower, '-inf'::double) <= target and coalesce(upper, 'inf'::double) > target
        end where target is not null"""
    )
