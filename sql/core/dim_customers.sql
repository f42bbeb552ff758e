-- Customers, each person once: ids that customer_links joins share one key. No name, no contact data.
-- grain: customer_key
with
customers as (select * from staging.stg_customers),
customer_links as (select * from staging.stg_customer_links),

mastered as (
    select
        coalesce(customer_links.master_customer_key, customers.customer_key) as master_key,
        customers.*
    from customers
    left join customer_links on customers.customer_key = customer_links.customer_key
),

-- The master's own record speaks first, then the lowest id, so that a rerun answers the same.
chosen as (
    select *
    from mastered
    qualify row_number() over (
        partition by master_key order by case when customer_key = master_key then 0 else 1 end, customer_key, source
    ) = 1
),

-- A source whose mapping names churned_at says so itself; where no mapping tells, one date in the data does.
declares_churn as (
    select
        split_part(customers.customer_key, ':', 1) as customer_namespace,
        bool_or(coalesce(sources.is_churn_declared, customers.churned_at is not null)) as is_churn_declared
    from customers
    left join raw.sources as sources on customers.source = sources.source
    group by split_part(customers.customer_key, ':', 1)
)

select
    chosen.master_key as customer_key,
    chosen.source,
    split_part(chosen.master_key, ':', 1) as customer_namespace,
    coalesce(chosen.customer_type, 'unknown') as customer_type,
    coalesce(chosen.tier, 'unknown') as tier_now,
    coalesce(nullif(trim(chosen.region), ''), 'unknown') as region_now,
    coalesce(chosen.segment, 'unknown') as segment,
    coalesce(chosen.is_core, false) as is_core,
    chosen.account_manager_id,
    chosen.signup_at,
    chosen.churned_at,
    declares_churn.is_churn_declared
from chosen
inner join declares_churn on split_part(chosen.master_key, ':', 1) = declares_churn.customer_namespace
