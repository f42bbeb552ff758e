-- Times of the list itself. Revenue is left out: the list tells price and quantity of each line, and no mapping
-- multiplies.
with orders as (
    select customer_key, ordered_at
    from core.fct_orders
    where source = 'online_retail' and status <> 'cancelled'
),

customers as (
    select customer_key, count(*) as order_count, min(ordered_at) as first_at, max(ordered_at) as last_at
    from orders
    group by customer_key
),

seconds as (
    select customers.customer_key, min(orders.ordered_at) as at
    from customers
    inner join orders
        on customers.customer_key = orders.customer_key
        and cast(orders.ordered_at as date) > cast(customers.first_at as date)
    group by customers.customer_key
)

select
    count(*) as customers,
    sum(customers.order_count)::bigint as orders,
    round(100 * avg((customers.order_count > 1)::int), 2) as repeat_pct,
    round(100 * avg(coalesce(seconds.at <= customers.first_at + interval 90 day, false)::int), 2)
        as repurchase_90d_pct,
    round(100 * avg((customers.last_at < timestamp '2010-12-09' - interval 90 day)::int), 2) as inactive_90d_pct
from customers
left join seconds on customers.customer_key = seconds.customer_key
