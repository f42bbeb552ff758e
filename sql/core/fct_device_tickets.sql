-- Tickets about a known device: was it under warranty, did it report its fault itself, and before its owner did?
-- grain: ticket_key
-- keep: view
-- How it is found out: fct_device_tickets_own.
select
    source, ticket_key, substr(ticket_key, length(source) + 2) as ticket_id, asset_key, customer_key, created_at,
    created_date, region, area, tier, is_vip, channel, customer_type, product, product_group, category, priority, kind,
    team, opened_by, reported_at, first_alert_at, warranty_end_at, is_connected, is_connected_repair, is_proactive,
    is_alert_first, lead_seconds, has_warranty, is_in_warranty
from core.fct_ticket_facts
where has_warranty is not null
