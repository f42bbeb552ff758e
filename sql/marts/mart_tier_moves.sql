-- Active customers from one month's start to the next, by tier then and tier after.
-- grain: date, source, region, area, tier, is_vip, channel, customer_type, product, product_group, tier_from, tier_to
-- access: region
with
months as (select * from core.fct_customer_months)

select
    before.month_start as date, before.source, before.region, before.area, before.tier, before.is_vip,
    'unknown' as channel, before.customer_type, 'unknown' as product, 'unknown' as product_group,
    before.tier as tier_from, coalesce(after.tier, 'lost') as tier_to,
    count(*) as customer_count
from months as before
left join months as after
    on before.customer_key = after.customer_key
    and after.month_start = cast(before.month_start + interval '1 month' as date)
where before.month_start < (select max(month_start) from months)
group by all
