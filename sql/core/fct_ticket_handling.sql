-- How each counted ticket was handled: moves between teams, time without an owner, steps, escalation.
-- grain: ticket_key
-- Each ..._known flag says whether the history can tell; where it cannot, the ticket is in neither side of the rate.
-- Moves count up to the solution: what happens to a solved ticket afterwards is no bouncing.
with
tickets as (select * from core.fct_tickets where is_counted and (is_open or is_resolved)),
events as (select * from core.fct_ticket_events),
waits as (select * from core.fct_ticket_waits),
datasets as (select * from core.dim_datasets),

-- Sources that say who has a ticket: an export without agents must not read as tickets that nobody has.
owner_sources as (select distinct source from events where agent_id is not null),

escalation_sources as (select distinct source from datasets where dataset = 'escalations'),

histories as (
    select
        ticket_key,
        bool_or(team is not null and event_type in ('created', 'status', 'assigned', 'escalated')) as is_team_known,
        bool_or(agent_id is not null) as has_owner_event,
        bool_or(status is not null and event_type in ('created', 'status')) as has_status,
        bool_or(event_type = 'escalated') as is_escalated
    from events
    group by ticket_key
),

ordered as (
    select
        ticket_key, event_type, occurred_at, status,
        lag(status) over (partition by ticket_key order by event_seq, occurred_at, event_type) as status_before
    from events
    where status is not null and event_type in ('created', 'status')
),

steps as (
    select ordered.ticket_key, count(*) as step_count
    from ordered
    inner join tickets on ordered.ticket_key = tickets.ticket_key
    where ordered.event_type = 'status' and ordered.occurred_at <= coalesce(tickets.resolved_at, tickets.as_of)
        and (ordered.status_before is null or ordered.status <> ordered.status_before)
    group by ordered.ticket_key
),

waited as (
    select
        ticket_key,
        sum(case when is_handoff then 1 else 0 end) as team_change_count,
        sum(case when is_unowned then business_seconds else 0 end) as unowned_seconds,
        bool_or(is_unowned and not is_ended) as is_unowned_now
    from waits
    group by ticket_key
)

select
    tickets.source, tickets.ticket_key, tickets.ticket_id, tickets.customer_key, tickets.created_at,
    tickets.created_date, tickets.region, tickets.area, tickets.tier, tickets.is_vip, tickets.channel,
    tickets.customer_type, tickets.product, tickets.product_group, tickets.scene, tickets.kind, tickets.category,
    tickets.priority, tickets.team, tickets.resolved_at, tickets.is_resolved, tickets.is_open,

    coalesce(histories.is_team_known, false) as is_team_known,
    cast(coalesce(waited.team_change_count, 0) as bigint) as team_change_count,
    tickets.is_resolved and coalesce(histories.is_team_known, false) as is_one_stop_known,
    tickets.is_resolved and coalesce(histories.is_team_known, false) and coalesce(waited.team_change_count, 0) = 0
        as is_one_stop,

    -- A ticket whose owner is known only from the ticket itself: its history does not reach back to the assignment.
    owner_sources.source is not null and histories.ticket_key is not null
        and (histories.has_owner_event or tickets.agent_id is null) as is_owner_known,
    cast(coalesce(waited.unowned_seconds, 0) as bigint) as unowned_seconds,
    not coalesce(waited.is_unowned_now, false) as is_unowned_ended,

    tickets.is_resolved and coalesce(histories.has_status, false) as is_steps_known,
    cast(case when tickets.is_resolved then coalesce(steps.step_count, 0) else 0 end as bigint) as step_count,

    escalation_sources.source is not null as is_escalation_known,
    coalesce(histories.is_escalated, false) as is_escalated
from tickets
left join histories on tickets.ticket_key = histories.ticket_key
left join owner_sources on tickets.source = owner_sources.source
left join escalation_sources on tickets.source = escalation_sources.source
left join steps on tickets.ticket_key = steps.ticket_key
left join waited on tickets.ticket_key = waited.ticket_key
