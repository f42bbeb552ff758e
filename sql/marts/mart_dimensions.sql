-- The values of every slice, with how many tickets, orders and customers carry them: what a filter offers.
-- grain: dimension, value
-- access: none
with
tickets as (select * from core.fct_tickets),
orders as (select * from core.fct_orders),
customers as (select * from core.fct_customer_months),

units as (
    select source, region, area, tier, is_vip, channel, customer_type, product, product_group from tickets
    union all
    select source, region, area, tier, is_vip, channel, customer_type, product, product_group from orders
    union all
    select source, region, area, tier, is_vip, channel, customer_type, product, product_group from customers
),

valued as (
    select 'source' as dimension, source as value from units
    union all
    select 'region', region from units
    union all
    select 'area', area from units
    union all
    select 'tier', tier from units
    union all
    select 'is_vip', cast(is_vip as varchar) from units
    union all
    select 'channel', channel from units
    union all
    select 'customer_type', customer_type from units
    union all
    select 'product', product from units
    union all
    select 'product_group', product_group from units
)

select dimension, value, count(*) as unit_count
from valued
group by dimension, value
