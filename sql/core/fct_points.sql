-- Entries of the points ledger: what was issued, redeemed or expired, with the customer's slices then.
-- grain: entry_key
-- by: entry_key
-- via: core.dim_customer_ids.named_key = staging.stg_points_ledger.customer_key
-- via: core.dim_customers.customer_key = self.customer_key
-- via: core.dim_tier_spans.customer_key = self.customer_key
-- Issued are points for a purchase, a survey or a referral, less those taken back when it was undone. Adjustments are
-- neither issued nor redeemed; they only move the balance.
with
points_ledger as (select * from staging.stg_points_ledger),
customer_ids as (select * from core.dim_customer_ids),
customers as (select * from core.dim_customers),
tier_spans as (select * from core.dim_tier_spans),
regions as (select * from core.dim_regions),
tiers as (select tier, lower(is_vip) = 'true' as is_vip from raw.tiers),
run as (select * from raw.run),

dated as (
    select
        points_ledger.*,
        coalesce(customer_ids.customer_key, points_ledger.customer_key) as person_key,
        cast(points_ledger.occurred_at at time zone 'UTC' at time zone run.business_timezone as date) as occurred_date
    from points_ledger
    cross join run
    left join customer_ids on points_ledger.customer_key = customer_ids.named_key
)

select
    dated.source, dated.entry_key, dated.person_key as customer_key, dated.occurred_at, dated.occurred_date,
    coalesce(tier_spans.region, 'unknown') as region, coalesce(regions.area, 'unknown') as area,
    coalesce(tier_spans.tier, 'unknown') as tier, coalesce(tiers.is_vip, false) as is_vip,
    coalesce(customers.customer_type, 'unknown') as customer_type,
    dated.reason, cast(dated.points as bigint) as points,
    cast(case when dated.reason in ('purchase', 'survey', 'referral') then dated.points else 0 end as bigint)
        as issued_points,
    cast(case when dated.reason = 'redeem' then -dated.points else 0 end as bigint) as redeemed_points,
    -- Points that run out or are corrected say nothing of what the customer did.
    dated.reason in ('purchase', 'survey', 'referral', 'redeem') as is_by_customer
from dated
left join customers on dated.person_key = customers.customer_key
left join tier_spans
    on dated.person_key = tier_spans.customer_key
    and dated.occurred_at >= tier_spans.valid_from and dated.occurred_at < tier_spans.valid_to
left join regions on tier_spans.region = regions.region
left join tiers on tier_spans.tier = tiers.tier
