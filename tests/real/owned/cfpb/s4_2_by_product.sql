select
    category,
    count(*) as n,
    round(100 * avg(source_sla_met::int), 2) as timely_pct,
    round(100 * avg((status = 'closed')::int), 2) as closed_pct
from core.fct_tickets
where source = 'cfpb'
group by category
order by n desc
