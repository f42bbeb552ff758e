-- Products of every source, newest version.
-- grain: product_key
-- by: product_key
-- key: raw.products = source || ':' || product_id
-- moves: instants of raw.products
-- Instants are UTC. What lies after as_of has not happened yet: such rows are left out, such instants are NULL.
with
run as (select * from raw.run),
sources as (select * from raw.sources),
loads as (select * from raw.loads),

-- Of a feed whose files are complete, what the newest file no longer names is gone.
complete_feeds as (
    select source, feed, max(load_seq) as newest_load_seq
    from loads
    where is_full
    group by source, feed
),

versions as (
    select
        products.*, run.as_of, sources.customer_namespace, loads.data_through, loads.feed,
        loads.load_seq as export_seq,
        coalesce(nullif(products.version_key, ''), cast(loads.data_through as varchar), '') as version_order
    from raw.products as products
    cross join run
    inner join sources on products.source = sources.source
    left join loads on products.load_id = loads.load_id
),

newest as (
    select
        *,
        max(export_seq) over (partition by source, product_id) as last_export_seq
    from versions
    qualify row_number() over (
        partition by source, product_id
        order by version_order desc, data_through desc, load_seq desc, source_row desc
    ) = 1
)

select
    newest.source,
    newest.source || ':' || newest.product_id as product_key,
    newest.product_id,
    newest.product_name,
    newest.product_group,
    newest.warranty_months
from newest
left join complete_feeds on newest.source = complete_feeds.source and newest.feed = complete_feeds.feed
where (complete_feeds.newest_load_seq is null or newest.last_export_seq >= complete_feeds.newest_load_seq)
    and not coalesce(newest.is_gone, false)
