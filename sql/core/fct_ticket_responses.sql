-- When each ticket began to wait for a person, and when the first person answered in public.
-- grain: ticket_key
-- keep: build
-- by: ticket_key
-- shared: message_sources
-- The customer's entry starts the wait, never an agent's accepting; bots, notes and the system never answer. A ticket
-- that an agent or an alert opened waits from the customer's first message. One that a bot solved waits only if it was reopened.
-- Where a source tells nothing about replies, is_response_expected is false: unknown is not unanswered.
with
tickets as (select source, ticket_key, opened_by, created_at, first_response_at from staging.stg_tickets),
histories as (select * from core.fct_ticket_histories),
open_spans as (select * from core.fct_open_spans where span_no > 1),

reply_sources as (select distinct source from core.dim_datasets where dataset = 'replies'),
message_sources as (select distinct source from histories where has_agent_talk),

-- Solved by a bot before any person had answered: the wait begins again when the customer comes back.
bot_only as (
    select histories.ticket_key, min(open_spans.opened_at) as reopened_at
    from histories
    left join open_spans
        on histories.ticket_key = open_spans.ticket_key and open_spans.opened_at >= histories.bot_solved_at
    where histories.bot_solved_at is not null
        and (histories.first_answered_at is null or histories.first_answered_at > histories.bot_solved_at)
    group by histories.ticket_key
),

starts as (
    select
        tickets.source, tickets.ticket_key, tickets.first_response_at, histories.first_answered_at,
        -- Where the ticket tells of an answer and no message is there, its messages were not exported.
        message_sources.source is not null
            and (coalesce(histories.has_talk, false) or tickets.first_response_at is null) as has_messages,
        coalesce(histories.has_talk, false) as is_told_by_messages,
        reply_sources.source is not null as has_replies,
        case
            when bot_only.ticket_key is not null then bot_only.reopened_at
            when tickets.opened_by in ('agent', 'alert') then histories.first_customer_at
            else tickets.created_at
        end as response_start_at
    from tickets
    left join histories on tickets.ticket_key = histories.ticket_key
    left join message_sources on tickets.source = message_sources.source
    left join reply_sources on tickets.source = reply_sources.source
    left join bot_only on tickets.ticket_key = bot_only.ticket_key
),

-- Where the first answer came before the wait began, the one that ended it has to be looked for.
later_replies as (
    select starts.ticket_key, min(events.occurred_at) as replied_at
    from starts
    inner join staging.stg_ticket_events as events
        on starts.ticket_key = events.ticket_key and events.occurred_at >= starts.response_start_at
    where starts.first_answered_at < starts.response_start_at
        and events.event_type in ('message', 'call') and events.actor_role = 'agent'
        and coalesce(events.is_public, true)
    group by starts.ticket_key
)

select
    starts.source,
    starts.ticket_key,
    starts.has_messages,
    starts.response_start_at,
    starts.has_replies and starts.response_start_at is not null as is_response_expected,
    -- Messages speak where a ticket has any; an export of recent messages must not silence older tickets.
    case
        when not starts.is_told_by_messages then starts.first_response_at
        when starts.first_answered_at >= starts.response_start_at then starts.first_answered_at
        else later_replies.replied_at
    end as first_response_at
from starts
left join later_replies on starts.ticket_key = later_replies.ticket_key
