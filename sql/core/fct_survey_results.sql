-- Surveys with the score that counts, and by what way they were asked: asked and answered stand in one row.
-- grain: survey_key
-- keep: view
-- asked_date is the day the survey was sent, or the day of the answer where no export tells when it was sent.
with
surveys as (select * from core.fct_surveys),
ratings as (select * from core.fct_survey_answers where is_rating)

select
    surveys.source, surveys.survey_key, surveys.kind, surveys.survey_channel, surveys.ticket_key, surveys.order_key,
    surveys.customer_key, surveys.sent_at, surveys.responded_at, surveys.asked_date, surveys.rated_date,
    surveys.region, surveys.area, surveys.tier, surveys.is_vip, surveys.channel, surveys.customer_type,
    surveys.product, surveys.product_group, surveys.category, surveys.priority, surveys.team,
    surveys.is_instant_matured, surveys.is_instant_matured and surveys.is_answered_in_time as is_instant_answered,
    ratings.score,
    ratings.survey_key is not null as is_rating,
    coalesce(ratings.is_satisfied, false) as is_satisfied
from surveys
left join ratings on surveys.survey_key = ratings.survey_key
