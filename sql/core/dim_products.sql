-- Products by key, with the words that pages show.
-- grain: product_key
-- by: product_key
select
    source, product_key, product_id,
    coalesce(product_name, product_id) as product,
    coalesce(product_group, 'unknown') as product_group,
    warranty_months
from staging.stg_products
