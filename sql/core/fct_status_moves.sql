-- The statuses that the history of each ticket tells of, one after the other.
-- grain: ticket_key, event_seq, moved_at
-- by: ticket_key
-- keep: build
-- A call or notice may carry a word in its status column too; only a creation and a change of status move a ticket.
-- Where the two share an instant, the change says what holds from then on. is_step: the status differs from the event
-- before.
with
run as (select business_timezone from raw.run),
events as (
    select
        events.source, events.ticket_key, events.event_seq, events.occurred_at, events.event_type, events.status,
        events.occurred_at at time zone 'UTC' at time zone run.business_timezone as occurred_local
    from staging.stg_ticket_events as events
    cross join run
    where events.status is not null and events.event_type in ('created', 'status')
),

-- Everything that a reader asks of neighbours, from one sort.
ordered as (
    select
        *,
        lag(status) over (partition by ticket_key order by event_seq, occurred_at, event_type) as status_before,
        lag(status, 2) over (partition by ticket_key order by event_seq, occurred_at, event_type) as status_before_that,
        lag(event_seq) over (partition by ticket_key order by event_seq, occurred_at, event_type) as seq_before,
        lag(occurred_at) over (partition by ticket_key order by event_seq, occurred_at, event_type) as at_before,
        lead(event_seq) over (partition by ticket_key order by event_seq, occurred_at, event_type) as next_seq,
        lead(occurred_at) over (partition by ticket_key order by event_seq, occurred_at, event_type) as next_at,
        lead(occurred_local) over (partition by ticket_key order by event_seq, occurred_at, event_type) as next_local
    from events
)

select
    source, ticket_key, event_seq, occurred_at as moved_at, status,
    case when seq_before = event_seq and at_before = occurred_at then status_before_that else status_before end
        as status_before,
    next_at,
    occurred_local as moved_local, next_local,
    event_type = 'status' and (status_before is null or status <> status_before) as is_step
from ordered
where not coalesce(next_seq = event_seq and next_at = occurred_at, false)
