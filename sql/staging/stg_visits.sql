-- Field visits, newest version.
-- grain: visit_key
-- Instants are UTC. What lies after as_of has not happened yet: such rows, versions and instants are left out.
with
run as (select * from raw.run),

versions as (
    select visits.*, run.as_of
    from raw.visits as visits
    cross join run
),

newest as (
    select *
    from versions
    qualify row_number() over (partition by source, visit_id order by version_key desc, load_seq desc, source_row desc) = 1
)

select
    newest.source,
    newest.source || ':' || newest.visit_id as visit_key,
    newest.visit_id,
    newest.source || ':' || newest.ticket_id as ticket_key,
    newest.visit_no,
    newest.engineer_id,
    newest.source || ':' || newest.outlet_id as outlet_key,
    case when newest.dispatched_at <= newest.as_of then newest.dispatched_at end as dispatched_at,
    newest.promised_from_at,
    newest.promised_to_at,
    case when newest.arrived_at <= newest.as_of then newest.arrived_at end as arrived_at,
    case when newest.finished_at <= newest.as_of then newest.finished_at end as finished_at,
    case when newest.accepted_at <= newest.as_of then newest.accepted_at end as accepted_at,
    newest.result,
    newest.diagnosis_code,
    newest.fault_code
from newest
