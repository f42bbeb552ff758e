-- The same tickets under four sets of rules: ours, and those of Zendesk, Freshdesk and dbt_zendesk as they publish them.
-- grain: ticket_key
-- A value is NULL where a rule leaves the ticket out. Seconds are elapsed ones on every side, so that only the rules
-- differ. Zendesk: creation to the first public agent comment (the second, where an agent opened the ticket), empty
-- until there is one. Freshdesk: the same for assigned tickets, without merged and spam ones. dbt_zendesk: the first
-- public agent comment after the customer's first; resolution to the last solve even if the ticket is open again.
with
tickets as (select * from core.fct_tickets),
openers as (select ticket_key, opened_by, is_deleted, is_spam from staging.stg_tickets),
outcomes as (
    select ticket_key, is_contact_matured, is_first_contact_resolved, is_solved_matured, is_reopened
    from core.fct_ticket_outcomes
),
events as (select * from staging.stg_ticket_events),

-- What a customer opens a ticket with is the customer's first comment.
customer_starts as (
    select ticket_key, min(commented_at) as first_customer_at
    from (
        select ticket_key, occurred_at as commented_at
        from events
        where event_type in ('message', 'call') and actor_role = 'customer'
        union all
        select tickets.ticket_key, tickets.created_at
        from tickets
        inner join openers on tickets.ticket_key = openers.ticket_key
        where coalesce(openers.opened_by, 'customer') = 'customer'
    ) as customer_comments
    group by ticket_key
),

-- Where a source names no agents at all, that a ticket has none says nothing.
agent_sources as (select distinct source from core.dim_datasets where dataset = 'ticket_agents'),

comments as (
    select
        ticket_key, occurred_at,
        row_number() over (partition by ticket_key order by occurred_at, event_seq) as comment_no
    from events
    where event_type in ('message', 'call') and actor_role = 'agent' and coalesce(is_public, true)
),

replies as (
    select
        comments.ticket_key, count(*) as agent_comment_count,
        min(case when comments.comment_no = 1 then comments.occurred_at end) as first_comment_at,
        min(case when comments.comment_no = 2 then comments.occurred_at end) as second_comment_at,
        min(case when comments.occurred_at > customer_starts.first_customer_at then comments.occurred_at end)
            as after_customer_at
    from comments
    left join customer_starts on comments.ticket_key = customer_starts.ticket_key
    group by comments.ticket_key
),

solves as (
    select ticket_key, count(*) as solve_count, max(occurred_at) as last_solved_at
    from events
    where event_type = 'status' and status = 'solved'
    group by ticket_key
),

joined as (
    select
        tickets.*, openers.opened_by,
        coalesce(openers.is_deleted, false) as is_deleted, coalesce(openers.is_spam, false) as is_spam,
        outcomes.is_contact_matured, outcomes.is_first_contact_resolved,
        outcomes.is_solved_matured, outcomes.is_reopened,
        coalesce(replies.agent_comment_count, 0) as agent_comment_count,
        case when openers.opened_by = 'agent' then replies.second_comment_at else replies.first_comment_at end
            as zendesk_reply_at,
        replies.first_comment_at, replies.after_customer_at,
        coalesce(solves.solve_count, case when tickets.first_solved_at is not null then 1 else 0 end) as solve_count,
        coalesce(solves.last_solved_at, tickets.resolved_at) as last_solved_at,
        tickets.status in ('solved', 'closed') as is_solved_now,
        tickets.agent_id is not null or agent_sources.source is null as is_assigned
    from tickets
    left join agent_sources on tickets.source = agent_sources.source
    inner join openers on tickets.ticket_key = openers.ticket_key
    left join outcomes on tickets.ticket_key = outcomes.ticket_key
    left join replies on tickets.ticket_key = replies.ticket_key
    left join solves on tickets.ticket_key = solves.ticket_key
)

select
    source, ticket_key, ticket_id, created_date, created_at, region, area, tier, is_vip, channel, customer_type,
    product, product_group, category, priority, team, status, is_counted, is_responded, has_messages,
    response_start_at <> created_at as is_other_start,
    not is_counted as is_left_out, is_assigned, is_resolved,

    case when is_response_expected then response_calendar_seconds end as ours_response_seconds,
    case when not is_deleted and has_messages
        then cast(date_diff('second', created_at, zendesk_reply_at) as bigint) end as zendesk_response_seconds,
    case when is_counted and is_assigned and has_messages
        then cast(date_diff('second', created_at, first_comment_at) as bigint) end as freshdesk_response_seconds,
    case when not is_deleted and has_messages
        then cast(date_diff('second', created_at, after_customer_at) as bigint) end as dbt_zendesk_response_seconds,

    case when is_contact_matured then is_first_contact_resolved end as ours_is_one_touch,
    case when not is_deleted and has_messages and is_solved_now then agent_comment_count < 2 end
        as zendesk_is_one_touch,
    case when is_counted and has_messages and is_solved_now then agent_comment_count = 1 and solve_count <= 1 end
        as freshdesk_is_one_touch,
    case when not is_deleted and has_messages and is_solved_now then agent_comment_count = 1 end
        as dbt_zendesk_is_one_touch,

    case when is_solved_matured then is_reopened end as ours_is_reopened,
    case when not is_deleted and solve_count > 0 then solve_count > 1 end as zendesk_is_reopened,
    case when is_counted and solve_count > 0 then solve_count > 1 end as freshdesk_is_reopened,
    case when not is_deleted and solve_count > 0 then solve_count > 1 end as dbt_zendesk_is_reopened,

    case when is_resolution_expected then resolution_calendar_seconds end as ours_resolution_seconds,
    case when not is_deleted and is_solved_now
        then cast(date_diff('second', created_at, last_solved_at) as bigint) end as zendesk_resolution_seconds,
    case when is_counted and is_solved_now
        then cast(date_diff('second', created_at, last_solved_at) as bigint) end as freshdesk_resolution_seconds,
    case when not is_deleted
        then cast(date_diff('second', created_at, last_solved_at) as bigint) end as dbt_zendesk_resolution_seconds
from joined
