-- The pain-point ledger (痛点台账), newest version.
-- grain: item_key
-- by: item_key
-- key: raw.pain_points = source || ':' || item_id
-- moves: instants of raw.pain_points
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
        pain_points.*, run.as_of, sources.customer_namespace, loads.data_through, loads.feed,
        loads.load_seq as export_seq,
        coalesce(nullif(pain_points.version_key, ''), cast(loads.data_through as varchar), '') as version_order
    from raw.pain_points as pain_points
    cross join run
    inner join sources on pain_points.source = sources.source
    left join loads on pain_points.load_id = loads.load_id
    where pain_points.opened_at <= run.as_of or pain_points.is_gone
),

newest as (
    select
        *,
        max(export_seq) over (partition by source, item_id) as last_export_seq
    from versions
    qualify row_number() over (
        partition by source, item_id
        order by version_order desc, data_through desc, load_seq desc, source_row desc
    ) = 1
)

select
    newest.source,
    newest.source || ':' || newest.item_id as item_key,
    newest.item_id,
    newest.topic,
    newest.kpi,
    newest.scope_dimension,
    newest.scope_value,
    newest.customer_namespace || ':' || newest.owner_id as owner_key,
    newest.action,
    newest.opened_at,
    newest.due_at,
    case when newest.effective_at <= newest.as_of then newest.effective_at end as effective_at,
    case when newest.closed_at <= newest.as_of then newest.closed_at end as closed_at,
    case
        when newest.closed_at > newest.as_of and newest.status in ('done', 'dropped') then 'doing'
        else newest.status
    end as status
from newest
left join complete_feeds on newest.source = complete_feeds.source and newest.feed = complete_feeds.feed
where (complete_feeds.newest_load_seq is null or newest.last_export_seq >= complete_feeds.newest_load_seq)
    and not coalesce(newest.is_gone, false)
