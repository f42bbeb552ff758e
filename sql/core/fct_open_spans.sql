-- The stretches of time in which a ticket was open: one, or one more for each reopening.
-- grain: ticket_key, span_no
-- by: ticket_key
-- keep: build
-- ended_at is NULL while open. With status events the history speaks; without, the ticket's own times. A ticket that
-- is called solved without any time of it has a stretch of no length and is_end_known = false.
with
tickets as (
    select
        ticket_key, created_at, coalesce(resolved_at, closed_at) as ended_at,
        status in ('solved', 'closed', 'cancelled') as is_ended,
        status in ('new', 'open', 'pending', 'on_hold') as is_running
    from staging.stg_tickets
),

moves as (
    select
        ticket_key, event_seq, moved_at, next_at,
        status not in ('solved', 'closed', 'cancelled') as is_open,
        -- A ticket is open from its creation, whatever its first event says.
        coalesce(status_before not in ('solved', 'closed', 'cancelled'), true) as was_open
    from core.fct_status_moves
),

-- The last move of a history, which may stop short of the end that the ticket itself tells of.
last_moves as (select ticket_key, event_seq, moved_at, is_open from moves where next_at is null),

changes as (
    select ticket_key, cast(-1 as bigint) as event_seq, created_at as moved_at, true as is_open, true as is_known
    from tickets
    union all
    select moves.ticket_key, moves.event_seq, moves.moved_at, moves.is_open, true
    from moves
    inner join tickets on moves.ticket_key = tickets.ticket_key
    where moves.is_open <> moves.was_open
    union all
    select
        tickets.ticket_key, coalesce(last_moves.event_seq + 1, 0), coalesce(tickets.ended_at, tickets.created_at),
        false, tickets.ended_at is not null
    from tickets
    left join last_moves on tickets.ticket_key = last_moves.ticket_key
    where case
        when last_moves.ticket_key is null
            then tickets.is_ended or (not tickets.is_running and tickets.ended_at is not null)
        else tickets.is_ended and last_moves.is_open and tickets.ended_at >= last_moves.moved_at
    end
),

followed as (
    select
        ticket_key, moved_at, is_open,
        sum(case when is_open then 1 else 0 end) over (
            partition by ticket_key order by event_seq, moved_at rows between unbounded preceding and current row
        ) as span_no,
        lead(moved_at) over (partition by ticket_key order by event_seq, moved_at) as next_moved_at,
        lead(is_known) over (partition by ticket_key order by event_seq, moved_at) as is_next_known
    from changes
)

select
    ticket_key,
    cast(span_no as integer) as span_no,
    moved_at as opened_at,
    next_moved_at as ended_at,
    coalesce(is_next_known, true) as is_end_known
from followed
where is_open
