select
    strftime(index_date, '%Y-%m') as cohort,
    count(*) as customers,
    round(100 * avg((is_repeated and days_to_repeat <= 90)::int), 2) as repurchase_90d_pct
from core.fct_first_orders
where source = 'cdnow'
group by cohort
order by cohort
