-- Repair tickets along the chain 报修-派单-维修-验收-跟进, by the day they were reported.
-- grain: date, source, region, area, tier, is_vip, channel, customer_type, product, product_group
-- access: region
-- by: date
-- key: core.fct_repair_chains = created_date
select
    created_date as date, source, region, area, tier, is_vip, channel, customer_type, product, product_group,
    count(*) as reported_count,
    count(*) filter (where is_dispatched) as dispatched_count,
    count(*) filter (where is_arrived) as arrived_count,
    count(*) filter (where is_repaired) as repaired_count,
    count(*) filter (where is_accepted) as accepted_count,
    count(*) filter (where is_followed_up) as followed_up_count,
    count(*) filter (where is_dispatch_due) as dispatch_due_count,
    count(*) filter (where is_dispatch_due and is_dispatched_in_time) as dispatched_in_time_count,
    count(*) filter (where is_dispatch_waiting) as dispatch_waiting_count
from core.fct_repair_chains
group by all
