-- Scores that count, by the day they belong to: ratings on 1 to 5 by dimension, NPS answers on 0 to 10.
-- grain: date, source, region, area, tier, is_vip, channel, customer_type, product, product_group, kind, dimension, score
-- access: region
-- by: coalesce(date, date '1900-01-01')
-- key: core.fct_survey_answers = coalesce(rated_date, date '1900-01-01')
select
    rated_date as date, source, region, area, tier, is_vip, channel, customer_type, product, product_group,
    kind, dimension, score,
    count(*) as answer_count,
    count(*) filter (where is_rating) as rating_count,
    count(*) filter (where is_satisfied) as satisfied_count,
    count(*) filter (where is_nps_answer) as nps_count,
    count(*) filter (where is_nps_answer and nps_points = 1) as promoter_count,
    count(*) filter (where is_nps_answer and nps_points = -1) as detractor_count
from core.fct_survey_answers
where is_rated or is_nps_answer
group by all
