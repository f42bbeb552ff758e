-- Each stage of each repair that has begun, against its own promise in policies/sla.csv.
-- grain: ticket_key, stage
-- keep: build
-- by: ticket_key
-- moves: not is_done
-- record (the customer's word to the first answer), dispatch (reported to dispatched), arrival, repair, acceptance, follow_up: each
-- begins where the one before it ended. A ticket closed before its engineer came owes no further step up to the repair;
-- acceptance and follow-up are owed after closing too. Stamps in the wrong order have no duration and do not count.
with
chains as (select * from core.fct_repair_chains),
sla as (select * from core.dim_sla_targets),
clock as (select * from core.dim_clock),
run as (select * from raw.run),

stages as (
    select
        ticket_key, 'record' as stage, 1 as stage_no, 'stage_record' as metric,
        response_start_at as started_at, first_response_at as ended_at, resolved_at as last_at
    from chains where is_response_expected
    union all
    select ticket_key, 'dispatch', 2, 'dispatch', created_at, dispatched_at, cast(null as timestamp)
    from chains where is_dispatch_told and (dispatched_at is not null or is_open)
    union all
    select ticket_key, 'arrival', 3, 'stage_arrival', dispatched_at, arrived_at, resolved_at
    from chains
    union all
    select ticket_key, 'repair', 4, 'stage_repair', arrived_at, repaired_at, resolved_at
    from chains
    union all
    select ticket_key, 'acceptance', 5, 'stage_acceptance', repaired_at, accepted_at, cast(null as timestamp)
    from chains where is_acceptance_told
    union all
    select ticket_key, 'follow_up', 6, 'stage_follow_up', accepted_at, contacted_at, cast(null as timestamp) from chains
),

promised as (
    select
        chains.*, stages.stage, stages.stage_no, stages.started_at, stages.ended_at,
        coalesce(stages.ended_at, stages.last_at, run.as_of) as counted_to,
        sla.limit_seconds, coalesce(sla.clock, 'calendar') as clock, coalesce(sla.calendar_id, 'office') as calendar_id,
        run.business_timezone
    from stages
    inner join chains on stages.ticket_key = chains.ticket_key
    cross join run
    left join sla
        on stages.metric = sla.metric and chains.channel = sla.channel and sla.kind = 'repair'
        and chains.priority = sla.priority and chains.tier = sla.tier
        and chains.created_date >= sla.valid_from and chains.created_date < sla.valid_to
    where stages.started_at is not null
),

points as (
    select
        ticket_key, stage, calendar_id, 'start' as point,
        started_at at time zone 'UTC' at time zone business_timezone as at_local
    from promised where clock = 'business'
    union all
    select ticket_key, stage, calendar_id, 'end', counted_to at time zone 'UTC' at time zone business_timezone
    from promised where clock = 'business'
),

clocked as (
    select
        points.ticket_key, points.stage, points.point,
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
        ticket_key, stage,
        max(case when point = 'end' then open_seconds end) - max(case when point = 'start' then open_seconds end)
            as business_seconds
    from clocked
    group by ticket_key, stage
),

timed as (
    select
        promised.*,
        cast(case
            when promised.counted_to < promised.started_at then null
            when promised.clock = 'business' then waits.business_seconds
            else date_diff('second', promised.started_at, promised.counted_to) end as bigint) as stage_seconds
    from promised
    left join waits on promised.ticket_key = waits.ticket_key and promised.stage = waits.stage
)

select
    ticket_key, stage, stage_no, started_at, ended_at, clock, limit_seconds, stage_seconds,
    ended_at is not null as is_done,
    stage_seconds is not null as is_timed,
    coalesce(stage_seconds is not null and (ended_at is not null or stage_seconds > limit_seconds), false)
        and limit_seconds is not null as is_due,
    coalesce(ended_at is not null and stage_seconds <= limit_seconds, false) as is_within
from timed
