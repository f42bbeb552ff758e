-- Phone calls and chat sessions of customers: who answered, how soon, and whether they came again.
-- grain: contact_key
-- An abandoned call is a missed one after more than 5 s; one given up sooner was never offered. A chat waits from the
-- moment a person was asked for, never from the agent's accepting, and counts if that fell into office hours. Contained
-- means settled by bot or IVR: no person, and the customer did not call, write or open a ticket again within 24 h of
-- its end. Contacts of unknown customers cannot show that and leave both sides.
with
calls as (select * from staging.stg_calls),
sessions as (select * from staging.stg_chat_sessions),
tickets as (select * from core.fct_tickets_own),
ticket_records as (select ticket_key, opened_by from staging.stg_tickets),
customer_ids as (select * from core.dim_customer_ids),
customers as (select * from core.dim_customers),
tier_spans as (select * from core.dim_tier_spans),
regions as (select * from core.dim_regions),
tiers as (select tier, lower(is_vip) = 'true' as is_vip from raw.tiers),
clock as (select * from core.dim_clock where calendar_id = 'office'),
run as (select * from raw.run),

begun as (
    select
        source, call_key as contact_key, 'call' as medium, 'phone' as channel, ticket_key, customer_key,
        queued_at as started_at, queued_at as asked_at, answered_at, abandoned_at,
        coalesce(abandoned_at, queued_at) as ended_at,
        coalesce(is_ivr_contained, false) as is_machine_settled,
        coalesce(is_ivr_contained, false) as is_machine_begun,
        cast(null as boolean) as is_routine
    from calls
    union all
    select
        source, session_key, 'chat', 'chat', ticket_key, customer_key,
        started_at, human_requested_at, agent_first_message_at,
        case when agent_first_message_at is null then ended_at end,
        coalesce(ended_at, started_at),
        coalesce(resolved_by = 'bot', false) and human_requested_at is null and agent_first_message_at is null,
        -- A session that opened in the agents' queue never was the bot's.
        coalesce(coalesce(human_requested_at, agent_first_message_at) > started_at, true),
        is_routine
    from sessions
),

keyed as (
    select
        begun.*, run.as_of, run.business_timezone,
        coalesce(customer_ids.customer_key, begun.customer_key, tickets.customer_key) as person_key,
        tickets.ticket_key is not null as has_ticket, tickets.kind as ticket_kind,
        nullif(tickets.region, 'unknown') as ticket_region, nullif(tickets.tier, 'unknown') as ticket_tier,
        coalesce(tickets.product, 'unknown') as product, coalesce(tickets.product_group, 'unknown') as product_group,
        cast(date_diff('second', begun.ended_at, run.as_of) as bigint) as ended_age_seconds,
        cast(date_diff('second', begun.asked_at, run.as_of) as bigint) as asked_age_seconds,
        cast(date_diff('second', begun.asked_at, coalesce(begun.answered_at, begun.abandoned_at, run.as_of)) as bigint)
            as wait_seconds
    from begun
    cross join run
    left join customer_ids on begun.customer_key = customer_ids.named_key
    left join tickets on begun.ticket_key = tickets.ticket_key
),

-- What a customer did, to see who came back. A ticket that an agent or an alert opened is no coming back.
knocks as (
    select person_key, contact_key, started_at
    from keyed
    where person_key is not null
    union all
    select tickets.customer_key, tickets.ticket_key, tickets.created_at
    from tickets
    inner join ticket_records on tickets.ticket_key = ticket_records.ticket_key
    where tickets.customer_key is not null and tickets.is_counted
        and coalesce(ticket_records.opened_by, 'customer') = 'customer'
),

came_again as (
    select distinct keyed.contact_key
    from keyed
    inner join knocks
        on keyed.person_key = knocks.person_key
        and keyed.contact_key <> knocks.contact_key
        and knocks.started_at > keyed.ended_at
    where keyed.is_machine_settled
        and date_diff('second', keyed.ended_at, knocks.started_at) <= 24 * 3600
        -- The ticket that came of the contact is the same matter; a call about it later is not.
        and knocks.contact_key <> coalesce(keyed.ticket_key, '')
),

asked_points as (
    select
        contact_key,
        cast(asked_at at time zone 'UTC' at time zone business_timezone as date) as local_date,
        asked_at at time zone 'UTC' at time zone business_timezone as at_local
    from keyed
    where medium = 'chat' and asked_at is not null
),

