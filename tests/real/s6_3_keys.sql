-- An order id is not an order: half of them cover more than one customer.
with printed_orders as (
    select
        regexp_extract(order_id, '^[A-Z]+-[0-9]+-[0-9]+') as printed_order_id,
        count(distinct customer_key) as customer_count
    from core.fct_orders
    where source = 'superstore_cn'
    group by all
)

select
    (select count(*) from core.fct_order_items where source = 'superstore_cn') as lines,
    count(*) as order_ids,
    (select count(distinct customer_key) from core.fct_orders where source = 'superstore_cn') as customers,
    count(*) filter (where customer_count > 1) as order_ids_with_2_customers
from printed_orders
