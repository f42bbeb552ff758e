-- Tickets open at the end of each local day, from their history. Additive over slices, last over time.
-- grain: date, source, region, area, tier, is_vip, channel, customer_type, product, product_group
-- access: region
with
open_days as (select * from core.fct_open_days)

select
    date, source, region, area, tier, is_vip, channel, customer_type, product, product_group,
    count(*) as open_count
from open_days
group by all
