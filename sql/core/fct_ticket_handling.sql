-- How each counted ticket was handled: moves between teams, time without an owner, steps, escalation.
-- grain: ticket_key
-- keep: view
-- How it is found out: fct_ticket_handling_own.
select
    source, ticket_key, substr(ticket_key, length(source) + 2) as ticket_id, customer_key, created_at, created_date,
    region, area, tier, is_vip, channel, customer_type, product, product_group, scene, kind, category, priority, team,
    resolved_at, is_resolved, is_open, is_team_known, team_change_count, is_one_stop_known, is_one_stop,
    is_owner_known, unowned_seconds, is_unowned_ended, is_steps_known, step_count, is_escalation_known, is_escalated
from core.fct_ticket_facts
where team_change_count is not null
