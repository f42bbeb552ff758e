-- Tickets whose first field visit has a result: was the fault gone for good after it?
-- grain: ticket_key
-- by: ticket_key
-- near: core.fct_tickets_own.asset_key
-- moves: is_maturing
-- Fixed at first means: result fixed, no second visit and no new repair ticket on the same device within 30 days.
-- A second visit counts from its dispatch, which never moves: by its end it could leave the 30 days afterwards.
-- Waiting for a part, no access and cancelled count as not fixed. A new ticket with another known fault is another
-- matter; where either fault is unknown it counts against the first visit.
with
visits as (select * from core.fct_visits),
tickets as (select * from core.fct_tickets_own),
run as (select * from raw.run),

first_visits as (
    select *
    from visits
    where visit_rank = 1 and is_counted and result <> 'unknown' and ended_at is not null
),

returned as (
    select distinct first_visits.ticket_key
    from first_visits
    inner join visits as later
        on first_visits.ticket_key = later.ticket_key
        and later.visit_rank > 1
    where date_diff('second', first_visits.ended_at, coalesce(later.dispatched_at, later.arrived_at, later.finished_at))
        <= 30 * 86400
),

new_repairs as (
    select distinct tickets.asset_key, tickets.ticket_key, tickets.created_at, visits.fault_code
    from tickets
    left join visits on tickets.ticket_key = visits.ticket_key and visits.fault_code <> 'unknown'
    where tickets.kind = 'repair' and tickets.is_counted and tickets.asset_key is not null
),

repeated as (
    select distinct first_visits.ticket_key
    from first_visits
    inner join new_repairs
        on first_visits.asset_key = new_repairs.asset_key
        and first_visits.ticket_key <> new_repairs.ticket_key
        and new_repairs.created_at > first_visits.ended_at
        and date_diff('second', first_visits.ended_at, new_repairs.created_at) <= 30 * 86400
    where first_visits.fault_code = 'unknown'
        or new_repairs.fault_code is null
        or first_visits.fault_code = new_repairs.fault_code
)

select
    first_visits.source, first_visits.ticket_key, first_visits.visit_key, first_visits.created_date,
    first_visits.region, first_visits.area, first_visits.tier, first_visits.is_vip, first_visits.channel,
    first_visits.customer_type, first_visits.product, first_visits.product_group, first_visits.category,
    first_visits.priority, first_visits.team,
    first_visits.result, first_visits.fault_code, first_visits.ended_at,
    first_visits.asset_key is not null as has_asset,
    date_diff('second', first_visits.ended_at, run.as_of) >= 30 * 86400 as is_matured,
    date_diff('second', first_visits.ended_at, run.as_of) < 30 * 86400 as is_maturing,
    returned.ticket_key is not null as is_returned,
    repeated.ticket_key is not null as is_repeated,
    date_diff('second', first_visits.ended_at, run.as_of) >= 30 * 86400
        and first_visits.result = 'fixed' and returned.ticket_key is null and repeated.ticket_key is null
        as is_fixed_first,
    first_visits.result = 'fixed' and first_visits.asset_key is not null
        and date_diff('second', first_visits.ended_at, run.as_of) >= 30 * 86400 as is_repair_matured,
    first_visits.result = 'fixed' and first_visits.asset_key is not null
        and date_diff('second', first_visits.ended_at, run.as_of) < 30 * 86400 as is_repair_maturing,
    first_visits.result = 'fixed' and first_visits.asset_key is not null
        and date_diff('second', first_visits.ended_at, run.as_of) >= 30 * 86400
        and repeated.ticket_key is not null as is_repair_repeated
from first_visits
cross join run
left join returned on first_visits.ticket_key = returned.ticket_key
left join repeated on first_visits.ticket_key = repeated.ticket_key
