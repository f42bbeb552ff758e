-- One row per ticket: its slices and every time and state that the service KPIs are built from.
-- grain: ticket_key
-- keep: view
-- Durations are whole seconds. One that has not ended runs to as_of and its is_... flag is false (censored), so that
-- an open or unanswered ticket stays in the statistic. NULL: the times contradict each other or nothing is known.
-- How it is found out: fct_tickets_own.
select
    source, ticket_key, substr(ticket_key, length(source) + 2) as ticket_id, customer_key, asset_key, order_key,
    created_at, created_date, created_local, region, area, tier, tier_basis, is_vip, channel, customer_type, product,
    product_group, scene, kind, category, priority, priority_last, team, agent_id, status, is_counted, reopen_count,
    reassign_count, source_sla_met, resolved_at_reported, closed_at, merged_into_key, response_start_at,
    first_response_at, is_response_expected, is_responded, is_out_of_hours, response_business_seconds,
    response_calendar_seconds, response_limit_seconds, response_policy_seconds, response_state, is_open,
    first_solved_at, reopened_at, resolved_at, is_resolved, is_resolution_expected, resolution_business_seconds,
    resolution_calendar_seconds, resolution_limit_seconds, resolution_policy_seconds, resolution_clock,
    resolution_pauses_on, resolution_state, has_visit, has_messages, agent_turn_count, is_first_solved,
    is_reopen_matured, is_reopened_within_7d
from core.fct_ticket_facts
