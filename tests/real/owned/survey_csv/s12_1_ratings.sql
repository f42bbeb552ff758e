-- The export has no time of creation, so its rows are ratings and no tickets.
select
    count(*) as tickets,
    round(avg(score), 4) as mean_csat,
    round(100 * avg(is_satisfied::int), 2) as csat_pct
from core.fct_survey_answers
where source = 'survey_csv' and is_rating
