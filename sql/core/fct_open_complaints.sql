-- Each complaint on each local day at whose end it was open.
-- grain: complaint_key, date
-- by: complaint_key
-- moves: in core.fct_complaints: resolved_at is null
with
complaints as (select * from core.fct_complaints where is_counted),
run as (select * from raw.run),

local_spans as (
    select
        complaints.complaint_key, complaints.received_date,
        cast(coalesce(complaints.resolved_at, run.as_of) at time zone 'UTC' at time zone run.business_timezone as date)
            as ended_date
    from complaints
    cross join run
),

-- Unrolled by itself: Spark takes no function around it.
unrolled as (
    select
        complaint_key,
        unnest(generate_series(
            cast(received_date as timestamp), cast(ended_date as timestamp) - interval '1 day', interval '1 day'
        )) as midnight
    from local_spans
    where ended_date > received_date
),

open_days as (
    select complaint_key, cast(midnight as date) as date
    from unrolled
)

select
    open_days.date,
    complaints.source, complaints.complaint_key, complaints.complaint_id, complaints.received_at,
    complaints.received_date, complaints.due_at, complaints.grade, complaints.reason,
    complaints.region, complaints.area, complaints.tier, complaints.is_vip, complaints.channel,
    complaints.customer_type, complaints.product, complaints.product_group, complaints.category, complaints.priority,
    complaints.team
from open_days
inner join complaints on open_days.complaint_key = complaints.complaint_key
