-- How many tickets arrived and how many hours were staffed, hour by hour of local time.
-- grain: hour_start, source, region, team
-- A shift counts into each hour it covers. Weekday 1 is Monday. Tickets arrive in the region of their customer, shifts
-- are in that of the staff.
with
tickets as (select * from core.fct_tickets_own where is_counted),
roster as (select * from staging.stg_roster),
staff as (select * from core.dim_staff),
regions as (select * from core.dim_regions),
run as (select * from raw.run),

shifts as (
    select
        roster.source, coalesce(staff.region, 'unknown') as region, coalesce(staff.team, 'unknown') as team,
        roster.shift_start_at at time zone 'UTC' at time zone run.business_timezone as started,
        -- A shift of tomorrow is a plan; what has been worked ends now.
        least(roster.shift_end_at, run.as_of) at time zone 'UTC' at time zone run.business_timezone as ended
    from roster
    cross join run
    left join staff on roster.staff_key = staff.staff_key
    where roster.shift_end_at is not null and roster.shift_start_at < run.as_of
        and roster.shift_end_at > roster.shift_start_at
),

-- Unrolled by itself: Spark takes no function around it.
shift_hours as (
    select
        source, region, team, started, ended,
        unnest(generate_series(date_trunc('hour', started), ended, interval '1 hour')) as hour_start
    from shifts
),

worked as (
    select
        hour_start, source, region, team, cast(0 as bigint) as arrival_count, cast(0 as bigint) as due_count,
        cast(0 as bigint) as late_count,
        cast(date_diff('second', greatest(started, hour_start), least(ended, hour_start + interval '1 hour')) as bigint)
            as staffed_seconds
    from shift_hours
    where ended > hour_start
),

arrived as (
    select
        date_trunc('hour', created_local) as hour_start, source, region, team, cast(1 as bigint) as arrival_count,
        cast(case when response_state in ('met', 'breached', 'breached_open') then 1 else 0 end as bigint) as due_count,
        cast(case when response_state in ('breached', 'breached_open') then 1 else 0 end as bigint) as late_count,
        cast(0 as bigint) as staffed_seconds
    from tickets
),

hours as (
    select
        hour_start, source, region, team,
        sum(arrival_count) as arrival_count, sum(due_count) as due_count, sum(late_count) as late_count,
        sum(staffed_seconds) as staffed_seconds
    from (
        select hour_start, source, region, team, arrival_count, due_count, late_count, staffed_seconds from worked
        union all
        select hour_start, source, region, team, arrival_count, due_count, late_count, staffed_seconds from arrived
    ) as both_sides
    group by hour_start, source, region, team
)

select
    hours.hour_start, cast(hours.hour_start as date) as date, hours.source, hours.region,
    coalesce(regions.area, 'unknown') as area, 'unknown' as tier, false as is_vip, 'unknown' as channel,
    'unknown' as customer_type, 'unknown' as product, 'unknown' as product_group, hours.team,
    cast(isodow(cast(hours.hour_start as date)) as integer) as weekday,
    cast(extract(hour from hours.hour_start) as integer) as hour,
    cast(hours.arrival_count as bigint) as arrival_count, cast(hours.due_count as bigint) as due_count,
    cast(hours.late_count as bigint) as late_count, cast(hours.staffed_seconds as bigint) as staffed_seconds
from hours
left join regions on hours.region = regions.region
