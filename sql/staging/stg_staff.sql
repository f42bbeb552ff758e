-- Staff, newest version.
-- grain: staff_key
-- by: staff_id
-- moves: instants of raw.staff
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
        staff.*, run.as_of, sources.customer_namespace, loads.data_through, loads.feed,
        loads.load_seq as export_seq,
        coalesce(nullif(staff.version_key, ''), cast(loads.data_through as varchar), '') as version_order
    from raw.staff as staff
    cross join run
    inner join sources on staff.source = sources.source
    left join loads on staff.load_id = loads.load_id
    where staff.hired_at is null or staff.hired_at <= run.as_of or staff.is_gone
),

newest as (
    select
        *,
        max(export_seq) over (partition by source, staff_id) as last_export_seq
    from versions
    qualify row_number() over (
        partition by source, staff_id
        order by version_order desc, data_through desc, load_seq desc, source_row desc
    ) = 1
)

select
    newest.source,
    newest.customer_namespace || ':' || newest.staff_id as staff_key,
    newest.staff_id,
    newest.name,
    newest.role,
    newest.team,
    newest.source || ':' || newest.outlet_id as outlet_key,
    newest.region,
    newest.hired_at,
    case when newest.left_at <= newest.as_of then newest.left_at end as left_at,
    newest.experience_years,
    -- The years of experience are those of the day on which the export was made.
    newest.data_through as told_at
from newest
left join complete_feeds on newest.source = complete_feeds.source and newest.feed = complete_feeds.feed
where (complete_feeds.newest_load_seq is null or newest.last_export_seq >= complete_feeds.newest_load_seq)
    and not coalesce(newest.is_gone, false)
