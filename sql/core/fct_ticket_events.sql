-- What happened to tickets, in the order of the export's own sequence. No free text.
-- grain: ticket_key, event_seq, occurred_at, event_type
select
    source, ticket_key, event_seq, occurred_at, event_type, status, team, agent_id, actor_role, is_public
from staging.stg_ticket_events
