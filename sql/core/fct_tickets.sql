-- One row per ticket: its slices and every time and state that the service KPIs are built from.
-- grain: ticket_key
-- Durations are whole seconds. One that has not ended runs to as_of and its is_... flag is false (censored), so that
-- an open or unanswered ticket stays in the statistic. NULL: the times contradict each other or nothing is known.
with
profiles as (select * from core.fct_ticket_profiles),
responses as (select * from core.fct_ticket_responses),
open_spans as (select * from core.fct_open_spans),
status_spans as (select * from core.fct_status_spans),
agent_turns as (select * from core.fct_agent_turns),
sla as (select * from core.dim_sla_targets),
clock as (select * from core.dim_clock),
visited as (select distinct ticket_key from staging.stg_visits),
run as (select * from raw.run),

spans as (
    select
        ticket_key,
        count(*) as span_count,
        max(span_no) as last_span_no,
        bool_and(is_end_known) as is_end_known,
        min(case when span_no = 1 then ended_at end) as first_solved_at,
        min(case when span_no = 2 then opened_at end) as reopened_at,
        sum(case when ended_at is null then 1 else 0 end) as open_span_count,
        max(ended_at) as last_ended_at
    from open_spans
    group by ticket_key
),

-- The team that held the ticket when it was solved; moved on afterwards, it still credits that team. A message, call or
-- notice names its author's team: it tells who held the ticket only where nothing else does.
teams as (
    select events.ticket_key, events.team
    from core.fct_ticket_events as events
    inner join spans on events.ticket_key = spans.ticket_key
    where events.team is not null and (spans.open_span_count > 0 or events.occurred_at <= spans.last_ended_at)
    qualify row_number() over (
        partition by events.ticket_key
        order by
            case when events.event_type in ('created', 'status', 'assigned', 'escalated') then 0 else 1 end,
            events.event_seq desc, events.occurred_at desc, events.event_type
    ) = 1
),

promised as (
    select
        profiles.*,
        coalesce(teams.team, profiles.team_now) as team,
        run.as_of, run.business_timezone,
        responses.has_messages, responses.response_start_at, responses.first_response_at,
        responses.is_response_expected and profiles.is_counted as is_response_expected,
        spans.span_count, spans.is_end_known, spans.first_solved_at, spans.reopened_at,
        case when spans.open_span_count = 0 and spans.is_end_known then spans.last_ended_at end as resolved_at,
        spans.open_span_count > 0 as is_open,
        -- A due time that the source itself stated is the promise the customer was given: it goes before the policy.
        case when profiles.response_due_at >= responses.response_start_at
            then cast(date_diff('second', responses.response_start_at, profiles.response_due_at) as bigint)
            else response_sla.limit_seconds end as response_limit_seconds,
        case when profiles.response_due_at >= responses.response_start_at then 'calendar'
            else response_sla.clock end as response_clock,
        coalesce(response_sla.calendar_id, 'office') as response_calendar_id,
        case when profiles.resolution_due_at >= profiles.created_at
            then cast(date_diff('second', profiles.created_at, profiles.resolution_due_at) as bigint)
            else resolution_sla.limit_seconds end as resolution_limit_seconds,
        case when profiles.resolution_due_at >= profiles.created_at then 'calendar'
            else resolution_sla.clock end as resolution_clock,
        coalesce(resolution_sla.calendar_id, 'office') as resolution_calendar_id,
        case when profiles.resolution_due_at >= profiles.created_at then ''
            else coalesce(resolution_sla.pauses_on, '') end as resolution_pauses_on,
        agent_turns.agent_turn_count,
        visited.ticket_key is not null as has_visit
    from profiles
    cross join run
    inner join responses on profiles.ticket_key = responses.ticket_key
    inner join spans on profiles.ticket_key = spans.ticket_key
    left join sla as response_sla
        on response_sla.metric = 'response'
        and profiles.channel = response_sla.channel and profiles.kind = response_sla.kind
        and profiles.priority = response_sla.priority and profiles.tier = response_sla.tier
        and profiles.created_date >= response_sla.valid_from and profiles.created_date < response_sla.valid_to
    left join sla as resolution_sla
        on resolution_sla.metric = 'resolution'
        and profiles.channel = resolution_sla.channel and profiles.kind = resolution_sla.kind
        and profiles.priority = resolution_sla.priority and profiles.tier = resolution_sla.tier
        and profiles.created_date >= resolution_sla.valid_from and profiles.created_date < resolution_sla.valid_to
    left join agent_turns on profiles.ticket_key = agent_turns.ticket_key
    left join visited on profiles.ticket_key = visited.ticket_key
    left join teams on profiles.ticket_key = teams.ticket_key
),

-- Each instant that a business duration needs, looked up on the clock once.
points as (
    select ticket_key, 'response_start' as point, response_calendar_id as calendar_id, response_start_at as at_utc,
        business_timezone
    from promised where response_start_at is not null
    union all
    select ticket_key, 'response_end', response_calendar_id, coalesce(first_response_at, as_of), business_timezone
    from promised where response_start_at is not null
    union all
    select ticket_key, 'created', resolution_calendar_id, created_at, business_timezone from promised
    union all
    select ticket_key, 'resolution_end', resolution_calendar_id,
        case when is_open then as_of else resolved_at end, business_timezone
    from promised where is_open or resolved_at is not null
),

local_points as (
    select
        ticket_key, point, calendar_id,
        at_utc at time zone 'UTC' at time zone business_timezone as at_local
    from points
),

