-- Customers active at the start of each month, with tier and region then, and what became of them.
-- grain: customer_key, month_start
-- seconds_to_loss of those not lost runs to as_of (is_lost = false: censored). A tier that is only assumed reads
-- unknown: churn by tier must not be built on a guess. is_ordinary leaves out who is a VIP even by assumption.
-- The amount is what a customer bought in the month, in the one currency it buys in most; what it bought in others is
-- counted in other_currency_count and never added.
with
active_spans as (select * from core.fct_active_spans),
customers as (select * from core.dim_customers),
tier_spans as (select * from core.dim_tier_spans),
orders as (select * from core.fct_orders where is_purchase),
tickets as (select * from core.fct_ticket_profiles where is_counted),
interactions as (select * from core.fct_interactions where is_held),
points as (select * from core.fct_points where is_by_customer),
regions as (select * from core.dim_regions),
tiers as (select tier, lower(is_vip) = 'true' as is_vip from raw.tiers),
run as (select * from raw.run),

bounds as (
    select
        cast(date_trunc('month', cast(min(active_spans.active_from) as date)) as date) as first_month,
        cast(date_trunc('month', cast(max(run.as_of) at time zone 'UTC' at time zone max(run.business_timezone) as date))
            as date) as last_month
    from active_spans
    cross join run
),

-- Not from dim_clock, which begins with the holidays of 2004. Unrolled by itself: Spark takes no function around it.
midnights as (
    select
        unnest(generate_series(
            cast(first_month as timestamp), cast(last_month as timestamp), interval '1 month'
        )) as midnight
    from bounds
),

months as (select cast(midnight as date) as month_start from midnights),

starts as (
    select
        months.month_start,
        -- Local midnight as an instant.
        cast(months.month_start as timestamp) at time zone run.business_timezone at time zone 'UTC' as started_at,
        (cast(months.month_start as timestamp) + interval '1 month')
            at time zone run.business_timezone at time zone 'UTC' as ended_at,
        run.as_of
    from months
    cross join run
),

active as (
    select
        active_spans.customer_key, starts.month_start, starts.started_at, starts.ended_at, starts.as_of,
        active_spans.lost_at,
        customers.source, customers.customer_type,
        case when tier_spans.tier_basis = 'known' then tier_spans.tier else 'unknown' end as tier,
        tier_spans.tier as assumed_tier,
        coalesce(tier_spans.region, customers.region_now, 'unknown') as known_region
    from starts
    inner join active_spans
        on active_spans.active_from <= starts.started_at
        and (active_spans.lost_at is null or active_spans.lost_at > starts.started_at)
    left join customers on active_spans.customer_key = customers.customer_key
    left join tier_spans
        on active_spans.customer_key = tier_spans.customer_key
        and starts.started_at >= tier_spans.valid_from and starts.started_at < tier_spans.valid_to
    where starts.started_at <= starts.as_of
),

currency_counts as (
    select customer_key, split_part(customer_key, ':', 1) as customer_namespace, currency, count(*) as order_count
    from orders
    group by customer_key, currency
),

customer_currencies as (
    select customer_key, currency
    from currency_counts
    qualify row_number() over (partition by customer_key order by order_count desc, currency) = 1
),

namespace_counts as (
    select customer_namespace, currency, sum(order_count) as order_count
    from currency_counts
    group by customer_namespace, currency
),

-- Who never bought would have bought in what its firm mostly sells in, and counts there with nothing.
namespace_currencies as (
    select customer_namespace, currency
    from namespace_counts
    qualify row_number() over (partition by customer_namespace order by order_count desc, currency) = 1
),

priced as (
    select
        active.*,
        coalesce(customer_currencies.currency, namespace_currencies.currency, 'unknown') as currency
    from active
    left join customer_currencies on active.customer_key = customer_currencies.customer_key
    left join namespace_currencies
        on split_part(active.customer_key, ':', 1) = namespace_currencies.customer_namespace
),

bought as (
    select
        priced.customer_key, priced.month_start,
        sum(case when orders.currency = priced.currency then orders.amount end) as amount,
        sum(case when orders.currency <> priced.currency then 1 else 0 end) as other_currency_count
    from priced
    inner join orders
        on priced.customer_key = orders.customer_key
        and orders.ordered_at >= priced.started_at and orders.ordered_at < priced.ended_at
    group by priced.customer_key, priced.month_start
),

signs as (
    select customer_key, ordered_at as seen_at, 'order' as sign from orders
    union all
    select customer_key, created_at, 'ticket' from tickets
    union all
    select customer_key, occurred_at, 'points' from points
    union all
    select customer_key, occurred_at, 'care' from interactions where kind in ('care', 'coupon')
    union all
    select customer_key, occurred_at, 'given' from interactions where is_coupon_given
),

