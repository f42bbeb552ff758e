-- Field visits, newest version.
-- grain: visit_key
-- by: visit_key
-- key: raw.visits = source || ':' || visit_id
-- moves: instants of raw.visits
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
    select hash(source, visit_id) as key_hash
    from raw.visits
    group by hash(source, visit_id)
    having count(*) > 1
),

-- Read twice, which is cheaper than putting it by.
versions as not materialized (
    select
        visits.*, run.as_of, sources.customer_namespace, loads.data_through, loads.feed,
        loads.load_seq as export_seq, repeated.key_hash is not null as is_repeated,
        coalesce(nullif(visits.version_key, ''), cast(loads.data_through as varchar), '') as version_order
    from raw.visits as visits
    cross join run
    inner join sources on visits.source = sources.source
    left join loads on visits.load_id = loads.load_id
    left join repeated on hash(visits.source, visits.visit_id) = repeated.key_hash
    where visits.dispatched_at is null or visits.dispatched_at <= run.as_of or visits.is_gone
),

newest as (
    select *, export_seq as last_export_seq
    from versions
    where not is_repeated
    union all
    select
        *,
        max(export_seq) over (partition by source, visit_id) as last_export_seq
    from versions
    where is_repeated
    qualify row_number() over (
        partition by source, visit_id
        order by version_order desc, data_through desc, load_seq desc, source_row desc
    ) = 1
)

select
    newest.source,
    newest.source || ':' || newest.visit_id as visit_key,
    newest.visit_id,
    newest.source || ':' || newest.ticket_id as ticket_key,
    newest.visit_no,
    newest.engineer_id,
    newest.source || ':' || newest.outlet_id as outlet_key,
    case when newest.dispatched_at <= newest.as_of then newest.dispatched_at end as dispatched_at,
    newest.promised_from_at,
    newest.promised_to_at,
    case when newest.arrived_at <= newest.as_of then newest.arrived_at end as arrived_at,
    case when newest.finished_at <= newest.as_of then newest.finished_at end as finished_at,
    case when newest.accepted_at <= newest.as_of then newest.accepted_at end as accepted_at,
    case when coalesce(newest.finished_at, newest.arrived_at, newest.dispatched_at, newest.as_of) <= newest.as_of
        then newest.result end as result,
    newest.diagnosis_code,
    newest.fault_code
from newest
left join complete_feeds on newest.source = complete_feeds.source and newest.feed = complete_feeds.feed
where (complete_feeds.newest_load_seq is null or newest.last_export_seq >= complete_feeds.newest_load_seq)
    and not coalesce(newest.is_gone, false)
