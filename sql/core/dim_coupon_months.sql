-- Months in which coupons were given to customers active at their start, and when half of those coupons were out.
-- grain: month_no
-- From usual_at on those without a coupon are watched as long as those with one. Of a customer's coupons in a month the
-- first counts.
with
months as (select * from core.dim_month_starts),
active_spans as (select * from core.fct_active_spans),
coupons as (select * from core.fct_interactions where is_coupon_given and is_held),

given as (
    select coupons.customer_key, months.month_no, min(coupons.occurred_at) as given_at
    from coupons
    inner join months
        on 12 * extract(year from coupons.occurred_date) + extract(month from coupons.occurred_date) = months.month_no
    inner join active_spans
        on coupons.customer_key = active_spans.customer_key and active_spans.active_from <= months.started_at
        and (active_spans.lost_at is null or active_spans.lost_at > months.started_at)
    group by coupons.customer_key, months.month_no
),

in_order as (
    select
        month_no, given_at,
        row_number() over (partition by month_no order by given_at, customer_key) as coupon_no,
        count(*) over (partition by month_no) as coupon_count
    from given
)

select month_no, min(given_at) as usual_at
from in_order
where 2 * coupon_no >= coupon_count
group by month_no
