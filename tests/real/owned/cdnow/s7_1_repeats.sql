-- Days of the list itself; it tells nothing but the day. The last day of the list is the reference's own.
with days as (
    select distinct customer_key, cast(ordered_at as date) as day
    from core.fct_orders
    where source = 'cdnow'
),

customers as (
    select customer_key, count(*) as day_count, min(day) as first_day, max(day) as last_day
    from days
    group by customer_key
),

lines as (
    select customer_key, count(*) as line_count from core.fct_orders where source = 'cdnow' group by customer_key
),

seconds as (
    select customers.customer_key, min(days.day) as day
    from customers
    inner join days on customers.customer_key = days.customer_key and days.day > customers.first_day
    group by customers.customer_key
)

select
    count(*) as customers,
    round(100 * avg((lines.line_count > 1)::int), 2) as repeat_pct_by_transaction,
    round(100 * avg((customers.day_count > 1)::int), 2) as repeat_pct_by_day,
    round(100 * avg(coalesce(seconds.day <= customers.first_day + 90, false)::int), 2) as repurchase_90d_pct,
    round(100 * avg(coalesce(seconds.day <= customers.first_day + 365, false)::int), 2) as repurchase_365d_pct,
    round(100 * avg((customers.last_day <= date '1998-06-30' - 180)::int), 2) as inactive_180d_pct
from customers
inner join lines on customers.customer_key = lines.customer_key
left join seconds on customers.customer_key = seconds.customer_key
