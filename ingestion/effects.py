"""Did a measure work? The weekly KPI in its slice against everywhere else, before and after it took effect.

`core.fct_measures` says what was done, where, since when, and which KPI it was to move. Here each row gets its effect
with a 95 % interval and a verdict, by the KPI's own definition: difference in differences where the measure has a
slice, segmented regression where it covers everything. Status words prove nothing.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import date, timedelta
from typing import TYPE_CHECKING

from ingestion.warehouse import kpi_sql, statistics_effects
from ingestion.warehouse.kpis import Filter, Kpi, load_kpis

if TYPE_CHECKING:
    import duckdb

SIDE = timedelta(weeks=26)
"""How far before and after its first day a measure is watched."""
FIRST_MONDAY = date(2000, 1, 3)
WEEKS = "effect_weeks"


@dataclass(frozen=True)
class _Measure:
    key: str
    kpi: Kpi
    dimension: str | None
    value: str | None
    effective: date


def measure(con: duckdb.DuckDBPyConnection) -> None:
    """Fill effect, interval, weeks and verdict of each row of core.fct_measures that names a known KPI and a date."""
    last_date = _last_date(con)
    measures = _measures(con)
    if not measures:
        return
    con.execute(
        f"create or replace temp table {WEEKS} (measure_key varchar, better varchar, has_slice boolean, "
        "week bigint, y double, is_after boolean, is_treated boolean)"
    )
    for one in measures:
        _collect(con, one, last_date)
    con.execute(_UPDATE)
    con.execute(f"drop table {WEEKS}")


def _last_date(con: duckdb.DuckDBPyConnection) -> date:
    row = con.execute("select max(listed_date) from core.dim_kpis").fetchone()
    return row[0] - timedelta(days=1) if row and row[0] else date.min


def _measures(con: duckdb.DuckDBPyConnection) -> list[_Measure]:
    kpis = load_kpis()
    found = con.execute(
        "select measure_key, kpi, nullif(scope_dimension, ''), nullif(scope_value, ''), effective_date "
        "from core.fct_measures where effective_date is not null"
    ).fetchall()
    return [
        _Measure(key, kpis[kpi], dimension, value, effective)
        for key, kpi, dimension, value, effective in found
        # A ledger is written by hand: what names no KPI or no slice of it stays not measured.
        if kpi in kpis and (dimension is None or dimension in kpis[kpi].dimensions) and kpis[kpi].better != "neutral"
    ]


def _collect(con: duckdb.DuckDBPyConnection, one: _Measure, last_date: date) -> None:
    """The KPI by week (a cohort by month), inside and outside the slice, as rows of the temporary table."""
    kpi = one.kpi
    step = "month" if kpi.over_time == "first" else "week"
    last = min(one.effective + SIDE, last_date - timedelta(days=kpi.maturity_days))
    first = one.effective - SIDE
    if last < one.effective:
        return
    # Spreadsheets write TRUE, the facts true.
    value = one.value.lower() if one.value and one.dimension == "is_vip" else one.value
    con.execute("create or replace temp table effect_slice as select cast(? as varchar) as value", [value])
    inside = (
        "true" if one.dimension is None else f"cast({one.dimension} as varchar) = (select value from effect_slice)"
    )
    # The mark is a column of the units, so that the KPI's own SQL splits by it like by any dimension.
    marked = replace(
        kpi,
        rows=f"(select *, coalesce({inside}, false) as is_treated from {kpi.rows})",
        dimensions=(*kpi.dimensions, "is_treated"),
        mart=None,
    )
    asked = kpi_sql.value_query(marked, kpi_sql.Question(Filter(first, last), ("is_treated",), step, last_date))
    con.execute(
        f"""insert into {WEEKS}
        select ?, ?, ?, date_diff('day', date '{FIRST_MONDAY}', period) // 7, value, period > ?, is_treated
        from ({asked.sql}) as answer
        -- The step in which the measure began is half and half, and one that is not over yet says too little.
        where value is not null and not (period <= ? and ? < period + interval 1 {step})
            and period >= ? and period + interval 1 {step} <= ? + interval 1 day""",
        [
            *(one.key, kpi.better, one.dimension is not None, one.effective, *asked.binds),
            *([one.effective] * 2),
            *(first, last),
        ],
    )
    con.execute("drop table effect_slice")
    if kpi.kind in ("count", "stock"):
        has_slice = one.dimension is not None
        con.execute(
            _NONE_IS_ZERO,
            {
                "key": one.key,
                "better": kpi.better,
                "has_slice": has_slice,
                "started": (one.effective - FIRST_MONDAY).days // 7,
                "ended": (last + timedelta(days=1) - FIRST_MONDAY).days // 7,
                "sides": [True, False] if has_slice else [True],
            },
        )


# Where nothing is counted there is no row: a measure that ended all complaints of a slice must not look unmeasured.
_NONE_IS_ZERO = f"""
insert into {WEEKS}
select $key, $better, $has_slice, weeks.week, 0, weeks.week > $started, sides.is_treated
from (select unnest(range((select min(week) from {WEEKS} where measure_key = $key), $ended)) as week) as weeks
cross join (select unnest($sides) as is_treated) as sides
left join {WEEKS} as known
    on known.measure_key = $key and known.week = weeks.week and known.is_treated = sides.is_treated
where known.week is null and weeks.week <> $started"""
_SLICED = f"select * from {WEEKS} where has_slice"
_WHOLE = f"select * from {WEEKS} where not has_slice and is_treated"
_SERIES = ("measure_key", "better")


def _verdict() -> str:
    higher, lower = (statistics_effects.verdict("effect", "lower", "upper", better) for better in ("higher", "lower"))
    return f"case when better = 'higher' then {higher} else {lower} end"


_UPDATE = f"""
update core.fct_measures
set weeks_before = found.weeks_before, weeks_after = found.weeks_after, effect = found.effect,
    effect_lower = found.lower, effect_upper = found.upper, verdict = found.verdict
from (
    select *, {_verdict()} as verdict
    from (
        select * from (
            with sliced as ({_SLICED}),
            {statistics_effects.difference_in_differences("sliced", _SERIES)}
            select * from lc_effect
        )
        union all by name
        select * from (
            with whole as ({_WHOLE}),
            {statistics_effects.level_change("whole", _SERIES)}
            select * from lc_effect
        )
    )
) as found
where core.fct_measures.measure_key = found.measure_key"""
