-- Alerts of connected devices, and whether they were false.
-- grain: alert_key
-- Slices are the device's, and its owner's when the alert was raised. No verdict yet is not true and not false.
with
alerts as (select * from staging.stg_iot_alerts),
assets as (select * from core.fct_assets),
tier_spans as (select * from core.dim_tier_spans),
regions as (select * from core.dim_regions),
tiers as (select tier, lower(is_vip) = 'true' as is_vip from raw.tiers),
run as (select * from raw.run)

select
    alerts.source, alerts.alert_key, alerts.alert_id, alerts.asset_key, alerts.ticket_key, alerts.raised_at,
    cast(alerts.raised_at at time zone 'UTC' at time zone run.business_timezone as date) as raised_date,
    coalesce(tier_spans.region, 'unknown') as region, coalesce(regions.area, 'unknown') as area,
    coalesce(tier_spans.tier, 'unknown') as tier, coalesce(tiers.is_vip, false) as is_vip, 'unknown' as channel,
    coalesce(assets.customer_type, 'unknown') as customer_type,
    coalesce(assets.product, 'unknown') as product, coalesce(assets.product_group, 'unknown') as product_group,
    coalesce(alerts.kind, 'unknown') as kind,
    alerts.is_false is not null as is_judged,
    alerts.is_false is null as is_unjudged,
    coalesce(alerts.is_false, false) as is_false_alert
from alerts
cross join run
left join assets on alerts.asset_key = assets.asset_key
left join tier_spans
    on assets.customer_key = tier_spans.customer_key
    and alerts.raised_at >= tier_spans.valid_from and alerts.raised_at < tier_spans.valid_to
left join regions on tier_spans.region = regions.region
left join tiers on tier_spans.tier = tiers.tier
