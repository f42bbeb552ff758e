-- Orders by business day; amounts by currency, never summed across currencies.
-- grain: date, source, region, area, tier, is_vip, channel, customer_type, product, product_group, currency, order_kind, status
-- access: region
-- by: date
-- key: core.fct_orders = ordered_date
select
    ordered_date as date, source, region, area, tier, is_vip, channel, customer_type, product, product_group,
    currency, order_kind, status,
    count(*) as order_count,
    count(*) filter (where is_purchase) as purchase_count,
    coalesce(sum(case when is_purchase then amount end), 0) as purchase_amount
from core.fct_orders
group by all
