-- Assessments of staff, newest version.
-- grain: assessment_key
-- by: assessment_key
-- key: raw.staff_assessments = source || ':' || assessment_id
-- moves: instants of raw.staff_assessments
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
        staff_assessments.*, run.as_of, sources.customer_namespace, loads.data_through, loads.feed,
        loads.load_seq as export_seq,
        coalesce(nullif(staff_assessments.version_key, ''), cast(loads.data_through as varchar), '') as version_order
    from raw.staff_assessments as staff_assessments
    cross join run
    inner join sources on staff_assessments.source = sources.source
    left join loads on staff_assessments.load_id = loads.load_id
    where staff_assessments.assessed_at <= run.as_of or staff_assessments.is_gone
),

newest as (
    select
        *,
        max(export_seq) over (partition by source, assessment_id) as last_export_seq
    from versions
    qualify row_number() over (
        partition by source, assessment_id
        order by version_order desc, data_through desc, load_seq desc, source_row desc
    ) = 1
)

select
    newest.source,
    newest.source || ':' || newest.assessment_id as assessment_key,
    newest.assessment_id,
    newest.customer_namespace || ':' || newest.staff_id as staff_key,
    newest.kind,
    newest.rater_role,
    newest.assessed_at,
    newest.score,
    newest.pass_mark,
    newest.is_passed
from newest
left join complete_feeds on newest.source = complete_feeds.source and newest.feed = complete_feeds.feed
where (complete_feeds.newest_load_seq is null or newest.last_export_seq >= complete_feeds.newest_load_seq)
    and not coalesce(newest.is_gone, false)
