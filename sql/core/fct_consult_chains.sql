-- Consult tickets along the chain: opened, assigned, answered, solved, followed up (发起-分流-响应-解答-回访).
-- grain: ticket_key
-- keep: view
-- How it is found out: fct_consult_chains_own.
select
    source, ticket_key, substr(ticket_key, length(source) + 2) as ticket_id, created_at, created_date, region, area,
    tier, is_vip, channel, customer_type, product, product_group, scene, category, priority, team, is_open,
    assigned_at, first_response_at, resolved_at, followed_up_at, is_assigned, is_responded, is_resolved,
    is_followed_up, is_chain_closed, is_chain_matured, is_chain_maturing, is_chain_complete, routing_seconds,
    answering_seconds, solving_seconds, following_seconds
from core.fct_ticket_facts
where is_assigned is not null
