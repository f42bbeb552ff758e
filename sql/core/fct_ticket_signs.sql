-- Signs that a number was looked after instead of a customer, ticket by ticket.
-- grain: ticket_key
-- keep: view
-- How it is found out: fct_ticket_signs_own.
select
    source, ticket_key, substr(ticket_key, length(source) + 2) as ticket_id, created_date, agent, region, area, tier,
    is_vip, channel, customer_type, product, product_group, category, priority, team, is_solve_over_1h,
    is_reopened_within_1h, signs_is_solved_remotely as is_solved_remotely, is_without_reply, is_near_due, is_parked,
    is_just_under, is_just_over, is_survey_expected, signs_is_surveyed as is_surveyed, is_troubled
from core.fct_ticket_facts
where is_parked is not null
