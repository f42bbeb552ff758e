-- Answers given in surveys, one row a dimension asked about.
-- grain: survey_key, dimension
-- by: survey_key
-- key: raw.survey_answers = source || ':' || survey_id
-- moves: instants of raw.survey_answers
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
    select hash(source, survey_id, dimension) as key_hash
    from raw.survey_answers
    group by hash(source, survey_id, dimension)
    having count(*) > 1
),

-- Read twice, which is cheaper than putting it by.
versions as not materialized (
    select
        survey_answers.*, run.as_of, sources.customer_namespace, loads.data_through, loads.feed,
        loads.load_seq as export_seq, repeated.key_hash is not null as is_repeated,
        coalesce(nullif(survey_answers.version_key, ''), cast(loads.data_through as varchar), '') as version_order
    from raw.survey_answers as survey_answers
    cross join run
    inner join sources on survey_answers.source = sources.source
    left join loads on survey_answers.load_id = loads.load_id
    left join repeated
        on hash(survey_answers.source, survey_answers.survey_id, survey_answers.dimension)
            = repeated.key_hash
),

newest as (
    select *, export_seq as last_export_seq
    from versions
    where not is_repeated
    union all
    select
        *,
        max(export_seq) over (partition by source, survey_id, dimension) as last_export_seq
    from versions
    where is_repeated
    qualify row_number() over (
        partition by source, survey_id, dimension
        order by version_order desc, data_through desc, load_seq desc, source_row desc
    ) = 1
)

select
    newest.source,
    newest.source || ':' || newest.survey_id as survey_key,
    newest.dimension,
    newest.score,
    newest.scale_min,
    newest.scale_max,
    newest.comment,
    -- Whether anything was written may be known to everybody; what was written may not.
    coalesce(trim(newest.comment) <> '', false) as has_comment
from newest
left join complete_feeds on newest.source = complete_feeds.source and newest.feed = complete_feeds.feed
where (complete_feeds.newest_load_seq is null or newest.last_export_seq >= complete_feeds.newest_load_seq)
    and not coalesce(newest.is_gone, false)
