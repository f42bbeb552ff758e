-- Everything that went well or not and that a person, and a team, answers for: one row a measure and unit.
-- grain: measure, unit_key
-- response: tickets due, answered in time. resolution: tickets 14 days old, solved within 7 days and not reopened
-- within 7 more. kept: solves 7 days old that were not reopened. csat: ratings, satisfied. qa: reviews, passed.
-- first_fix, diagnosis, visit_csat: of the engineer of the first (of the rating: the last) visit; a diagnosis is right
-- as in core.fct_visits. internal: capability assessments, the last of each quarter, passed. Whose: the agent who held
-- the ticket at the solve, else the one it is with; unknown if nobody.
-- Peers are people of the same role who never took a course, in the same calendar month. Months of tenure are 30 days.
with
tickets as (select * from core.fct_tickets where is_counted),
credits as (select * from core.fct_agent_tickets),
reviews as (select * from core.fct_qa_reviews where is_last_review),
first_visits as (select * from core.fct_first_visits where is_matured),
visits as (select * from core.fct_visits where is_counted and engineer_id is not null),
assessments as (select * from core.fct_assessments where kind = 'capability' and is_last_in_quarter),
answers as (select * from core.fct_survey_answers where is_rating and ticket_key is not null),
staff as (select * from core.dim_staff),
weights as (select scorecard, measure, cast(weight as decimal(18, 4)) as weight from raw.scorecard),
sources as (select * from raw.sources),
same_faults as (
    select distinct
        upper(replace(diagnosis_code, ' ', '')) as diagnosis_said, upper(replace(fault_code, ' ', '')) as fault_found
    from raw.fault_codes
),

ticket_results as (
    select
        tickets.*,
        coalesce(credits.staff_key, sources.customer_namespace || ':' || tickets.agent_id, 'unknown') as staff_key,
        date_diff('second', tickets.created_at, tickets.as_of) >= 14 * 86400 as is_resolution_matured,
        tickets.is_first_solved and not tickets.is_reopened_within_7d
            and date_diff('second', tickets.created_at, tickets.first_solved_at) <= 7 * 86400 as is_resolved_for_good
    from tickets
    inner join sources on tickets.source = sources.source
    left join credits on tickets.ticket_key = credits.ticket_key
),

engineers as (
    select
        visits.*, sources.customer_namespace || ':' || visits.engineer_id as staff_key,
        upper(replace(visits.diagnosis_code, ' ', '')) as diagnosis_said,
        row_number() over (partition by visits.ticket_key order by visits.visit_rank desc) as from_last
    from visits
    inner join sources on visits.source = sources.source
),

-- What the fault turned out to be: the last visit that names one.
faults as (
    select ticket_key, upper(replace(fault_code, ' ', '')) as fault_found
    from core.fct_visits
    where fault_code <> 'unknown'
    qualify row_number() over (partition by ticket_key order by visit_rank desc) = 1
),

results as (
    select
        'response' as measure, ticket_key as unit_key, staff_key, created_date as result_date,
        response_state = 'met' as is_good, cast(null as decimal(18, 4)) as score,
        source, region, area, tier, is_vip, channel, customer_type, product, product_group, category, priority, team
    from ticket_results
    where response_state in ('met', 'breached', 'breached_open')
    union all
    select
        'resolution', ticket_key, staff_key, created_date, is_resolved_for_good, null,
        source, region, area, tier, is_vip, channel, customer_type, product, product_group, category, priority, team
    from ticket_results
    where is_resolution_expected and is_resolution_matured
    union all
    select
        'kept', ticket_key, staff_key, solved_date, is_kept, null,
        source, region, area, tier, is_vip, channel, customer_type, product, product_group, category, priority, team
    from credits
    where is_reopen_matured
    union all
    select
        'csat', ticket_key, staff_key, rated_date, is_satisfied, score,
        source, region, area, tier, is_vip, channel, customer_type, product, product_group, category, priority, team
    from credits
    where is_rated
    union all
    select
        'qa', review_key, staff_key, reviewed_date, is_passed, null,
        source, region, area, tier, is_vip, channel, customer_type, product, product_group, category, priority, team
    from reviews
    union all
    select
        'first_fix', first_visits.ticket_key, engineers.staff_key, first_visits.created_date,
        first_visits.is_fixed_first, null,
        first_visits.source, first_visits.region, first_visits.area, first_visits.tier, first_visits.is_vip,
        first_visits.channel, first_visits.customer_type, first_visits.product, first_visits.product_group,
        first_visits.category, first_visits.priority, first_visits.team
    from first_visits
    inner join engineers on first_visits.visit_key = engineers.visit_key
    union all
    select
        'diagnosis', engineers.ticket_key, engineers.staff_key, engineers.created_date,
        engineers.diagnosis_said = faults.fault_found or same_faults.fault_found is not null, null,
        engineers.source, engineers.region, engineers.area, engineers.tier, engineers.is_vip, engineers.channel,
        engineers.customer_type, engineers.product, engineers.product_group, engineers.category, engineers.priority,
        engineers.team
    from engineers
    inner join faults on engineers.ticket_key = faults.ticket_key
    left join same_faults
        on engineers.diagnosis_said = same_faults.diagnosis_said and faults.fault_found = same_faults.fault_found
    where engineers.visit_rank = 1 and engineers.diagnosis_code is not null
    union all
    select
        'visit_csat', answers.ticket_key, engineers.staff_key, answers.rated_date, answers.is_satisfied, answers.score,
        answers.source, answers.region, answers.area, answers.tier, answers.is_vip, answers.channel,
        answers.customer_type, answers.product, answers.product_group, answers.category, answers.priority, answers.team
    from answers
    inner join engineers on answers.ticket_key = engineers.ticket_key and engineers.from_last = 1
    union all
    select
        'internal', assessment_key, staff_key, assessed_date, is_passed, null,
        source, region, area, tier, is_vip, channel, customer_type, product, product_group,
        'unknown', 'unknown', team
    from assessments
),

