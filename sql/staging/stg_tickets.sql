-- Tickets of every source: the newest version of each, with the priority it was opened with.
-- grain: ticket_key
-- by: ticket_key
-- key: raw.tickets = source || ':' || ticket_id
-- moves: instants of raw.tickets
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

-- Nearly every key has one version: only those with more are put in order. Keys that share a hash by chance are so too,
-- each by itself.
repeated as materialized (
    select hash(source, ticket_id) as key_hash
    from raw.tickets
    group by hash(source, ticket_id)
    having count(*) > 1
),

-- Read twice, which is cheaper than putting it by.
versions as not materialized (
    select
        tickets.*, run.as_of, sources.customer_namespace, loads.data_through, loads.feed,
        loads.load_seq as export_seq, repeated.key_hash is not null as is_repeated,
        coalesce(nullif(tickets.version_key, ''), cast(loads.data_through as varchar), '') as version_order,
        coalesce(tickets.updated_at > run.as_of, false) as is_later
    from raw.tickets as tickets
    cross join run
    inner join sources on tickets.source = sources.source
    left join loads on tickets.load_id = loads.load_id
    left join repeated on hash(tickets.source, tickets.ticket_id) = repeated.key_hash
    where tickets.created_at <= run.as_of or tickets.is_gone
),

newest as (
    select *, export_seq as last_export_seq, priority as priority_first
    from versions
    where not is_repeated
    union all
    select
        *,
        max(export_seq) over (partition by source, ticket_id) as last_export_seq,
        first_value(priority ignore nulls) over (
            partition by source, ticket_id order by version_order, load_seq, source_row
            rows between unbounded preceding and unbounded following
        ) as priority_first
    from versions
    where is_repeated
    qualify row_number() over (
        partition by source, ticket_id
        order by
            is_later, case when not is_later then version_order end desc, case when is_later then version_order end,
            data_through desc, load_seq desc, source_row desc
    ) = 1
)

select
    newest.source,
    newest.source || ':' || newest.ticket_id as ticket_key,
    newest.ticket_id,
    newest.customer_namespace || ':' || newest.customer_id as customer_key,
    newest.source || ':' || newest.asset_id as asset_key,
    newest.source || ':' || newest.order_id as order_key,
    newest.source || ':' || newest.product_id as product_key,
    newest.channel,
    newest.scene,
    newest.kind,
    newest.category,
    newest.priority,
    newest.region,
    newest.team,
    newest.agent_id,
    newest.opened_by,
    newest.subject,
    newest.created_at,
    case when newest.first_response_at <= newest.as_of then newest.first_response_at end as first_response_at,
    case when newest.resolved_at <= newest.as_of then newest.resolved_at end as resolved_at,
    case when newest.closed_at <= newest.as_of then newest.closed_at end as closed_at,
    newest.response_due_at,
    newest.resolution_due_at,
    case
        when newest.resolved_at > newest.as_of or (newest.resolved_at is null and newest.closed_at > newest.as_of)
            then 'open'
        when newest.closed_at > newest.as_of and newest.status = 'closed' then 'solved'
        else newest.status
    end as status,
    newest.is_complaint,
    newest.reopen_count,
    newest.reassign_count,
    newest.source_sla_met,
    newest.source || ':' || newest.merged_into as merged_into_key,
    newest.is_deleted,
    newest.is_spam,
    case when coalesce(newest.resolved_at, newest.closed_at, newest.created_at) <= newest.as_of
        then newest.csat_score end as csat_score,
    newest.flow_id,
    newest.knowledge_id,
    newest.priority_first
from newest
left join complete_feeds on newest.source = complete_feeds.source and newest.feed = complete_feeds.feed
where (complete_feeds.newest_load_seq is null or newest.last_export_seq >= complete_feeds.newest_load_seq)
    and not coalesce(newest.is_gone, false)
