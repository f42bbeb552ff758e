-- The edited list: nothing lost or garbled between its encoding and the facts.
select
    (select count(*) from core.fct_order_items where source = 'superstore_cn') as lines,
    count(distinct regexp_extract(order_id, '^[A-Z]+-[0-9]+-[0-9]+')) as order_ids,
    count(distinct customer_key) as customers,
    min(ordered_date) as first_order,
    max(ordered_date) as last_order,
    (select round(sum(amount), 2) from core.fct_order_items where source = 'superstore_cn') as sales
from core.fct_orders
where source = 'superstore_cn'