placed as (
    select
        results.*,
        coalesce(staff.role, 'unknown') as role, coalesce(staff.outlet, 'unknown') as outlet,
        cast(date_trunc('month', results.result_date) as date) as result_month,
        cast(date_trunc('month', staff.hired_date) as date) as hire_month,
        date_diff('day', staff.hired_date, results.result_date) as tenure_days,
        staff.first_course_date,
        date_diff('day', staff.first_course_date, results.result_date) as training_days,
        staff.staff_key is not null as is_on_staff
    from results
    left join staff on results.staff_key = staff.staff_key
),

tenured as (
    select
        *,
        case when tenure_days between 0 and 29 then 1 when tenure_days between 30 and 59 then 2
            when tenure_days between 60 and 89 then 3 end as tenure_month
    from placed
),

peers as (
    select role, result_month, cast(sum(score) as double) as score_sum, count(*) as rating_count
    from tenured
    where measure = 'csat' and is_on_staff and first_course_date is null
    group by role, result_month
),

starts as (
    select hire_month, cast(sum(score) as double) as score_sum, count(*) as rating_count
    from tenured
    where measure = 'csat' and tenure_month = 1
    group by hire_month
)

select
    tenured.measure, tenured.unit_key, tenured.staff_key, tenured.result_date, tenured.is_good, tenured.score,
    tenured.source, tenured.region, tenured.area, tenured.tier, tenured.is_vip, tenured.channel,
    tenured.customer_type, tenured.product, tenured.product_group, tenured.category, tenured.priority, tenured.team,
    tenured.role, tenured.outlet, tenured.is_on_staff,
    team_weights.weight as team_weight, star_weights.weight as star_weight, engineer_weights.weight as engineer_weight,
    tenured.hire_month, tenured.tenure_month,
    starts.hire_month is not null and coalesce(tenured.tenure_month in (1, 3), false) as is_ramp_compared,
    -- Better or worse than the cohort's first month, as a share of it.
    cast(cast(tenured.score as double) / (starts.score_sum / starts.rating_count) - 1 as decimal(18, 6))
        as score_over_start,
    cast(date_trunc('month', tenured.first_course_date) as date) as training_month,
    coalesce(tenured.training_days between 1 and 90, false) as is_after_training,
    peers.role is not null
        and coalesce(tenured.training_days between -90 and -1 or tenured.training_days between 1 and 90, false)
        as is_training_compared,
    cast(cast(tenured.score as double) / (peers.score_sum / peers.rating_count) - 1 as decimal(18, 6))
        as score_over_peers
from tenured
left join weights as team_weights on team_weights.scorecard = 'team' and tenured.measure = team_weights.measure
left join weights as star_weights on star_weights.scorecard = 'star' and tenured.measure = star_weights.measure
left join weights as engineer_weights
    on engineer_weights.scorecard = 'engineer' and tenured.measure = engineer_weights.measure
left join peers on tenured.measure = 'csat' and tenured.role = peers.role and tenured.result_month = peers.result_month
left join starts on tenured.measure = 'csat' and tenured.hire_month = starts.hire_month
