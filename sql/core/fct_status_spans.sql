-- How long each ticket stayed in each status, from its status events.
-- grain: ticket_key, event_seq, entered_at
-- left_at is NULL for the status a ticket is in now; its seconds then run to as_of. Where the history stops short of
-- the end that the ticket itself tells of, the last status ends there. Calendar seconds, and open seconds of the
-- calendar that the ticket's resolution promise runs on (else of the office); NULL where the export's order
-- contradicts its times. Slices are the ticket's own; what a status event belongs to without a ticket has
-- created_date NULL and the word unknown.
with
profiles as (select * from core.fct_ticket_profiles),
-- Of a creation and a change of status that share an instant, the change says what holds from then on.
events as (
    select source, ticket_key, event_seq, occurred_at, max_by(status, event_type) as status
    from core.fct_ticket_events
    where status is not null and event_type in ('created', 'status')
    group by source, ticket_key, event_seq, occurred_at
),
clock as (select * from core.dim_clock),
sla as (select * from core.dim_sla_targets where metric = 'resolution'),
run as (select * from raw.run),

endings as (
    select ticket_key, max(ended_at) as ended_at
    from core.fct_open_spans
    group by ticket_key
    having count(*) = count(ended_at)
),

followed as (
    select
        *,
        lead(occurred_at) over (partition by ticket_key order by event_seq, occurred_at) as next_at
    from events
),

spans as (
    select
        followed.source, followed.ticket_key, followed.event_seq, followed.status, followed.occurred_at as entered_at,
        case
            when followed.next_at is not null then followed.next_at
            when followed.status not in ('solved', 'closed', 'cancelled') and endings.ended_at >= followed.occurred_at
                then endings.ended_at
        end as left_at,
        coalesce(sla.calendar_id, 'office') as calendar_id,
        run.as_of, run.business_timezone
    from followed
    cross join run
    left join endings on followed.ticket_key = endings.ticket_key
    left join profiles on followed.ticket_key = profiles.ticket_key
    left join sla
        on profiles.channel = sla.channel and profiles.kind = sla.kind
        and profiles.priority = sla.priority and profiles.tier = sla.tier
        and profiles.created_date >= sla.valid_from and profiles.created_date < sla.valid_to
),

local_times as (
    select
        *,
        coalesce(left_at, as_of) as ended_at,
        entered_at at time zone 'UTC' at time zone business_timezone as entered_local,
        coalesce(left_at, as_of) at time zone 'UTC' at time zone business_timezone as ended_local
    from spans
),

seconds_of_day as (
    select
        *,
        cast(date_diff('second', cast(cast(entered_local as date) as timestamp), entered_local) as bigint)
            as entered_second,
        cast(date_diff('second', cast(cast(ended_local as date) as timestamp), ended_local) as bigint)
            as ended_second
    from local_times
)

select
    spans.source, spans.ticket_key, spans.event_seq, spans.status, spans.entered_at, spans.left_at,
    profiles.created_date, cast(spans.entered_local as date) as entered_date,
    case when spans.left_at is not null then cast(spans.ended_local as date) end as left_date,
    coalesce(profiles.region, 'unknown') as region, coalesce(profiles.area, 'unknown') as area,
    coalesce(profiles.tier, 'unknown') as tier, coalesce(profiles.is_vip, false) as is_vip,
    coalesce(profiles.channel, 'unknown') as channel, coalesce(profiles.customer_type, 'unknown') as customer_type,
    coalesce(profiles.product, 'unknown') as product, coalesce(profiles.product_group, 'unknown') as product_group,
    coalesce(profiles.kind, 'unknown') as kind, coalesce(profiles.category, 'unknown') as category,
    coalesce(profiles.priority, 'unknown') as priority, coalesce(profiles.team_now, 'unknown') as team,
    coalesce(profiles.is_counted, false) as is_counted,
    case when spans.ended_at >= spans.entered_at
        then cast(date_diff('second', spans.entered_at, spans.ended_at) as bigint) end as calendar_seconds,
    case when spans.ended_at >= spans.entered_at then
        (ends.seconds_before + case when ends.is_open then spans.ended_second - ends.from_second else 0 end)
        - (starts.seconds_before + case when starts.is_open then spans.entered_second - starts.from_second else 0 end)
    end as business_seconds
from seconds_of_day as spans
left join profiles on spans.ticket_key = profiles.ticket_key
left join clock as starts
    on spans.calendar_id = starts.calendar_id and cast(spans.entered_local as date) = starts.date
    and spans.entered_second >= starts.from_second and spans.entered_second < starts.to_second
left join clock as ends
    on spans.calendar_id = ends.calendar_id and cast(spans.ended_local as date) = ends.date
    and spans.ended_second >= ends.from_second and spans.ended_second < ends.to_second
