-- The stretches of time in which a ticket was open: one, or one more for each reopening.
-- grain: ticket_key, span_no
-- ended_at is NULL while open. With status events the history speaks; without, the ticket's own times. A ticket that
-- is called solved without any time of it has a stretch of no length and is_end_known = false.
with
tickets as (select * from staging.stg_tickets),
-- A call or notice may carry a word in its status column too; only these two kinds of event move a ticket.
-- Of a creation and a change of status that share an instant, the change says what holds from then on.
status_events as (
    select ticket_key, event_seq, occurred_at, max_by(status, event_type) as status
    from staging.stg_ticket_events
    where status is not null and event_type in ('created', 'status')
    group by ticket_key, event_seq, occurred_at
),

with_history as (select distinct ticket_key from status_events),

last_moves as (
    select ticket_key, event_seq, occurred_at, status
    from status_events
    qualify row_number() over (partition by ticket_key order by event_seq desc, occurred_at desc) = 1
),

moves as (
    -- A ticket is open from its creation, whatever its first event says.
    select ticket_key, cast(-1 as bigint) as event_seq, created_at as moved_at, true as is_open, true as is_known
    from tickets
    union all
    select
        status_events.ticket_key, status_events.event_seq, status_events.occurred_at,
        status_events.status not in ('solved', 'closed', 'cancelled'), true
    from status_events
    inner join tickets on status_events.ticket_key = tickets.ticket_key
    union all
    select
        tickets.ticket_key, cast(0 as bigint), coalesce(tickets.resolved_at, tickets.closed_at, tickets.created_at),
        false, tickets.resolved_at is not null or tickets.closed_at is not null
    from tickets
    left join with_history on tickets.ticket_key = with_history.ticket_key
    where with_history.ticket_key is null
        and (
            tickets.status in ('solved', 'closed', 'cancelled')
            or (
                tickets.status not in ('new', 'open', 'pending', 'on_hold')
                and (tickets.resolved_at is not null or tickets.closed_at is not null)
            )
        )
    union all
    -- A history that stops short of the end the ticket itself tells of.
    select
        tickets.ticket_key, last_moves.event_seq + 1, coalesce(tickets.resolved_at, tickets.closed_at), false, true
    from tickets
    inner join last_moves on tickets.ticket_key = last_moves.ticket_key
    where tickets.status in ('solved', 'closed', 'cancelled')
        and last_moves.status not in ('solved', 'closed', 'cancelled')
        and coalesce(tickets.resolved_at, tickets.closed_at) >= last_moves.occurred_at
),

turns as (
    select
        ticket_key, event_seq, moved_at, is_open, is_known,
        lag(is_open) over (partition by ticket_key order by event_seq, moved_at) as was_open
    from moves
),

changes as (
    select
        ticket_key, event_seq, moved_at, is_open,
        lead(moved_at) over (partition by ticket_key order by event_seq, moved_at) as next_moved_at,
        lead(is_known) over (partition by ticket_key order by event_seq, moved_at) as is_next_known
    from turns
    where was_open is null or was_open <> is_open
)

select
    ticket_key,
    cast(row_number() over (partition by ticket_key order by event_seq, moved_at) as integer) as span_no,
    moved_at as opened_at,
    next_moved_at as ended_at,
    coalesce(is_next_known, true) as is_end_known
from changes
where is_open
