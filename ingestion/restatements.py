"""What readers were told before, and why it reads differently now.

Every night writes what it reports (warehouse/reported) into the ledger, where that differs from the last report. The
move of a value is split by walking from the one state to the other (warehouse/marks): the new definition, units told
late, units told otherwise, and what time alone did. The value is taken after each step,
so the causes add up to the whole move, whatever kind of KPI it is.
"""

from __future__ import annotations

from datetime import UTC, timedelta
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

import duckdb

from data_checks.gist import gist
from ingestion import splits
from ingestion.moves import Moves
from ingestion.night import log
from ingestion.sqltext import literal, quoted
from ingestion.steps import reached
from ingestion.warehouse import marks, models, reported, reported_times, snapshots
from ingestion.warehouse.kpis import load_kpis
from ingestion.warehouse.reported import CELL, VALUES, Window

if TYPE_CHECKING:
    from datetime import date, datetime

    from ingestion.night import Night
    from ingestion.warehouse.kpis import Kpi
    from ingestion.warehouse.snapshots import Snapshot

_CELL = ", ".join(CELL)
_NUMBERS = ("definition_version", "value", "numerator", "denominator", "n", "state")
_TEMPORARY = ("tonight", "parts", "standing", "told_last", "steps", "residuals")


def last_date(as_of: datetime, zone: str) -> date:
    """The last complete business day: the one before the day that `as_of` (UTC, without a zone) falls on."""
    return as_of.replace(tzinfo=UTC).astimezone(ZoneInfo(zone)).date() - timedelta(days=1)


def record(tonight: Night, as_of: datetime) -> None:
    """Write to the ledger what tonight reports and what moved since the last report, and copy both into the snapshot.

    meta.datasets of the build must be there: what is not connected is not reported.
    """
    con, zone = tonight.con, tonight.settings.business_timezone
    kpis = _connected(con)
    window = Window.until(last_date(as_of, zone))
    splits.write_definitions(con)
    last = _last_report(tonight)
    _recall(con, window, last)
    # A night that counts as of an earlier instant than the last is no later look at the same thing.
    if last is not None and last.as_of <= as_of and _attach(con, last):
        moves = Moves(con, Window(window.first, last_date(last.as_of, zone)), tonight.differences)
        # Only a night that started from the last one's tables was built by the same definitions.
        _take_values(con, kpis, window, moves if tonight.differences is not None else None)
        splits.take_steps(con, kpis, moves, last.as_of, zone)
        con.execute("detach previous")
    else:
        _take_values(con, kpis, window, None)
    if last is not None:
        con.execute(_moves(), [tonight.run_id, last.run_id])
    _keep(con, tonight.run_id, as_of, kpis, window)
    for table in ("reported", "restatements"):
        shown = f"select * from warehouse.meta.{table} where period >= date '{window.first}'"
        con.execute(f"create table meta.{table} as {shown}")
    for table in _TEMPORARY:
        con.execute(f"drop table temp.{table}")
    reached("values_reported")


def _last_report(tonight: Night) -> Snapshot | None:
    """The snapshot that was built last, whether readers see it or it waits for a hold to be released."""
    pointer = snapshots.published(tonight.places.home)
    return pointer.waiting or pointer if pointer else None


def _connected(con: duckdb.DuckDBPyConnection) -> list[Kpi]:
    """The KPIs whose exports are connected and whose fact was built."""
    folder = models.SQL_DIR / "kpis"
    if not folder.is_dir():
        return []
    built = {model.name for model in models.load_models()}
    connected = _connected_datasets(con, "meta.datasets")
    kpis = load_kpis(folder).values()
    return [kpi for kpi in kpis if kpi.rows in built and connected.issuperset(kpi.datasets)]


def _connected_datasets(con: duckdb.DuckDBPyConnection, table: str) -> set[str]:
    rows = con.execute(f"select distinct dataset from {table} where row_count > 0").fetchall()
    return {dataset for (dataset,) in rows}


