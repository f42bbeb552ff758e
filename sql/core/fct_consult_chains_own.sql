-- Consult tickets along the chain: opened, assigned, answered, solved, followed up (发起-分流-响应-解答-回访).
-- grain: ticket_key
-- keep: build
-- by: ticket_key
-- shared: telling_sources
-- moves: followed_up_at is null or is_chain_maturing
-- moves: in core.fct_tickets_own: is_open
-- A follow-up is a survey sent, or an agent's call, message or notice, after the final solve. Each stage's seconds run
-- on the calendar from the stamp before it to its own; to as_of where it is still to come (is_... false). NULL: the
-- stage has not begun, was skipped, or its stamps contradict each other.
with
run as (select as_of from raw.run),
tickets as (
    select tickets.*, run.as_of
    from core.fct_tickets_own as tickets
    cross join run
    where is_counted and (kind = 'consult' or (kind = 'unknown' and scene = 'consult'))
),
events as (select * from staging.stg_ticket_events),
-- Whoever never exports assignments, or answers, does not say that there were none.
telling_sources as (
    select distinct histories.source
    from core.fct_ticket_histories as histories
    inner join core.dim_datasets as datasets on histories.source = datasets.source and datasets.dataset = 'replies'
    where histories.is_assigned
),

assignments as (
    select events.ticket_key, min(events.occurred_at) as assigned_at
    from events
    inner join tickets on events.ticket_key = tickets.ticket_key and events.occurred_at >= tickets.created_at
    where events.event_type = 'assigned'
    group by events.ticket_key
),

follow_ups as (
    select ticket_key, min(occurred_at) as followed_up_at
    from (
        select events.ticket_key, events.occurred_at
        from events
        inner join tickets on events.ticket_key = tickets.ticket_key and events.occurred_at > tickets.resolved_at
        where events.actor_role = 'agent' and events.event_type in ('call', 'message', 'notice')
            and coalesce(events.is_public, true)
        union all
        -- The system sends its survey in the very second in which the ticket is solved.
        select surveys.ticket_key, surveys.sent_at
        from staging.stg_surveys as surveys
        inner join tickets on surveys.ticket_key = tickets.ticket_key and surveys.sent_at >= tickets.resolved_at
    ) as asked
    group by ticket_key
),

stamped as (
    select
        tickets.*, assignments.assigned_at, follow_ups.followed_up_at,
        telling_sources.source is not null as is_told,
        cast(date_diff('second', tickets.resolved_at, tickets.as_of) as bigint) as solved_age_seconds,
        -- Where a stage has no stamp but a later one is there, it was skipped: its wait has no end to count to.
        coalesce(assignments.assigned_at,
            case when tickets.is_open and tickets.first_response_at is null then tickets.as_of end) as routing_end_at,
        coalesce(tickets.first_response_at, case when tickets.is_open then tickets.as_of end) as answering_end_at,
        coalesce(tickets.resolved_at, case when tickets.is_open then tickets.as_of end) as solving_end_at,
        coalesce(follow_ups.followed_up_at, tickets.as_of) as following_end_at
    from tickets
    left join assignments on tickets.ticket_key = assignments.ticket_key
    left join follow_ups on tickets.ticket_key = follow_ups.ticket_key
    left join telling_sources on tickets.source = telling_sources.source
)

select
    stamped.ticket_key, stamped.assigned_at, stamped.followed_up_at,
    stamped.assigned_at is not null as is_assigned,
    stamped.followed_up_at is not null as is_followed_up,
    stamped.is_told and stamped.is_resolved as is_chain_closed,
    stamped.is_told and stamped.is_resolved and stamped.solved_age_seconds >= 7 * 86400 as is_chain_matured,
    stamped.is_told and stamped.is_resolved and stamped.solved_age_seconds < 7 * 86400 as is_chain_maturing,
    -- Asked later than 7 d after the solve, it is not this chain's end: a value that has matured must not change.
    coalesce(stamped.assigned_at >= stamped.created_at and stamped.first_response_at >= stamped.assigned_at
        and stamped.resolved_at >= stamped.first_response_at
        and date_diff('second', stamped.resolved_at, stamped.followed_up_at) <= 7 * 86400, false) as is_chain_complete,
    case when stamped.is_told and stamped.routing_end_at >= stamped.created_at
        then cast(date_diff('second', stamped.created_at, stamped.routing_end_at) as bigint) end as routing_seconds,
    case when stamped.answering_end_at >= stamped.assigned_at
        then cast(date_diff('second', stamped.assigned_at, stamped.answering_end_at) as bigint)
    end as answering_seconds,
    case when stamped.solving_end_at >= stamped.first_response_at
        then cast(date_diff('second', stamped.first_response_at, stamped.solving_end_at) as bigint)
    end as solving_seconds,
    case when stamped.resolved_at is not null and stamped.following_end_at >= stamped.resolved_at
        then cast(date_diff('second', stamped.resolved_at, stamped.following_end_at) as bigint)
    end as following_seconds
from stamped
