-- When a customer counts as lost, by customer namespace: declared by the source, or inactivity beyond tau days.
-- grain: customer_namespace
-- tau is the P95 of the days between two purchases of one customer (365 where nobody ever came back): the smallest gap
-- that at least 95 of 100 gaps do not exceed.
with
customers as (select * from core.dim_customers),
orders as (select * from core.fct_orders where is_purchase),

purchase_days as (
    select distinct customer_key, split_part(customer_key, ':', 1) as customer_namespace, ordered_date
    from orders
),

gaps as (
    select
        customer_namespace,
        date_diff('day', lag(ordered_date) over (partition by customer_key order by ordered_date), ordered_date)
            as gap_days
    from purchase_days
),

ranked as (
    select
        customer_namespace, gap_days,
        cume_dist() over (partition by customer_namespace order by gap_days) as share_within
    from gaps
    where gap_days is not null
),

taus as (
    select customer_namespace, min(gap_days) as tau_days
    from ranked
    where share_within >= 0.95
    group by customer_namespace
),

namespaces as (
    select customer_namespace, bool_or(is_churn_declared) as is_churn_declared
    from customers
    group by customer_namespace
    union
    select distinct customer_namespace, false
    from purchase_days
    where customer_namespace not in (select customer_namespace from customers)
)

select
    namespaces.customer_namespace,
    namespaces.is_churn_declared,
    cast(coalesce(taus.tau_days, 365) as bigint) as tau_days
from namespaces
left join taus on namespaces.customer_namespace = taus.customer_namespace
