-- Courses and drills attended, one row an attendance.
-- grain: training_key
-- One drill is one region on one day: everybody who took part there and then took part in the same one.
with
training as (select * from staging.stg_training),
staff as (select * from core.dim_staff),
run as (select * from raw.run),

dated as (
    select
        training.source, training.training_key, training.staff_key, coalesce(training.kind, 'unknown') as kind,
        cast(training.done_at at time zone 'UTC' at time zone run.business_timezone as date) as done_date,
        coalesce(staff.region, 'unknown') as region, coalesce(staff.area, 'unknown') as area,
        coalesce(staff.team, 'unknown') as team, coalesce(staff.outlet, 'unknown') as outlet,
        coalesce(staff.role, 'unknown') as role
    from training
    cross join run
    left join staff on training.staff_key = staff.staff_key
)

select
    source, training_key, staff_key, kind, done_date, region, area,
    'unknown' as tier, false as is_vip, 'unknown' as channel, 'unknown' as customer_type,
    'unknown' as product, 'unknown' as product_group, team, outlet, role,
    kind = 'drill' as is_drill,
    kind = 'drill' and row_number() over (
        partition by source, kind, region, done_date order by training_key
    ) = 1 as is_first_of_drill
from dated
