-- Staff by key: role, team, place, and since when. No names: those stay in staging.
-- grain: staff_key
-- A role that sql/policies/staff_roles.csv does not list counts as front line: a new title must not take a person out
-- of the rates. first_course_date is the first course ever taken, drills apart.
with
staff as (select * from staging.stg_staff),
outlets as (select * from staging.stg_outlets),
regions as (select * from core.dim_regions),
roles as (select role, staff_group from raw.staff_roles),
run as (select * from raw.run),

courses as (
    select
        training.staff_key,
        min(cast(training.done_at at time zone 'UTC' at time zone run.business_timezone as date)) as first_course_date
    from staging.stg_training as training
    cross join run
    where training.kind = 'course'
    group by training.staff_key
),

placed as (
    select
        staff.source, staff.staff_key, staff.staff_id, staff.experience_years,
        cast(coalesce(staff.told_at, run.as_of) at time zone 'UTC' at time zone run.business_timezone as date)
            as told_date,
        coalesce(nullif(trim(staff.role), ''), 'unknown') as role,
        coalesce(nullif(trim(staff.team), ''), 'unknown') as team,
        coalesce(outlets.outlet_name, staff.outlet_key, 'unknown') as outlet,
        coalesce(nullif(trim(staff.region), ''), nullif(trim(outlets.region), ''), 'unknown') as region,
        cast(staff.hired_at at time zone 'UTC' at time zone run.business_timezone as date) as hired_date,
        cast(staff.left_at at time zone 'UTC' at time zone run.business_timezone as date) as left_date
    from staff
    cross join run
    left join outlets on staff.outlet_key = outlets.outlet_key
)

select
    placed.source, placed.staff_key, placed.staff_id, placed.role, placed.team, placed.outlet, placed.region,
    coalesce(regions.area, 'unknown') as area,
    coalesce(roles.staff_group, 'front_line') as staff_group,
    placed.hired_date, placed.left_date, placed.experience_years, placed.told_date,
    courses.first_course_date
from placed
left join regions on placed.region = regions.region
left join roles on lower(placed.role) = roles.role
left join courses on placed.staff_key = courses.staff_key
