-- Where the programme began: what the first published night reported of the three full months before it.
-- grain: kpi, slice_dimension, slice_value, month_start
-- Empty as a model; ingestion/baseline.py fills it from the ledger of reports, whose first entry never changes.
with
kpis as (select * from core.dim_kpis)

select
    'aftercare' as source, kpis.kpi, kpis.label_zh, kpis.label_en, kpis.kind, kpis.unit, kpis.better,
    cast(null as varchar) as slice_dimension, cast(null as varchar) as slice_value,
    cast(null as date) as month_start, cast(null as date) as frozen_date,
    cast(null as double) as value, cast(null as double) as numerator, cast(null as double) as denominator,
    cast(null as bigint) as n, cast(null as varchar) as state,
    kpis.region, kpis.area, kpis.tier, kpis.is_vip, kpis.channel, kpis.customer_type, kpis.product,
    kpis.product_group
from kpis
where false
