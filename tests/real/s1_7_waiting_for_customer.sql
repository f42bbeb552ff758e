-- Time spent waiting for the customer, from the status history in the log's own order.
with spans as (
    select
        ticket_key,
        status,
        occurred_at as entered_at,
        lead(occurred_at) over (partition by ticket_key order by event_seq, occurred_at) as left_at
    from core.fct_ticket_events
    where source = 'servicenow'
)

select
    count(distinct ticket_key) filter (where status = 'pending') as incidents_that_waited,
    round(sum(date_diff('minute', entered_at, left_at)) filter (where status = 'pending') / 60, 1)
        as total_wait_h
from spans
