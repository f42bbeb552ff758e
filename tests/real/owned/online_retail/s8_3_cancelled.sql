select
    round(100 * avg((status = 'cancelled')::int), 2) as cancelled_invoice_pct,
    round(
        100 * count(distinct customer_key) filter (status = 'cancelled') / count(distinct customer_key), 2
    ) as customers_with_cancel_pct
from core.fct_orders
where source = 'online_retail'
