"""The frozen start of the programme: what the first published night said of the three full months before it.

Nothing is computed here. The ledger of reports keeps the first value of every cell for good, so the baseline is the
same rows every night, whatever the exports say today.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import duckdb

_FREEZE = """
insert into core.fct_baseline by name
select
    'aftercare' as source, kpis.kpi, kpis.label_zh, kpis.label_en, kpis.kind, kpis.unit, kpis.better,
    coalesce(told.slice_dimension, '') as slice_dimension, coalesce(told.slice_value, '') as slice_value,
    told.period as month_start, cast(first.as_of at time zone 'UTC' at time zone ? as date) as frozen_date,
    told.value, told.numerator, told.denominator, told.n, told.state,
    kpis.region, kpis.area, kpis.tier, kpis.is_vip, kpis.channel, kpis.customer_type, kpis.product, kpis.product_group
from warehouse.meta.reported as told
inner join (
    select run_id, as_of from warehouse.meta.reported order by run_id limit 1
) as first on told.run_id = first.run_id
inner join core.dim_kpis as kpis on told.kpi = kpis.kpi
where told.period < date_trunc('month', first.as_of at time zone 'UTC' at time zone ?)
    and told.period >= date_trunc('month', first.as_of at time zone 'UTC' at time zone ?) - interval 3 month"""


def freeze(con: duckdb.DuckDBPyConnection, zone: str) -> None:
    """Fill core.fct_baseline from the first night's reports; `zone` is the business time zone."""
    con.execute(_FREEZE, [zone] * 3)
