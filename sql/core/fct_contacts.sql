-- Contacts of customers: phone calls, chat sessions and tickets; who answered, how soon, and whether they came again.
-- grain: contact_key
-- keep: view
-- How they are found out: fct_talks and fct_ticket_contacts_own.
select
    source, contact_key, medium, ticket_key, customer_key, started_at, started_date, region, area, tier, is_vip,
    channel, customer_type, product, product_group, answered_at, abandoned_at, ended_at, wait_seconds, is_answered,
    is_offered, is_asked, is_call_due, is_call_waiting, is_answered_within_30s, is_chat_due, is_chat_waiting,
    is_answered_within_180s, is_bot_matured, is_bot_maturing, is_routine_matured, is_routine_maturing,
    is_issue_matured, is_issue_maturing, is_repeated, is_contained
from core.fct_talks
union all
select
    source, ticket_key, 'ticket', ticket_key, customer_key, created_at, created_date,
    region, area, tier, is_vip, channel, customer_type, product, product_group,
    cast(null as timestamp), cast(null as timestamp), cast(null as timestamp), cast(null as bigint),
    false, false, false, false, false, false, false, false, false, false, false, false, false,
    is_issue_matured, is_issue_maturing, false, is_self_solved
from core.fct_ticket_facts
where is_self_solved is not null
