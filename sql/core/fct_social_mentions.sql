-- Mentions in social media, and whether the bad ones were answered within 2 hours.
-- grain: mention_key
-- A mention names no customer we know: every slice but source and channel is unknown. Due 2 h after it was written.
with
mentions as (select * from staging.stg_social_mentions),
run as (select * from raw.run),

timed as (
    select
        mentions.*, run.business_timezone,
        coalesce(mentions.sentiment = 'negative', false) as is_negative,
        cast(date_diff('second', mentions.occurred_at, run.as_of) as bigint) as age_seconds,
        cast(date_diff('second', mentions.occurred_at, mentions.answered_at) as bigint) as answer_seconds
    from mentions
    cross join run
)

select
    source, mention_key, mention_id, occurred_at,
    cast(occurred_at at time zone 'UTC' at time zone business_timezone as date) as occurred_date,
    'unknown' as region, 'unknown' as area, 'unknown' as tier, false as is_vip, 'social' as channel,
    'unknown' as customer_type, 'unknown' as product, 'unknown' as product_group,
    coalesce(sentiment, 'unknown') as sentiment, answered_at, answer_seconds, is_negative,
    is_negative and age_seconds >= 2 * 3600 as is_answer_due,
    is_negative and age_seconds < 2 * 3600 as is_answer_waiting,
    coalesce(answer_seconds between 0 and 2 * 3600, false) as is_answered_within_2h
from timed
