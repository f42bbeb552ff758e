-- Complaints, newest version, with the grade they were received with.
-- grain: complaint_key
-- Instants are UTC. What lies after as_of has not happened yet: such rows, versions and instants are left out.
with
run as (select * from raw.run),
sources as (select * from raw.sources),

versions as (
    select complaints.*, run.as_of
    from raw.complaints as complaints
    cross join run
    where (updated_at is null or updated_at <= run.as_of) and received_at <= run.as_of
),

newest as (
    select *,
        first_value(grade ignore nulls) over (
            partition by source, complaint_id order by version_key, load_seq, source_row
            rows between unbounded preceding and unbounded following
        ) as grade_at_receipt
    from versions
    qualify row_number() over (partition by source, complaint_id order by version_key desc, load_seq desc, source_row desc) = 1
)

select
    newest.source,
    newest.source || ':' || newest.complaint_id as complaint_key,
    newest.complaint_id,
    newest.source || ':' || newest.ticket_id as ticket_key,
    sources.customer_namespace || ':' || newest.customer_id as customer_key,
    newest.grade,
    case when newest.graded_at <= newest.as_of then newest.graded_at end as graded_at,
    newest.reason,
    newest.matter,
    newest.received_at,
    newest.first_owner_id,
    newest.owner_id,
    case when newest.plan_fed_back_at <= newest.as_of then newest.plan_fed_back_at end as plan_fed_back_at,
    case when newest.resolved_at <= newest.as_of then newest.resolved_at end as resolved_at,
    newest.outcome,
    case when newest.customer_confirmed_at <= newest.as_of then newest.customer_confirmed_at end as customer_confirmed_at,
    newest.text,
    newest.grade_at_receipt
from newest
inner join sources on newest.source = sources.source
