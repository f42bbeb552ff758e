-- Tickets of every source: the newest version of each, with the priority it was opened with.
-- grain: ticket_key
-- Instants are UTC. What lies after as_of has not happened yet: such rows, versions and instants are left out.
with
run as (select * from raw.run),
sources as (select * from raw.sources),

versions as (
    select tickets.*, run.as_of
    from raw.tickets as tickets
    cross join run
    where (updated_at is null or updated_at <= run.as_of) and created_at <= run.as_of
),

newest as (
    select *,
        first_value(priority ignore nulls) over (
            partition by source, ticket_id order by version_key, load_seq, source_row
            rows between unbounded preceding and unbounded following
        ) as priority_first
    from versions
    qualify row_number() over (partition by source, ticket_id order by version_key desc, load_seq desc, source_row desc) = 1
)

select
    newest.source,
    newest.source || ':' || newest.ticket_id as ticket_key,
    newest.ticket_id,
    sources.customer_namespace || ':' || newest.customer_id as customer_key,
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
    newest.status,
    newest.is_complaint,
    newest.reopen_count,
    newest.reassign_count,
    newest.source_sla_met,
    newest.source || ':' || newest.merged_into as merged_into_key,
    newest.is_deleted,
    newest.is_spam,
    newest.csat_score,
    newest.flow_id,
    newest.knowledge_id,
    newest.priority_first
from newest
inner join sources on newest.source = sources.source
