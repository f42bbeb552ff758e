-- How each counted ticket was handled: moves between teams, time without an owner, steps, escalation.
-- grain: ticket_key
-- keep: build
-- by: ticket_key
-- shared: owner_sources
-- moves: in core.fct_tickets_own: is_open
-- Each ..._known flag says whether the history can tell; where it cannot, the ticket is in neither side of the rate.
-- Moves count up to the solution: what happens to a solved ticket afterwards is no bouncing.
with
run as (select as_of from raw.run),
tickets as (
    select tickets.*, run.as_of
    from core.fct_tickets_own as tickets
    cross join run
    where is_counted and (is_open or is_resolved)
),
histories as (select * from core.fct_ticket_histories),
moves as (select * from core.fct_status_moves where is_step),
waits as (select * from core.fct_ticket_waits_own),
datasets as (select * from core.dim_datasets),

-- Sources that say who has a ticket: an export without agents must not read as tickets that nobody has.
owner_sources as (select distinct source from histories where has_owner),

escalation_sources as (select distinct source from datasets where dataset = 'escalations'),

steps as (
    select moves.ticket_key, count(*) as step_count
    from moves
    inner join tickets on moves.ticket_key = tickets.ticket_key
    where moves.moved_at <= coalesce(tickets.resolved_at, tickets.as_of)
    group by moves.ticket_key
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
    tickets.ticket_key,
    coalesce(histories.is_team_known, false) as is_team_known,
    cast(coalesce(waited.team_change_count, 0) as bigint) as team_change_count,
    tickets.is_resolved and coalesce(histories.is_team_known, false) as is_one_stop_known,
    tickets.is_resolved and coalesce(histories.is_team_known, false) and coalesce(waited.team_change_count, 0) = 0
        as is_one_stop,
    -- A ticket whose owner is known only from the ticket itself: its history does not reach back to the assignment.
    owner_sources.source is not null and histories.ticket_key is not null
        and (histories.has_owner or tickets.agent_id is null) as is_owner_known,
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
