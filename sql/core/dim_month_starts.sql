-- The starts of the last 36 months, each by its number (12 x year + month), as local midnight and as the instant it was.
-- grain: month_start
-- Not from core.dim_clock, which begins with the holidays of 2004. as_of is the run's: until then months can be told of.
with
local_run as (
    select
        as_of, business_timezone, cast(as_of at time zone 'UTC' at time zone business_timezone as date) as as_of_date
    from raw.run
),

-- Unrolled by itself: Spark takes no function around it.
midnights as (
    select
        unnest(generate_series(
            cast(date_trunc('month', as_of_date) as timestamp) - interval '35 months',
            cast(date_trunc('month', as_of_date) as timestamp), interval '1 month'
        )) as midnight
    from local_run
)

select
    cast(midnights.midnight as date) as month_start,
    cast(12 * extract(year from midnights.midnight) + extract(month from midnights.midnight) as bigint) as month_no,
    midnights.midnight at time zone local_run.business_timezone at time zone 'UTC' as started_at,
    (midnights.midnight + interval '1 month') at time zone local_run.business_timezone at time zone 'UTC' as ended_at,
    local_run.as_of
from midnights
cross join local_run
