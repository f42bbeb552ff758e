-- When each ticket began to wait for a person, and when the first person answered in public.
-- grain: ticket_key
-- The customer's entry starts the wait, never an agent's accepting; bots, notes and the system never answer. A ticket
-- that an agent or an alert opened waits from the customer's first message. One that a bot solved waits only if it was reopened.
-- Where a source tells nothing about replies, is_response_expected is false: unknown is not unanswered.
with
tickets as (select * from staging.stg_tickets),
events as (select * from staging.stg_ticket_events),
datasets as (select * from core.dim_datasets),
open_spans as (select * from core.fct_open_spans),

reply_sources as (select distinct source from datasets where dataset = 'replies'),
message_sources as (
    select distinct source from events where event_type in ('message', 'call') and actor_role = 'agent'
),

answers as (
    select ticket_key, occurred_at
    from events
    where event_type in ('message', 'call') and actor_role = 'agent' and coalesce(is_public, true)
),

customer_messages as (
    select ticket_key, min(occurred_at) as first_message_at
    from events
    where event_type in ('message', 'call') and actor_role = 'customer'
    group by ticket_key
),

bot_solved as (
    select ticket_key, min(occurred_at) as bot_solved_at
    from events
    where actor_role = 'bot' and status in ('solved', 'closed')
    group by ticket_key
),

with_messages as (
    select distinct ticket_key from events where event_type in ('message', 'call')
),

first_answers as (
    select ticket_key, min(occurred_at) as first_answered_at
    from answers
    group by ticket_key
),

-- Solved by a bot before any person had answered: the wait begins again when the customer comes back.
bot_only as (
    select bot_solved.ticket_key, min(open_spans.opened_at) as reopened_at
    from bot_solved
    left join first_answers on bot_solved.ticket_key = first_answers.ticket_key
    left join open_spans
        on bot_solved.ticket_key = open_spans.ticket_key
        and open_spans.span_no > 1 and open_spans.opened_at >= bot_solved.bot_solved_at
    where first_answers.first_answered_at is null or first_answers.first_answered_at > bot_solved.bot_solved_at
    group by bot_solved.ticket_key
),

starts as (
    select
        tickets.source, tickets.ticket_key, tickets.first_response_at,
        -- Where the ticket tells of an answer and no message is there, its messages were not exported.
        message_sources.source is not null
            and (with_messages.ticket_key is not null or tickets.first_response_at is null) as has_messages,
        with_messages.ticket_key is not null as is_told_by_messages,
        reply_sources.source is not null as has_replies,
        case
            when bot_only.ticket_key is not null then bot_only.reopened_at
            when tickets.opened_by in ('agent', 'alert') then customer_messages.first_message_at
            else tickets.created_at
        end as response_start_at
    from tickets
    left join message_sources on tickets.source = message_sources.source
    left join with_messages on tickets.ticket_key = with_messages.ticket_key
    left join reply_sources on tickets.source = reply_sources.source
    left join bot_only on tickets.ticket_key = bot_only.ticket_key
    left join customer_messages on tickets.ticket_key = customer_messages.ticket_key
),

replies as (
    select starts.ticket_key, min(answers.occurred_at) as replied_at
    from starts
    inner join answers on starts.ticket_key = answers.ticket_key and answers.occurred_at >= starts.response_start_at
    group by starts.ticket_key
)

select
    starts.source,
    starts.ticket_key,
    starts.has_messages,
    starts.response_start_at,
    starts.has_replies and starts.response_start_at is not null as is_response_expected,
    -- Messages speak where a ticket has any; an export of recent messages must not silence older tickets.
    case when starts.is_told_by_messages then replies.replied_at else starts.first_response_at end as first_response_at
from starts
left join replies on starts.ticket_key = replies.ticket_key
