-- The same tickets under four sets of rules: ours, and those of Zendesk, Freshdesk and dbt_zendesk as they publish them.
-- grain: ticket_key
-- keep: build
-- by: ticket_key
-- A value is NULL where a rule leaves the ticket out. Seconds are elapsed ones on every side, so that only the rules
-- differ. Zendesk: creation to the first public agent comment (the second, where an agent opened the ticket), empty
-- until there is one. Freshdesk: the same for assigned tickets, without merged and spam ones. dbt_zendesk: the first
-- public agent comment after the customer's first; resolution to the last solve even if the ticket is open again.
with
tickets as (select * from core.fct_tickets_own),
openers as (select ticket_key, opened_by, is_deleted, is_spam from staging.stg_tickets),
histories as (select * from core.fct_ticket_histories),

-- Where a source names no agents at all, that a ticket has none says nothing.
agent_sources as (select distinct source from core.dim_datasets where dataset = 'ticket_agents'),

-- What a customer opens a ticket with is the customer's first comment.
commented as (
    select
        tickets.ticket_key, openers.opened_by = 'agent' as is_opened_by_agent, histories.first_answered_at,
        case when coalesce(openers.opened_by, 'customer') = 'customer'
            then least(tickets.created_at, coalesce(histories.first_customer_at, tickets.created_at))
            else histories.first_customer_at end as first_customer_at
    from core.fct_tickets_own as tickets
    inner join openers on tickets.ticket_key = openers.ticket_key
    inner join histories on tickets.ticket_key = histories.ticket_key
    where histories.first_answered_at is not null
),

-- Most often the first comment of an agent is also the one after the customer's: only of the others all are read.
later_comments as (
    select
        commented.ticket_key, commented.first_customer_at, events.occurred_at,
        row_number() over (
            partition by commented.ticket_key order by events.occurred_at, events.event_seq
        ) as comment_no
    from commented
    inner join staging.stg_ticket_events as events on commented.ticket_key = events.ticket_key
    where (commented.is_opened_by_agent or commented.first_answered_at <= commented.first_customer_at)
        and events.event_type in ('message', 'call') and events.actor_role = 'agent'
        and coalesce(events.is_public, true)
),

later_replies as (
    select
        ticket_key,
        min(case when comment_no = 2 then occurred_at end) as second_comment_at,
        min(case when occurred_at > first_customer_at then occurred_at end) as after_customer_at
    from later_comments
    group by ticket_key
),

joined as (
    select
        tickets.*, openers.opened_by,
        coalesce(openers.is_deleted, false) as is_deleted, coalesce(openers.is_spam, false) as is_spam,
        coalesce(histories.answer_count, 0) as agent_comment_count,
        case when openers.opened_by = 'agent' then later_replies.second_comment_at else histories.first_answered_at end
            as zendesk_reply_at,
        histories.first_answered_at as first_comment_at,
        case when commented.first_answered_at > commented.first_customer_at then commented.first_answered_at
            else later_replies.after_customer_at end as after_customer_at,
        coalesce(nullif(histories.solve_count, 0), case when tickets.first_solved_at is not null then 1 else 0 end)
            as solve_count,
        coalesce(histories.last_solved_at, tickets.resolved_at) as last_solved_at,
        tickets.status in ('solved', 'closed') as is_solved_now,
        tickets.agent_id is not null or agent_sources.source is null as is_assigned
    from tickets
    left join agent_sources on tickets.source = agent_sources.source
    inner join openers on tickets.ticket_key = openers.ticket_key
    left join histories on tickets.ticket_key = histories.ticket_key
    left join commented on tickets.ticket_key = commented.ticket_key
    left join later_replies on tickets.ticket_key = later_replies.ticket_key
)

select
    ticket_key,
    not is_counted as is_left_out,
    case when not is_deleted and has_messages
        then cast(date_diff('second', created_at, zendesk_reply_at) as bigint) end as zendesk_response_seconds,
    case when is_counted and is_assigned and has_messages
        then cast(date_diff('second', created_at, first_comment_at) as bigint) end as freshdesk_response_seconds,
    case when not is_deleted and has_messages
        then cast(date_diff('second', created_at, after_customer_at) as bigint) end as dbt_zendesk_response_seconds,
    case when not is_deleted and has_messages and is_solved_now then agent_comment_count < 2 end
        as zendesk_is_one_touch,
    case when is_counted and has_messages and is_solved_now then agent_comment_count = 1 and solve_count <= 1 end
        as freshdesk_is_one_touch,
    case when not is_deleted and has_messages and is_solved_now then agent_comment_count = 1 end
        as dbt_zendesk_is_one_touch,
    case when not is_deleted and solve_count > 0 then solve_count > 1 end as zendesk_is_reopened,
    case when is_counted and solve_count > 0 then solve_count > 1 end as freshdesk_is_reopened,
    case when not is_deleted and solve_count > 0 then solve_count > 1 end as dbt_zendesk_is_reopened,
    case when not is_deleted
        then cast(date_diff('second', created_at, last_solved_at) as bigint) end as dbt_zendesk_resolution_seconds
from joined