def _take_values(con: duckdb.DuckDBPyConnection, kpis: list[Kpi], window: Window, moves: Moves | None) -> None:
    """temp.tonight: every value of tonight, whole and by slice, month by month.

    Where it is known of a month that no unit of the KPI differs in it, its values are those of the last report.
    """
    con.execute(f"create temp table tonight ({VALUES})")
    con.execute(f"create or replace temp table parts ({reported.PARTS})")
    months = _asked_months(con, kpis, window, moves) if moves else {}
    groups = reported.grouped(kpis)
    for group in [part for whole in groups for part in _alike(whole, months)]:
        found = reported.parts(group, group[0].rows, window, months=_within(group[0], months))
        con.execute(f"insert into temp.parts by name {found}")
    if groups:
        sums = reported.rolled_up("temp.parts", window)
        chosen = [kpi for group in groups for kpi in group]
        con.execute(f"insert into temp.tonight by name {reported.judged(chosen, f'({sums})')}")
    for shared in [part for whole in reported_times.grouped(kpis) for part in _alike(whole, months)]:
        query = reported_times.times(shared, shared[0].rows, window, months=_within(shared[0], months))
        con.execute(f"insert into temp.tonight by name {query.sql}", list(query.binds))
    for kpi in kpis:
        if kpi.kind not in reported_times.ADDED_OR_TIMED:
            query = reported.whole_and_slices(kpi, kpi.rows, window, months=_within(kpi, months))
            con.execute(f"insert into temp.tonight by name {query.sql}", list(query.binds))
    _take_over(con, months)


def _asked_months(
    con: duckdb.DuckDBPyConnection, kpis: list[Kpi], window: Window, moves: Moves
) -> dict[str, frozenset[date]]:
    """KPI -> the months in which it is asked again; a KPI that the last night did not report is not in it."""
    running = frozenset(month for month in window.months if month >= moves.known.running)
    connected = _connected_datasets(con, "previous.meta.datasets")
    return {
        kpi.id: running | moves.months(fact, kpi)
        for fact in splits.facts(con, kpis)
        for kpi in fact.kpis
        if connected.issuperset(kpi.datasets)
    }


def _alike(group: list[Kpi], months: dict[str, frozenset[date]]) -> list[list[Kpi]]:
    """KPIs of one scan that are asked in the same months."""
    found: dict[frozenset[date] | None, list[Kpi]] = {}
    for kpi in group:
        found.setdefault(months.get(kpi.id), []).append(kpi)
    return list(found.values())


def _within(kpi: Kpi, months: dict[str, frozenset[date]]) -> str:
    """A condition on a unit's date: it lies in a month that is asked."""
    return reported.in_months(kpi.time, months[kpi.id]) if kpi.id in months else "true"


def _take_over(con: duckdb.DuckDBPyConnection, months: dict[str, frozenset[date]]) -> None:
    """The values of all other months as the last night reported them; what had no unit then is none of tonight's."""
    con.execute("create or replace temp table asked (kpi varchar, months date[])")
    if months:
        con.execute(
            "insert into temp.asked select unnest(?::varchar[]), unnest(?::date[][])",
            [list(months), [sorted(each) for each in months.values()]],
        )
    con.execute(
        """insert into temp.tonight by name
        select told_last.* from temp.told_last inner join temp.asked using (kpi)
        where not list_contains(asked.months, told_last.period) and n is distinct from 0"""
    )
    con.execute("drop table temp.asked")


