-- How often agents took the word in public on each ticket: messages in a row count as one turn.
-- grain: ticket_key
with
messages as (
    select ticket_key, event_seq, occurred_at, actor_role
    from staging.stg_ticket_events
    where event_type in ('message', 'call') and actor_role in ('agent', 'customer') and coalesce(is_public, true)
),

ordered as (
    select
        ticket_key, actor_role,
        lag(actor_role) over (partition by ticket_key order by event_seq, occurred_at) as role_before
    from messages
)

select
    ticket_key,
    cast(sum(case when actor_role = 'agent' and (role_before is null or role_before <> 'agent') then 1 else 0 end)
        as bigint) as agent_turn_count
from ordered
group by ticket_key
