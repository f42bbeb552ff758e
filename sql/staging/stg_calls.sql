-- Phone calls, newest version.
-- grain: call_key
-- by: call_key
-- key: raw.calls = source || ':' || call_id
-- moves: instants of raw.calls
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
    select hash(source, call_id) as key_hash
    from raw.calls
    group by hash(source, call_id)
    having count(*) > 1
),

-- Read twice, which is cheaper than putting it by.
versions as not materialized (
    select
        calls.*, run.as_of, sources.customer_namespace, loads.data_through, loads.feed,
        loads.load_seq as export_seq, repeated.key_hash is not null as is_repeated,
        coalesce(nullif(calls.version_key, ''), cast(loads.data_through as varchar), '') as version_order
    from raw.calls as calls
    cross join run
    inner join sources on calls.source = sources.source
    left join loads on calls.load_id = loads.load_id
    left join repeated on hash(calls.source, calls.call_id) = repeated.key_hash
    where calls.queued_at <= run.as_of or calls.is_gone
),

newest as (
    select *, export_seq as last_export_seq
    from versions
    where not is_repeated
    union all
    select
        *,
        max(export_seq) over (partition by source, call_id) as last_export_seq
    from versions
    where is_repeated
    qualify row_number() over (
        partition by source, call_id
        order by version_order desc, data_through desc, load_seq desc, source_row desc
    ) = 1
)

select
    newest.source,
    newest.source || ':' || newest.call_id as call_key,
    newest.call_id,
    newest.source || ':' || newest.ticket_id as ticket_key,
    newest.customer_namespace || ':' || newest.customer_id as customer_key,
    newest.queued_at,
    case when newest.answered_at <= newest.as_of then newest.answered_at end as answered_at,
    case when newest.abandoned_at <= newest.as_of then newest.abandoned_at end as abandoned_at,
    newest.is_ivr_contained,
    newest.customer_namespace || ':' || newest.agent_id as staff_key,
    newest.agent_id
from newest
left join complete_feeds on newest.source = complete_feeds.source and newest.feed = complete_feeds.feed
where (complete_feeds.newest_load_seq is null or newest.last_export_seq >= complete_feeds.newest_load_seq)
    and not coalesce(newest.is_gone, false)
