-- Complaints by the day they were received: settled, closed, within their limits.
-- grain: date, source, region, area, tier, is_vip, channel, customer_type, product, product_group, grade, reason
-- access: region
-- by: date
-- key: core.fct_complaints = received_date
select
    received_date as date, source, region, area, tier, is_vip, channel, customer_type, product, product_group,
    grade, reason,
    count(*) filter (where is_counted) as complaint_count,
    count(*) filter (where not is_counted) as repeated_within_day_count,
    count(*) filter (where is_open) as open_count,
    count(*) filter (where is_withdrawn) as withdrawn_count,
    count(*) filter (where is_counted and is_raised_again) as recomplaint_count,
    count(*) filter (where is_closure_matured) as closure_matured_count,
    count(*) filter (where is_closure_maturing) as closure_maturing_count,
    count(*) filter (where is_settled) as settled_count,
    count(*) filter (where is_settled and is_settled_by_silence) as settled_by_silence_count,
    count(*) filter (where is_closed_matured) as closed_matured_count,
    count(*) filter (where is_closed_maturing) as closed_maturing_count,
    count(*) filter (where is_closed) as closed_count,
    count(*) filter (where is_24h_due) as within_24h_due_count,
    count(*) filter (where is_24h_waiting) as within_24h_waiting_count,
    count(*) filter (where is_within_24h) as within_24h_count,
    count(*) filter (where is_plan_due) as plan_due_count,
    count(*) filter (where is_plan_waiting) as plan_waiting_count,
    count(*) filter (where is_plan_within_48h) as plan_within_48h_count
from core.fct_complaints
group by all
