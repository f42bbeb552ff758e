-- Each activity has become an event type and a status of its own.
select event_type, status, count(*) as events, count(distinct ticket_key) as tickets
from core.fct_ticket_events
where source = 'xes'
group by all
order by events desc
