-- Surveys sent, newest version.
-- grain: survey_key
-- by: survey_key
-- key: raw.surveys = source || ':' || survey_id
-- moves: instants of raw.surveys
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
    select hash(source, survey_id) as key_hash
    from raw.surveys
    group by hash(source, survey_id)
    having count(*) > 1
),

-- Read twice, which is cheaper than putting it by.
versions as not materialized (
    select
        surveys.*, run.as_of, sources.customer_namespace, loads.data_through, loads.feed,
        loads.load_seq as export_seq, repeated.key_hash is not null as is_repeated,
        coalesce(nullif(surveys.version_key, ''), cast(loads.data_through as varchar), '') as version_order
    from raw.surveys as surveys
    cross join run
    inner join sources on surveys.source = sources.source
    left join loads on surveys.load_id = loads.load_id
    left join repeated on hash(surveys.source, surveys.survey_id) = repeated.key_hash
    where surveys.sent_at is null or surveys.sent_at <= run.as_of or surveys.is_gone
),

newest as (
    select *, export_seq as last_export_seq
    from versions
    where not is_repeated
    union all
    select
        *,
        max(export_seq) over (partition by source, survey_id) as last_export_seq
    from versions
    where is_repeated
    qualify row_number() over (
        partition by source, survey_id
        order by version_order desc, data_through desc, load_seq desc, source_row desc
    ) = 1
)

select
    newest.source,
    newest.source || ':' || newest.survey_id as survey_key,
    newest.survey_id,
    newest.kind,
    newest.source || ':' || newest.ticket_id as ticket_key,
    newest.customer_namespace || ':' || newest.customer_id as customer_key,
    newest.source || ':' || newest.order_id as order_key,
    newest.channel,
    case when newest.sent_at <= newest.as_of then newest.sent_at end as sent_at,
    case when newest.responded_at <= newest.as_of then newest.responded_at end as responded_at,
    case when newest.followup_at <= newest.as_of then newest.followup_at end as followup_at
from newest
left join complete_feeds on newest.source = complete_feeds.source and newest.feed = complete_feeds.feed
where (complete_feeds.newest_load_seq is null or newest.last_export_seq >= complete_feeds.newest_load_seq)
    and not coalesce(newest.is_gone, false)
