-- Entries of the loyalty points ledger, newest version.
-- grain: entry_key
-- by: entry_key
-- key: raw.points_ledger = source || ':' || entry_id
-- moves: instants of raw.points_ledger
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
    select hash(source, entry_id) as key_hash
    from raw.points_ledger
    group by hash(source, entry_id)
    having count(*) > 1
),

-- Read twice, which is cheaper than putting it by.
versions as not materialized (
    select
        points_ledger.*, run.as_of, sources.customer_namespace, loads.data_through, loads.feed,
        loads.load_seq as export_seq, repeated.key_hash is not null as is_repeated,
        coalesce(nullif(points_ledger.version_key, ''), cast(loads.data_through as varchar), '') as version_order
    from raw.points_ledger as points_ledger
    cross join run
    inner join sources on points_ledger.source = sources.source
    left join loads on points_ledger.load_id = loads.load_id
    left join repeated on hash(points_ledger.source, points_ledger.entry_id) = repeated.key_hash
    where points_ledger.occurred_at <= run.as_of or points_ledger.is_gone
),

newest as (
    select *, export_seq as last_export_seq
    from versions
    where not is_repeated
    union all
    select
        *,
        max(export_seq) over (partition by source, entry_id) as last_export_seq
    from versions
    where is_repeated
    qualify row_number() over (
        partition by source, entry_id
        order by version_order desc, data_through desc, load_seq desc, source_row desc
    ) = 1
)

select
    newest.source,
    newest.source || ':' || newest.entry_id as entry_key,
    newest.entry_id,
    newest.customer_namespace || ':' || newest.customer_id as customer_key,
    newest.occurred_at,
    newest.reason,
    newest.points
from newest
left join complete_feeds on newest.source = complete_feeds.source and newest.feed = complete_feeds.feed
where (complete_feeds.newest_load_seq is null or newest.last_export_seq >= complete_feeds.newest_load_seq)
    and not coalesce(newest.is_gone, false)
