-- A closing that lies before the opening is no time of anything: the request counts, its duration does not.
-- The promised day is not here: facts carry a limit in seconds, not a day.
with visits as (
    select ticket_key, date_diff('minute', ticket_created_at, arrived_at) as minutes
    from core.fct_visits
    where arrived_at >= ticket_created_at
)

select
    count(*) as requests,
    count(*) filter (status = 'closed') as closed,
    round(100 * count(*) filter (status = 'closed') / count(*), 2) as closure_pct,
    round(median(date_diff('minute', created_at, closed_at)) / 1440, 2) as median_close_d,
    (select round(median(minutes) / 1440, 2) from visits) as median_visit_d
from core.fct_tickets
where source = 'stl_requests'
