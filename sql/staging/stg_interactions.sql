-- Planned and held contacts with customers: visits, interviews, care, inspections, follow-ups, newest version.
-- grain: interaction_key
-- by: interaction_key
-- key: raw.interactions = source || ':' || interaction_id
-- moves: instants of raw.interactions
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
    select hash(source, interaction_id) as key_hash
    from raw.interactions
    group by hash(source, interaction_id)
    having count(*) > 1
),

-- Read twice, which is cheaper than putting it by.
versions as not materialized (
    select
        interactions.*, run.as_of, sources.customer_namespace, loads.data_through, loads.feed,
        loads.load_seq as export_seq, repeated.key_hash is not null as is_repeated,
        coalesce(nullif(interactions.version_key, ''), cast(loads.data_through as varchar), '') as version_order
    from raw.interactions as interactions
    cross join run
    inner join sources on interactions.source = sources.source
    left join loads on interactions.load_id = loads.load_id
    left join repeated on hash(interactions.source, interactions.interaction_id) = repeated.key_hash
),

newest as (
    select *, export_seq as last_export_seq
    from versions
    where not is_repeated
    union all
    select
        *,
        max(export_seq) over (partition by source, interaction_id) as last_export_seq
    from versions
    where is_repeated
    qualify row_number() over (
        partition by source, interaction_id
        order by version_order desc, data_through desc, load_seq desc, source_row desc
    ) = 1
)

select
    newest.source,
    newest.source || ':' || newest.interaction_id as interaction_key,
    newest.interaction_id,
    newest.customer_namespace || ':' || newest.customer_id as customer_key,
    newest.kind,
    newest.due_at,
    case when newest.occurred_at <= newest.as_of then newest.occurred_at end as occurred_at,
    newest.is_in_person,
    newest.customer_namespace || ':' || newest.staff_id as staff_key,
    newest.coupon_id,
    case when newest.coupon_used_at <= newest.as_of then newest.coupon_used_at end as coupon_used_at
from newest
left join complete_feeds on newest.source = complete_feeds.source and newest.feed = complete_feeds.feed
where (complete_feeds.newest_load_seq is null or newest.last_export_seq >= complete_feeds.newest_load_seq)
    and not coalesce(newest.is_gone, false)
