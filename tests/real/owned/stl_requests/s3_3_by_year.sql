select
    year(created_at) as y,
    count(*) as n,
    round(median(date_diff('minute', created_at, closed_at)) / 1440, 2) as median_close_d
from core.fct_tickets
where source = 'stl_requests'
group by y
order by y
