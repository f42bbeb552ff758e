-- Tickets that were solved or rated: was the customer asked, what was said, and how had the ticket gone?
-- grain: ticket_key
-- keep: view
-- How it is found out: fct_ticket_ratings_own.
select
    source, ticket_key, substr(ticket_key, length(source) + 2) as ticket_id, customer_key, first_solved_at,
    solved_date, region, area, tier, is_vip, channel, customer_type, product, product_group, category, priority, kind,
    team, response_state, speed, outcome, survey_key, score, ratings_is_rated as is_rated, is_satisfied,
    is_coverage_due, is_coverage_waiting, is_surveyed, is_poll_due, is_on_time, is_speed_compared
from core.fct_ticket_facts
where is_surveyed is not null
