-- Surveys sent, what they were about, and whether they were answered in time.
-- grain: survey_key
-- by: survey_key
-- key: core.fct_tickets_own = ticket_key
-- key: staging.stg_tickets = ticket_key
-- via: core.fct_tickets_own.ticket_key = staging.stg_surveys.ticket_key
-- via: core.fct_orders.order_key = staging.stg_surveys.order_key
-- via: core.dim_customer_ids.named_key = staging.stg_surveys.customer_key
-- via: core.dim_customers.customer_key = self.customer_key
-- via: core.dim_tier_spans.customer_key = self.customer_key
-- shared: survey_sources, followup_sources
-- moves: sent_at > old_as_of - interval 8 day or responded_at > old_as_of - interval 3 day
-- Where a source puts the score on the ticket and exports no surveys, each scored ticket stands in for one
-- (sent_at unknown, so it has no part in the response rate). Slices are the ticket's, else the order's, else the
-- customer's when it was sent. A low score is the lowest quarter of its scale (1 or 2 of 5), or a detractor's 0 to 6:
-- it has to be followed up within 48 h, as has a comment, where the source tells of follow-ups at all.
with
surveys as (select * from staging.stg_surveys),
answers as (select * from staging.stg_survey_answers),
tickets as (select * from core.fct_tickets_own),
scored_tickets as (select ticket_key, csat_score from staging.stg_tickets where csat_score is not null),
orders as (select * from core.fct_orders),
customer_ids as (select * from core.dim_customer_ids),
customers as (select * from core.dim_customers),
tier_spans as (select * from core.dim_tier_spans),
regions as (select * from core.dim_regions),
tiers as (select tier, lower(is_vip) = 'true' as is_vip from raw.tiers),
survey_sources as (select distinct source from surveys),
followup_sources as (select distinct source from surveys where followup_at is not null),
run as (select * from raw.run),

scaled_answers as (
    select
        survey_key, dimension, score, has_comment,
        coalesce(scale_min, case when dimension = 'nps' then 0 else 1 end) as scale_min,
        coalesce(scale_max, case when dimension = 'nps' then 10 else 5 end) as scale_max
    from answers
),

voices as (
    select
        survey_key,
        bool_or(coalesce(has_comment, false)) as has_comment,
        bool_or(
            case
                when dimension = 'nps' and scale_min = 0 and scale_max = 10 then score <= 6
                else scale_max > scale_min and 4 * (score - scale_min) <= scale_max - scale_min
            end
        ) as is_low_score
    from scaled_answers
    group by survey_key
),

asked as (
    select
        source, survey_key, coalesce(kind, 'instant') as kind, ticket_key, order_key, customer_key,
        coalesce(channel, 'unknown') as survey_channel, sent_at, responded_at, followup_at, false as is_ticket_score
    from surveys
    union all
    select
        tickets.source, tickets.ticket_key, 'instant', tickets.ticket_key, cast(null as varchar), tickets.customer_key,
        'unknown', cast(null as timestamp), coalesce(tickets.resolved_at, tickets.closed_at, tickets.created_at),
        cast(null as timestamp), true
    from tickets
    inner join scored_tickets on tickets.ticket_key = scored_tickets.ticket_key
    where tickets.source not in (select source from survey_sources)
),

about as (
    select
        asked.*,
        coalesce(customer_ids.customer_key, asked.customer_key, tickets.customer_key, orders.customer_key)
            as person_key,
        tickets.resolved_at as ticket_resolved_at, tickets.first_solved_at,
        coalesce(asked.sent_at, asked.responded_at) as asked_at,
        coalesce(nullif(tickets.region, 'unknown'), nullif(orders.region, 'unknown')) as event_region,
        coalesce(nullif(tickets.tier, 'unknown'), nullif(orders.tier, 'unknown')) as event_tier,
        coalesce(tickets.channel, orders.channel, 'unknown') as channel,
        coalesce(nullif(tickets.product, 'unknown'), orders.product, 'unknown') as product,
        coalesce(nullif(tickets.product_group, 'unknown'), orders.product_group, 'unknown') as product_group,
        coalesce(tickets.category, 'unknown') as category,
        coalesce(tickets.priority, 'unknown') as priority,
        coalesce(tickets.team, 'unknown') as team
    from asked
    left join tickets on asked.ticket_key = tickets.ticket_key
    left join orders on asked.order_key = orders.order_key
    left join customer_ids on asked.customer_key = customer_ids.named_key
),

