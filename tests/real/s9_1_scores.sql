-- Every answer counts, also the earlier of two for one order.
select
    count(*) as responses,
    round(avg(answers.score), 4) as mean_score,
    round(100 * avg((answers.score >= 4)::int), 2) as csat_pct,
    round(100 * avg((answers.score = 5)::int) - 100 * avg((answers.score <= 3)::int), 2) as nps_like,
    round(median(date_diff('minute', surveys.sent_at, surveys.responded_at)) / 60, 2) as median_answer_h,
    round(100 * count(distinct surveys.order_key)
        / (select count(*) from core.fct_orders where source = 'olist'), 2) as response_rate_pct
from core.fct_survey_answers as answers
inner join core.fct_surveys as surveys using (survey_key)
where answers.source = 'olist' and answers.dimension = 'overall'
