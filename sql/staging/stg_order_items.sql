-- Lines of orders, newest version.
-- grain: order_key, line_no
-- Instants are UTC. What lies after as_of has not happened yet: such rows, versions and instants are left out.
with
run as (select * from raw.run),

versions as (
    select order_items.*, run.as_of
    from raw.order_items as order_items
    cross join run
),

newest as (
    select *
    from versions
    qualify row_number() over (partition by source, order_id, line_no order by version_key desc, load_seq desc, source_row desc) = 1
)

select
    newest.source,
    newest.source || ':' || newest.order_id as order_key,
    newest.line_no,
    newest.source || ':' || newest.product_id as product_key,
    newest.quantity,
    newest.amount,
    newest.discount
from newest
