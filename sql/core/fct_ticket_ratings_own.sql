-- Tickets that were solved or rated: was the customer asked, what was said, and how had the ticket gone?
-- grain: ticket_key
-- keep: build
-- by: ticket_key
-- shared: asking_sources, rated_sources
-- moves: in core.fct_tickets_own: first_solved_at > old_as_of - interval 15 day
-- is_coverage_due: solved at least 7 d ago, in a source whose tickets are surveyed at all. Asked counts where the
-- instant survey went out by 7 d after the first solve. is_poll_due waits 7 d more for the answer: those are the people
-- for whom a weighted satisfaction speaks, whether they answered or not.
with
tickets as (select * from core.fct_tickets_own where is_counted),
surveys as (select * from core.fct_surveys where kind = 'instant' and ticket_key is not null),
ratings as (select * from core.fct_survey_answers where is_rating and ticket_key is not null),
run as (select * from raw.run),

asking_sources as (
    select distinct tickets.source
    from tickets
    inner join surveys on tickets.ticket_key = surveys.ticket_key
    where surveys.is_sent
),

rated_sources as (
    select distinct tickets.source
    from tickets
    inner join ratings on tickets.ticket_key = ratings.ticket_key
),

asked as (
    select tickets.ticket_key, min(surveys.sent_at) as first_asked_at
    from tickets
    inner join surveys on tickets.ticket_key = surveys.ticket_key
    where surveys.is_sent
    group by tickets.ticket_key
),

joined as (
    select
        tickets.*, run.business_timezone, asked.first_asked_at,
        ratings.survey_key, ratings.score, ratings.is_satisfied, ratings.rated_date as rating_date,
        ratings.survey_key is not null as is_rated,
        asking_sources.source is not null as is_asking_source,
        rated_sources.source is not null as is_rated_source,
        cast(date_diff('second', tickets.first_solved_at, run.as_of) as bigint) as solved_age_seconds
    from tickets
    cross join run
    left join asked on tickets.ticket_key = asked.ticket_key
    left join ratings on tickets.ticket_key = ratings.ticket_key
    left join asking_sources on tickets.source = asking_sources.source
    left join rated_sources on tickets.source = rated_sources.source
    where tickets.is_first_solved or ratings.survey_key is not null
)

select
    ticket_key,
    coalesce(cast(first_solved_at at time zone 'UTC' at time zone business_timezone as date), rating_date)
        as solved_date,
    case
        when response_state = 'met' then 'on_time'
        when response_state in ('breached', 'breached_open') then 'late'
        else 'unknown'
    end as speed,
    case when not is_first_solved then 'unknown' when is_reopened_within_7d then 'reopened' else 'stayed_solved' end
        as outcome,
    survey_key, is_rated,
    coalesce(is_satisfied, false) as is_satisfied,
    is_first_solved and is_asking_source and solved_age_seconds >= 7 * 86400 as is_coverage_due,
    is_first_solved and is_asking_source and solved_age_seconds < 7 * 86400 as is_coverage_waiting,
    coalesce(date_diff('second', first_solved_at, first_asked_at) <= 7 * 86400, false) as is_surveyed,
    is_first_solved and is_rated_source and solved_age_seconds >= 14 * 86400 as is_poll_due,
    response_state = 'met' as is_on_time,
    is_rated and response_state in ('met', 'breached', 'breached_open') as is_speed_compared
from joined
