-- Solved tickets, each credited to the one agent who held it when it was first solved, with what became of it.
-- grain: ticket_key
-- keep: view
-- How it is found out: fct_agent_tickets_own.
select
    source, ticket_key, substr(ticket_key, length(source) + 2) as ticket_id, staff_key, created_date,
    first_solved_at as solved_at, credited_date as solved_date, region, area, tier, is_vip, channel, customer_type,
    product, product_group, category, priority, kind, team, role, outlet, article_key,
    article_key is not null as has_article, is_reviewed, is_reopen_matured,
    is_reopen_matured and not is_reopened_within_7d as is_kept, rated_date, score, ratings_is_rated as is_rated,
    is_satisfied
from core.fct_ticket_facts
where is_reviewed is not null
