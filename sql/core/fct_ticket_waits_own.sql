-- Waits of a ticket for a person: unowned (nobody has it), handoff (given to another team), escalation (handed up).
-- grain: ticket_key, wait_kind, wait_no
-- keep: build
-- by: ticket_key
-- moves: in core.fct_tickets_own: is_open
-- A hand-off ends with the next message, call, notice or change of status by an agent who is not of the team that gave
-- it away and not the one who acted last; an escalation with the next one by another, named agent. Nobody owns a ticket
-- until an event names its agent; assigned to a team alone, it is unowned again. Only time in which it is open counts.
-- What has not ended runs to as_of, or to the solution, with is_ended = false.
with
tickets as (select * from core.fct_tickets_own where is_counted and (is_open or is_resolved)),
open_spans as (select * from core.fct_open_spans),
clock as (select * from core.dim_clock where calendar_id = 'office'),
run as (select * from raw.run),

-- Few histories have to be read event by event: those that were passed on, or went back from a person to a team.
watched as (
    select
        tickets.ticket_key, tickets.created_at, histories.has_owner_gap,
        coalesce(tickets.resolved_at, run.as_of) as last_at
    from tickets
    cross join run
    inner join core.fct_ticket_histories as histories on tickets.ticket_key = histories.ticket_key
    where histories.is_passed_on or histories.is_escalated or histories.has_owner_gap
),

events as (
    select
        events.ticket_key, events.event_type, events.occurred_at, events.team, events.agent_id, events.actor_role,
        watched.has_owner_gap, watched.last_at,
        row_number() over (
            partition by events.ticket_key order by events.event_seq, events.occurred_at, events.event_type
        ) as event_no
    from staging.stg_ticket_events as events
    inner join watched on events.ticket_key = watched.ticket_key
),

-- A colleague's message names the colleague's team and moves nothing, so messages, calls and notices tell of no team.
team_steps as (
    select
        ticket_key, event_no, occurred_at, team as to_team, last_at,
        lag(team) over (partition by ticket_key order by event_no) as from_team
    from events
    where team is not null and event_type in ('created', 'status', 'assigned', 'escalated')
),

actions as (
    select ticket_key, event_no, occurred_at, team, agent_id
    from events
    where actor_role = 'agent' and event_type in ('message', 'call', 'notice', 'status')
),

handovers as (
    select ticket_key, 'handoff' as wait_kind, event_no, occurred_at as started_at, last_at, from_team, to_team
    from team_steps
    where from_team <> to_team and occurred_at < last_at
    union all
    select ticket_key, 'escalation', event_no, occurred_at, last_at, cast(null as varchar), team
    from events
    where event_type = 'escalated' and occurred_at < last_at
),

last_actors as (
    select handovers.ticket_key, handovers.wait_kind, handovers.event_no, max_by(actions.agent_id, actions.event_no)
        as last_agent_id
    from handovers
    inner join actions
        on handovers.ticket_key = actions.ticket_key and actions.event_no < handovers.event_no
        and actions.agent_id is not null
    group by handovers.ticket_key, handovers.wait_kind, handovers.event_no
),

takeovers as (
    select handovers.ticket_key, handovers.wait_kind, handovers.event_no, min(actions.occurred_at) as taken_at
    from handovers
    left join last_actors
        on handovers.ticket_key = last_actors.ticket_key and handovers.wait_kind = last_actors.wait_kind
        and handovers.event_no = last_actors.event_no
    inner join actions
        on handovers.ticket_key = actions.ticket_key and actions.event_no > handovers.event_no
        and actions.occurred_at >= handovers.started_at and actions.occurred_at <= handovers.last_at
        and (last_actors.last_agent_id is null or actions.agent_id is null
            or actions.agent_id <> last_actors.last_agent_id)
        and (actions.agent_id is not null or handovers.wait_kind = 'handoff')
        and (actions.team is null or handovers.from_team is null or actions.team <> handovers.from_team)
    group by handovers.ticket_key, handovers.wait_kind, handovers.event_no
),

