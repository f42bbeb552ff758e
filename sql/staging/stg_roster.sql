-- Shifts, newest version.
-- grain: staff_key, shift_start_at
-- by: split_part(staff_key, ':', 2)
-- key: raw.roster = split_part(staff_id, ':', 1)
-- moves: instants of raw.roster
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
        roster.*, run.as_of, sources.customer_namespace, loads.data_through, loads.feed,
        loads.load_seq as export_seq,
        coalesce(nullif(roster.version_key, ''), cast(loads.data_through as varchar), '') as version_order
    from raw.roster as roster
    cross join run
    inner join sources on roster.source = sources.source
    left join loads on roster.load_id = loads.load_id
),

newest as (
    select
        *,
        max(export_seq) over (partition by source, staff_id, shift_start_at) as last_export_seq
    from versions
    qualify row_number() over (
        partition by source, staff_id, shift_start_at
        order by version_order desc, data_through desc, load_seq desc, source_row desc
    ) = 1
)

select
    newest.source,
    newest.customer_namespace || ':' || newest.staff_id as staff_key,
    newest.shift_start_at,
    newest.shift_end_at
from newest
left join complete_feeds on newest.source = complete_feeds.source and newest.feed = complete_feeds.feed
where (complete_feeds.newest_load_seq is null or newest.last_export_seq >= complete_feeds.newest_load_seq)
    and not coalesce(newest.is_gone, false)
