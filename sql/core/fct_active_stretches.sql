-- Stretches of months of active customers, from the month after one with a sign of them to the next with one.
-- grain: customer_key, first_no
-- by: customer_key
-- shared: namespace_currencies
-- reads: core.dim_month_starts month_no
-- moves: in core.dim_tier_spans: crosses(valid_to)
-- core.fct_customer_months unrolls them; last_no is NULL where no sign came since. Months go by number (12 x year +
-- month). What happened is summed up by customer and month; whether something happened within days of a month's start,
-- the last instant before it (.._before_at) or the first after it (.._next_at) tells. What is told of one month alone,
-- amount to is_bought_after_own, belongs to last_no.
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

coupon_months as (select * from core.dim_coupon_months),
run as (select * from raw.run),
bounds as (select min(month_no) as first_no from core.dim_month_starts),

-- Tier and region while active: each month's start lies in exactly one of a customer's stretches.
stretches as (
    select
        active_spans.customer_key, active_spans.lost_at,
        greatest(active_spans.active_from, coalesce(tier_spans.valid_from, active_spans.active_from)) as from_at,
        least(active_spans.lost_at, tier_spans.valid_to) as to_at,
        customers.source, customers.customer_type,
        case when tier_spans.tier_basis = 'known' then tier_spans.tier else 'unknown' end as tier,
        tier_spans.tier as assumed_tier,
        coalesce(tier_spans.region, customers.region_now, 'unknown') as known_region
    from active_spans
    left join customers on active_spans.customer_key = customers.customer_key
    left join tier_spans
        on active_spans.customer_key = tier_spans.customer_key
        and tier_spans.valid_to > active_spans.active_from
        and tier_spans.valid_from < coalesce(active_spans.lost_at, cast('9999-12-31 00:00:00' as timestamp))
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

described as (
    select
        stretches.*,
        coalesce(regions.area, 'unknown') as area,
        coalesce(tiers.is_vip, false) as is_vip, coalesce(assumed_tiers.is_vip, false) as is_assumed_vip,
        coalesce(customer_currencies.currency, namespace_currencies.currency, 'unknown') as currency,
        -- The last instant before: who is active from a month's very start on is so at it, who is lost by then is not.
        cast((stretches.from_at - interval '1 microsecond')
            at time zone 'UTC' at time zone run.business_timezone as date) as before_date,
        cast((case when stretches.to_at <= run.as_of then stretches.to_at end - interval '1 microsecond')
            at time zone 'UTC' at time zone run.business_timezone as date) as to_date
    from stretches
    cross join run
    left join regions on stretches.known_region = regions.region
    left join tiers on stretches.tier = tiers.tier
    left join tiers as assumed_tiers on stretches.assumed_tier = assumed_tiers.tier
    left join customer_currencies on stretches.customer_key = customer_currencies.customer_key
    left join namespace_currencies
        on split_part(stretches.customer_key, ':', 1) = namespace_currencies.customer_namespace
),

numbered as (
    select
        described.*,
        greatest(
            12 * extract(year from described.before_date) + extract(month from described.before_date) + 1,
            bounds.first_no
        ) as from_no,
        12 * extract(year from described.to_date) + extract(month from described.to_date) as to_no
    from described
    cross join bounds
),

signs as (
    select
        orders.customer_key, 12 * extract(year from orders.ordered_date) + extract(month from orders.ordered_date)
            as month_no,
        orders.ordered_at as seen_at, 'order' as sign,
        case when orders.currency = customer_currencies.currency then orders.amount end as amount
    from orders
    inner join customer_currencies on orders.customer_key = customer_currencies.customer_key
    union all
    select customer_key, 12 * extract(year from created_date) + extract(month from created_date), created_at, 'ticket',
        null
    from tickets
    where customer_key is not null
    union all
    select customer_key, 12 * extract(year from occurred_date) + extract(month from occurred_date), occurred_at,
        'points', null
    from points
    union all
    select customer_key, 12 * extract(year from occurred_date) + extract(month from occurred_date), occurred_at, 'care',
        null
    from interactions
    where kind in ('care', 'coupon')
    union all
    select customer_key, 12 * extract(year from occurred_date) + extract(month from occurred_date), occurred_at,
        'given', null
    from interactions
    where is_coupon_given
),

sign_months as (
    select
        customer_key, month_no, sum(amount) as amount,
        min(case when sign = 'order' then seen_at end) as first_ordered_at,
        min(case when sign in ('order', 'ticket', 'points') then seen_at end) as first_active_at,
        min(case when sign = 'care' then seen_at end) as first_reached_at,
        max(case when sign = 'ticket' then seen_at end) as last_ticket_at,
        min(case when sign = 'given' then seen_at end) as first_given_at,
        max(case when sign = 'given' then seen_at end) as last_given_at
    from signs
    group by customer_key, month_no
),

-- Thirty days from within a month end within the second month after it at the latest.
lags as (select unnest(generate_series(0, 2)) as months_later),

bought_after as (
    select
        sign_months.customer_key, sign_months.month_no,
        bool_or(orders.seen_at >= coupon_months.usual_at
            and orders.seen_at < coupon_months.usual_at + interval '30 days') as is_after_usual,
        bool_or(coalesce(orders.seen_at >= sign_months.first_given_at
            and orders.seen_at < sign_months.first_given_at + interval '30 days', false)) as is_after_own
    from signs as orders
    cross join lags
    inner join coupon_months on orders.month_no - lags.months_later = coupon_months.month_no
    inner join sign_months
        on orders.customer_key = sign_months.customer_key and coupon_months.month_no = sign_months.month_no
    where orders.sign = 'order'
    group by sign_months.customer_key, sign_months.month_no
),

-- So that the months after the last sign are looked back from too.
all_months as (
    select
        sign_months.*, true as has_sign,
        coalesce(bought_after.is_after_usual, false) as is_after_usual,
        coalesce(bought_after.is_after_own, false) as is_after_own
    from sign_months
    left join bought_after
        on sign_months.customer_key = bought_after.customer_key and sign_months.month_no = bought_after.month_no
    union all
    select distinct customer_key, 999999, null, null, null, null, null, null, null, false, null, null from active_spans
),

-- From the month after one with a sign to the next: what came before, and what comes next.
between_signs as (
    select
        customer_key, coalesce(lag(month_no) over in_order + 1, 0) as first_no, month_no as last_no,
        has_sign, amount, first_given_at, is_after_usual, is_after_own,
        last_value(last_ticket_at ignore nulls) over before as ticket_before_at,
        last_value(last_given_at ignore nulls) over before as given_before_at,
        first_value(first_active_at ignore nulls) over from_here as active_next_at,
        first_value(first_reached_at ignore nulls) over from_here as reached_next_at,
        first_value(first_ordered_at ignore nulls) over from_here as ordered_next_at
    from all_months
    window
        in_order as (partition by customer_key order by month_no),
        before as (partition by customer_key order by month_no rows between unbounded preceding and 1 preceding),
        from_here as (
            partition by customer_key order by month_no rows between current row and unbounded following
        )
),

pieces as (
    select
        numbered.*,
        greatest(numbered.from_no, between_signs.first_no) as first_no,
        least(numbered.to_no, between_signs.last_no) as last_no,
        between_signs.has_sign and between_signs.last_no <= coalesce(numbered.to_no, between_signs.last_no) as has_sign,
        between_signs.amount, between_signs.first_given_at, between_signs.is_after_usual, between_signs.is_after_own,
        between_signs.ticket_before_at, between_signs.given_before_at,
        between_signs.active_next_at, between_signs.reached_next_at, between_signs.ordered_next_at
    from numbered
    inner join between_signs
        on numbered.customer_key = between_signs.customer_key
        and numbered.from_no <= between_signs.last_no
        and coalesce(numbered.to_no, between_signs.first_no) >= between_signs.first_no
)

select
    coalesce(source, split_part(customer_key, ':', 1)) as source, customer_key,
    cast(first_no as bigint) as first_no, cast(nullif(last_no, 999999) as bigint) as last_no,
    known_region as region, area, tier, is_vip, is_assumed_vip, coalesce(customer_type, 'unknown') as customer_type,
    currency, lost_at, ticket_before_at, given_before_at, active_next_at, reached_next_at, ordered_next_at,
    case when has_sign then amount end as amount,
    case when has_sign then first_given_at end as given_at,
    case when has_sign then is_after_usual end as is_bought_after_usual,
    case when has_sign then is_after_own end as is_bought_after_own
from pieces
where first_no <= last_no
