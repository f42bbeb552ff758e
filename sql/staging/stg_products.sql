-- Products of every source, newest version.
-- grain: product_key
-- Instants are UTC. What lies after as_of has not happened yet: such rows, versions and instants are left out.
with
run as (select * from raw.run),

versions as (
    select products.*, run.as_of
    from raw.products as products
    cross join run
),

newest as (
    select *
    from versions
    qualify row_number() over (partition by source, product_id order by version_key desc, load_seq desc, source_row desc) = 1
)

select
    newest.source,
    newest.source || ':' || newest.product_id as product_key,
    newest.product_id,
    newest.product_name,
    newest.product_group,
    newest.warranty_months
from newest
