-- Devices replaced free of charge: from approval to delivery.
-- grain: replacement_key
-- One not delivered yet waits until as_of (is_delivered = false). Slices are the device's, and its owner's on approval.
with
replacements as (select * from staging.stg_replacements),
assets as (select * from core.fct_assets),
tier_spans as (select * from core.dim_tier_spans),
regions as (select * from core.dim_regions),
tiers as (select tier, lower(is_vip) = 'true' as is_vip from raw.tiers),
run as (select * from raw.run)

select
    replacements.source, replacements.replacement_key, replacements.replacement_id, replacements.asset_key,
    replacements.ticket_key, replacements.approved_at, replacements.delivered_at,
    cast(replacements.approved_at at time zone 'UTC' at time zone run.business_timezone as date) as approved_date,
    coalesce(tier_spans.region, 'unknown') as region, coalesce(regions.area, 'unknown') as area,
    coalesce(tier_spans.tier, 'unknown') as tier, coalesce(tiers.is_vip, false) as is_vip, 'unknown' as channel,
    coalesce(assets.customer_type, 'unknown') as customer_type,
    coalesce(assets.product, 'unknown') as product, coalesce(assets.product_group, 'unknown') as product_group,
    replacements.approved_at is not null as is_approved,
    replacements.delivered_at is not null as is_delivered,
    case when coalesce(replacements.delivered_at, run.as_of) >= replacements.approved_at
        then cast(date_diff('second', replacements.approved_at, coalesce(replacements.delivered_at, run.as_of)) as bigint)
    end as delivery_seconds
from replacements
cross join run
left join assets on replacements.asset_key = assets.asset_key
left join tier_spans
    on assets.customer_key = tier_spans.customer_key
    and replacements.approved_at >= tier_spans.valid_from and replacements.approved_at < tier_spans.valid_to
left join regions on tier_spans.region = regions.region
left join tiers on tier_spans.tier = tiers.tier
