-- Signals that ask for action: low scores, and pain points written down. Did anything follow within 7 days?
-- grain: signal_kind, signal_key
-- A low score is an overall rating of 1 or 2 of 5, of a source that tells of follow-ups at all. What follows it is a
-- logged follow-up, and one noted before it was about something else; what follows a pain point is an action in words
-- with the item taken up, its date where one is given.
with
answers as (select * from core.fct_survey_answers where is_rating),
surveys as (select survey_key, followup_at from core.fct_surveys),
followup_sources as (select source from core.dim_datasets where dataset = 'survey_followups'),
measures as (select * from core.fct_measures where measure_kind = 'pain_point'),
run as (select * from raw.run),

signals as (
    select
        'low_score' as signal_kind, answers.survey_key as signal_key, answers.source, answers.responded_at as given_at,
        answers.region, answers.area, answers.tier, answers.is_vip, answers.channel, answers.customer_type,
        answers.product, answers.product_group,
        case when surveys.followup_at >= answers.responded_at then surveys.followup_at end as acted_at,
        false as is_acted_undated
    from answers
    inner join followup_sources on answers.source = followup_sources.source
    inner join surveys on answers.survey_key = surveys.survey_key
    where answers.score <= 2 and answers.responded_at is not null
    union all
    select
        'pain_point', measure_key, source, opened_at, region, area, tier, is_vip, channel, customer_type,
        product, product_group, coalesce(effective_at, closed_at),
        action is not null and status <> 'open' and coalesce(effective_at, closed_at) is null
    from measures
)

select
    signals.signal_kind, signals.signal_key, signals.source,
    cast(signals.given_at at time zone 'UTC' at time zone run.business_timezone as date) as given_date,
    signals.given_at, signals.acted_at,
    signals.region, signals.area, signals.tier, signals.is_vip, signals.channel, signals.customer_type,
    signals.product, signals.product_group,
    date_diff('second', signals.given_at, run.as_of) >= 7 * 86400 as is_matured,
    date_diff('second', signals.given_at, run.as_of) < 7 * 86400 as is_maturing,
    not signals.is_acted_undated
        and coalesce(date_diff('second', signals.given_at, signals.acted_at) > 7 * 86400, true) as is_unacted
from signals
cross join run
