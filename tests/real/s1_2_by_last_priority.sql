-- By the priority an incident ended with, not the one it was opened with.
select
    priority_last as priority,
    count(*) as n,
    count(resolved_at_reported) as resolved,
    round(median(date_diff('minute', created_at, resolved_at_reported)) / 60, 2) as median_res_h,
    round(median(date_diff('minute', created_at, closed_at)) / 60, 2) as median_close_h,
    round(100 * avg(source_sla_met::int), 2) as made_sla_pct,
    round(100 * avg((reopen_count > 0)::int), 2) as reopen_pct
from core.fct_tickets
where source = 'servicenow'
group by priority_last
order by list_position(['urgent', 'high', 'normal', 'low'], priority_last)
