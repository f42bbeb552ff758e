-- Devices that customers own, newest version.
-- grain: asset_key
-- by: asset_key
-- key: raw.assets = source || ':' || asset_id
-- moves: instants of raw.assets
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

-- Nearly every key has one version: only those with more are put in order. Keys that share a hash by chance are so too,
-- each by itself.
repeated as materialized (
    select hash(source, asset_id) as key_hash
    from raw.assets
    group by hash(source, asset_id)
    having count(*) > 1
),

-- Read twice, which is cheaper than putting it by.
versions as not materialized (
    select
        assets.*, run.as_of, sources.customer_namespace, loads.data_through, loads.feed,
        loads.load_seq as export_seq, repeated.key_hash is not null as is_repeated,
        coalesce(nullif(assets.version_key, ''), cast(loads.data_through as varchar), '') as version_order
    from raw.assets as assets
    cross join run
    inner join sources on assets.source = sources.source
    left join loads on assets.load_id = loads.load_id
    left join repeated on hash(assets.source, assets.asset_id) = repeated.key_hash
    where assets.sold_at is null or assets.sold_at <= run.as_of or assets.is_gone
),

newest as (
    select *, export_seq as last_export_seq
    from versions
    where not is_repeated
    union all
    select
        *,
        max(export_seq) over (partition by source, asset_id) as last_export_seq
    from versions
    where is_repeated
    qualify row_number() over (
        partition by source, asset_id
        order by version_order desc, data_through desc, load_seq desc, source_row desc
    ) = 1
)

select
    newest.source,
    newest.source || ':' || newest.asset_id as asset_key,
    newest.asset_id,
    newest.customer_namespace || ':' || newest.customer_id as customer_key,
    newest.source || ':' || newest.product_id as product_key,
    newest.sold_at,
    newest.warranty_end_at,
    newest.is_connected
from newest
left join complete_feeds on newest.source = complete_feeds.source and newest.feed = complete_feeds.feed
where (complete_feeds.newest_load_seq is null or newest.last_export_seq >= complete_feeds.newest_load_seq)
    and not coalesce(newest.is_gone, false)