def _recall(con: duckdb.DuckDBPyConnection, window: Window, last: Snapshot | None) -> None:
    """temp.standing: the newest report of each cell; temp.told_last: what the last night reported.

    The two differ after a rollback: a night that was taken back has reported too, but is not what we compare with.
    """
    # arg_max passes NULL over: a value that was taken back must not show through.
    packed = ", ".join(f"told.{name} as {name}" for name in _NUMBERS)
    whole = f"struct_pack({', '.join(f'{name} := {name}' for name in _NUMBERS)})"
    told = f"""select {_CELL}, {packed} from (
        select {_CELL}, arg_max({whole}, run_id) as told from warehouse.meta.reported
        where period >= date '{window.first}' and run_id <= coalesce(?, run_id) group by all)"""
    con.execute(f"create temp table standing as {told}", [None])
    con.execute(f"create temp table told_last as {told}", [last.run_id if last else ""])
    con.execute(f"create temp table steps ({splits.STEPS})")
    con.execute(f"create temp table residuals ({splits.RESIDUALS})")


def _attach(con: duckdb.DuckDBPyConnection, last: Snapshot) -> bool:
    """Attach the snapshot of the last report as `previous`; False where it is gone or cannot be read."""
    try:
        con.execute(f"attach {literal(str(last.file))} as {quoted('previous')} (read_only)")
    except duckdb.Error as error:
        log.warning("the last report's snapshot cannot be compared with: %s", gist(error))
        return False
    return True


def _moves() -> str:
    """The moves of every cell that reads differently, cause by cause, into the ledger."""
    causes = " ".join(f"when {step} then '{cause}'" for step, cause in marks.CAUSES.items() if step != marks.MATURITY)
    return f"""
insert into warehouse.meta.restatements by name
with cells as (
    select {_CELL}, tonight.value, told_last.value as told
    from temp.tonight inner join temp.told_last using ({_CELL})
    where tonight.value is not null and told_last.value is not null
        and (tonight.value, tonight.numerator, tonight.denominator, tonight.n)
            is distinct from (told_last.value, told_last.numerator, told_last.denominator, told_last.n)
),
path as (
    select {_CELL}, 0 as step, told as value from cells
    union all
    select {_CELL}, steps.step, steps.value from temp.steps inner join cells using ({_CELL})
    union all
    select {_CELL}, {marks.MATURITY} as step, value from cells
),
-- Where a step leaves no unit there is no value: it moves nothing, and the next step carries on from the one before.
filled as (
    select {_CELL}, step, last_value(value ignore nulls)
        over (partition by {_CELL} order by step rows unbounded preceding) as value
    from path
),
moved as (
    select {_CELL}, step, value - lag(value) over (partition by {_CELL} order by step) as move from filled
)
select ? as run_id, ? as previous_run_id, {_CELL}, move, case step {causes}
    else coalesce(residuals.cause, '{marks.UNEXPLAINED}') end as cause
from moved left join temp.residuals using (kpi)
where move <> 0"""


def _keep(con: duckdb.DuckDBPyConnection, run_id: str, as_of: datetime, kpis: list[Kpi], window: Window) -> None:
    """Add to the ledger what reads differently from the newest report, also what has no unit any more."""
    if not kpis:
        return
    tonight, standing = (
        f"({', '.join(f'{table}.{name}' for name in _NUMBERS)})" for table in ("tonight", "standing")
    )
    con.execute(
        f"""insert into warehouse.meta.reported by name
        select ? as run_id, ?::timestamp as as_of, {_CELL}, {", ".join(f"tonight.{name}" for name in _NUMBERS)}
        from temp.tonight left join temp.standing using ({_CELL})
        where standing.kpi is null or {tonight} is distinct from {standing}
        union all by name
        select ? as run_id, ?::timestamp as as_of, {_CELL}, entries.version as definition_version,
            case when kind in ('count', 'stock') then 0.0 end as value, 0.0 as numerator,
            case when kind in ('count', 'stock') then null else 0.0 end as denominator, 0 as n,
            case when kind in ('count', 'stock') then 'ok' else 'empty' end as state
        from temp.standing inner join {reported.entries(kpis)} using (kpi) anti join temp.tonight using ({_CELL})
        where standing.n > 0 and period <= ?""",
        [run_id, as_of, run_id, as_of, window.last],
    )
