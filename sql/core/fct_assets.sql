-- Devices sold, and those replaced within their first year.
-- grain: asset_key
-- by: asset_key
-- via: core.dim_customer_ids.named_key = staging.stg_assets.customer_key
-- via: core.dim_products.product_key = staging.stg_assets.product_key
-- via: core.dim_customers.customer_key = self.customer_key
-- via: core.dim_tier_spans.customer_key = self.customer_key
-- moves: not is_first_year_over and sold_at <= new_as_of - interval 364 day
-- first_year_end_date is the day the first year of 365 days was over: only then is it known whether a device came
-- through it. A replacement counts from its approval. Slices are those of the owner when the device was sold.
with
assets as (select * from staging.stg_assets),
replacements as (select * from staging.stg_replacements),
customer_ids as (select * from core.dim_customer_ids),
customers as (select * from core.dim_customers),
products as (select * from core.dim_products),
tier_spans as (select * from core.dim_tier_spans),
regions as (select * from core.dim_regions),
tiers as (select tier, lower(is_vip) = 'true' as is_vip from raw.tiers),
run as (select * from raw.run),

replaced as (
    select asset_key, min(coalesce(approved_at, delivered_at)) as replaced_at
    from replacements
    where asset_key is not null
    group by asset_key
),

keyed as (
    select
        assets.*, run.as_of, run.business_timezone, replaced.replaced_at,
        coalesce(customer_ids.customer_key, assets.customer_key) as person_key,
        products.product, products.product_group,
        cast(date_diff('second', assets.sold_at, run.as_of) as bigint) as age_seconds,
        cast(date_diff('second', assets.sold_at, replaced.replaced_at) as bigint) as replaced_age_seconds
    from assets
    cross join run
    left join replaced on assets.asset_key = replaced.asset_key
    left join customer_ids on assets.customer_key = customer_ids.named_key
    left join products on assets.product_key = products.product_key
)

select
    keyed.source, keyed.asset_key, keyed.asset_id, keyed.person_key as customer_key, keyed.product_key,
    keyed.sold_at, keyed.warranty_end_at, coalesce(keyed.is_connected, false) as is_connected, keyed.replaced_at,
    cast((keyed.sold_at + interval '365 days') at time zone 'UTC' at time zone keyed.business_timezone as date)
        as first_year_end_date,
    coalesce(tier_spans.region, 'unknown') as region, coalesce(regions.area, 'unknown') as area,
    coalesce(tier_spans.tier, 'unknown') as tier, coalesce(tiers.is_vip, false) as is_vip, 'unknown' as channel,
    coalesce(customers.customer_type, 'unknown') as customer_type,
    coalesce(keyed.product, keyed.product_key, 'unknown') as product,
    coalesce(keyed.product_group, 'unknown') as product_group,
    coalesce(keyed.age_seconds >= 365 * 86400, false) as is_first_year_over,
    coalesce(keyed.replaced_age_seconds between 0 and 365 * 86400, false) as is_replaced_first_year
from keyed
left join customers on keyed.person_key = customers.customer_key
left join tier_spans
    on keyed.person_key = tier_spans.customer_key
    and keyed.sold_at >= tier_spans.valid_from and keyed.sold_at < tier_spans.valid_to
left join regions on tier_spans.region = regions.region
left join tiers on tier_spans.tier = tiers.tier
