-- Whether a solved ticket stayed solved, and whether one turn of an agent was enough.
-- grain: ticket_key
-- keep: view
-- How it is found out: fct_ticket_outcomes_own.
select
    source, ticket_key, substr(ticket_key, length(source) + 2) as ticket_id, created_date, region, area, tier, is_vip,
    channel, customer_type, product, product_group, category, priority, team, first_solved_at, agent_turn_count,
    is_solved_matured, is_solve_maturing, is_reopened, is_solved_remotely, is_contact_matured, is_contact_maturing,
    is_first_contact_resolved, is_24h_matured, is_24h_maturing, is_solved_within_24h, is_repeated_within_7d
from core.fct_ticket_facts
where is_repeated_within_7d is not null
