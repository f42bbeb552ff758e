-- Field visits by result, first and later ones apart, by the day of the ticket.
-- grain: date, source, region, area, tier, is_vip, channel, customer_type, product, product_group, result, fault_code, visit_no_group
-- access: region
-- by: date
-- key: core.fct_visits = created_date
select
    created_date as date, source, region, area, tier, is_vip, channel, customer_type, product, product_group,
    result, fault_code, case when visit_rank = 1 then 'first' else 'later' end as visit_no_group,
    count(*) as visit_count
from core.fct_visits
where is_counted
group by all
