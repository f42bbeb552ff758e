-- Customers active at each month's start. Not additive over time: each month counts them anew.
-- grain: date, source, region, area, tier, is_vip, channel, customer_type, product, product_group
-- access: region
-- by: date
-- key: core.fct_customer_months = month_start
select
    month_start as date, source, region, area, tier, is_vip, 'unknown' as channel, customer_type, 'unknown' as product,
    'unknown' as product_group,
    count(*) as customer_count,
    count(*) filter (where is_lost) as lost_later_count
from core.fct_customer_months
group by all
