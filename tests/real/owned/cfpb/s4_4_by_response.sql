select matter as response, count(*) as n
from core.fct_complaints
where source = 'cfpb'
group by response
order by n desc
