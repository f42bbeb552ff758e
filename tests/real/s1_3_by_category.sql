-- The five largest categories.
select
    category,
    count(*) as n,
    round(median(date_diff('minute', created_at, resolved_at_reported)) / 60, 2) as median_res_h,
    round(100 * avg((reopen_count > 0)::int), 2) as reopen_pct
from core.fct_tickets
where source = 'servicenow'
group by all
order by n desc, category
limit 5
