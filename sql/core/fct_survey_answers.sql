-- Scores given, one row a survey and dimension asked about. No comments.
-- grain: survey_key, dimension
-- by: survey_key
-- key: staging.stg_tickets = ticket_key
-- near: core.fct_surveys.ticket_key
-- near: core.fct_surveys.order_key
-- near: core.fct_surveys.customer_key
-- is_rating: the one overall score on the scale 1 to 5 that counts for its ticket or order: the last of those that
-- came within 7 days of being asked. Other scales are kept and never averaged in. NPS is about the relationship: an
-- answer on 0 to 10 given right after a ticket or an order asks something else and is not mixed in.
-- is_relational_rating: the same scale in a quarterly survey, the last of each customer in the quarter it was asked in.
with
answers as (select * from staging.stg_survey_answers),
scored_tickets as (select ticket_key, csat_score from staging.stg_tickets where csat_score is not null),
surveys as (select * from core.fct_surveys),

given as (
    select survey_key, dimension, score, scale_min, scale_max
    from answers
    union all
    select surveys.survey_key, 'overall', scored_tickets.csat_score, cast(1 as decimal(18, 4)), cast(5 as decimal(18, 4))
    from surveys
    inner join scored_tickets on surveys.ticket_key = scored_tickets.ticket_key
    where surveys.is_ticket_score
),

scaled as (
    select
        surveys.*,
        given.dimension, given.score,
        coalesce(given.scale_min, case when given.dimension = 'nps' then 0 else 1 end) as scale_min,
        coalesce(given.scale_max, case when given.dimension = 'nps' then 10 else 5 end) as scale_max
    from given
    inner join surveys on given.survey_key = surveys.survey_key
),

valid as (
    select
        *,
        kind = 'instant' and is_answered_in_time and scale_min = 1 and scale_max = 5
            and score >= 1 and score <= 5 as is_valid_rating,
        kind = 'quarterly' and dimension = 'overall' and is_answered_in_time and scale_min = 1 and scale_max = 5
            and score >= 1 and score <= 5 as is_valid_relational,
        dimension = 'nps' and scale_min = 0 and scale_max = 10 and responded_at is not null
            and (kind <> 'instant' or (ticket_key is null and order_key is null)) as is_nps_answer
    from scaled
),

-- Of several ratings of one ticket or order, and of several of one customer in a quarter, the last one counts. Only
-- what decides that is put in order, not whole rows.
older_ratings as (
    select survey_key, dimension
    from valid
    where is_valid_rating
    qualify row_number() over (
        partition by
            dimension, ticket_key, case when ticket_key is null then order_key end,
            case when ticket_key is null and order_key is null then survey_key end
        order by responded_at desc, survey_key desc
    ) > 1
),

older_relational as (
    select survey_key
    from valid
    where is_valid_relational
    qualify row_number() over (
        partition by coalesce(customer_key, survey_key), date_trunc('quarter', asked_date)
        order by responded_at desc, survey_key desc
    ) > 1
)

select
    valid.source, valid.survey_key, valid.dimension, valid.kind, valid.ticket_key, valid.order_key, valid.customer_key,
    valid.sent_at, valid.responded_at, valid.rated_date,
    valid.region, valid.area, valid.tier, valid.is_vip, valid.channel, valid.customer_type,
    valid.product, valid.product_group, valid.category, valid.priority, valid.team,
    valid.score, valid.scale_min, valid.scale_max, valid.is_answered_in_time,
    valid.is_valid_rating and older_ratings.survey_key is null as is_rated,
    valid.dimension = 'overall' and valid.is_valid_rating and older_ratings.survey_key is null as is_rating,
    valid.dimension = 'overall' and valid.is_valid_rating and older_ratings.survey_key is null and valid.score >= 4
        as is_satisfied,
    valid.is_nps_answer,
    case
        when valid.is_nps_answer and valid.score >= 9 then 1
        when valid.is_nps_answer and valid.score <= 6 then -1
        else 0
    end as nps_points,
    valid.survey_channel,
    valid.is_valid_relational and older_relational.survey_key is null as is_relational_rating,
    valid.is_valid_relational and older_relational.survey_key is null and valid.score >= 4
        as is_relational_satisfied
from valid
left join older_ratings
    on valid.survey_key = older_ratings.survey_key and valid.dimension = older_ratings.dimension
left join older_relational on valid.survey_key = older_relational.survey_key
