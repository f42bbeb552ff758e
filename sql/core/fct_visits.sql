-- Field visits with the slices of their ticket.
-- grain: visit_key
with
visits as (select * from staging.stg_visits),
tickets as (select * from core.fct_tickets)

select
    visits.source, visits.visit_key, visits.visit_id, visits.ticket_key, visits.visit_no,
    -- Counted by us: exports number visits from 2, or several of them 1.
    cast(row_number() over (
        partition by visits.ticket_key
        order by visits.visit_no, coalesce(visits.dispatched_at, visits.arrived_at, visits.finished_at), visits.visit_key
    ) as integer) as visit_rank,
    visits.engineer_id, visits.outlet_key,
    tickets.created_at as ticket_created_at, tickets.created_date,
    tickets.region, tickets.area, tickets.tier, tickets.is_vip, tickets.channel, tickets.customer_type,
    tickets.product, tickets.product_group, tickets.category, tickets.priority, tickets.team,
    tickets.kind, tickets.asset_key, tickets.is_counted,
    visits.dispatched_at, visits.promised_from_at, visits.promised_to_at, visits.arrived_at, visits.finished_at,
    visits.accepted_at,
    coalesce(visits.result, 'unknown') as result,
    visits.diagnosis_code,
    coalesce(visits.fault_code, 'unknown') as fault_code,
    -- A visit ends when it is finished; one that met nobody never is, so its arrival or dispatch stands in.
    coalesce(visits.finished_at, visits.arrived_at, visits.dispatched_at) as ended_at
from visits
inner join tickets on visits.ticket_key = tickets.ticket_key
