-- Which customer ids of a source are one person: id -> master id.
-- grain: customer_key
-- Instants are UTC. What lies after as_of has not happened yet: such rows, versions and instants are left out.
with
run as (select * from raw.run),
sources as (select * from raw.sources),

versions as (
    select customer_links.*, run.as_of
    from raw.customer_links as customer_links
    cross join run
),

newest as (
    select *
    from versions
    qualify row_number() over (partition by source, customer_id order by version_key desc, load_seq desc, source_row desc) = 1
)

select
    newest.source,
    sources.customer_namespace || ':' || newest.customer_id as customer_key,
    sources.customer_namespace || ':' || newest.master_customer_id as master_customer_key
from newest
inner join sources on newest.source = sources.source
