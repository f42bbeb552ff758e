-- Repair tickets along the chain: reported, dispatched, repaired, accepted, followed up (报修-派单-维修-验收-跟进).
-- grain: ticket_key
-- A follow-up is an agent's call, public message or notice after the customer's acceptance. Dispatch runs on the
-- office clock against the dispatch promise; a ticket not dispatched and past its limit is a breach, one not yet due
-- is left out. broken_at names the first stage that is missing or out of order; a ticket closed without any visit
-- reads no_visit. The cycle ends with the acceptance that no later dispatch follows; closed without one, it is still
-- running. A source that exports no visits, or no acceptances, does not say that there were none: it takes no part
-- (is_..._told).
with
tickets as (select * from core.fct_tickets_own where kind = 'repair' and is_counted),
visits as (select * from core.fct_visits),
events as (select * from staging.stg_ticket_events),
status_spans as (select * from core.fct_status_spans_own),
interactions as (select * from staging.stg_interactions),
customer_ids as (select * from core.dim_customer_ids),
datasets as (select * from core.dim_datasets),
sla as (select * from core.dim_sla_targets where metric = 'dispatch'),
clock as (select * from core.dim_clock),
run as (select * from raw.run),

stages as (
    select
        ticket_key,
        min(dispatched_at) as dispatched_at,
        min(arrived_at) as arrived_at,
        min(case when result = 'fixed' then finished_at end) as repaired_at,
        max(accepted_at) as accepted_at,
        max(case when result <> 'cancelled' then dispatched_at end) as last_dispatched_at
    from visits
    group by ticket_key
),

follow_ups as (
    select events.ticket_key, min(events.occurred_at) as followed_up_at
    from events
    inner join stages on events.ticket_key = stages.ticket_key and events.occurred_at > stages.accepted_at
    where events.actor_role = 'agent' and events.event_type in ('call', 'message', 'notice')
        and coalesce(events.is_public, true)
    group by events.ticket_key
),

-- Whoever logs follow-ups with the customer and not on the ticket has followed up all the same.
care_follow_ups as (
    select tickets.ticket_key, min(interactions.occurred_at) as cared_at
    from interactions
    left join customer_ids on interactions.customer_key = customer_ids.named_key
    inner join tickets on coalesce(customer_ids.customer_key, interactions.customer_key) = tickets.customer_key
    inner join stages on tickets.ticket_key = stages.ticket_key and interactions.occurred_at > stages.accepted_at
    where interactions.kind = 'followup'
    group by tickets.ticket_key
),

-- Acceptance is the customer's own act: of all other stages the customer is to be told.
stage_changes as (
    select ticket_key, 'dispatched' as stage, dispatched_at as changed_at from stages where dispatched_at is not null
    union all
    select ticket_key, 'arrived', arrived_at from stages where arrived_at is not null
    union all
    select ticket_key, 'repaired', repaired_at from stages where repaired_at is not null
),

notices as (
    select ticket_key, occurred_at
    from events
    where coalesce(is_public, true)
        and (event_type = 'notice' or (event_type in ('message', 'call') and actor_role in ('agent', 'system')))
),

told_changes as (
    select distinct stage_changes.ticket_key, stage_changes.stage
    from stage_changes
    inner join notices
        on stage_changes.ticket_key = notices.ticket_key
        and notices.occurred_at >= stage_changes.changed_at
        and date_diff('second', stage_changes.changed_at, notices.occurred_at) <= 30 * 60
),

progress as (
    select
        stage_changes.ticket_key,
        max(stage_changes.changed_at) as last_changed_at,
        bool_and(told_changes.ticket_key is not null) as is_told_each_time
    from stage_changes
    left join told_changes
        on stage_changes.ticket_key = told_changes.ticket_key and stage_changes.stage = told_changes.stage
    group by stage_changes.ticket_key
),

notice_sources as (select distinct source from datasets where dataset = 'notices'),
visit_sources as (select distinct source from datasets where dataset = 'visits'),
acceptance_sources as (select distinct source from datasets where dataset = 'acceptances'),

pendings as (
    select
        status_spans.ticket_key,
        sum(case
            when status_spans.status = 'pending' and status_spans.entered_at < stages.accepted_at
                and coalesce(status_spans.left_at, stages.accepted_at) >= status_spans.entered_at
                then date_diff('second', status_spans.entered_at,
                    least(coalesce(status_spans.left_at, stages.accepted_at), stages.accepted_at))
            else 0 end) as customer_pending_seconds
    from status_spans
    inner join stages on status_spans.ticket_key = stages.ticket_key
    group by status_spans.ticket_key
),

