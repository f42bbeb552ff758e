-- Quality reviews of tickets, newest version.
-- grain: review_key
-- by: review_key
-- key: raw.qa_reviews = source || ':' || review_id
-- moves: instants of raw.qa_reviews
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
        qa_reviews.*, run.as_of, sources.customer_namespace, loads.data_through, loads.feed,
        loads.load_seq as export_seq,
        coalesce(nullif(qa_reviews.version_key, ''), cast(loads.data_through as varchar), '') as version_order
    from raw.qa_reviews as qa_reviews
    cross join run
    inner join sources on qa_reviews.source = sources.source
    left join loads on qa_reviews.load_id = loads.load_id
    where qa_reviews.reviewed_at <= run.as_of or qa_reviews.is_gone
),

newest as (
    select
        *,
        max(export_seq) over (partition by source, review_id) as last_export_seq
    from versions
    qualify row_number() over (
        partition by source, review_id
        order by version_order desc, data_through desc, load_seq desc, source_row desc
    ) = 1
)

select
    newest.source,
    newest.source || ':' || newest.review_id as review_key,
    newest.review_id,
    newest.source || ':' || newest.ticket_id as ticket_key,
    newest.reviewed_at,
    newest.score,
    newest.is_passed
from newest
left join complete_feeds on newest.source = complete_feeds.source and newest.feed = complete_feeds.feed
where (complete_feeds.newest_load_seq is null or newest.last_export_seq >= complete_feeds.newest_load_seq)
    and not coalesce(newest.is_gone, false)
