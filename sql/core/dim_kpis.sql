-- The KPIs themselves, as pages and the metric tree name them: layer, guardrail, direction.
-- grain: kpi
with
kpis as (select * from raw.kpis),
targets as (select kpi, count(*) as target_count from raw.targets group by kpi),
run as (select * from raw.run)

select
    'aftercare' as source, kpis.kpi, kpis.position, kpis.label_zh, kpis.label_en, kpis.layer, kpis.page, kpis.kind,
    kpis.unit, kpis.better, kpis.guardrail, partners.label_zh as guardrail_zh, partners.label_en as guardrail_en,
    coalesce(targets.target_count, 0) as target_count,
    cast(run.as_of at time zone 'UTC' at time zone run.business_timezone as date) as listed_date,
    'unknown' as region, 'unknown' as area, 'unknown' as tier, false as is_vip, 'unknown' as channel,
    'unknown' as customer_type, 'unknown' as product, 'unknown' as product_group
from kpis
cross join run
left join kpis as partners on kpis.guardrail = partners.kpi
left join targets on kpis.kpi = targets.kpi
