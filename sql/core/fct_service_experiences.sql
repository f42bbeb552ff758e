-- How customers were served, by customer and day, and by complaint, and whether they stayed afterwards.
-- grain: experience_key
-- by: customer_key
-- moves: crosses(happened_at + interval 180 days) or crosses_year(happened_at)
-- kind service: a day on which the customer's ticket was solved within every promise or a score came in, or on which
-- a promise was broken. Bad is a score of 1 or 2 or a broken promise. Bad or not, a day is compared only if nothing bad
-- happened to that customer in the 180 days before. kind complaint: answered within an open hour as core.fct_complaints
-- counts it, or not.
-- Who counts as lost only after tau days of silence, 180 or more, cannot be seen to leave within 180 days and is not
-- compared there.
with
tickets as (select * from core.fct_tickets_own where is_counted and customer_key is not null),
complaints as (select * from core.fct_complaints where is_counted and customer_key is not null),
ratings as (select * from core.fct_survey_answers where is_rating and customer_key is not null),
active_spans as (select * from core.fct_active_spans),
rules as (select * from core.dim_churn_rules),
customers as (select * from core.dim_customers),
tier_spans as (select * from core.dim_tier_spans),
regions as (select * from core.dim_regions),
tiers as (select tier, lower(is_vip) = 'true' as is_vip from raw.tiers),
run as (select * from raw.run),

-- A promise broken on a ticket that is still open was felt when it broke, not before the answer that came late.
ticket_moments as (
    select
        customer_key,
        response_state in ('breached', 'breached_open') or resolution_state in ('breached', 'breached_open') as is_bad,
        case
            when is_resolved then resolved_at
            else least(
                case
                    when response_state = 'breached' then first_response_at
                    when response_state = 'breached_open'
                        then response_start_at + interval '1 second' * response_limit_seconds
                end,
                case when resolution_state = 'breached_open'
                    then created_at + interval '1 second' * resolution_limit_seconds end
            )
        end as happened_at
    from tickets
    where response_state in ('breached', 'breached_open') or resolution_state in ('breached', 'breached_open')
        or (is_resolved and 'met' in (response_state, resolution_state))
),

moments as (
    select customer_key, is_bad, happened_at from ticket_moments where happened_at is not null
    union all
    select customer_key, score <= 2, responded_at from ratings
),

service_days as (
    select
        moments.customer_key,
        cast(moments.happened_at at time zone 'UTC' at time zone run.business_timezone as date) as happened_date,
        min(moments.happened_at) as happened_at,
        bool_or(moments.is_bad) as is_bad
    from moments
    cross join run
    group by
        moments.customer_key,
        cast(moments.happened_at at time zone 'UTC' at time zone run.business_timezone as date)
),

looked_back as (
    select
        *,
        max(case when is_bad then happened_at end) over (
            partition by customer_key order by happened_date rows between unbounded preceding and 1 preceding
        ) as bad_before_at
    from service_days
),

experiences as (
    select
        'service' as kind, 'service:' || customer_key || ':' || cast(happened_date as varchar) as experience_key,
        customer_key, happened_at, happened_date, is_bad,
        bad_before_at is null or date_diff('second', bad_before_at, happened_at) > 180 * 86400 as is_comparable,
        cast(null as boolean) as is_answered_within_1h
    from looked_back
    union all
    select
        'complaint', 'complaint:' || complaint_key, customer_key, received_at, received_date, cast(null as boolean),
        is_reply_due, is_replied_within_1h
    from complaints
),

followed as (
    select
        experiences.*, run.as_of, active_spans.active_from, active_spans.lost_at,
        coalesce(rules.is_churn_declared or rules.tau_days < 180, false) as is_loss_visible,
        cast(date_diff('second', experiences.happened_at, run.as_of) as bigint) as age_seconds,
        cast(date_diff('second', experiences.happened_at, active_spans.lost_at) as bigint) as seconds_to_loss,
        cast(date_diff('second', active_spans.active_from, experiences.happened_at) as bigint) as tenure_seconds
    from experiences
    cross join run
    inner join active_spans
        on experiences.customer_key = active_spans.customer_key
        and active_spans.active_from <= experiences.happened_at
        and (active_spans.lost_at is null or active_spans.lost_at > experiences.happened_at)
    left join rules on split_part(experiences.customer_key, ':', 1) = rules.customer_namespace
),

sliced as (
    select
        followed.*, customers.source, coalesce(customers.customer_type, 'unknown') as customer_type,
        case when tier_spans.tier_basis = 'known' then tier_spans.tier else 'unknown' end as tier,
        coalesce(tier_spans.region, customers.region_now, 'unknown') as known_region
    from followed
    left join customers on followed.customer_key = customers.customer_key
    left join tier_spans
        on followed.customer_key = tier_spans.customer_key
        and followed.happened_at >= tier_spans.valid_from and followed.happened_at < tier_spans.valid_to
)

select
    coalesce(sliced.source, split_part(sliced.customer_key, ':', 1)) as source,
    sliced.experience_key, sliced.kind, sliced.customer_key, sliced.happened_at, sliced.happened_date,
    sliced.known_region as region, coalesce(regions.area, 'unknown') as area,
    sliced.tier, coalesce(tiers.is_vip, false) as is_vip,
    sliced.customer_type,
    case
        when sliced.tenure_seconds < 90 * 86400 then 'under_90_days'
        when sliced.tenure_seconds < 365 * 86400 then 'under_1_year'
        else 'from_1_year'
    end as tenure_band,
    sliced.lost_at,

    coalesce(sliced.is_bad, false) as is_bad,
    sliced.kind = 'service' and sliced.is_comparable and sliced.is_loss_visible and sliced.age_seconds >= 180 * 86400
        as is_compared_180d,
    sliced.kind = 'service' and sliced.is_comparable and sliced.is_loss_visible and sliced.age_seconds < 180 * 86400
        as is_maturing_180d,
    coalesce(sliced.seconds_to_loss <= 180 * 86400, false) as is_lost_180d,

    coalesce(sliced.is_answered_within_1h, false) as is_answered_within_1h,
    sliced.kind = 'complaint' and coalesce(sliced.is_comparable, false) and sliced.age_seconds >= 365 * 86400
        as is_complaint_matured,
    sliced.kind = 'complaint' and coalesce(sliced.is_comparable, false) and sliced.age_seconds < 365 * 86400
        as is_complaint_maturing,
    not coalesce(sliced.seconds_to_loss <= 365 * 86400, false) as is_kept_365d
from sliced
left join regions on sliced.known_region = regions.region
left join tiers on sliced.tier = tiers.tier
