-- The stretches in which a customer is active, and when each ended with the customer's loss.
-- grain: customer_key, active_from
-- by: customer_key
-- moves: lost_at is null
-- Where the source declares losses: from sign-up (or first purchase) to churned_at. Elsewhere: from a purchase, or the
-- ticket of someone who has bought, to the day on which tau days without another one have passed. lost_at is NULL while
-- that has not happened.
with
customers as (select * from core.dim_customers),
rules as (select * from core.dim_churn_rules),
orders as (select * from core.fct_orders where is_purchase),
tickets as (select * from core.fct_ticket_profiles where is_counted),
run as (select * from raw.run),

first_purchases as (
    select customer_key, min(ordered_at) as first_purchased_at
    from orders
    group by customer_key
),

declared as (
    select
        customers.customer_key,
        coalesce(customers.signup_at, first_purchases.first_purchased_at) as active_from,
        customers.churned_at as lost_at
    from customers
    inner join rules on customers.customer_namespace = rules.customer_namespace and rules.is_churn_declared
    left join first_purchases on customers.customer_key = first_purchases.customer_key
),

-- Who asks for service is still a customer; a ticket alone makes nobody one.
signs_of_life as (
    select customer_key, ordered_at as seen_at from orders
    union
    select tickets.customer_key, tickets.created_at
    from tickets
    inner join first_purchases
        on tickets.customer_key = first_purchases.customer_key
        and tickets.created_at > first_purchases.first_purchased_at
),

neighbours as (
    select
        signs_of_life.customer_key, signs_of_life.seen_at, rules.tau_days,
        lag(signs_of_life.seen_at) over (partition by signs_of_life.customer_key order by signs_of_life.seen_at)
            as seen_before,
        lead(signs_of_life.seen_at) over (partition by signs_of_life.customer_key order by signs_of_life.seen_at)
            as seen_next
    from signs_of_life
    inner join rules
        on split_part(signs_of_life.customer_key, ':', 1) = rules.customer_namespace and not rules.is_churn_declared
),

edges as (
    select
        customer_key, seen_at,
        case when seen_before is null or date_diff('second', seen_before, seen_at) > tau_days * 86400
            then 1 else 0 end as is_start,
        case when seen_next is null or date_diff('second', seen_at, seen_next) > tau_days * 86400
            then seen_at + interval '1 day' * tau_days end as fades_at
    from neighbours
),

numbered as (
    select *, sum(is_start) over (partition by customer_key order by seen_at rows unbounded preceding) as span_no
    from edges
),

inactive as (
    select customer_key, min(seen_at) as active_from, max(fades_at) as fades_at
    from numbered
    group by customer_key, span_no
)

select customer_key, active_from, lost_at
from declared
where active_from is not null and (lost_at is null or lost_at > active_from)
union all
select inactive.customer_key, inactive.active_from,
    case when inactive.fades_at <= run.as_of then inactive.fades_at end as lost_at
from inactive
cross join run
