-- Tickets that someone answers for: was the response due in time, and the matter due to be settled, and were they?
-- grain: ticket_key
-- keep: view
-- How it is found out: fct_staff_tickets_own.
select
    source, ticket_key, staffs_staff_key as staff_key, created_date, region, area, tier, is_vip, channel,
    customer_type, product, product_group, category, priority, team, staffs_role as role, staffs_outlet as outlet,
    is_response_due, response_state = 'met' as is_response_met, is_resolution_due, is_resolved_for_good
from core.fct_ticket_facts
where is_resolution_due is not null
