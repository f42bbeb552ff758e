-- The five largest states, by the address on the order.
select
    region,
    count(*) as n,
    round(100 * avg((score >= 4)::int), 2) as csat_pct
from core.fct_survey_answers
where source = 'olist' and dimension = 'overall'
group by all
order by n desc, region
limit 5
