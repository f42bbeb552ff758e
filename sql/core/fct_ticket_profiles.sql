-- Who, where and what a ticket is about: its slices, each as of the ticket's creation.
-- grain: ticket_key
-- by: ticket_key
-- keep: build
-- via: core.dim_customer_ids.named_key = staging.stg_tickets.customer_key
-- via: core.dim_customers.customer_key = self.customer_key
-- via: core.dim_tier_spans.customer_key = self.customer_key
-- via: staging.stg_assets.asset_key = staging.stg_tickets.asset_key
-- via: staging.stg_orders.order_key = staging.stg_tickets.order_key
-- Region is the ticket's own, else the customer's then; tier is the customer's then, never today's. Priority is the
-- one it was opened with. Not known is the word unknown, so that every slice adds up to the total.
with
tickets as (select * from staging.stg_tickets),
customer_ids as (select * from core.dim_customer_ids),
customers as (select * from core.dim_customers),
tier_spans as (select * from core.dim_tier_spans),
regions as (select * from core.dim_regions),
tiers as (select tier, lower(is_vip) = 'true' as is_vip from raw.tiers),
products as (select * from core.dim_products),
assets as (select asset_key, product_key from staging.stg_assets),
orders as (select order_key, product_key from staging.stg_orders),
run as (select * from raw.run),

keyed as (
    select
        tickets.*,
        coalesce(customer_ids.customer_key, tickets.customer_key) as person_key,
        coalesce(tickets.product_key, assets.product_key, orders.product_key) as found_product_key
    from tickets
    left join customer_ids on tickets.customer_key = customer_ids.named_key
    left join assets on tickets.asset_key = assets.asset_key
    left join orders on tickets.order_key = orders.order_key
),

sliced as (
    select
        keyed.*,
        customers.customer_type,
        coalesce(tier_spans.tier, 'unknown') as tier,
        coalesce(tier_spans.tier_basis, 'assumed') as tier_basis,
        coalesce(nullif(trim(keyed.region), ''), tier_spans.region, 'unknown') as known_region,
        products.product, products.product_group
    from keyed
    left join customers on keyed.person_key = customers.customer_key
    left join tier_spans
        on keyed.person_key = tier_spans.customer_key
        and keyed.created_at >= tier_spans.valid_from and keyed.created_at < tier_spans.valid_to
    left join products on keyed.found_product_key = products.product_key
)

select
    sliced.source, sliced.ticket_key, sliced.ticket_id,
    sliced.person_key as customer_key, sliced.asset_key, sliced.order_key,
    sliced.created_at,
    -- The business day is the company's: in UTC it would turn at eight in the morning in China.
    cast(sliced.created_at at time zone 'UTC' at time zone run.business_timezone as date) as created_date,
    sliced.created_at at time zone 'UTC' at time zone run.business_timezone as created_local,
    sliced.known_region as region,
    coalesce(regions.area, 'unknown') as area,
    sliced.tier,
    sliced.tier_basis,
    coalesce(tiers.is_vip, false) as is_vip,
    coalesce(sliced.channel, 'unknown') as channel,
    coalesce(sliced.customer_type, 'unknown') as customer_type,
    coalesce(sliced.product, sliced.found_product_key, 'unknown') as product,
    coalesce(sliced.product_group, 'unknown') as product_group,
    coalesce(sliced.scene, 'unknown') as scene,
    coalesce(sliced.kind, 'unknown') as kind,
    coalesce(sliced.category, 'unknown') as category,
    coalesce(sliced.priority_first, 'unknown') as priority,
    coalesce(sliced.priority, 'unknown') as priority_last,
    coalesce(sliced.team, 'unknown') as team_now,
    sliced.agent_id,
    sliced.status,
    coalesce(sliced.is_complaint, false) as is_complaint,
    sliced.reopen_count, sliced.reassign_count, sliced.source_sla_met,
    sliced.resolved_at as resolved_at_reported, sliced.closed_at, sliced.merged_into_key,
    sliced.response_due_at, sliced.resolution_due_at,
    -- Deleted, spam, merged and cancelled tickets leave every rate, on both sides, and are counted apart.
    not (
        coalesce(sliced.is_deleted, false) or coalesce(sliced.is_spam, false)
        or sliced.merged_into_key is not null or sliced.status = 'cancelled'
    ) as is_counted
from sliced
cross join run
left join regions on sliced.known_region = regions.region
left join tiers on sliced.tier = tiers.tier
