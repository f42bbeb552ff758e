-- Complaints, newest version, with the grade they were received with.
-- grain: complaint_key
-- by: complaint_key
-- key: raw.complaints = source || ':' || complaint_id
-- moves: instants of raw.complaints
-- Instants are UTC. What lies after as_of has not happened yet: such rows are left out, such instants are NULL.
-- A version from after as_of speaks only where there is no earlier one, as it stood at as_of.
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
        complaints.*, run.as_of, sources.customer_namespace, loads.data_through, loads.feed,
        loads.load_seq as export_seq,
        coalesce(nullif(complaints.version_key, ''), cast(loads.data_through as varchar), '') as version_order,
        coalesce(complaints.updated_at > run.as_of, false) as is_later
    from raw.complaints as complaints
    cross join run
    inner join sources on complaints.source = sources.source
    left join loads on complaints.load_id = loads.load_id
    where complaints.received_at <= run.as_of or complaints.is_gone
),

newest as (
    select
        *,
        max(export_seq) over (partition by source, complaint_id) as last_export_seq,
        first_value(grade ignore nulls) over (
            partition by source, complaint_id order by version_order, load_seq, source_row
            rows between unbounded preceding and unbounded following
        ) as grade_at_receipt
    from versions
    qualify row_number() over (
        partition by source, complaint_id
        order by
            is_later, case when not is_later then version_order end desc, case when is_later then version_order end,
            data_through desc, load_seq desc, source_row desc
    ) = 1
)

select
    newest.source,
    newest.source || ':' || newest.complaint_id as complaint_key,
    newest.complaint_id,
    newest.source || ':' || newest.ticket_id as ticket_key,
    newest.customer_namespace || ':' || newest.customer_id as customer_key,
    case when newest.graded_at is null or newest.graded_at <= newest.as_of then newest.grade end as grade,
    case when newest.graded_at <= newest.as_of then newest.graded_at end as graded_at,
    newest.reason,
    newest.matter,
    newest.received_at,
    newest.first_owner_id,
    newest.owner_id,
    case when newest.plan_fed_back_at <= newest.as_of then newest.plan_fed_back_at end as plan_fed_back_at,
    case when newest.resolved_at <= newest.as_of then newest.resolved_at end as resolved_at,
    case when coalesce(newest.resolved_at, newest.received_at) <= newest.as_of then newest.outcome end as outcome,
    case when newest.customer_confirmed_at <= newest.as_of then newest.customer_confirmed_at end as customer_confirmed_at,
    newest.text,
    newest.grade_at_receipt
from newest
left join complete_feeds on newest.source = complete_feeds.source and newest.feed = complete_feeds.feed
where (complete_feeds.newest_load_seq is null or newest.last_export_seq >= complete_feeds.newest_load_seq)
    and not coalesce(newest.is_gone, false)
