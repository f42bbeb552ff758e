-- When tickets arrive, by local weekday and hour, and whether they were answered in time.
-- grain: date, source, region, area, tier, is_vip, channel, customer_type, product, product_group, weekday, hour
-- access: region
-- by: date
-- key: core.fct_ticket_facts = created_date
-- Weekday 1 is Monday.
select
    created_date as date, source, region, area, tier, is_vip, channel, customer_type, product, product_group,
    cast(isodow(created_date) as integer) as weekday, cast(extract(hour from created_local) as integer) as hour,
    count(*) filter (where is_counted) as ticket_count,
    count(*) filter (where response_state = 'met') as response_met_count,
    count(*) filter (where response_state in ('met', 'breached', 'breached_open')) as response_due_count
from core.fct_ticket_facts
where is_counted
group by all
