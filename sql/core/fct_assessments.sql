-- Assessments of staff that have a result: of their capability, of managers, in drills. 360° ratings stand apart.
-- grain: assessment_key
-- Passed as stated, else by score and pass mark; with neither there is no result and no row. Of one person the last
-- one in a quarter (a year) counts for that quarter (year): a repeated test is not counted twice.
with
assessments as (select * from staging.stg_staff_assessments where kind <> '360'),
staff as (select * from core.dim_staff),
run as (select * from raw.run),

judged as (
    select
        assessments.source, assessments.assessment_key, assessments.staff_key, assessments.kind,
        assessments.assessed_at, assessments.score, assessments.pass_mark,
        coalesce(assessments.is_passed, assessments.score >= assessments.pass_mark) as is_passed,
        cast(assessments.assessed_at at time zone 'UTC' at time zone run.business_timezone as date) as assessed_date
    from assessments
    cross join run
    where assessments.is_passed is not null or (assessments.score is not null and assessments.pass_mark is not null)
)

select
    judged.source, judged.assessment_key, judged.staff_key, judged.kind, judged.assessed_at, judged.assessed_date,
    judged.score, judged.pass_mark, judged.is_passed,
    coalesce(staff.region, 'unknown') as region, coalesce(staff.area, 'unknown') as area,
    'unknown' as tier, false as is_vip, 'unknown' as channel, 'unknown' as customer_type,
    'unknown' as product, 'unknown' as product_group,
    coalesce(staff.team, 'unknown') as team, coalesce(staff.outlet, 'unknown') as outlet,
    coalesce(staff.role, 'unknown') as role, coalesce(staff.staff_group, 'unknown') as staff_group,
    row_number() over (
        partition by judged.staff_key, judged.kind, date_trunc('quarter', judged.assessed_date)
        order by judged.assessed_at desc, judged.assessment_key desc
    ) = 1 as is_last_in_quarter,
    row_number() over (
        partition by judged.staff_key, judged.kind, date_trunc('year', judged.assessed_date)
        order by judged.assessed_at desc, judged.assessment_key desc
    ) = 1 as is_last_in_year
from judged
left join staff on judged.staff_key = staff.staff_key