ownership as (
    select ticket_key, cast(0 as bigint) as event_no, created_at as changed_at, false as is_owned
    from watched
    where has_owner_gap
    union all
    select ticket_key, event_no, occurred_at, agent_id is not null
    from events
    where has_owner_gap and (event_type = 'assigned' or agent_id is not null)
),

ownership_changes as (
    select
        ticket_key, event_no, changed_at, is_owned,
        lag(is_owned) over (partition by ticket_key order by event_no) as was_owned
    from ownership
),

-- Nobody's until the first event that names an agent, and for all others that is all there is to it.
first_owners as (
    select events.ticket_key, min(events.occurred_at) as owned_at
    from core.fct_ticket_histories as histories
    inner join staging.stg_ticket_events as events
        on histories.ticket_key = events.ticket_key and histories.first_owner_seq = events.event_seq
    where events.agent_id is not null and not histories.has_owner_gap
    group by events.ticket_key
),

ownership_spans as (
    select
        ticket_key, changed_at as started_at, is_owned,
        lead(changed_at) over (partition by ticket_key order by event_no) as ended_at
    from ownership_changes
    where was_owned is null or is_owned <> was_owned
    union all
    select tickets.ticket_key, tickets.created_at, false, first_owners.owned_at
    from tickets
    left join watched on tickets.ticket_key = watched.ticket_key
    left join first_owners on tickets.ticket_key = first_owners.ticket_key
    where not coalesce(watched.has_owner_gap, false)
),

unowned as (
    select
        spans.ticket_key,
        greatest(spans.started_at, open_spans.opened_at) as started_at,
        least(coalesce(spans.ended_at, run.as_of), coalesce(open_spans.ended_at, run.as_of)) as ended_at,
        spans.ended_at is not null or open_spans.ended_at is not null as is_ended
    from ownership_spans as spans
    inner join open_spans on spans.ticket_key = open_spans.ticket_key
    cross join run
    where not spans.is_owned
),

waits as (
    select
        handovers.ticket_key, handovers.wait_kind, handovers.event_no as order_no,
        handovers.from_team, handovers.to_team, handovers.started_at,
        coalesce(takeovers.taken_at, handovers.last_at) as ended_at,
        takeovers.taken_at is not null as is_ended
    from handovers
    left join takeovers
        on handovers.ticket_key = takeovers.ticket_key and handovers.wait_kind = takeovers.wait_kind
        and handovers.event_no = takeovers.event_no
    union all
    select
        ticket_key, 'unowned', cast(0 as bigint), cast(null as varchar), cast(null as varchar),
        started_at, ended_at, is_ended
    from unowned
    where ended_at > started_at
),

numbered as (
    select
        *,
        cast(row_number() over (
            partition by ticket_key, wait_kind order by started_at, order_no, ended_at
        ) as integer) as wait_no
    from waits
),

local_times as (
    select
        waits.*,
        waits.started_at at time zone 'UTC' at time zone run.business_timezone as started_local,
        waits.ended_at at time zone 'UTC' at time zone run.business_timezone as ended_local
    from numbered as waits
    cross join run
),

seconds_of_day as (
    select
        *,
        cast(date_diff('second', cast(cast(started_local as date) as timestamp), started_local) as bigint)
            as started_second,
        cast(date_diff('second', cast(cast(ended_local as date) as timestamp), ended_local) as bigint) as ended_second
    from local_times
)

select
    waits.ticket_key, waits.wait_kind, waits.wait_no, coalesce(waits.from_team, 'unknown') as from_team, coalesce(waits.to_team, 'unknown') as to_team,
    waits.started_at, waits.ended_at, waits.is_ended,
    waits.wait_kind = 'unowned' as is_unowned,
    waits.wait_kind = 'handoff' as is_handoff,
    (ends.seconds_before + case when ends.is_open then waits.ended_second - ends.from_second else 0 end)
        - (starts.seconds_before + case when starts.is_open then waits.started_second - starts.from_second else 0 end)
        as business_seconds
from seconds_of_day as waits
left join clock as starts
    on cast(waits.started_local as date) = starts.date
    and waits.started_second >= starts.from_second and waits.started_second < starts.to_second
left join clock as ends
    on cast(waits.ended_local as date) = ends.date
    and waits.ended_second >= ends.from_second and waits.ended_second < ends.to_second
