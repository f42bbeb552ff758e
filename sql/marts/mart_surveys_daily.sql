-- Surveys by the day they were sent, and those answered within 7 days.
-- grain: date, source, region, area, tier, is_vip, channel, customer_type, product, product_group, kind
-- access: region
-- by: date
-- key: core.fct_surveys = sent_date
select
    sent_date as date, source, region, area, tier, is_vip, channel, customer_type, product, product_group,
    kind,
    count(*) as sent_count,
    count(*) filter (where is_answered_in_time) as answered_count,
    count(*) filter (where is_sent_matured) as matured_count,
    count(*) filter (where not is_sent_matured) as maturing_count,
    count(*) filter (where is_sent_matured and is_answered_in_time) as matured_answered_count,
    count(*) filter (where is_instant_matured) as instant_matured_count,
    count(*) filter (where is_instant_maturing) as instant_maturing_count,
    count(*) filter (where is_instant_matured and is_answered_in_time) as instant_answered_count
from core.fct_surveys
where is_sent
group by all
