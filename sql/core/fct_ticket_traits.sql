-- What else is known of each ticket: its coding, links to other systems, flow, and how those waiting fared.
-- grain: ticket_key
-- keep: view
-- How it is found out: fct_ticket_traits_own.
select
    source, ticket_key, substr(ticket_key, length(source) + 2) as ticket_id, customer_key, created_at, created_date,
    created_local, day_kind, region, area, tier, is_vip, channel, customer_type, product, product_group, scene, kind,
    category, priority, team, status, is_counted, is_channel_registered, is_online, is_merged,
    is_merged_across_channels, is_received, is_customer_known, is_service, is_purchase_known, is_progress_told,
    is_informed, flow_id, expected_flow_id, is_flow_mapped, is_flow_fit, is_response_expected, is_responded,
    response_business_seconds, response_calendar_seconds, response_state, is_chat_asked, is_chat_due, is_chat_waiting,
    is_chat_in_time, is_contact_expected, first_contact_at, is_contacted, contact_seconds, is_contact_due,
    is_contact_waiting, is_contacted_within_24h, is_consult, is_consult_matured, is_consult_maturing,
    is_consult_resolved, is_24h_matured, is_solved_within_24h, score, is_rated, is_dissatisfied, customer_wait_seconds
from core.fct_ticket_facts
where is_merged is not null
