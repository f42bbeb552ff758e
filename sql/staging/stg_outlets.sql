-- Service outlets, newest version.
-- grain: outlet_key
-- by: outlet_key
-- key: raw.outlets = source || ':' || outlet_id
-- moves: instants of raw.outlets
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
        outlets.*, run.as_of, sources.customer_namespace, loads.data_through, loads.feed,
        loads.load_seq as export_seq,
        coalesce(nullif(outlets.version_key, ''), cast(loads.data_through as varchar), '') as version_order
    from raw.outlets as outlets
    cross join run
    inner join sources on outlets.source = sources.source
    left join loads on outlets.load_id = loads.load_id
),

newest as (
    select
        *,
        max(export_seq) over (partition by source, outlet_id) as last_export_seq
    from versions
    qualify row_number() over (
        partition by source, outlet_id
        order by version_order desc, data_through desc, load_seq desc, source_row desc
    ) = 1
)

select
    newest.source,
    newest.source || ':' || newest.outlet_id as outlet_key,
    newest.outlet_id,
    newest.outlet_name,
    newest.region,
    newest.area
from newest
left join complete_feeds on newest.source = complete_feeds.source and newest.feed = complete_feeds.feed
where (complete_feeds.newest_load_seq is null or newest.last_export_seq >= complete_feeds.newest_load_seq)
    and not coalesce(newest.is_gone, false)
