-- What became of tickets, by the day they arrived: reopened, solved in a day, solved at first contact.
-- grain: date, source, region, area, tier, is_vip, channel, customer_type, product, product_group
-- access: region
-- by: date
-- key: core.fct_ticket_facts = created_date
select
    created_date as date, source, region, area, tier, is_vip, channel, customer_type, product, product_group,
    count(*) filter (where is_solved_matured) as solved_matured_count,
    count(*) filter (where is_solve_maturing) as solve_maturing_count,
    count(*) filter (where is_reopened) as reopened_count,
    count(*) filter (where is_24h_matured) as within_24h_matured_count,
    count(*) filter (where is_24h_maturing) as within_24h_maturing_count,
    count(*) filter (where is_solved_within_24h) as solved_within_24h_count,
    count(*) filter (where is_contact_matured) as contact_matured_count,
    count(*) filter (where is_contact_maturing) as contact_maturing_count,
    count(*) filter (where is_first_contact_resolved) as first_contact_resolved_count
from core.fct_ticket_facts
group by all