asked_seconds as (
    select
        contact_key, local_date,
        cast(date_diff('second', cast(local_date as timestamp), at_local) as bigint) as second_of_day
    from asked_points
),

office_asked as (
    select asked_seconds.contact_key
    from asked_seconds
    inner join clock
        on asked_seconds.local_date = clock.date
        and asked_seconds.second_of_day >= clock.from_second and asked_seconds.second_of_day < clock.to_second
    where clock.is_open
),

sliced as (
    select
        keyed.*,
        coalesce(keyed.ticket_region, tier_spans.region, 'unknown') as region,
        coalesce(tier_spans.tier, keyed.ticket_tier, 'unknown') as tier,
        coalesce(customers.customer_type, 'unknown') as customer_type,
        came_again.contact_key is not null as is_repeated,
        keyed.person_key is not null and keyed.ended_age_seconds >= 24 * 3600 as is_machine_matured,
        keyed.person_key is not null and keyed.ended_age_seconds < 24 * 3600 as is_machine_maturing,
        keyed.is_machine_settled and came_again.contact_key is null as is_contained,
        keyed.medium = 'call' and not keyed.is_machine_settled and keyed.wait_seconds >= 0
            and not (keyed.answered_at is null and keyed.abandoned_at is not null and keyed.wait_seconds <= 5)
            as is_offered,
        keyed.medium = 'chat' and office_asked.contact_key is not null and keyed.wait_seconds >= 0 as is_asked
    from keyed
    left join came_again on keyed.contact_key = came_again.contact_key
    left join office_asked on keyed.contact_key = office_asked.contact_key
    left join customers on keyed.person_key = customers.customer_key
    left join tier_spans
        on keyed.person_key = tier_spans.customer_key
        and keyed.started_at >= tier_spans.valid_from and keyed.started_at < tier_spans.valid_to
),

judged as (
    select
        *,
        medium = 'chat' and is_machine_begun as is_bot_session,
        -- Calls do not say whether they were routine: one about a repair, return or complaint was not.
        case when medium = 'chat' then coalesce(is_routine, false)
            else (is_offered or is_machine_settled) and coalesce(ticket_kind, 'consult') = 'consult' end
            as is_routine_consult,
        -- A contact with a ticket is that ticket's issue, and a call given up at once is none.
        not has_ticket and (medium = 'chat' or is_offered or is_machine_settled) as is_own_issue
    from sliced
)

select
    judged.source, judged.contact_key, judged.medium, judged.ticket_key, judged.person_key as customer_key,
    judged.started_at,
    cast(judged.started_at at time zone 'UTC' at time zone judged.business_timezone as date) as started_date,
    judged.region, coalesce(regions.area, 'unknown') as area, judged.tier, coalesce(tiers.is_vip, false) as is_vip,
    judged.channel, judged.customer_type, judged.product, judged.product_group,
    judged.answered_at, judged.abandoned_at, judged.ended_at,
    case when judged.wait_seconds >= 0 then judged.wait_seconds end as wait_seconds,
    judged.answered_at is not null as is_answered,
    judged.is_offered, judged.is_asked,
    judged.is_offered and (judged.answered_at is not null or judged.abandoned_at is not null
        or judged.asked_age_seconds >= 30) as is_call_due,
    judged.is_offered and judged.answered_at is null and judged.abandoned_at is null
        and judged.asked_age_seconds < 30 as is_call_waiting,
    judged.is_offered and judged.answered_at is not null and judged.wait_seconds <= 30 as is_answered_within_30s,
    judged.is_asked and (judged.answered_at is not null or judged.abandoned_at is not null
        or judged.asked_age_seconds >= 180) as is_chat_due,
    judged.is_asked and judged.answered_at is null and judged.abandoned_at is null
        and judged.asked_age_seconds < 180 as is_chat_waiting,
    judged.is_asked and judged.answered_at is not null and judged.wait_seconds <= 180 as is_answered_within_180s,
    judged.is_bot_session and judged.is_machine_matured as is_bot_matured,
    judged.is_bot_session and judged.is_machine_maturing as is_bot_maturing,
    judged.is_routine_consult and judged.is_machine_matured as is_routine_matured,
    judged.is_routine_consult and judged.is_machine_maturing as is_routine_maturing,
    judged.is_own_issue and judged.is_machine_matured as is_issue_matured,
    judged.is_own_issue and judged.is_machine_maturing as is_issue_maturing,
    judged.is_repeated, judged.is_contained
from judged
left join regions on judged.region = regions.region
left join tiers on judged.tier = tiers.tier
