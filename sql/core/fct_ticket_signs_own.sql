-- Signs that a number was looked after instead of a customer, ticket by ticket.
-- grain: ticket_key
-- keep: build
-- by: ticket_key
-- shared: survey_sources
-- moves: in core.fct_tickets_own: is_open or first_solved_at > old_as_of - interval 8 day
-- None of them proves anything of one ticket: each is common by chance and rare as a habit, so they are counted and
-- compared between agents. The agent is the one who held the ticket when it was first solved, else who holds it now.
-- just_under and just_over: answered within the last and the first tenth of the limit around its end. Parked: within
-- the last tenth of the promised time, on its own clock and less the pauses before, set to a status that stops that
-- clock. What a bot solved, or nobody was waiting for, needs no reply.
with
tickets as (select * from core.fct_tickets_own where is_counted),
solvers as (select ticket_key, staff_key from core.fct_agent_tickets_own),
sources as (select * from raw.sources),
spans as (select * from core.fct_status_spans_own),
surveys as (select distinct ticket_key from core.fct_surveys where kind = 'instant' and sent_at is not null),
survey_sources as (select distinct source from core.fct_surveys where kind = 'instant' and sent_at is not null),
run as (select * from raw.run),

counted_spans as (
    select
        spans.ticket_key, spans.event_seq, spans.entered_at,
        tickets.resolution_limit_seconds, tickets.resolution_policy_seconds,
        list_contains(string_split(tickets.resolution_pauses_on, ' '), spans.status) as is_paused,
        case when tickets.resolution_clock = 'business' then spans.business_seconds else spans.calendar_seconds end
            as span_seconds
    from tickets
    cross join run
    inner join spans on tickets.ticket_key = spans.ticket_key
    where tickets.resolution_limit_seconds is not null
        and spans.entered_at < coalesce(tickets.resolved_at, run.as_of)
),

-- How much of the promised time was used as each span began: all of it less what still came, since a history may begin
-- later than its ticket.
used as (
    select
        ticket_key, is_paused, resolution_limit_seconds,
        resolution_policy_seconds - sum(case when is_paused then 0 else span_seconds end) over (
            partition by ticket_key order by event_seq, entered_at
            rows between current row and unbounded following
        ) as used_seconds
    from counted_spans
),

parked as (
    select distinct ticket_key
    from used
    where is_paused and used_seconds >= 0.9 * resolution_limit_seconds and used_seconds < resolution_limit_seconds
)

select
    tickets.ticket_key,
    coalesce(solvers.staff_key, sources.customer_namespace || ':' || tickets.agent_id, 'unknown') as agent,
    tickets.is_first_solved and date_diff('second', tickets.first_solved_at, run.as_of) >= 3600 as is_solve_over_1h,
    tickets.is_first_solved and tickets.reopened_at is not null
        and date_diff('second', tickets.first_solved_at, tickets.reopened_at) <= 3600 as is_reopened_within_1h,
    tickets.is_first_solved and tickets.has_messages and not tickets.has_visit and tickets.is_response_expected
        as is_solved_remotely,
    tickets.agent_turn_count = 0 as is_without_reply,
    -- Those that reached nine tenths of their limit unsolved: only they could be parked.
    coalesce(
        tickets.resolution_policy_seconds >= 0.9 * tickets.resolution_limit_seconds
        and tickets.resolution_pauses_on <> '' and tickets.resolution_state <> 'not_expected', false
    ) as is_near_due,
    parked.ticket_key is not null as is_parked,
    tickets.is_responded and coalesce(
        tickets.response_policy_seconds > 0.9 * tickets.response_limit_seconds
        and tickets.response_policy_seconds <= tickets.response_limit_seconds, false
    ) as is_just_under,
    tickets.is_responded and coalesce(
        tickets.response_policy_seconds > tickets.response_limit_seconds
        and tickets.response_policy_seconds <= 1.1 * tickets.response_limit_seconds, false
    ) as is_just_over,
    tickets.is_first_solved and survey_sources.source is not null
        and date_diff('second', tickets.first_solved_at, run.as_of) >= 7 * 86400 as is_survey_expected,
    surveys.ticket_key is not null as is_surveyed,
    tickets.response_state in ('breached', 'breached_open') or tickets.resolution_state in ('breached', 'breached_open')
        or tickets.reopened_at is not null as is_troubled
from tickets
cross join run
inner join sources on tickets.source = sources.source
left join solvers on tickets.ticket_key = solvers.ticket_key
left join parked on tickets.ticket_key = parked.ticket_key
left join surveys on tickets.ticket_key = surveys.ticket_key
left join survey_sources on tickets.source = survey_sources.source
