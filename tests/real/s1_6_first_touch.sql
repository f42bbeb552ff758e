-- Until the first change after which the incident is no longer new.
with first_touches as (
    select
        tickets.created_at,
        min(events.occurred_at) filter (where events.status <> 'new') as touched_at
    from core.fct_tickets as tickets
    inner join core.fct_ticket_events as events using (ticket_key)
    where tickets.source = 'servicenow'
    group by tickets.ticket_key, tickets.created_at
)

select
    count(touched_at) as n,
    round(median(date_diff('minute', created_at, touched_at)) / 60, 3) as median_first_touch_h
from first_touches
