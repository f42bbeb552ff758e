-- First field visits by the day of the ticket: fixed for good or not, and repairs that came back.
-- grain: date, source, region, area, tier, is_vip, channel, customer_type, product, product_group, result, fault_code
-- access: region
-- by: date
-- key: core.fct_first_visits = created_date
select
    created_date as date, source, region, area, tier, is_vip, channel, customer_type, product, product_group,
    result, fault_code,
    count(*) as first_visit_count,
    count(*) filter (where is_matured) as first_matured_count,
    count(*) filter (where is_maturing) as first_maturing_count,
    count(*) filter (where is_fixed_first) as first_fixed_count,
    count(*) filter (where is_repair_matured) as repair_matured_count,
    count(*) filter (where is_repair_maturing) as repair_maturing_count,
    count(*) filter (where is_repair_repeated) as repair_repeated_count
from core.fct_first_visits
group by all
