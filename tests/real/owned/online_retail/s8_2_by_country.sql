with customers as (
    select customer_key, min(region) as country, count(*) as order_count
    from core.fct_orders
    where source = 'online_retail' and status <> 'cancelled'
    group by customer_key
)

select country, count(*) as customers, round(100 * avg((order_count > 1)::int), 2) as repeat_pct
from customers
group by country
order by customers desc
limit 5
