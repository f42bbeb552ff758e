-- One row per ticket: its slices and every time and state that the service KPIs are built from.
-- grain: ticket_key
-- keep: build
-- by: ticket_key
-- moves: is_open or (response_start_at is not null and first_response_at is null) or (is_first_solved and not is_reopen_matured)
-- Durations are whole seconds. One that has not ended runs to as_of and its is_... flag is false (censored), so that
-- an open or unanswered ticket stays in the statistic. NULL: the times contradict each other or nothing is known.
with
profiles as (select * from core.fct_ticket_profiles),
responses as (select * from core.fct_ticket_responses),
open_spans as (select * from core.fct_open_spans),
histories as (select * from core.fct_ticket_histories),
agent_turns as (select * from core.fct_agent_turns),
sla as (select * from core.dim_sla_targets),
clock as (select * from core.dim_clock),
visited as (select distinct ticket_key from staging.stg_visits),
run as (
    select as_of, business_timezone, as_of at time zone 'UTC' at time zone business_timezone as as_of_local
    from raw.run
),

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

-- Whether the one team that its events name held the ticket by the end; of the others the events have to be read.
held as (
    select
        spans.ticket_key, spans.open_span_count, spans.last_ended_at, histories.first_team,
        not histories.is_passed_on and histories.first_team is not null
            and (spans.open_span_count > 0 or histories.first_team_at <= spans.last_ended_at) as is_clear
    from spans
    inner join histories on spans.ticket_key = histories.ticket_key
    where histories.has_team
),

-- The team that held the ticket when it was solved; moved on afterwards, it still credits that team. A message, call or
-- notice names its author's team: it tells who held the ticket only where nothing else does.
read_teams as (
    select events.ticket_key, events.team
    from staging.stg_ticket_events as events
    inner join held on events.ticket_key = held.ticket_key
    where not coalesce(held.is_clear, false)
        and events.team is not null and (held.open_span_count > 0 or events.occurred_at <= held.last_ended_at)
    qualify row_number() over (
        partition by events.ticket_key
        order by
            case when events.event_type in ('created', 'status', 'assigned', 'escalated') then 0 else 1 end,
            events.event_seq desc, events.occurred_at desc, events.event_type
    ) = 1
),

teams as (
    select ticket_key, first_team as team from held where is_clear
    union all
    select ticket_key, team from read_teams
),

promised as (
    select
        profiles.*,
        coalesce(teams.team, profiles.team_now) as team,
        run.as_of, run.as_of_local, run.business_timezone,
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

-- Where each instant that a business duration needs lies on the local day.
local_times as (
    select
        *,
        case when is_open then as_of else resolved_at end as resolution_end_at,
        -- Nearly every ticket waits from its creation on, and that instant has been moved to local time already.
        case when response_start_at = created_at then created_local
            else response_start_at at time zone 'UTC' at time zone business_timezone end as start_local,
        case when response_start_at is null then null
            else coalesce(first_response_at at time zone 'UTC' at time zone business_timezone, as_of_local)
        end as answer_local,
        case when is_open then as_of_local
            else resolved_at at time zone 'UTC' at time zone business_timezone end as end_local
    from promised
),

seconds_of_day as (
    select
        *,
        date_diff('second', cast(cast(start_local as date) as timestamp), start_local) as start_second,
        date_diff('second', cast(cast(answer_local as date) as timestamp), answer_local) as answer_second,
        date_diff('second', cast(created_date as timestamp), created_local) as created_second,
        date_diff('second', cast(cast(end_local as date) as timestamp), end_local) as end_second
    from local_times
),

clocked as (
    select
        points.*,
        case when starts.date is not null then not starts.is_open
            when answers.date is not null or creations.date is not null or ends.date is not null then false
        end as is_out_of_hours,
        (answers.seconds_before + case when answers.is_open then points.answer_second - answers.from_second else 0 end)
        - (starts.seconds_before + case when starts.is_open then points.start_second - starts.from_second else 0 end)
            as response_open_seconds,
        (ends.seconds_before + case when ends.is_open then points.end_second - ends.from_second else 0 end)
        - (creations.seconds_before
            + case when creations.is_open then points.created_second - creations.from_second else 0 end)
            as resolution_open_seconds
    from seconds_of_day as points
    left join clock as starts
        on points.response_calendar_id = starts.calendar_id and cast(points.start_local as date) = starts.date
        and points.start_second >= starts.from_second and points.start_second < starts.to_second
    left join clock as answers
        on points.response_calendar_id = answers.calendar_id and cast(points.answer_local as date) = answers.date
        and points.answer_second >= answers.from_second and points.answer_second < answers.to_second
    left join clock as creations
        on points.resolution_calendar_id = creations.calendar_id and points.created_date = creations.date
        and points.created_second >= creations.from_second and points.created_second < creations.to_second
    left join clock as ends
        on points.resolution_calendar_id = ends.calendar_id and cast(points.end_local as date) = ends.date
        and points.end_second >= ends.from_second and points.end_second < ends.to_second
),

pausing as (
    select distinct pauses_on, unnest(string_split(pauses_on, ' ')) as status
    from (select distinct pauses_on from sla where metric = 'resolution' and pauses_on <> '') as told
),

-- By each of the few sets of statuses that policies pause on: asking the tickets for theirs here would read them twice,
-- and so keep all their columns in memory meanwhile.
pauses as (
    select
        status_spans.ticket_key, pausing.pauses_on,
        sum(status_spans.calendar_seconds) as paused_calendar_seconds,
        sum(status_spans.business_seconds) as paused_business_seconds
    from core.fct_status_spans_own as status_spans
    inner join pausing on status_spans.status = pausing.status
    group by status_spans.ticket_key, pausing.pauses_on
),

timed as (
    select
        clocked.*,
        clocked.first_response_at is not null as is_responded,
        clocked.resolved_at is not null as is_resolved,
        coalesce(clocked.first_response_at, clocked.as_of) >= clocked.response_start_at as is_response_timed,
        clocked.resolution_end_at >= clocked.created_at as is_resolution_timed,
        coalesce(pauses.paused_calendar_seconds, 0) as paused_calendar_seconds,
        coalesce(pauses.paused_business_seconds, 0) as paused_business_seconds
    from clocked
    left join pauses
        on clocked.ticket_key = pauses.ticket_key and clocked.resolution_pauses_on = pauses.pauses_on
),

durations as (
    select
        *,
        case when is_response_timed then cast(date_diff('second', response_start_at, coalesce(first_response_at, as_of))
            as bigint) end as response_calendar_seconds,
        case when is_response_timed then response_open_seconds end as response_business_seconds,
        case when is_resolution_timed then cast(date_diff('second', created_at, resolution_end_at) as bigint) end
            as resolution_calendar_seconds,
        case when is_resolution_timed then resolution_open_seconds end as resolution_business_seconds
    from timed
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
    from durations
)

select
    source, ticket_key, ticket_id, customer_key, asset_key, order_key, created_at, created_date, created_local,
    region, area, tier, tier_basis, is_vip, channel, customer_type, product, product_group,
    scene, kind, category, priority, priority_last, team, agent_id, status, is_counted,
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
    reopened_at is not null and date_diff('second', first_solved_at, reopened_at) <= 7 * 86400 as is_reopened_within_7d
from measured