promised as (
    select
        tickets.*, stages.dispatched_at, stages.arrived_at, stages.repaired_at, stages.accepted_at,
        follow_ups.followed_up_at,
        stages.ticket_key is not null as has_any_visit,
        visit_sources.source is not null as is_dispatch_told,
        acceptance_sources.source is not null as is_acceptance_told,
        stages.accepted_at >= tickets.created_at
            and coalesce(stages.last_dispatched_at <= stages.accepted_at, true) as is_cycle_ended,
        case when follow_ups.followed_up_at <= care_follow_ups.cared_at or care_follow_ups.cared_at is null
            then follow_ups.followed_up_at else care_follow_ups.cared_at end as contacted_at,
        notice_sources.source is not null and progress.ticket_key is not null as is_progress_known,
        progress.last_changed_at, progress.is_told_each_time,
        pendings.customer_pending_seconds,
        sla.limit_seconds as dispatch_limit_seconds, sla.clock as dispatch_clock, sla.calendar_id,
        run.as_of, run.business_timezone
    from tickets
    cross join run
    left join stages on tickets.ticket_key = stages.ticket_key
    left join follow_ups on tickets.ticket_key = follow_ups.ticket_key
    left join care_follow_ups on tickets.ticket_key = care_follow_ups.ticket_key
    left join notice_sources on tickets.source = notice_sources.source
    left join visit_sources on tickets.source = visit_sources.source
    left join acceptance_sources on tickets.source = acceptance_sources.source
    left join progress on tickets.ticket_key = progress.ticket_key
    left join pendings on tickets.ticket_key = pendings.ticket_key
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
        cast(case
            -- Dispatched before it was reported: the times contradict each other.
            when promised.dispatched_at < promised.created_at then null
            when promised.dispatch_clock = 'business' then waits.business_seconds
            else date_diff('second', promised.created_at,
                coalesce(promised.dispatched_at, promised.resolved_at, promised.as_of)) end as bigint)
            as dispatch_seconds
    from promised
    left join waits on promised.ticket_key = waits.ticket_key
),

judged as (
    select
        *,
        case
            when not has_any_visit then 'no_visit'
            when not coalesce(dispatched_at >= created_at, false) then 'dispatch'
            when not coalesce(repaired_at >= dispatched_at, false) then 'repair'
            when not coalesce(accepted_at >= repaired_at, false) then 'acceptance'
            when not coalesce(date_diff('second', accepted_at, contacted_at) <= 72 * 3600, false) then 'follow_up'
            else 'complete'
        end as broken_at,
        -- A follow-up has 72 hours: a chain closed or accepted more recently is not yet known to be broken.
        date_diff('second', coalesce(resolved_at, created_at), as_of) >= 72 * 3600
            and coalesce(date_diff('second', accepted_at, as_of) >= 72 * 3600, true) as is_old_enough
    from timed
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
    -- Settled by phone before any dispatch: nothing was owed, so neither side counts it.
    is_dispatch_told and (dispatched_at is not null or is_open)
        and dispatch_limit_seconds is not null and dispatch_seconds is not null
        and (dispatched_at is not null or dispatch_seconds > dispatch_limit_seconds) as is_dispatch_due,
    is_dispatch_told and is_open and dispatched_at is null and dispatch_seconds <= dispatch_limit_seconds
        as is_dispatch_waiting,
    dispatched_at is not null and coalesce(dispatch_seconds <= dispatch_limit_seconds, false) as is_dispatched_in_time,

    resolved_at, response_start_at, first_response_at, is_response_expected,
    is_dispatch_told, is_acceptance_told,
    broken_at,
    is_acceptance_told and not is_open and is_old_enough as is_chain_matured,
    is_acceptance_told and not is_open and not is_old_enough as is_chain_maturing,
    is_acceptance_told and not is_open and is_old_enough and broken_at = 'complete' as is_chain_kept,

    -- Settled from afar there is nothing to accept: only tickets with a visit, or that can still get one, have a cycle.
    is_acceptance_told and (has_any_visit or is_open) as has_cycle,
    coalesce(is_cycle_ended, false) as is_cycle_ended,
    cast(date_diff('second', created_at, case when is_cycle_ended then accepted_at else as_of end) as bigint)
        as cycle_seconds,
    coalesce(is_cycle_ended, false) and customer_pending_seconds is not null as is_customer_pending_known,
    cast(customer_pending_seconds as bigint) as customer_pending_seconds,

    contacted_at,
    coalesce(date_diff('second', accepted_at, as_of) >= 72 * 3600, false) as is_follow_up_due,
    coalesce(date_diff('second', accepted_at, as_of) < 72 * 3600, false) as is_follow_up_waiting,
    coalesce(date_diff('second', accepted_at, as_of) >= 72 * 3600
        and date_diff('second', accepted_at, contacted_at) <= 72 * 3600, false) as is_followed_up_within_72h,

    is_progress_known and date_diff('second', last_changed_at, as_of) >= 30 * 60 as is_progress_due,
    is_progress_known and date_diff('second', last_changed_at, as_of) < 30 * 60 as is_progress_waiting,
    is_progress_known and date_diff('second', last_changed_at, as_of) >= 30 * 60 and is_told_each_time
        as is_progress_told
from judged
