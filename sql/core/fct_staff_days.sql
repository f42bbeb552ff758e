-- Each member of staff on each day of employment, of the last 1,096 days: what they were, did and achieved that day.
-- grain: staff_key, date
-- Three years bound the table; no page looks back further. Experience is what the newest export states, counted on or
-- back from the day it was made; without it, the time since hiring. A month of tenure or of training is 30 days. Peers
-- are people of the same role who never took a course, in the same calendar month. Shifts, and what is handled in them,
-- count on the day they begin. Output counts from a person's first shift up to the roster's last day: outside of it no
-- hours are known.
with
staff as (select * from core.dim_staff),
days as (select distinct cast(date as date) as date from raw.calendar_days),
credits as (select * from core.fct_agent_tickets_own where staff_key <> 'unknown'),
events as (
    select source, agent_id, occurred_at
    from staging.stg_ticket_events
    where agent_id is not null and actor_role = 'agent' and event_type <> 'assigned'
),
visits as (select * from staging.stg_visits where engineer_id is not null),
roster as (select * from staging.stg_roster where shift_end_at is not null),
capability as (select * from core.fct_assessments where kind = 'capability'),
training as (select * from core.fct_training where is_drill),
sources as (select * from raw.sources),
run as (
    select
        as_of, business_timezone, cast(as_of at time zone 'UTC' at time zone business_timezone as date) as as_of_date
    from raw.run
),

employed as (
    select
        staff.*, days.date, run.as_of_date,
        cast(date_trunc('month', days.date) as date) as month_start,
        cast(date_trunc('quarter', days.date) as date) as quarter_start
    from staff
    cross join run
    inner join days
        on date_diff('day', days.date, run.as_of_date) between 1 and 1096
        and (staff.hired_date is null or staff.hired_date <= days.date)
        and (staff.left_date is null or staff.left_date > days.date)
),

touches as (
    select source, agent_id, occurred_at as touched_at from events
    union all
    select source, engineer_id, arrived_at from visits where arrived_at is not null
),

-- The first and the last of a day tell all that is asked of them.
touched_days as (
    select
        touches.source, touches.agent_id,
        cast(touches.touched_at at time zone 'UTC' at time zone run.business_timezone as date) as date,
        min(touches.touched_at) as first_at, max(touches.touched_at) as last_at
    from touches
    cross join run
    group by
        touches.source, touches.agent_id,
        cast(touches.touched_at at time zone 'UTC' at time zone run.business_timezone as date)
),

solved as (
    select
        staff_key, solved_date as date,
        count(*) as solved_count, sum(case when is_kept then 1 else 0 end) as kept_count,
        sum(case when is_rated then 1 else 0 end) as rated_count,
        sum(case when is_satisfied then 1 else 0 end) as satisfied_count
    from credits
    group by staff_key, solved_date
),

shifts as (
    select
        roster.staff_key,
        cast(roster.shift_start_at at time zone 'UTC' at time zone run.business_timezone as date) as date,
        sum(cast(date_diff('second', roster.shift_start_at, least(roster.shift_end_at, run.as_of)) as bigint))
            as staffed_seconds,
        max(roster.shift_end_at) as last_end_at
    from roster
    cross join run
    where roster.shift_start_at < run.as_of and roster.shift_end_at > roster.shift_start_at
    group by
        roster.staff_key,
        cast(roster.shift_start_at at time zone 'UTC' at time zone run.business_timezone as date)
),

first_shifts as (select staff_key, min(date) as first_shift_date from shifts group by staff_key),

roster_end as (select max(date) as last_shift_date from shifts),

handling_days as (
    select sources.customer_namespace || ':' || touched_days.agent_id as staff_key, touched_days.date,
        touched_days.first_at, touched_days.last_at
    from touched_days
    inner join sources on touched_days.source = sources.source
    union all
    select staff_key, solved_date, min(solved_at), max(solved_at) from credits group by staff_key, solved_date
),

-- After midnight a night shift is still the one of the day before.
handled as (
    select handling_days.staff_key, nights.date
    from handling_days
    inner join shifts as nights
        on handling_days.staff_key = nights.staff_key
        and handling_days.date = cast(nights.date + interval '1 day' as date)
        and handling_days.first_at < nights.last_end_at
    union
    select handling_days.staff_key, handling_days.date
    from handling_days
    left join shifts as nights
        on handling_days.staff_key = nights.staff_key
        and handling_days.date = cast(nights.date + interval '1 day' as date)
    where nights.staff_key is null or handling_days.last_at >= nights.last_end_at
),

verdicts as (
    select staff_key, assessed_date, is_passed
    from capability
    qualify row_number() over (
        partition by staff_key, assessed_date order by assessed_at desc, assessment_key desc
    ) = 1
),

