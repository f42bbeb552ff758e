-- Every customer id that any export names -> the person behind it: links are followed to the end (A -> B -> C).
-- grain: named_key
-- Each step doubles how far a link reaches: five follow chains of up to 32. What is then still on its way runs in a
-- circle (is_endless), and the gate stops the night: there is no telling which of the ids is the person.
with
customers as (select customer_key from staging.stg_customers),
customer_links as (select * from staging.stg_customer_links),

links as (
    select customer_key, master_customer_key from customer_links where customer_key <> master_customer_key
),

links_2 as (
    select links.customer_key, coalesce(further.master_customer_key, links.master_customer_key) as master_customer_key
    from links left join links as further on links.master_customer_key = further.customer_key
),

links_4 as (
    select links.customer_key, coalesce(further.master_customer_key, links.master_customer_key) as master_customer_key
    from links_2 as links left join links_2 as further on links.master_customer_key = further.customer_key
),

links_8 as (
    select links.customer_key, coalesce(further.master_customer_key, links.master_customer_key) as master_customer_key
    from links_4 as links left join links_4 as further on links.master_customer_key = further.customer_key
),

links_16 as (
    select links.customer_key, coalesce(further.master_customer_key, links.master_customer_key) as master_customer_key
    from links_8 as links left join links_8 as further on links.master_customer_key = further.customer_key
),

links_32 as (
    select links.customer_key, coalesce(further.master_customer_key, links.master_customer_key) as master_customer_key
    from links_16 as links left join links_16 as further on links.master_customer_key = further.customer_key
),

named as (
    select customer_key from customers
    union
    select customer_key from customer_links
    union
    select master_customer_key from customer_links
)

select
    named.customer_key as named_key,
    coalesce(links_32.master_customer_key, named.customer_key) as customer_key,
    links.customer_key is not null as is_endless
from named
left join links_32 on named.customer_key = links_32.customer_key
left join links on links_32.master_customer_key = links.customer_key
