-- What happened to tickets, one row an event, in the order of the export's own sequence.
-- grain: ticket_key, event_seq, occurred_at
-- Instants are UTC. What lies after as_of has not happened yet: such rows, versions and instants are left out.
with
run as (select * from raw.run),

versions as (
    select ticket_events.*, run.as_of
    from raw.ticket_events as ticket_events
    cross join run
    where occurred_at <= run.as_of
),

newest as (
    select *
    from versions
    qualify row_number() over (partition by source, ticket_id, event_seq, occurred_at order by version_key desc, load_seq desc, source_row desc) = 1
)

select
    newest.source,
    newest.source || ':' || newest.ticket_id as ticket_key,
    newest.event_seq,
    newest.event_type,
    newest.occurred_at,
    newest.status,
    newest.team,
    newest.agent_id,
    newest.actor_role,
    newest.is_public
from newest
