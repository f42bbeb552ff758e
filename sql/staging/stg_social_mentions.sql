-- Mentions on social media, newest version.
-- grain: mention_key
-- by: mention_key
-- key: raw.social_mentions = source || ':' || mention_id
-- moves: instants of raw.social_mentions
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
        social_mentions.*, run.as_of, sources.customer_namespace, loads.data_through, loads.feed,
        loads.load_seq as export_seq,
        coalesce(nullif(social_mentions.version_key, ''), cast(loads.data_through as varchar), '') as version_order
    from raw.social_mentions as social_mentions
    cross join run
    inner join sources on social_mentions.source = sources.source
    left join loads on social_mentions.load_id = loads.load_id
    where social_mentions.occurred_at <= run.as_of or social_mentions.is_gone
),

newest as (
    select
        *,
        max(export_seq) over (partition by source, mention_id) as last_export_seq
    from versions
    qualify row_number() over (
        partition by source, mention_id
        order by version_order desc, data_through desc, load_seq desc, source_row desc
    ) = 1
)

select
    newest.source,
    newest.source || ':' || newest.mention_id as mention_key,
    newest.mention_id,
    newest.occurred_at,
    newest.sentiment,
    case when newest.answered_at <= newest.as_of then newest.answered_at end as answered_at
from newest
left join complete_feeds on newest.source = complete_feeds.source and newest.feed = complete_feeds.feed
where (complete_feeds.newest_load_seq is null or newest.last_export_seq >= complete_feeds.newest_load_seq)
    and not coalesce(newest.is_gone, false)
