-- Measures taken: items of the pain-point ledger and pilots, with the KPI and the slice they are to move.
-- grain: measure_key
-- Whether one worked is not what its status says: effect, interval and verdict are measured after the models are built
-- (ingestion/effects.py) and stand here empty until then.
with
regions as (select * from core.dim_regions),
tiers as (select tier, lower(is_vip) = 'true' as is_vip from raw.tiers),
run as (select * from raw.run),

measures as (
    select
        'pain_point' as measure_kind, item_key as measure_key, source, topic, kpi, scope_dimension, scope_value,
        owner_key, action, opened_at, due_at, effective_at, closed_at, status
    from staging.stg_pain_points
    union all
    select
        'pilot', pilot_key, source, cast(null as varchar), kpi, scope_dimension, scope_value,
        cast(null as varchar), cast(null as varchar), started_at, cast(null as timestamp), started_at, ended_at,
        case when ended_at is null then 'doing' else 'done' end
    from staging.stg_pilots
),

sliced as (
    select
        *,
        case when scope_dimension = 'region' then scope_value else 'unknown' end as region,
        case when scope_dimension = 'tier' then scope_value else 'unknown' end as tier
    from measures
)

select
    sliced.measure_key, sliced.measure_kind, sliced.source, sliced.topic, sliced.kpi,
    sliced.scope_dimension, sliced.scope_value, sliced.owner_key, sliced.action, sliced.status,
    sliced.opened_at, sliced.due_at, sliced.effective_at, sliced.closed_at,
    cast(sliced.opened_at at time zone 'UTC' at time zone run.business_timezone as date) as opened_date,
    cast(sliced.effective_at at time zone 'UTC' at time zone run.business_timezone as date) as effective_date,
    sliced.region,
    case when sliced.scope_dimension = 'area' then sliced.scope_value else coalesce(regions.area, 'unknown') end as area,
    sliced.tier,
    case when sliced.scope_dimension = 'is_vip' then lower(sliced.scope_value) = 'true'
        else coalesce(tiers.is_vip, false) end as is_vip,
    case when sliced.scope_dimension = 'channel' then sliced.scope_value else 'unknown' end as channel,
    case when sliced.scope_dimension = 'customer_type' then sliced.scope_value else 'unknown' end as customer_type,
    case when sliced.scope_dimension = 'product' then sliced.scope_value else 'unknown' end as product,
    case when sliced.scope_dimension = 'product_group' then sliced.scope_value else 'unknown' end as product_group,
    sliced.status <> 'dropped' and (sliced.status = 'done' or coalesce(sliced.due_at <= run.as_of, false)) as is_due,
    sliced.owner_key is not null as has_owner,
    cast(null as bigint) as weeks_before, cast(null as bigint) as weeks_after,
    cast(null as double) as effect, cast(null as double) as effect_lower, cast(null as double) as effect_upper,
    'not_measured' as verdict
from sliced
cross join run
left join regions on sliced.region = regions.region
left join tiers on sliced.tier = tiers.tier
