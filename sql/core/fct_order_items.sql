-- Lines of orders.
-- grain: order_key, line_no
-- by: order_key
select source, order_key, line_no, product_key, quantity, amount, discount
from staging.stg_order_items
