-- What else a person answers for: reviews of tickets, first visits, diagnoses, ratings of visits, assessments.
-- grain: measure, unit_key
-- qa: reviews, passed. first_fix, diagnosis, visit_csat: of the engineer of the first (of the rating: the last) visit; a
-- diagnosis is right as in core.fct_visits. internal: capability assessments, the last of each quarter, passed.
with
reviews as (select * from core.fct_qa_reviews where is_last_review),
first_visits as (select * from core.fct_first_visits where is_matured),
visits as (select * from core.fct_visits where is_counted and engineer_id is not null),
assessments as (select * from core.fct_assessments where kind = 'capability' and is_last_in_quarter),
answers as (select * from core.fct_survey_answers where is_rating and ticket_key is not null),
staff as (select * from core.dim_staff),
sources as (select * from raw.sources),
same_faults as (
    select distinct
        upper(replace(diagnosis_code, ' ', '')) as diagnosis_said, upper(replace(fault_code, ' ', '')) as fault_found
    from raw.fault_codes
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

cases as (
    select
        'qa' as measure, review_key as unit_key, staff_key, reviewed_date as result_date, is_passed as is_good,
        cast(null as decimal(18, 4)) as score,
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
)

select
    cases.*,
    coalesce(staff.role, 'unknown') as role, coalesce(staff.outlet, 'unknown') as outlet,
    staff.staff_key is not null and cases.measure in ('first_fix', 'diagnosis', 'visit_csat') as is_engineer
from cases
left join staff on cases.staff_key = staff.staff_key
