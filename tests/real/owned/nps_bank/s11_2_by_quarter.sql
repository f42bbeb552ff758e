select quarter(responded_at) as q, count(*) as n, round(100 * avg(nps_points), 2) as nps
from core.fct_survey_answers
where source = 'nps_bank' and is_nps_answer
group by q
order by q
