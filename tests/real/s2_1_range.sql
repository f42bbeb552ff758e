-- Artificial Start and End events are not among the facts.
select
    count(*) as events,
    count(distinct ticket_key) as tickets,
    min(occurred_at) as first_utc,
    max(occurred_at) as last_utc,
    count(distinct agent_id) as resources
from core.fct_ticket_events
where source = 'xes'
