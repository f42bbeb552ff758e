-- Pairs of order id and region; a return is listed for the order id, whoever in it bought.
with pairs as (
    select
        regexp_extract(order_id, '^[A-Z]+-[0-9]+-[0-9]+') as printed_order_id,
        region,
        bool_or(status = 'refunded') as is_returned
    from core.fct_orders
    where source = 'superstore_cn'
    group by all
)

select
    coalesce(region, '(all)') as region,
    count(*) as order_regions,
    round(100 * avg(is_returned::int), 2) as returned_pct
from pairs
group by rollup (region)
order by region
