-- The five largest locations: an incident stays where it ended.
select
    region,
    count(*) as n,
    round(median(date_diff('minute', created_at, resolved_at_reported)) / 60, 2) as median_res_h,
    round(100 * avg(source_sla_met::int), 2) as made_sla_pct
from core.fct_tickets
where source = 'servicenow'
group by all
order by n desc, region
limit 5
