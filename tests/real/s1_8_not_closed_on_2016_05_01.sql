-- Not closed at that instant by the system's own field; our backlog (not solved, from history) is smaller.
select count(*) as open_at_2016_05_01
from core.fct_tickets
where source = 'servicenow'
    and created_at < timestamp '2016-05-01'
    and closed_at >= timestamp '2016-05-01'
