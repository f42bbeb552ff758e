select
    coalesce(region, '(all)') as market,
    count(*) as n,
    round(100 * avg((nps_points = 1)::int), 2) as promoters_pct,
    round(100 * avg((nps_points = -1)::int), 2) as detractors_pct,
    round(100 * avg(nps_points), 2) as nps
from core.fct_survey_answers
where source = 'nps_bank' and is_nps_answer
group by rollup (region)
order by market
