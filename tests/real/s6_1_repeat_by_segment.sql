-- Repeat purchase as the reference counts it: distinct order ids a customer, returned or not, any day.
with buyers as (
    select
        customer_key,
        any_value(segment) as segment,
        count(distinct regexp_extract(order_id, '^[A-Z]+-[0-9]+-[0-9]+')) as order_count
    from core.fct_orders
    where source = 'superstore_cn'
    group by customer_key
)

select
    coalesce(segment, '(all)') as segment,
    count(*) as customers,
    round(100 * avg((order_count > 1)::int), 2) as repeat_pct,
    round(avg(order_count), 2) as orders_per_customer
from buyers
group by rollup (segment)
order by segment
