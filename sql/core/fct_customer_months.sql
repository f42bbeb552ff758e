-- Customers active at the start of each month, with tier and region then, and what became of them.
-- grain: customer_key, month_start
-- keep: view
-- The last 36 months. seconds_to_loss of those not lost runs to as_of (is_lost = false: censored). A tier that is only
-- assumed reads unknown: churn by tier must not be built on a guess. Ordinary is who is no VIP even by assumption.
-- The amount is what a customer bought in the month, in the one currency it buys in most; what it bought in others is
-- never added. A customer has no one channel or product.
with
active as (
    select
        stretches.source, stretches.customer_key, stretches.region, stretches.area, stretches.tier, stretches.is_vip,
        stretches.is_assumed_vip, stretches.customer_type, stretches.currency, stretches.lost_at,
        stretches.ticket_before_at, stretches.given_before_at, stretches.active_next_at, stretches.reached_next_at,
        stretches.ordered_next_at,
        months.month_start, months.started_at, months.ended_at, months.as_of, coupon_months.usual_at,
        case when months.month_no = stretches.last_no then stretches.amount end as amount,
        case when months.month_no = stretches.last_no then stretches.given_at end as given_at,
        case when months.month_no = stretches.last_no then stretches.is_bought_after_usual end as is_bought_after_usual,
        case when months.month_no = stretches.last_no then stretches.is_bought_after_own end as is_bought_after_own,
        date_diff('second', months.started_at, months.as_of) as age_seconds,
        date_diff('second', months.started_at, coalesce(stretches.lost_at, months.as_of)) as seconds_to_loss
    from core.dim_month_starts as months
    inner join core.fct_active_stretches as stretches
        on stretches.first_no <= months.month_no and coalesce(stretches.last_no, 999999) >= months.month_no
    left join core.dim_coupon_months as coupon_months on months.month_no = coupon_months.month_no
),

watched as (
    select
        *,
        coalesce(given_at, usual_at) as watched_from,
        coalesce(ticket_before_at >= started_at - interval '365 days', false) as is_served,
        -- A coupon of the 30 days before the month could still be at work.
        not is_assumed_vip and coalesce(date_diff('second', given_before_at, started_at) > 30 * 86400, true)
            as is_comparable
    from active
)

select
    source, customer_key, month_start, region, area, tier, is_vip, customer_type,
    lost_at, lost_at is not null as is_lost, cast(seconds_to_loss as bigint) as seconds_to_loss,

    not is_assumed_vip and age_seconds >= 90 * 86400 as is_ordinary_matured,
    not is_assumed_vip and age_seconds < 90 * 86400 as is_ordinary_maturing,
    coalesce(active_next_at < started_at + interval '90 days', false) as is_active_90d,
    coalesce(reached_next_at < started_at + interval '90 days', false) as is_reached_90d,

    -- Served: with a ticket in the year before. Kept: not lost in the year after.
    is_served and age_seconds >= 365 * 86400 as is_served_matured,
    is_served and age_seconds < 365 * 86400 as is_served_maturing,
    not (lost_at is not null and seconds_to_loss <= 365 * 86400) as is_kept_365d,

    ended_at <= as_of as is_month_complete,
    currency, coalesce(amount, 0) as amount,

    given_at is not null as is_coupon_given,
    -- Compared with a coupon or without one: still a customer when the watch begins.
    coalesce(is_comparable and date_diff('second', watched_from, as_of) >= 30 * 86400
        and (lost_at is null or lost_at > watched_from), false) as is_coupon_compared,
    coalesce(is_comparable and date_diff('second', watched_from, as_of) < 30 * 86400
        and (lost_at is null or lost_at > watched_from), false) as is_coupon_maturing,
    coalesce(case
        when given_at is not null then is_bought_after_own
        when is_bought_after_usual is not null then is_bought_after_usual
        else ordered_next_at < usual_at + interval '30 days'
    end, false) as is_bought_after_coupon
from watched
