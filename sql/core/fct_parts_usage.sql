-- Spare parts asked for or used on a visit: from stock in the same visit, and genuine?
-- grain: usage_key
-- A request is due when its visit is over, when the part was handed out, or, without a visit, after a day. Filled means
-- handed out from stock before the visit ended, without a visit within the day. Slices are the ticket's.
with
usage as (select * from staging.stg_parts_usage),
visits as (select * from core.fct_visits),
tickets as (select * from core.fct_tickets_own),
run as (select * from raw.run),

joined as (
    select
        usage.*, run.as_of, run.business_timezone,
        coalesce(usage.ticket_key, visits.ticket_key) as found_ticket_key,
        visits.visit_key is not null as has_visit,
        visits.finished_at as visit_finished_at, visits.ended_at as visit_ended_at,
        coalesce(visits.result, 'unknown') <> 'unknown' or visits.finished_at is not null as is_visit_over
    from usage
    cross join run
    left join visits on usage.visit_key = visits.visit_key
),

dated as (
    select
        joined.*,
        tickets.region, tickets.area, tickets.tier, tickets.is_vip, tickets.channel, tickets.customer_type,
        tickets.product, tickets.product_group,
        cast(
            coalesce(joined.requested_at, joined.issued_at, joined.visit_ended_at, tickets.created_at)
            at time zone 'UTC' at time zone joined.business_timezone as date
        ) as used_date,
        joined.requested_at is not null and (
            joined.issued_at is not null
            or case when joined.has_visit then joined.is_visit_over
                else date_diff('second', joined.requested_at, joined.as_of) >= 86400 end
        ) as is_request_due
    from joined
    left join tickets on joined.found_ticket_key = tickets.ticket_key
)

select
    source, usage_key, usage_id, visit_key, found_ticket_key as ticket_key, part_id, requested_at, issued_at, used_date,
    coalesce(region, 'unknown') as region, coalesce(area, 'unknown') as area, coalesce(tier, 'unknown') as tier,
    coalesce(is_vip, false) as is_vip, coalesce(channel, 'unknown') as channel,
    coalesce(customer_type, 'unknown') as customer_type, coalesce(product, 'unknown') as product,
    coalesce(product_group, 'unknown') as product_group,
    is_from_stock, is_genuine, is_request_due,
    requested_at is not null and not is_request_due as is_request_waiting,
    is_request_due and issued_at is not null and coalesce(is_from_stock, false)
        and case when has_visit then coalesce(issued_at <= visit_finished_at, true)
            else date_diff('second', requested_at, issued_at) <= 86400 end as is_filled_at_once,
    issued_at is not null and is_genuine is not null as is_origin_known,
    issued_at is not null and coalesce(is_genuine, false) as is_genuine_used
from dated
