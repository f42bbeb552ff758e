-- How often agents took the word in public on each ticket: messages in a row count as one turn.
-- grain: ticket_key
-- by: ticket_key
-- keep: build
-- Up to 7 days after the first solve: what is said later must not change a value that has matured.
with
open_spans as (select * from core.fct_open_spans where span_no = 1),
events as (
    select *
    from staging.stg_ticket_events
    where event_type in ('message', 'call') and actor_role in ('agent', 'customer') and coalesce(is_public, true)
),

messages as (
    select events.ticket_key, events.event_seq, events.occurred_at, events.event_type, events.actor_role
    from events
    inner join open_spans on events.ticket_key = open_spans.ticket_key
    where open_spans.ended_at is null
        or events.occurred_at <= open_spans.ended_at
        or date_diff('second', open_spans.ended_at, events.occurred_at) <= 7 * 86400
),

ordered as (
    select
        ticket_key, actor_role,
        lag(actor_role) over (partition by ticket_key order by event_seq, occurred_at, event_type) as role_before
    from messages
)

select
    ticket_key,
    cast(sum(case when actor_role = 'agent' and (role_before is null or role_before <> 'agent') then 1 else 0 end)
        as bigint) as agent_turn_count
from ordered
group by ticket_key
