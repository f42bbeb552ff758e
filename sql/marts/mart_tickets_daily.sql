-- Tickets by the day they arrived: volumes and the states of their two promises.
-- grain: date, source, region, area, tier, is_vip, channel, customer_type, product, product_group
-- access: region
-- by: date
-- key: core.fct_ticket_facts = created_date
select
    created_date as date, source, region, area, tier, is_vip, channel, customer_type, product, product_group,
    count(*) filter (where is_counted) as ticket_count,
    count(*) filter (where not is_counted) as excluded_count,
    count(*) filter (where is_response_expected and not is_responded) as unanswered_count,
    count(*) filter (where is_response_expected and is_out_of_hours) as out_of_hours_count,
    count(*) filter (where response_state = 'met') as response_met_count,
    count(*) filter (where response_state = 'breached') as response_breached_count,
    count(*) filter (where response_state = 'breached_open') as response_open_breach_count,
    count(*) filter (where response_state = 'not_due') as response_not_due_count,
    count(*) filter (where response_state = 'no_policy') as response_no_policy_count,
    count(*) filter (where response_state in ('met', 'breached', 'breached_open')) as response_due_count,
    count(*) filter (where resolution_state = 'met') as resolution_met_count,
    count(*) filter (where resolution_state = 'breached') as resolution_breached_count,
    count(*) filter (where resolution_state = 'breached_open') as resolution_open_breach_count,
    count(*) filter (where resolution_state = 'not_due') as resolution_not_due_count,
    count(*) filter (where resolution_state = 'no_policy') as resolution_no_policy_count,
    count(*) filter (where resolution_state in ('met', 'breached', 'breached_open')) as resolution_due_count
from core.fct_ticket_facts
group by all
