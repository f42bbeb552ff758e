-- Customers active at the start of each month, with tier and region then, and how long until they were lost.
-- grain: customer_key, month_start
-- seconds_to_loss of those not lost runs to as_of (is_lost = false: censored). A tier that is only assumed reads
-- unknown: churn by tier must not be built on a guess.
with
active_spans as (select * from core.fct_active_spans),
customers as (select * from core.dim_customers),
tier_spans as (select * from core.dim_tier_spans),
regions as (select * from core.dim_regions),
tiers as (select tier, lower(is_vip) = 'true' as is_vip from raw.tiers),
run as (select * from raw.run),

bounds as (
    select
        cast(date_trunc('month', cast(min(active_spans.active_from) as date)) as date) as first_month,
        cast(date_trunc('month', cast(max(run.as_of) at time zone 'UTC' at time zone max(run.business_timezone) as date))
            as date) as last_month
    from active_spans
    cross join run
),

months as (
    select distinct date as month_start
    from core.dim_clock
    cross join bounds
    where extract(day from date) = 1 and date >= bounds.first_month and date <= bounds.last_month
),

starts as (
    select
        months.month_start,
        -- Local midnight as an instant.
        cast(months.month_start as timestamp) at time zone run.business_timezone at time zone 'UTC' as started_at,
        run.as_of
    from months
    cross join run
),

active as (
    select
        active_spans.customer_key, starts.month_start, starts.started_at, starts.as_of, active_spans.lost_at
    from starts
    inner join active_spans
        on active_spans.active_from <= starts.started_at
        and (active_spans.lost_at is null or active_spans.lost_at > starts.started_at)
    where starts.started_at <= starts.as_of
),

sliced as (
    select
        active.*, customers.source, customers.customer_type,
        case when tier_spans.tier_basis = 'known' then tier_spans.tier else 'unknown' end as tier,
        coalesce(tier_spans.region, customers.region_now, 'unknown') as known_region
    from active
    left join customers on active.customer_key = customers.customer_key
    left join tier_spans
        on active.customer_key = tier_spans.customer_key
        and active.started_at >= tier_spans.valid_from and active.started_at < tier_spans.valid_to
)

select
    coalesce(sliced.source, split_part(sliced.customer_key, ':', 1)) as source,
    sliced.customer_key, sliced.month_start,
    sliced.known_region as region, coalesce(regions.area, 'unknown') as area,
    sliced.tier, coalesce(tiers.is_vip, false) as is_vip,
    -- A customer has no one channel or product; the slices exist so that every table has the same ones.
    'unknown' as channel, coalesce(sliced.customer_type, 'unknown') as customer_type,
    'unknown' as product, 'unknown' as product_group,
    sliced.lost_at,
    sliced.lost_at is not null as is_lost,
    true as is_active,
    cast(date_diff('second', sliced.started_at, coalesce(sliced.lost_at, sliced.as_of)) as bigint) as seconds_to_loss
from sliced
left join regions on sliced.known_region = regions.region
left join tiers on sliced.tier = tiers.tier
