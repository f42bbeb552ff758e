-- Spare parts asked for and used, newest version.
-- grain: usage_key
-- by: usage_key
-- key: raw.parts_usage = source || ':' || usage_id
-- moves: instants of raw.parts_usage
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
        parts_usage.*, run.as_of, sources.customer_namespace, loads.data_through, loads.feed,
        loads.load_seq as export_seq,
        coalesce(nullif(parts_usage.version_key, ''), cast(loads.data_through as varchar), '') as version_order
    from raw.parts_usage as parts_usage
    cross join run
    inner join sources on parts_usage.source = sources.source
    left join loads on parts_usage.load_id = loads.load_id
    where parts_usage.requested_at is null or parts_usage.requested_at <= run.as_of or parts_usage.is_gone
),

newest as (
    select
        *,
        max(export_seq) over (partition by source, usage_id) as last_export_seq
    from versions
    qualify row_number() over (
        partition by source, usage_id
        order by version_order desc, data_through desc, load_seq desc, source_row desc
    ) = 1
)

select
    newest.source,
    newest.source || ':' || newest.usage_id as usage_key,
    newest.usage_id,
    newest.source || ':' || newest.visit_id as visit_key,
    newest.source || ':' || newest.ticket_id as ticket_key,
    newest.part_id,
    newest.requested_at,
    case when newest.issued_at <= newest.as_of then newest.issued_at end as issued_at,
    newest.is_from_stock,
    newest.is_genuine
from newest
left join complete_feeds on newest.source = complete_feeds.source and newest.feed = complete_feeds.feed
where (complete_feeds.newest_load_seq is null or newest.last_export_seq >= complete_feeds.newest_load_seq)
    and not coalesce(newest.is_gone, false)
