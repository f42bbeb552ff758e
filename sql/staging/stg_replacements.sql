-- Devices replaced, newest version.
-- grain: replacement_key
-- by: replacement_key
-- key: raw.replacements = source || ':' || replacement_id
-- moves: instants of raw.replacements
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
        replacements.*, run.as_of, sources.customer_namespace, loads.data_through, loads.feed,
        loads.load_seq as export_seq,
        coalesce(nullif(replacements.version_key, ''), cast(loads.data_through as varchar), '') as version_order
    from raw.replacements as replacements
    cross join run
    inner join sources on replacements.source = sources.source
    left join loads on replacements.load_id = loads.load_id
    where replacements.approved_at is null or replacements.approved_at <= run.as_of or replacements.is_gone
),

newest as (
    select
        *,
        max(export_seq) over (partition by source, replacement_id) as last_export_seq
    from versions
    qualify row_number() over (
        partition by source, replacement_id
        order by version_order desc, data_through desc, load_seq desc, source_row desc
    ) = 1
)

select
    newest.source,
    newest.source || ':' || newest.replacement_id as replacement_key,
    newest.replacement_id,
    newest.source || ':' || newest.asset_id as asset_key,
    newest.source || ':' || newest.ticket_id as ticket_key,
    newest.approved_at,
    case when newest.delivered_at <= newest.as_of then newest.delivered_at end as delivered_at
from newest
left join complete_feeds on newest.source = complete_feeds.source and newest.feed = complete_feeds.feed
where (complete_feeds.newest_load_seq is null or newest.last_export_seq >= complete_feeds.newest_load_seq)
    and not coalesce(newest.is_gone, false)