marks as (
    select
        active.customer_key, active.month_start,
        bool_or(signs.sign in ('order', 'ticket', 'points') and signs.seen_at >= active.started_at) as is_active_90d,
        bool_or(signs.sign = 'care' and signs.seen_at >= active.started_at) as is_reached_90d,
        bool_or(signs.sign = 'ticket' and signs.seen_at < active.started_at) as is_served,
        bool_or(signs.sign = 'given' and signs.seen_at < active.started_at
            and date_diff('second', signs.seen_at, active.started_at) <= 30 * 86400) as has_earlier_coupon,
        min(case when signs.sign = 'given' and signs.seen_at >= active.started_at and signs.seen_at < active.ended_at
            then signs.seen_at end) as given_at
    from active
    inner join signs
        on active.customer_key = signs.customer_key
        and signs.seen_at >= active.started_at - interval '365 days'
        and signs.seen_at < active.started_at + interval '90 days'
    group by active.customer_key, active.month_start
),

-- The instant by which half of a month's coupons were out: from here on those without one are watched as long.
coupon_order as (
    select
        month_start, given_at,
        row_number() over (partition by month_start order by given_at, customer_key) as coupon_no,
        count(*) over (partition by month_start) as coupon_count
    from marks
    where given_at is not null
),

coupon_months as (
    select month_start, min(given_at) as usual_at
    from coupon_order
    where 2 * coupon_no >= coupon_count
    group by month_start
),

marked as (
    select
        priced.*,
        coalesce(tiers.is_vip, false) as is_vip,
        coalesce(assumed_tiers.is_vip, false) as is_assumed_vip,
        coalesce(bought.amount, 0) as amount,
        coalesce(bought.other_currency_count, 0) as other_currency_count,
        coalesce(marks.is_active_90d, false) as is_active_90d,
        coalesce(marks.is_reached_90d, false) as is_reached_90d,
        coalesce(marks.is_served, false) as is_served,
        coalesce(marks.has_earlier_coupon, false) as has_earlier_coupon,
        marks.given_at is not null as is_coupon_given,
        coalesce(marks.given_at, coupon_months.usual_at) as watched_from,
        cast(date_diff('second', priced.started_at, priced.as_of) as bigint) as age_seconds,
        cast(date_diff('second', priced.started_at, coalesce(priced.lost_at, priced.as_of)) as bigint)
            as seconds_to_loss
    from priced
    left join bought on priced.customer_key = bought.customer_key and priced.month_start = bought.month_start
    left join marks on priced.customer_key = marks.customer_key and priced.month_start = marks.month_start
    left join coupon_months on priced.month_start = coupon_months.month_start
    left join tiers on priced.tier = tiers.tier
    left join tiers as assumed_tiers on priced.assumed_tier = assumed_tiers.tier
),

bought_after as (
    select distinct marked.customer_key, marked.month_start
    from marked
    inner join orders
        on marked.customer_key = orders.customer_key
        and orders.ordered_at >= marked.watched_from and orders.ordered_at < marked.watched_from + interval '30 days'
)

select
    coalesce(marked.source, split_part(marked.customer_key, ':', 1)) as source,
    marked.customer_key, marked.month_start,
    marked.known_region as region, coalesce(regions.area, 'unknown') as area,
    marked.tier, marked.is_vip,
    -- A customer has no one channel or product; the slices exist so that every table has the same ones.
    'unknown' as channel, coalesce(marked.customer_type, 'unknown') as customer_type,
    'unknown' as product, 'unknown' as product_group,
    marked.lost_at,
    marked.lost_at is not null as is_lost,
    true as is_active,
    marked.seconds_to_loss,

    not marked.is_assumed_vip as is_ordinary,
    not marked.is_assumed_vip and marked.age_seconds >= 90 * 86400 as is_ordinary_matured,
    not marked.is_assumed_vip and marked.age_seconds < 90 * 86400 as is_ordinary_maturing,
    marked.is_active_90d, marked.is_reached_90d,

    -- Served: with a ticket in the year before. Kept: not lost in the year after.
    marked.is_served,
    marked.is_served and marked.age_seconds >= 365 * 86400 as is_served_matured,
    marked.is_served and marked.age_seconds < 365 * 86400 as is_served_maturing,
    not (marked.lost_at is not null and marked.seconds_to_loss <= 365 * 86400) as is_kept_365d,

    marked.ended_at <= marked.as_of as is_month_complete,
    marked.currency, marked.amount, cast(marked.other_currency_count as bigint) as other_currency_count,

    marked.is_coupon_given,
    -- Compared with a coupon or without one: still a customer when the watch begins, and no coupon in the 30 days before
    -- the month, which could still be at work.
    coalesce(not marked.is_assumed_vip and not marked.has_earlier_coupon
        and date_diff('second', marked.watched_from, marked.as_of) >= 30 * 86400
        and (marked.lost_at is null or marked.lost_at > marked.watched_from), false) as is_coupon_compared,
    coalesce(not marked.is_assumed_vip and not marked.has_earlier_coupon
        and date_diff('second', marked.watched_from, marked.as_of) < 30 * 86400
        and (marked.lost_at is null or marked.lost_at > marked.watched_from), false) as is_coupon_maturing,
    bought_after.customer_key is not null as is_bought_after_coupon
from marked
left join regions on marked.known_region = regions.region
left join bought_after on marked.customer_key = bought_after.customer_key and marked.month_start = bought_after.month_start
