-- Customers by their first purchase, and how many days later they bought again.
-- grain: customer_key
-- A repeat is a purchase on a later business day. days_to_repeat of those who have not come back runs to the last
-- complete day before as_of (is_repeated = false: censored). Slices are those of the first purchase.
with
orders as (select * from core.fct_orders where is_purchase),
run as (select * from raw.run),

days as (
    select
        customer_key, order_key, ordered_date,
        row_number() over (partition by customer_key order by ordered_at, order_key) as order_no,
        min(ordered_date) over (partition by customer_key) as first_date
    from orders
),

-- The running day is left out: silence on it is not known yet, so a purchase on it must not be either.
repeats as (
    select days.customer_key, min(days.ordered_date) as repeat_date
    from days
    cross join run
    where days.ordered_date > days.first_date
        and days.ordered_date < cast(run.as_of at time zone 'UTC' at time zone run.business_timezone as date)
    group by days.customer_key
),

first_orders as (
    select orders.*, repeats.repeat_date,
        date_diff('day', orders.ordered_date,
            cast(run.as_of at time zone 'UTC' at time zone run.business_timezone as date)) - 1 as known_days
    from orders
    inner join days on orders.order_key = days.order_key and days.order_no = 1
    cross join run
    left join repeats on orders.customer_key = repeats.customer_key
),

measured as (
    select
        *,
        repeat_date is not null as is_repeated,
        cast(coalesce(date_diff('day', ordered_date, repeat_date), known_days) as bigint) as days_to_repeat
    from first_orders
)

select
    source, customer_key, order_key, ordered_at, ordered_date as index_date, repeat_date,
    region, area, tier, is_vip, channel, customer_type, product, product_group, segment,
    is_repeated, days_to_repeat, days_to_repeat * 86400 as seconds_to_repeat,
    -- Bought on the running day: not one complete day has passed, so nothing is known of this customer yet.
    days_to_repeat >= 0 as is_observed
from measured
