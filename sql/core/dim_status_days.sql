-- The days at which customers are looked at: the last of each of the last 36 months, and the last complete day.
-- grain: status_date
-- No month has two of them, so that its number (12 x year + month) names the day. ended_at is local midnight after it.
with
last_days as (
    select
        business_timezone,
        cast(cast(as_of at time zone 'UTC' at time zone business_timezone as date) - interval '1 day' as date)
            as last_date
    from raw.run
),

status_days as (
    select cast(dim_clock.date - interval '1 day' as date) as status_date
    from core.dim_clock as dim_clock
    cross join last_days
    where extract(day from dim_clock.date) = 1
        and dim_clock.date <= last_days.last_date + interval '1 day'
        -- By months, not days: the first one moves when the month does, and never in between.
        and dim_clock.date > cast(date_trunc('month', last_days.last_date) as date) - interval '36 months'
    union
    select last_date from last_days
)

select
    status_days.status_date,
    cast(12 * extract(year from status_days.status_date) + extract(month from status_days.status_date) as bigint)
        as month_no,
    (cast(status_days.status_date as timestamp) + interval '1 day')
        at time zone last_days.business_timezone at time zone 'UTC' as ended_at,
    extract(day from status_days.status_date + interval '1 day') = 1 as is_month_complete
from status_days
cross join last_days
