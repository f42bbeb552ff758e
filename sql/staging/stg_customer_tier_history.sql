-- Tier and region of a customer over time, where the source exports that history.
-- grain: customer_key, valid_from
-- Instants are UTC. What lies after as_of has not happened yet: such rows, versions and instants are left out.
with
run as (select * from raw.run),
sources as (select * from raw.sources),

versions as (
    select customer_tier_history.*, run.as_of
    from raw.customer_tier_history as customer_tier_history
    cross join run
    where valid_from <= run.as_of
),

newest as (
    select *
    from versions
    qualify row_number() over (partition by source, customer_id, valid_from order by version_key desc, load_seq desc, source_row desc) = 1
)

select
    newest.source,
    sources.customer_namespace || ':' || newest.customer_id as customer_key,
    newest.tier,
    newest.region,
    newest.valid_from,
    newest.valid_to
from newest
inner join sources on newest.source = sources.source
