-- What each source says of each person, and in which order they are believed: 1 first. No name, no contact data.
-- grain: record_key, source
-- The lower customer_precedence is believed first; among equals the master's own record, then the lowest id, then
-- what is newest. told_ is NULL where that source says nothing: then the next one speaks (core.dim_customers).
with
records as (select * from staging.stg_customer_records),
customer_ids as (select * from core.dim_customer_ids),

persons as (
    select
        coalesce(customer_ids.customer_key, records.customer_key) as person_key,
        coalesce(
            referrer_ids.customer_key, split_part(records.customer_key, ':', 1) || ':' || records.referred_by
        ) as referrer_key,
        records.*
    from records
    left join customer_ids on records.customer_key = customer_ids.named_key
    left join customer_ids as referrer_ids
        on split_part(records.customer_key, ':', 1) || ':' || records.referred_by = referrer_ids.named_key
)

select
    persons.person_key as customer_key,
    persons.customer_key as record_key,
    persons.source,
    row_number() over (
        partition by persons.person_key
        order by
            persons.is_later, persons.precedence,
            case when persons.customer_key = persons.person_key then 0 else 1 end, persons.customer_key,
            persons.belief_no
    ) as belief_no,
    persons.precedence,
    persons.customer_type as told_customer_type,
    persons.tier as told_tier,
    nullif(trim(persons.region), '') as told_region,
    persons.segment as told_segment,
    persons.account_manager_id as told_account_manager_id,
    persons.is_core as told_is_core,
    persons.has_phone as told_has_phone,
    -- Who recommends another id of its own has brought nobody.
    case when persons.referrer_key <> persons.person_key then persons.referrer_key end as told_referrer_key,
    persons.signup_at as told_signup_at,
    persons.churned_at as told_churned_at,
    -- A source whose mapping names churned_at says so itself; where no mapping tells, one date in the data does.
    coalesce(sources.is_churn_declared, persons.churned_at is not null) as is_churn_declared
from persons
left join raw.sources as sources on persons.source = sources.source
