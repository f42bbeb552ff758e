-- Months of the log's own clock (UTC by declaration), not business months.
select
    strftime(created_at, '%Y-%m') as month_opened,
    count(*) as n,
    round(100 * avg(source_sla_met::int), 2) as made_sla_pct
from core.fct_tickets
where source = 'servicenow'
group by all
order by month_opened
limit 4
