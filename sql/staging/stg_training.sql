-- Training taken, newest version.
-- grain: training_key
-- by: training_key
-- key: raw.training = source || ':' || training_id
-- moves: instants of raw.training
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
        training.*, run.as_of, sources.customer_namespace, loads.data_through, loads.feed,
        loads.load_seq as export_seq,
        coalesce(nullif(training.version_key, ''), cast(loads.data_through as varchar), '') as version_order
    from raw.training as training
    cross join run
    inner join sources on training.source = sources.source
    left join loads on training.load_id = loads.load_id
    where training.done_at <= run.as_of or training.is_gone
),

newest as (
    select
        *,
        max(export_seq) over (partition by source, training_id) as last_export_seq
    from versions
    qualify row_number() over (
        partition by source, training_id
        order by version_order desc, data_through desc, load_seq desc, source_row desc
    ) = 1
)

select
    newest.source,
    newest.source || ':' || newest.training_id as training_key,
    newest.training_id,
    newest.customer_namespace || ':' || newest.staff_id as staff_key,
    newest.kind,
    newest.done_at
from newest
left join complete_feeds on newest.source = complete_feeds.source and newest.feed = complete_feeds.feed
where (complete_feeds.newest_load_seq is null or newest.last_export_seq >= complete_feeds.newest_load_seq)
    and not coalesce(newest.is_gone, false)
