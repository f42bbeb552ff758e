-- Signs that a number was looked after instead of a customer, ticket by ticket.
-- grain: ticket_key
-- None of them proves anything of one ticket: each is common by chance and rare as a habit, so they are counted and
-- compared between agents. The agent is the one who held the ticket when it was first solved, else who holds it now.
-- just_under and just_over: answered within the last and the first tenth of the limit around its end.
with
tickets as (select * from core.fct_tickets where is_counted),
solvers as (select ticket_key, staff_key from core.fct_agent_tickets),
sources as (select * from raw.sources),
spans as (select * from core.fct_status_spans where status = 'pending'),
surveys as (select distinct ticket_key from core.fct_surveys where kind = 'instant' and sent_at is not null),
survey_sources as (select distinct source from core.fct_surveys where kind = 'instant' and sent_at is not null),
run as (select * from raw.run),

-- How much of the promised time was used when the ticket was set to wait for the customer.
parked as (
    select distinct tickets.ticket_key
    from tickets
    inner join spans on tickets.ticket_key = spans.ticket_key
    where tickets.resolution_limit_seconds is not null
        and date_diff('second', tickets.created_at, spans.entered_at) >= 0.9 * tickets.resolution_limit_seconds
        and date_diff('second', tickets.created_at, spans.entered_at) < tickets.resolution_limit_seconds
)

select
    tickets.source, tickets.ticket_key, tickets.ticket_id, tickets.created_date,
    coalesce(solvers.staff_key, sources.customer_namespace || ':' || tickets.agent_id, 'unknown') as agent,
    tickets.region, tickets.area, tickets.tier, tickets.is_vip, tickets.channel, tickets.customer_type,
    tickets.product, tickets.product_group, tickets.category, tickets.priority, tickets.team,

    tickets.is_first_solved and date_diff('second', tickets.first_solved_at, run.as_of) >= 3600 as is_solve_over_1h,
    tickets.is_first_solved and tickets.reopened_at is not null
        and date_diff('second', tickets.first_solved_at, tickets.reopened_at) <= 3600 as is_reopened_within_1h,

    tickets.is_first_solved and tickets.has_messages and not tickets.has_visit as is_solved_remotely,
    tickets.agent_turn_count = 0 as is_without_reply,

    -- Those that reached nine tenths of their limit unsolved: only they could be parked.
    coalesce(
        tickets.resolution_calendar_seconds >= 0.9 * tickets.resolution_limit_seconds
        and tickets.resolution_state <> 'not_expected', false
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
    tickets.response_state = 'breached' or tickets.resolution_state = 'breached'
        or tickets.reopened_at is not null as is_troubled
from tickets
cross join run
inner join sources on tickets.source = sources.source
left join solvers on tickets.ticket_key = solvers.ticket_key
left join parked on tickets.ticket_key = parked.ticket_key
left join surveys on tickets.ticket_key = surveys.ticket_key
left join survey_sources on tickets.source = survey_sources.source
