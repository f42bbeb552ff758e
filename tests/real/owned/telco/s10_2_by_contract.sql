select
    coalesce(customers.segment, '(all)') as tier,
    count(*) as n,
    round(100 * avg((customers.churned_at is not null)::int), 2) as churn_pct,
    round(avg(answers.score)::double, 4) as mean_satisfaction,
    round(100 * avg((answers.score >= 4)::int), 2) as csat_pct
from core.dim_customers as customers
inner join core.fct_survey_answers as answers on customers.customer_key = answers.customer_key
where customers.source = 'telco'
group by rollup (customers.segment)
order by tier
