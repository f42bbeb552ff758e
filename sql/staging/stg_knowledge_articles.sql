-- Articles of the knowledge base, newest version.
-- grain: article_key
-- by: article_key
-- key: raw.knowledge_articles = source || ':' || article_id
-- moves: instants of raw.knowledge_articles
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
        knowledge_articles.*, run.as_of, sources.customer_namespace, loads.data_through, loads.feed,
        loads.load_seq as export_seq,
        coalesce(nullif(knowledge_articles.version_key, ''), cast(loads.data_through as varchar), '') as version_order
    from raw.knowledge_articles as knowledge_articles
    cross join run
    inner join sources on knowledge_articles.source = sources.source
    left join loads on knowledge_articles.load_id = loads.load_id
    where knowledge_articles.created_at is null or knowledge_articles.created_at <= run.as_of or knowledge_articles.is_gone
),

newest as (
    select
        *,
        max(export_seq) over (partition by source, article_id) as last_export_seq
    from versions
    qualify row_number() over (
        partition by source, article_id
        order by version_order desc, data_through desc, load_seq desc, source_row desc
    ) = 1
)

select
    newest.source,
    newest.source || ':' || newest.article_id as article_key,
    newest.article_id,
    newest.created_at,
    case when newest.updated_at <= newest.as_of then newest.updated_at end as updated_at,
    newest.views
from newest
left join complete_feeds on newest.source = complete_feeds.source and newest.feed = complete_feeds.feed
where (complete_feeds.newest_load_seq is null or newest.last_export_seq >= complete_feeds.newest_load_seq)
    and not coalesce(newest.is_gone, false)