capable as (
    select
        staff_key, is_passed, assessed_date as from_date,
        coalesce(lead(assessed_date) over (partition by staff_key order by assessed_date), cast('9999-12-31' as date))
            as to_date
    from verdicts
),

drilled as (
    select
        staff_key, cast(date_trunc('quarter', done_date) as date) as quarter_start, min(done_date) as first_drill_date
    from training
    group by staff_key, cast(date_trunc('quarter', done_date) as date)
),

worked as (
    select
        employed.*,
        employed.staff_group = 'front_line' as is_front_line,
        -- Seven days from the end of the day: by then each solve of that day has kept or was reopened.
        date_diff('day', employed.date, employed.as_of_date) >= 8 as is_old_enough,
        coalesce(solved.solved_count, 0) as solved_count, coalesce(solved.kept_count, 0) as kept_count,
        coalesce(solved.rated_count, 0) as rated_count, coalesce(solved.satisfied_count, 0) as satisfied_count,
        coalesce(shifts.staffed_seconds, 0) as staffed_seconds,
        shifts.staff_key is not null as is_on_shift,
        employed.staff_group = 'front_line'
            and coalesce(employed.date between first_shifts.first_shift_date and roster_end.last_shift_date, false)
            as is_output_known,
        handled.staff_key is not null as is_handling,
        coalesce(capable.is_passed, false) as is_capable,
        coalesce(drilled.first_drill_date <= employed.date, false) as is_drilled,
        date_diff('day', employed.hired_date, employed.date) as tenure_days,
        date_diff('day', employed.first_course_date, employed.date) as training_days
    from employed
    left join solved on employed.staff_key = solved.staff_key and employed.date = solved.date
    cross join roster_end
    left join first_shifts on employed.staff_key = first_shifts.staff_key
    left join shifts on employed.staff_key = shifts.staff_key and employed.date = shifts.date
    left join handled on employed.staff_key = handled.staff_key and employed.date = handled.date
    left join capable
        on employed.staff_key = capable.staff_key
        and employed.date >= capable.from_date and employed.date < capable.to_date
    left join drilled on employed.staff_key = drilled.staff_key and employed.quarter_start = drilled.quarter_start
),

peers as (
    select role, month_start, sum(solved_count) as solved_count, count(*) as day_count
    from worked
    where is_on_shift and first_course_date is null
    group by role, month_start
)

select
    worked.source, worked.staff_key, worked.staff_id, worked.date,
    worked.region, worked.area, worked.team, worked.outlet, worked.role,
    worked.staff_group, worked.is_front_line,
    worked.is_capable, worked.is_drilled, worked.is_on_shift, worked.is_handling,
    -- Whole days of experience, so that no fraction of a year is added up: three years are 1,095.75 days.
    case
        when worked.experience_years is not null
            then worked.experience_years * 365.25 + date_diff('day', worked.told_date, worked.date) + 1 >= 1095.75
        else coalesce(worked.tenure_days >= 1096, false)
    end as is_experienced,
    cast(worked.solved_count as bigint) as solved_count, cast(worked.kept_count as bigint) as kept_count,
    cast(worked.rated_count as bigint) as rated_count, cast(worked.satisfied_count as bigint) as satisfied_count,
    cast(worked.staffed_seconds as bigint) as staffed_seconds,
    worked.is_output_known and not worked.is_old_enough as is_output_maturing,
    cast(case when worked.is_output_known and worked.is_old_enough then worked.kept_count else 0 end as bigint)
        as output_count,
    cast(case when worked.is_output_known and worked.is_old_enough then worked.staffed_seconds else 0 end as bigint)
        as output_seconds,
    cast(date_trunc('month', worked.hired_date) as date) as hire_month,
    case when worked.tenure_days < 30 then 1 when worked.tenure_days < 60 then 2 when worked.tenure_days < 90 then 3
    end as tenure_month,
    worked.first_course_date,
    cast(date_trunc('month', worked.first_course_date) as date) as training_month,
    coalesce(worked.training_days between 1 and 90, false) as is_after_training,
    worked.is_on_shift and coalesce(peers.solved_count > 0, false)
        and coalesce(worked.training_days between -90 and -1 or worked.training_days between 1 and 90, false)
        as is_training_compared,
    -- More or less than the peers of that month, as a share of theirs.
    case when worked.is_on_shift and peers.solved_count > 0
        then cast(cast(worked.solved_count * peers.day_count as double) / cast(peers.solved_count as double) - 1
            as decimal(18, 6)) end as solved_over_peers
from worked
left join peers on worked.role = peers.role and worked.month_start = peers.month_start
