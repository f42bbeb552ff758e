-- Resolution by the last "Resolve ticket", as the reference counts it; our own is in test_event_log.py.
with histories as (
    select
        ticket_key,
        min(occurred_at) as opened_at,
        max(occurred_at) filter (status = 'solved') as solved_at,
        max(occurred_at) filter (status = 'closed') as closed_at,
        count(*) filter (status = 'solved') as solves,
        bool_or(status = 'pending') as has_waited
    from core.fct_ticket_events
    where source = 'xes'
    group by ticket_key
)

select
    count(*) as tickets,
    round(median(date_diff('second', opened_at, tickets.first_response_at)) / 3600, 3) as median_first_response_h,
    count(tickets.first_response_at) as with_first_response,
    round(median(date_diff('second', opened_at, solved_at)) / 86400, 3) as median_resolve_d,
    round(median(date_diff('second', opened_at, histories.closed_at)) / 86400, 3) as median_close_d,
    round(100 * avg((solves > 1)::int), 2) as resolved_more_than_once_pct,
    round(100 * avg(has_waited::int), 2) as waited_pct
from histories
inner join core.fct_tickets as tickets using (ticket_key)
