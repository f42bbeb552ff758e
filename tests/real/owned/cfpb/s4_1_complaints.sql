-- Disputes and the day of forwarding are not mapped: nobody says no, and forwarding is no answer.
select
    count(*) as complaints,
    round(100 * avg(tickets.source_sla_met::int), 2) as timely_pct,
    round(100 * avg(starts_with(complaints.matter, 'Closed')::int), 2) as closed_pct,
    round(100 * avg((complaints.matter like 'Closed with %monetary relief')::int), 2) as relief_pct
from core.fct_complaints as complaints
inner join core.fct_tickets as tickets using (ticket_key)
where complaints.source = 'cfpb'
