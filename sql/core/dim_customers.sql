-- Customers, each person once: ids that customer_links joins share one key. No name, no contact data.
-- grain: customer_key
-- by: customer_key
-- shared: declares_churn
-- Each column as the first says it that says anything, in the order in which the sources are believed.
with
records as (select * from core.dim_customer_records),

declares_churn as (
    select split_part(record_key, ':', 1) as customer_namespace, bool_or(is_churn_declared) as is_churn_declared
    from records
    group by split_part(record_key, ':', 1)
),

-- Whether a customer was lost is said by the first source that tells of losses at all: there, no date means no loss.
known as (
    select
        records.*,
        declares_churn.is_churn_declared as is_told_of_churn,
        min(case when records.is_churn_declared then records.belief_no end) over (
            partition by records.customer_key
        ) as churn_belief_no
    from records
    inner join declares_churn on split_part(records.record_key, ':', 1) = declares_churn.customer_namespace
)

select
    customer_key,
    min_by(source, belief_no) as source,
    split_part(customer_key, ':', 1) as customer_namespace,
    coalesce(min_by(told_customer_type, belief_no) filter (where told_customer_type is not null), 'unknown')
        as customer_type,
    coalesce(min_by(told_tier, belief_no) filter (where told_tier is not null), 'unknown') as tier_now,
    coalesce(min_by(told_region, belief_no) filter (where told_region is not null), 'unknown') as region_now,
    coalesce(min_by(told_segment, belief_no) filter (where told_segment is not null), 'unknown') as segment,
    coalesce(min_by(told_is_core, belief_no) filter (where told_is_core is not null), false) as is_core,
    min_by(told_account_manager_id, belief_no) filter (where told_account_manager_id is not null)
        as account_manager_id,
    coalesce(bool_or(told_has_phone), false) as has_phone,
    min_by(told_referrer_key, belief_no) filter (where told_referrer_key is not null) as referrer_key,
    min_by(told_signup_at, belief_no) filter (where told_signup_at is not null) as signup_at,
    min(case when belief_no = coalesce(churn_belief_no, 1) then told_churned_at end) as churned_at,
    bool_or(is_told_of_churn) as is_churn_declared
from known
group by customer_key
