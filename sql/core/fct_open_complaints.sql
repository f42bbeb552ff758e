-- Each complaint on each local day at whose end it was open.
-- grain: complaint_key, date
with
complaints as (select * from core.fct_complaints where is_counted),
days as (select distinct date from core.dim_clock),
run as (select * from raw.run)

select
    days.date,
    complaints.source, complaints.complaint_key, complaints.complaint_id, complaints.received_at,
    complaints.received_date, complaints.due_at, complaints.grade, complaints.reason,
    complaints.region, complaints.area, complaints.tier, complaints.is_vip, complaints.channel,
    complaints.customer_type, complaints.product, complaints.product_group, complaints.category, complaints.priority,
    complaints.team
from complaints
cross join run
inner join days
    on days.date >= complaints.received_date
    and days.date < cast(coalesce(complaints.resolved_at, run.as_of)
        at time zone 'UTC' at time zone run.business_timezone as date)
