-- Orders with the customer's slices as of the order, and whether they count as a purchase.
-- grain: order_key
-- by: order_key
-- via: core.dim_customer_ids.named_key = staging.stg_orders.customer_key
-- via: staging.stg_customers.customer_key = staging.stg_orders.customer_key
-- via: core.dim_products.product_key = staging.stg_orders.product_key
-- via: core.dim_customers.customer_key = self.customer_key
-- via: core.dim_tier_spans.customer_key = self.customer_key
-- shared: payment_told
-- A purchase is a sale that was paid and not wholly taken back: free replacements and parts after a repair are no
-- loyalty. The amount is the order's own, else the sum of its lines; currencies are never mixed.
with
orders as (select * from staging.stg_orders),
items as (
    select order_key, sum(amount) as amount
    from staging.stg_order_items
    group by order_key
),
customer_ids as (select * from core.dim_customer_ids),
customers as (select * from core.dim_customers),
named_customers as (select customer_key, region, segment from staging.stg_customers),
tier_spans as (select * from core.dim_tier_spans),
regions as (select * from core.dim_regions),
tiers as (select tier, lower(is_vip) = 'true' as is_vip from raw.tiers),
products as (select * from core.dim_products),
run as (select * from raw.run),

payment_told as (
    select source, bool_or(status is not null or paid_at is not null) as is_told
    from orders
    group by source
),

keyed as (
    select
        orders.*,
        coalesce(customer_ids.customer_key, orders.customer_key) as person_key,
        coalesce(orders.amount, items.amount) as known_amount,
        -- A shop that makes a new customer id for each order knows where that order went.
        case when customer_ids.customer_key <> orders.customer_key
            then nullif(trim(named_customers.region), '') end as named_region,
        named_customers.segment
    from orders
    left join items on orders.order_key = items.order_key
    left join customer_ids on orders.customer_key = customer_ids.named_key
    left join named_customers on orders.customer_key = named_customers.customer_key
),

sliced as (
    select
        keyed.*, run.business_timezone,
        coalesce(nullif(trim(keyed.region), ''), keyed.named_region, tier_spans.region, 'unknown') as known_region,
        coalesce(tier_spans.tier, 'unknown') as tier,
        coalesce(customers.customer_type, 'unknown') as customer_type,
        coalesce(products.product, keyed.product_key, 'unknown') as product,
        coalesce(products.product_group, 'unknown') as product_group
    from keyed
    cross join run
    left join customers on keyed.person_key = customers.customer_key
    left join tier_spans
        on keyed.person_key = tier_spans.customer_key
        and keyed.ordered_at >= tier_spans.valid_from and keyed.ordered_at < tier_spans.valid_to
    left join products on keyed.product_key = products.product_key
)

select
    sliced.source, sliced.order_key, sliced.order_id, sliced.person_key as customer_key,
    sliced.ordered_at,
    cast(sliced.ordered_at at time zone 'UTC' at time zone sliced.business_timezone as date) as ordered_date,
    sliced.paid_at,
    sliced.known_region as region, coalesce(regions.area, 'unknown') as area,
    sliced.tier, coalesce(tiers.is_vip, false) as is_vip, coalesce(sliced.channel, 'unknown') as channel,
    sliced.customer_type, sliced.product, sliced.product_group,
    coalesce(sliced.segment, 'unknown') as segment,
    coalesce(sliced.order_kind, 'sale') as order_kind,
    coalesce(sliced.status, 'unknown') as status,
    sliced.known_amount as amount, coalesce(sliced.currency, 'unknown') as currency,
    coalesce(sliced.order_kind, 'sale') = 'sale'
        and case
            when sliced.status is not null then sliced.status in ('paid', 'partly_refunded')
            when sliced.paid_at is not null then true
            -- A plain list of sales tells nothing of payment: what stands in it was sold.
            else not coalesce(payment_told.is_told, false)
        end as is_purchase
from sliced
left join regions on sliced.known_region = regions.region
left join tiers on sliced.tier = tiers.tier
left join payment_told on sliced.source = payment_told.source
