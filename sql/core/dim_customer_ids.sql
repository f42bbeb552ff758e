-- Every customer id that any export names -> the person behind it.
-- grain: named_key
with
customers as (select customer_key from staging.stg_customers),
customer_links as (select * from staging.stg_customer_links),

named as (
    select customer_key from customers
    union
    select customer_key from customer_links
    union
    select master_customer_key from customer_links
)

select
    named.customer_key as named_key,
    coalesce(customer_links.master_customer_key, named.customer_key) as customer_key
from named
left join customer_links on named.customer_key = customer_links.customer_key
