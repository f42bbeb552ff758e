-- Field visits with the slices of their ticket.
-- grain: visit_key
-- by: ticket_key
-- moves: is_window_open or (not is_arrived and result = 'unknown')
-- The way to the customer runs from dispatch to arrival in elapsed time. One not arrived is still on the way; one
-- that ended without an arrival stops counting there. A diagnosis is right where it equals the fault but for case and
-- blanks, or where policies/fault_codes.csv says that the two lists mean the same by them. A fault is known once its
-- visit is over: a replay of an earlier day must not read it from a later export.
with
visits as (select * from staging.stg_visits),
tickets as (select * from core.fct_tickets_own),
outlets as (select * from staging.stg_outlets),
same_faults as (
    select distinct
        upper(replace(diagnosis_code, ' ', '')) as diagnosis_said, upper(replace(fault_code, ' ', '')) as fault_found
    from raw.fault_codes
),
run as (select * from raw.run),

outlet_counts as (
    select coalesce(region, 'unknown') as region, count(*) as outlet_count
    from outlets
    group by coalesce(region, 'unknown')
),

timed as (
    select
        visits.visit_key,
        case
            when visits.arrived_at is not null then visits.arrived_at
            when visits.result is not null then coalesce(visits.finished_at, visits.dispatched_at)
            else run.as_of
        end as way_ended_at,
        visits.result is not null and visits.arrived_at is null as is_called_off,
        upper(replace(visits.diagnosis_code, ' ', '')) as diagnosis_said,
        case when visits.result is not null or visits.finished_at is not null then visits.fault_code end as fault_code,
        case when visits.result is not null or visits.finished_at is not null
            then upper(replace(visits.fault_code, ' ', '')) end as fault_found,
        run.as_of
    from visits
    cross join run
)

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
    coalesce(timed.fault_code, 'unknown') as fault_code,
    -- A visit ends when it is finished; one that met nobody never is, so its arrival or dispatch stands in.
    coalesce(visits.finished_at, visits.arrived_at, visits.dispatched_at) as ended_at,

    coalesce(outlets.outlet_name, visits.outlet_key, 'unknown') as outlet,
    coalesce(outlets.region, 'unknown') as outlet_region,
    cast(coalesce(outlet_counts.outlet_count, 0) as bigint) as region_outlet_count,
    case when timed.way_ended_at >= visits.dispatched_at
        then cast(date_diff('second', visits.dispatched_at, timed.way_ended_at) as bigint) end as arrival_seconds,
    visits.arrived_at is not null as is_arrived,
    tickets.is_counted and visits.dispatched_at is not null as is_sent,
    -- Once the window is over the visit is due, come or not: those that came early in it must not count sooner.
    tickets.is_counted and not timed.is_called_off and coalesce(visits.promised_to_at <= timed.as_of, false)
        as is_window_due,
    tickets.is_counted and not timed.is_called_off and coalesce(visits.promised_to_at > timed.as_of, false)
        as is_window_open,
    tickets.is_counted and coalesce(
        visits.promised_to_at <= timed.as_of and visits.arrived_at <= visits.promised_to_at
        and (visits.promised_from_at is null or visits.arrived_at >= visits.promised_from_at), false
    ) as is_on_time,
    tickets.is_counted and timed.diagnosis_said is not null and timed.fault_found is not null as is_diagnosed,
    tickets.is_counted and coalesce(timed.diagnosis_said = timed.fault_found or same_faults.fault_found is not null, false)
        as is_diagnosis_right
from visits
inner join tickets on visits.ticket_key = tickets.ticket_key
inner join timed on visits.visit_key = timed.visit_key
left join same_faults
    on timed.diagnosis_said = same_faults.diagnosis_said and timed.fault_found = same_faults.fault_found
left join outlets on visits.outlet_key = outlets.outlet_key
left join outlet_counts on coalesce(outlets.region, 'unknown') = outlet_counts.region
