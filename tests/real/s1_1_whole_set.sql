-- Incidents, their resolution time by the system's own field, its SLA verdict, reopenings, first fixes.
-- Minutes are clock boundaries, as the reference counts them; the log has no seconds.
select
    count(*) as incidents,
    count(resolved_at_reported) as resolved,
    round(median(date_diff('minute', created_at, resolved_at_reported)) / 60, 2) as median_res_h,
    round(avg(date_diff('minute', created_at, resolved_at_reported)) / 60, 2) as mean_res_h,
    round(quantile_cont(date_diff('minute', created_at, resolved_at_reported), 0.9) / 60, 2) as p90_res_h,
    round(100 * avg(source_sla_met::int), 2) as made_sla_pct,
    round(100 * avg((reopen_count > 0)::int), 2) as reopen_pct,
    round(100 * avg((reassign_count = 0 and reopen_count = 0 and resolved_at_reported is not null)::int), 2)
        as first_fix_pct
from core.fct_tickets
where source = 'servicenow'
