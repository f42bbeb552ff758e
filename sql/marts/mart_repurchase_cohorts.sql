-- Customers by the month of their first purchase, and in which month after it they bought again.
-- grain: date, source, region, area, tier, is_vip, channel, customer_type, product, product_group, months_since
-- access: region
-- months_since counts spans of 30 days; 0 carries the cohort's size.
with
first_orders as (select * from core.fct_first_orders where is_observed),

cohorts as (
    select *, cast(date_trunc('month', index_date) as date) as cohort_month
    from first_orders
),

joined as (
    select
        cohort_month, source, region, area, tier, is_vip, channel, customer_type, product, product_group, 0 as months_since,
        cast(1 as bigint) as customer_count, cast(0 as bigint) as repeat_count
    from cohorts
    union all
    -- Month 1 is days 1 to 30 after the first purchase, month 2 days 31 to 60, and so on: equal spans, not calendar months.
    select
        cohort_month, source, region, area, tier, is_vip, channel, customer_type, product, product_group, cast(ceil(days_to_repeat / 30.0) as integer),
        cast(0 as bigint), cast(1 as bigint)
    from cohorts
    where is_repeated
)

select
    cohort_month as date, source, region, area, tier, is_vip, channel, customer_type, product, product_group, months_since,
    sum(customer_count) as customer_count, sum(repeat_count) as repeat_count
from joined
where months_since <= 24
group by all
