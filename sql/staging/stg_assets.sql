-- Devices that customers own, newest version.
-- grain: asset_key
-- Instants are UTC. What lies after as_of has not happened yet: such rows, versions and instants are left out.
with
run as (select * from raw.run),
sources as (select * from raw.sources),

versions as (
    select assets.*, run.as_of
    from raw.assets as assets
    cross join run
),

newest as (
    select *
    from versions
    qualify row_number() over (partition by source, asset_id order by version_key desc, load_seq desc, source_row desc) = 1
)

select
    newest.source,
    newest.source || ':' || newest.asset_id as asset_key,
    newest.asset_id,
    sources.customer_namespace || ':' || newest.customer_id as customer_key,
    newest.source || ':' || newest.product_id as product_key,
    case when newest.sold_at <= newest.as_of then newest.sold_at end as sold_at,
    newest.warranty_end_at,
    newest.is_connected
from newest
inner join sources on newest.source = sources.source
