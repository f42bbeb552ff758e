select region, count(*) as n, round(100 * avg(source_sla_met::int), 2) as timely_pct
from core.fct_tickets
where source = 'cfpb' and region <> 'unknown'
group by region
order by n desc
limit 5
