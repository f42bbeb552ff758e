-- The values of every slice, with how many tickets, orders and customers carry them: what a filter offers.
-- grain: dimension, value
-- access: none
with
-- Customers, as they are as a month begins, have no one channel or product.
units as (
    select source, region, area, tier, is_vip, channel, customer_type, product, product_group from core.fct_ticket_facts
    union all
    select source, region, area, tier, is_vip, channel, customer_type, product, product_group from core.fct_orders
    union all
    select source, region, area, tier, is_vip, 'unknown', customer_type, 'unknown', 'unknown'
    from core.fct_customer_months
),

-- Added up once, and each slice from there.
cells as (
    select
        source, region, area, tier, is_vip, channel, customer_type, product, product_group, count(*) as unit_count
    from units
    group by source, region, area, tier, is_vip, channel, customer_type, product, product_group
),

valued as (
    select 'source' as dimension, source as value, unit_count from cells
    union all
    select 'region', region, unit_count from cells
    union all
    select 'area', area, unit_count from cells
    union all
    select 'tier', tier, unit_count from cells
    union all
    select 'is_vip', cast(is_vip as varchar), unit_count from cells
    union all
    select 'channel', channel, unit_count from cells
    union all
    select 'customer_type', customer_type, unit_count from cells
    union all
    select 'product', product, unit_count from cells
    union all
    select 'product_group', product_group, unit_count from cells
)

select dimension, value, cast(sum(unit_count) as bigint) as unit_count
from valued
group by dimension, value