second_points as (
    select
        ticket_key, point, calendar_id, cast(at_local as date) as local_date,
        cast(date_diff('second', cast(cast(at_local as date) as timestamp), at_local) as bigint) as second_of_day
    from local_points
),

clocked as (
    select
        second_points.ticket_key, second_points.point, clock.is_open,
        clock.seconds_before
        + case when clock.is_open then second_points.second_of_day - clock.from_second else 0 end as open_seconds
    from second_points
    inner join clock
        on second_points.calendar_id = clock.calendar_id
        and second_points.local_date = clock.date
        and second_points.second_of_day >= clock.from_second
        and second_points.second_of_day < clock.to_second
),

business as (
    select
        ticket_key,
        max(case when point = 'response_end' then open_seconds end)
            - max(case when point = 'response_start' then open_seconds end) as response_business_seconds,
        max(case when point = 'resolution_end' then open_seconds end)
            - max(case when point = 'created' then open_seconds end) as resolution_business_seconds,
        bool_or(point = 'response_start' and not is_open) as is_out_of_hours
    from clocked
    group by ticket_key
),

pauses as (
    select
        status_spans.ticket_key,
        sum(status_spans.calendar_seconds) as paused_calendar_seconds,
        sum(status_spans.business_seconds) as paused_business_seconds
    from status_spans
    inner join promised on status_spans.ticket_key = promised.ticket_key
    where list_contains(string_split(promised.resolution_pauses_on, ' '), status_spans.status)
    group by status_spans.ticket_key
),

timed as (
    select
        promised.*,
        business.is_out_of_hours,
        promised.first_response_at is not null as is_responded,
        promised.resolved_at is not null as is_resolved,
        case when coalesce(promised.first_response_at, promised.as_of) >= promised.response_start_at then
            cast(date_diff('second', promised.response_start_at, coalesce(promised.first_response_at, promised.as_of))
                as bigint) end as response_calendar_seconds,
        case when coalesce(promised.first_response_at, promised.as_of) >= promised.response_start_at
            then business.response_business_seconds end as response_business_seconds,
        case when (case when promised.is_open then promised.as_of else promised.resolved_at end) >= promised.created_at
            then cast(date_diff('second', promised.created_at,
                case when promised.is_open then promised.as_of else promised.resolved_at end) as bigint)
        end as resolution_calendar_seconds,
        case when (case when promised.is_open then promised.as_of else promised.resolved_at end) >= promised.created_at
            then business.resolution_business_seconds end as resolution_business_seconds,
        coalesce(pauses.paused_calendar_seconds, 0) as paused_calendar_seconds,
        coalesce(pauses.paused_business_seconds, 0) as paused_business_seconds
    from promised
    left join business on promised.ticket_key = business.ticket_key
    left join pauses on promised.ticket_key = pauses.ticket_key
),

measured as (
    select
        *,
        case when response_clock = 'business' then response_business_seconds
            when response_clock = 'calendar' then response_calendar_seconds end as response_policy_seconds,
        case
            -- Not known is not 0: greatest() passes over NULL, and 0 seconds would read as kept.
            when resolution_clock = 'business' and resolution_business_seconds is not null
                then greatest(0, resolution_business_seconds - paused_business_seconds)
            when resolution_clock = 'calendar' and resolution_calendar_seconds is not null
                then greatest(0, resolution_calendar_seconds - paused_calendar_seconds)
        end as resolution_policy_seconds
    from timed
)

select
    source, ticket_key, ticket_id, customer_key, asset_key, order_key, created_at, created_date, created_local,
    region, area, tier, tier_basis, is_vip, channel, customer_type, product, product_group,
    scene, kind, category, priority, priority_last, team, agent_id, status, is_counted, is_complaint,
    reopen_count, reassign_count, source_sla_met, resolved_at_reported, closed_at, merged_into_key,

    response_start_at, first_response_at, is_response_expected, is_responded, is_out_of_hours,
    response_business_seconds, response_calendar_seconds, response_limit_seconds, response_policy_seconds,
    case
        when not is_response_expected then 'not_expected'
        when response_limit_seconds is null or response_policy_seconds is null then 'no_policy'
        when is_responded and response_policy_seconds <= response_limit_seconds then 'met'
        when is_responded then 'breached'
        when response_policy_seconds > response_limit_seconds then 'breached_open'
        else 'not_due'
    end as response_state,

    is_open, first_solved_at, reopened_at, resolved_at, is_resolved,
    is_counted and (is_open or is_resolved) as is_resolution_expected,
    resolution_business_seconds, resolution_calendar_seconds, resolution_limit_seconds, resolution_policy_seconds,
    resolution_clock, resolution_pauses_on,
    case
        when not is_counted or not (is_open or is_resolved) then 'not_expected'
        when resolution_limit_seconds is null or resolution_policy_seconds is null then 'no_policy'
        when is_resolved and resolution_policy_seconds <= resolution_limit_seconds then 'met'
        when is_resolved then 'breached'
        when resolution_policy_seconds > resolution_limit_seconds then 'breached_open'
        else 'not_due'
    end as resolution_state,

    has_visit, has_messages, coalesce(agent_turn_count, 0) as agent_turn_count,
    is_counted and first_solved_at is not null and is_end_known as is_first_solved,
    is_counted and first_solved_at is not null and is_end_known
        and date_diff('second', first_solved_at, as_of) >= 7 * 86400 as is_reopen_matured,
    reopened_at is not null and date_diff('second', first_solved_at, reopened_at) <= 7 * 86400 as is_reopened_within_7d,
    as_of
from measured