sliced as (
    select
        about.*, run.as_of, run.business_timezone,
        coalesce(about.event_region, tier_spans.region, 'unknown') as known_region,
        coalesce(about.event_tier, tier_spans.tier, 'unknown') as tier,
        coalesce(customers.customer_type, 'unknown') as customer_type,
        coalesce(voices.has_comment, false) as has_comment, coalesce(voices.is_low_score, false) as is_low_score,
        coalesce((voices.has_comment or voices.is_low_score) and about.responded_at is not null
            and followup_sources.source is not null, false) as is_followup_owed,
        cast(date_diff('second', about.responded_at, run.as_of) as bigint) as answer_age_seconds
    from about
    cross join run
    left join voices on about.survey_key = voices.survey_key
    left join followup_sources on about.source = followup_sources.source
    left join customers on about.person_key = customers.customer_key
    left join tier_spans
        on about.person_key = tier_spans.customer_key
        and about.asked_at >= tier_spans.valid_from and about.asked_at < tier_spans.valid_to
)

select
    sliced.source, sliced.survey_key, sliced.kind, sliced.ticket_key, sliced.order_key,
    sliced.person_key as customer_key, sliced.is_ticket_score,
    sliced.sent_at, sliced.responded_at, sliced.followup_at,
    cast(sliced.sent_at at time zone 'UTC' at time zone sliced.business_timezone as date) as sent_date,
    -- Transactional scores belong to the day the ticket was solved; those without a ticket to the day they came in.
    cast(coalesce(sliced.first_solved_at, sliced.responded_at, sliced.sent_at)
        at time zone 'UTC' at time zone sliced.business_timezone as date) as rated_date,
    sliced.known_region as region, coalesce(regions.area, 'unknown') as area,
    sliced.tier, coalesce(tiers.is_vip, false) as is_vip, sliced.channel, sliced.customer_type,
    sliced.product, sliced.product_group, sliced.category, sliced.priority, sliced.team,
    sliced.sent_at is not null as is_sent,
    sliced.sent_at is not null and date_diff('second', sliced.sent_at, sliced.as_of) >= 7 * 86400 as is_sent_matured,
    sliced.kind = 'instant' and sliced.sent_at is not null
        and date_diff('second', sliced.sent_at, sliced.as_of) >= 7 * 86400 as is_instant_matured,
    sliced.kind = 'instant' and sliced.sent_at is not null
        and date_diff('second', sliced.sent_at, sliced.as_of) < 7 * 86400 as is_instant_maturing,
    sliced.responded_at is not null
        and (sliced.sent_at is null or date_diff('second', sliced.sent_at, sliced.responded_at) <= 7 * 86400)
        as is_answered_in_time,
    sliced.survey_channel,
    cast(sliced.asked_at at time zone 'UTC' at time zone sliced.business_timezone as date) as asked_date,
    cast(sliced.responded_at at time zone 'UTC' at time zone sliced.business_timezone as date) as responded_date,
    sliced.kind = 'quarterly' and sliced.sent_at is not null
        and date_diff('second', sliced.sent_at, sliced.as_of) >= 7 * 86400 as is_quarterly_matured,
    sliced.kind = 'quarterly' and sliced.sent_at is not null
        and date_diff('second', sliced.sent_at, sliced.as_of) < 7 * 86400 as is_quarterly_maturing,
    sliced.has_comment, sliced.is_low_score,
    sliced.is_followup_owed and sliced.answer_age_seconds >= 48 * 3600 as is_loop_due,
    sliced.is_followup_owed and sliced.answer_age_seconds < 48 * 3600 as is_loop_waiting,
    -- A follow-up noted before the answer came was about something else.
    sliced.is_followup_owed and sliced.followup_at >= sliced.responded_at
        and date_diff('second', sliced.responded_at, sliced.followup_at) <= 48 * 3600 as is_loop_closed
from sliced
left join regions on sliced.known_region = regions.region
left join tiers on sliced.tier = tiers.tier
