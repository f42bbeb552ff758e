-- How long each ticket stayed in each status, from its status events.
-- grain: ticket_key, event_seq, entered_at
-- keep: build
-- by: ticket_key
-- moves: left_at is null and status not in ('solved', 'closed', 'cancelled')
-- left_at is NULL for the status a ticket is in now; its seconds then run to as_of, or are NULL where it is settled: no
-- stay in solved, closed or cancelled is waited out. Where the history stops short of the end that the ticket itself
-- tells of, the last status ends there. Calendar seconds, and open seconds of the
-- calendar that the ticket's resolution promise runs on (else of the office); NULL where the export's order
-- contradicts its times.
with
clock as (select * from core.dim_clock),
sla as (select * from core.dim_sla_targets where metric = 'resolution'),
run as (
    select as_of, business_timezone, as_of at time zone 'UTC' at time zone business_timezone as as_of_local
    from raw.run
),

endings as (
    select ticket_key, max(ended_at) as ended_at
    from core.fct_open_spans
    group by ticket_key
    having count(*) = count(ended_at)
),

-- What the ticket itself tells, looked up once a ticket and not once a status.
tickets as (
    select
        profiles.ticket_key as of_ticket, endings.ended_at as ticket_ended_at, sla.calendar_id as promised_calendar_id
    from core.fct_ticket_profiles as profiles
    left join endings on profiles.ticket_key = endings.ticket_key
    left join sla
        on profiles.channel = sla.channel and profiles.kind = sla.kind
        and profiles.priority = sla.priority and profiles.tier = sla.tier
        and profiles.created_date >= sla.valid_from and profiles.created_date < sla.valid_to
),

moved as (
    select
        moves.ticket_key, moves.event_seq, moves.moved_at, moves.status, moves.next_at, moves.moved_local,
        moves.next_local, tickets.*,
        moves.next_at is null and moves.status not in ('solved', 'closed', 'cancelled')
            and coalesce(tickets.ticket_ended_at >= moves.moved_at, false) as is_cut_short
    from core.fct_status_moves as moves
    left join tickets on moves.ticket_key = tickets.of_ticket
),

spans as (
    select
        moved.*,
        coalesce(moved.promised_calendar_id, 'office') as calendar_id,
        moved.moved_at as entered_at,
        case when moved.is_cut_short then moved.ticket_ended_at else moved.next_at end as left_at,
        case
            when moved.is_cut_short then moved.ticket_ended_at
            when moved.next_at is null and moved.status not in ('solved', 'closed', 'cancelled') then run.as_of
            else moved.next_at
        end as ended_at,
        moved.moved_local as entered_local,
        case
            when moved.is_cut_short
                then moved.ticket_ended_at at time zone 'UTC' at time zone run.business_timezone
            when moved.next_at is null and moved.status not in ('solved', 'closed', 'cancelled') then run.as_of_local
            else moved.next_local
        end as ended_local
    from moved
    cross join run
),

seconds_of_day as (
    select
        *,
        cast(date_diff('second', cast(cast(entered_local as date) as timestamp), entered_local) as bigint)
            as entered_second,
        cast(date_diff('second', cast(cast(ended_local as date) as timestamp), ended_local) as bigint)
            as ended_second
    from spans
)

select
    spans.ticket_key, spans.event_seq, spans.status, spans.entered_at, spans.left_at,
    cast(spans.entered_local as date) as entered_date,
    case when spans.left_at is not null then cast(spans.ended_local as date) end as left_date,
    case when spans.ended_at >= spans.entered_at
        then cast(date_diff('second', spans.entered_at, spans.ended_at) as bigint) end as calendar_seconds,
    case when spans.ended_at >= spans.entered_at then
        (ends.seconds_before + case when ends.is_open then spans.ended_second - ends.from_second else 0 end)
        - (starts.seconds_before + case when starts.is_open then spans.entered_second - starts.from_second else 0 end)
    end as business_seconds
from seconds_of_day as spans
left join clock as starts
    on spans.calendar_id = starts.calendar_id and cast(spans.entered_local as date) = starts.date
    and spans.entered_second >= starts.from_second and spans.entered_second < starts.to_second
left join clock as ends
    on spans.calendar_id = ends.calendar_id and cast(spans.ended_local as date) = ends.date
    and spans.ended_second >= ends.from_second and spans.ended_second < ends.to_second
