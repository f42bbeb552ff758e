-- What the events of each ticket tell when they are taken together, from one pass over them.
-- grain: ticket_key
-- by: ticket_key
-- keep: build
-- Said in public: messages and calls, unless they are marked as internal. A word of progress is a notice, a word of the
-- system, or a change that the customer may see. Nothing here asks when a ticket was created or solved.
with
events as (
    select
        *,
        event_type in ('message', 'call') as is_talk,
        coalesce(is_public, true) as is_heard,
        status in ('solved', 'closed') as is_solve,
        -- Whoever is put in charge, or writes as an agent.
        case when event_type not in ('message', 'call') or actor_role = 'agent' then agent_id end as holder_id
    from staging.stg_ticket_events
)

select
    source, ticket_key,
    count(*) as event_count,
    bool_or(is_talk) as has_talk,
    bool_or(is_talk and actor_role = 'agent') as has_agent_talk,
    min(case when is_talk and actor_role = 'customer' then occurred_at end) as first_customer_at,
    min(case when is_talk and is_heard and actor_role = 'agent' then occurred_at end) as first_answered_at,
    cast(sum(case when is_talk and is_heard and actor_role = 'agent' then 1 else 0 end) as bigint) as answer_count,
    min(case when is_solve and actor_role = 'bot' then occurred_at end) as bot_solved_at,

    cast(sum(case when event_type = 'status' and status = 'solved' then 1 else 0 end) as bigint) as solve_count,
    max(case when event_type = 'status' and status = 'solved' then occurred_at end) as last_solved_at,
    bool_or(is_solve and event_type in ('created', 'status') and actor_role in ('bot', 'customer'))
        as is_solved_by_machine,
    bool_or(is_solve and event_type in ('created', 'status') and coalesce(actor_role, 'agent') = 'agent')
        as is_solved_by_agent,

    bool_or(event_type = 'assigned') as is_assigned,
    bool_or(event_type = 'escalated') as is_escalated,
    bool_or(agent_id is not null) as has_owner,
    case when min(holder_id) = max(holder_id) then min(holder_id) end as only_holder_id,
    bool_or(holder_id is not null) as has_holder,
    min(case when holder_id is not null then occurred_at end) as first_held_at,
    bool_or(agent_id is not null and event_type = 'assigned') as is_handed_on,
    min(case when agent_id is not null then event_seq end) as first_owner_seq,
    bool_or(event_type = 'assigned' and agent_id is null) as has_owner_gap,
    bool_or(team is not null and event_type in ('created', 'status', 'assigned', 'escalated')) as is_team_known,
    min(case when event_type in ('created', 'status', 'assigned', 'escalated') then team end) as first_team,
    min(case
        when team is not null and event_type in ('created', 'status', 'assigned', 'escalated') then occurred_at
    end) as first_team_at,
    bool_or(team is not null) as has_team,
    coalesce(
        min(case when event_type in ('created', 'status', 'assigned', 'escalated') then team end)
        <> max(case when event_type in ('created', 'status', 'assigned', 'escalated') then team end), false
    ) as is_passed_on,
    bool_or(status is not null and event_type in ('created', 'status')) as has_status,
    bool_or(
        (event_type = 'notice' and is_heard)
        or (event_type = 'message' and actor_role = 'system' and is_heard)
        or (event_type in ('status', 'assigned', 'escalated') and coalesce(is_public, false))
    ) as is_informed
from events
group by source, ticket_key
