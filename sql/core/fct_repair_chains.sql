-- Repair tickets along the chain: reported, dispatched, repaired, accepted, followed up (报修-派单-维修-验收-跟进).
-- grain: ticket_key
-- A follow-up is an agent's call, message or notice after the customer's acceptance. Dispatch runs on the office clock
-- against the dispatch promise; a ticket not dispatched and past its limit is a breach, one not yet due is left out.
with
tickets as (select * from core.fct_tickets where kind = 'repair' and is_counted),
visits as (select * from core.fct_visits),
events as (select * from core.fct_ticket_events),
sla as (select * from core.dim_sla_targets where metric = 'dispatch'),
clock as (select * from core.dim_clock),
run as (select * from raw.run),

stages as (
    select
        ticket_key,
        min(dispatched_at) as dispatched_at,
        min(arrived_at) as arrived_at,
        min(case when result = 'fixed' then finished_at end) as repaired_at,
        max(accepted_at) as accepted_at
    from visits
    group by ticket_key
),

follow_ups as (
    select events.ticket_key, min(events.occurred_at) as followed_up_at
    from events
    inner join stages on events.ticket_key = stages.ticket_key and events.occurred_at > stages.accepted_at
    where events.actor_role = 'agent' and events.event_type in ('call', 'message', 'notice')
    group by events.ticket_key
),

promised as (
    select
        tickets.*, stages.dispatched_at, stages.arrived_at, stages.repaired_at, stages.accepted_at,
        follow_ups.followed_up_at,
        sla.limit_seconds as dispatch_limit_seconds, sla.clock as dispatch_clock, sla.calendar_id,
        run.business_timezone
    from tickets
    cross join run
    left join stages on tickets.ticket_key = stages.ticket_key
    left join follow_ups on tickets.ticket_key = follow_ups.ticket_key
    left join sla
        on tickets.channel = sla.channel and tickets.kind = sla.kind
        and tickets.priority = sla.priority and tickets.tier = sla.tier
        and tickets.created_date >= sla.valid_from and tickets.created_date < sla.valid_to
),

points as (
    select ticket_key, calendar_id, 'created' as point, created_at at time zone 'UTC' at time zone business_timezone
        as at_local
    from promised
    union all
    -- A ticket that was settled without a visit waited for dispatch until it was settled.
    select ticket_key, calendar_id, 'dispatched',
        coalesce(dispatched_at, resolved_at, as_of) at time zone 'UTC' at time zone business_timezone
    from promised
),

clocked as (
    select
        points.ticket_key, points.point,
        clock.seconds_before + case when clock.is_open then
            date_diff('second', cast(cast(points.at_local as date) as timestamp), points.at_local) - clock.from_second
            else 0 end as open_seconds
    from points
    inner join clock
        on points.calendar_id = clock.calendar_id and cast(points.at_local as date) = clock.date
        and date_diff('second', cast(cast(points.at_local as date) as timestamp), points.at_local) >= clock.from_second
        and date_diff('second', cast(cast(points.at_local as date) as timestamp), points.at_local) < clock.to_second
),

waits as (
    select
        ticket_key,
        max(case when point = 'dispatched' then open_seconds end) - max(case when point = 'created' then open_seconds end)
            as business_seconds
    from clocked
    group by ticket_key
),

timed as (
    select
        promised.*,
        cast(case when promised.dispatch_clock = 'business' then waits.business_seconds
            else date_diff('second', promised.created_at,
                coalesce(promised.dispatched_at, promised.resolved_at, promised.as_of)) end as bigint)
            as dispatch_seconds
    from promised
    left join waits on promised.ticket_key = waits.ticket_key
)

select
    source, ticket_key, ticket_id, created_at, created_date,
    region, area, tier, is_vip, channel, customer_type, product, product_group, category, priority, team,
    is_open, dispatched_at, arrived_at, repaired_at, accepted_at, followed_up_at, dispatch_seconds, dispatch_limit_seconds,
    dispatched_at is not null as is_dispatched,
    arrived_at is not null as is_arrived,
    repaired_at is not null as is_repaired,
    accepted_at is not null as is_accepted,
    followed_up_at is not null as is_followed_up,
    dispatched_at >= created_at and repaired_at >= dispatched_at and accepted_at >= repaired_at
        and followed_up_at is not null as is_chain_complete,
    -- Settled by phone before any dispatch: nothing was owed, so neither side counts it.
    (dispatched_at is not null or is_open)
        and dispatch_limit_seconds is not null
        and (dispatched_at is not null or dispatch_seconds > dispatch_limit_seconds) as is_dispatch_due,
    is_open and dispatched_at is null and dispatch_seconds <= dispatch_limit_seconds as is_dispatch_waiting,
    dispatched_at is not null and dispatch_seconds <= dispatch_limit_seconds as is_dispatched_in_time
from timed
