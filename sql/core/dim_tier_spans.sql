-- Tier, region and account manager of each customer over time: from the exported history, else from the exports.
-- grain: customer_key, valid_from
-- valid_to is exclusive. The first known tier reaches back to 1900 with tier_basis = assumed: a guess, shown as one.
-- So does the first known account manager; NULL where nobody named one.
with
history as (select * from staging.stg_customer_tier_history),
customer_ids as (select * from core.dim_customer_ids),
customers as (select * from core.dim_customers),
states as (select * from core.dim_customer_states),
run as (select * from raw.run),

declared_starts as (
    select
        coalesce(customer_ids.customer_key, history.customer_key) as customer_key,
        history.tier, history.region, history.valid_from, history.valid_to
    from history
    left join customer_ids on history.customer_key = customer_ids.named_key
),

-- Where a stretch ends and no other begins, the tier is not known until one does.
declared as (
    select customer_key, tier, region, valid_from, 'known' as tier_basis, cast(1 as bigint) as said_last
    from declared_starts
    union all
    select customer_key, cast(null as varchar), region, valid_to, 'known', cast(0 as bigint)
    from declared_starts
    cross join run
    where valid_to <= run.as_of
),

declared_customers as (select distinct customer_key from declared),

undeclared as (
    select
        states.customer_key, states.valid_from, states.told_tier, states.told_region,
        count(states.told_tier) over (
            partition by states.customer_key order by states.valid_from
            rows between unbounded preceding and current row
        ) as tier_count,
        count(states.told_region) over (
            partition by states.customer_key order by states.valid_from
            rows between unbounded preceding and current row
        ) as region_count,
        first_value(states.told_tier ignore nulls) over (
            partition by states.customer_key order by states.valid_from
            rows between unbounded preceding and unbounded following
        ) as first_tier,
        first_value(states.told_region ignore nulls) over (
            partition by states.customer_key order by states.valid_from
            rows between unbounded preceding and unbounded following
        ) as first_region
    from states
    left join declared_customers on states.customer_key = declared_customers.customer_key
    where declared_customers.customer_key is null
),

-- A source that only sends the present tier: what each export said held at its data_through. One source may tell of
-- the region long before another, connected later, tells of the tier: the first that is told reaches back, each alone.
seen as (
    select
        customer_key,
        case when tier_count = 0 then first_tier else told_tier end as tier,
        case when region_count = 0 then first_region else told_region end as region,
        valid_from,
        case when tier_count = 0 and first_tier is not null then 'assumed' else 'known' end as tier_basis,
        cast(1 as bigint) as said_last
    from undeclared
    where tier_count + region_count > 0
),

points as (
    select customer_key, valid_from, tier, region, tier_basis
    from (
        select customer_key, tier, region, valid_from, tier_basis, said_last from declared
        union all
        select customer_key, tier, region, valid_from, tier_basis, said_last from seen
    ) as both_kinds
    qualify row_number() over (
        partition by customer_key, valid_from order by said_last desc, tier, region
    ) = 1
),

changes as (
    select
        customer_key, valid_from, tier, region, tier_basis,
        row_number() over (partition by customer_key order by valid_from) as change_no,
        lag(tier_basis) over (partition by customer_key order by valid_from) as basis_before,
        lag(tier) over (partition by customer_key order by valid_from) as tier_before,
        lag(region) over (partition by customer_key order by valid_from) as region_before
    from points
),

known as (
    select customer_key, valid_from, tier, region, tier_basis
    from changes
    where change_no = 1 or tier is distinct from tier_before or region is distinct from region_before
        or tier_basis <> basis_before
),

assumed as (
    select
        changes.customer_key, cast('1900-01-01 00:00:00' as timestamp) as valid_from,
        changes.tier, changes.region, 'assumed' as tier_basis
    from changes
    where changes.change_no = 1
),

-- A customer whose export says neither when nor how: the present value, all of it assumed.
undated as (
    select
        customers.customer_key, cast('1900-01-01 00:00:00' as timestamp) as valid_from,
        nullif(customers.tier_now, 'unknown') as tier, nullif(customers.region_now, 'unknown') as region,
        'assumed' as tier_basis
    from customers
    left join points on customers.customer_key = points.customer_key
    where points.customer_key is null
),

spans as (
    select * from known
    union all
    select * from assumed
    union all
    select * from undated
),

tier_spans as (
    select
        *,
        coalesce(
            lead(valid_from) over (partition by customer_key order by valid_from),
            cast('9999-12-31 00:00:00' as timestamp)
        ) as valid_to
    from spans
),

manager_points as (
    select
        customer_key, valid_from, told_account_manager_id as account_manager_id,
        count(told_account_manager_id) over (
            partition by customer_key order by valid_from rows between unbounded preceding and current row
        ) as known_count
    from states
),

manager_changes as (
    select
        *,
        row_number() over (partition by customer_key order by valid_from) as change_no,
        lag(account_manager_id) over (partition by customer_key order by valid_from) as manager_before
    from manager_points
    where known_count > 0
),

manager_starts as (
    select
        customer_key, account_manager_id,
        case when change_no = 1 then cast('1900-01-01 00:00:00' as timestamp) else valid_from end as valid_from
    from manager_changes
    where change_no = 1 or account_manager_id is distinct from manager_before
    union all
    select customers.customer_key, customers.account_manager_id, cast('1900-01-01 00:00:00' as timestamp)
    from customers
    left join manager_changes on customers.customer_key = manager_changes.customer_key
    where manager_changes.customer_key is null
),

manager_spans as (
    select
        *,
        coalesce(
            lead(valid_from) over (partition by customer_key order by valid_from),
            cast('9999-12-31 00:00:00' as timestamp)
        ) as valid_to
    from manager_starts
)

-- Both divide all time from 1900 on, so that every moment lies in exactly one pair.
select
    tier_spans.customer_key,
    greatest(tier_spans.valid_from, coalesce(manager_spans.valid_from, tier_spans.valid_from)) as valid_from,
    least(tier_spans.valid_to, coalesce(manager_spans.valid_to, tier_spans.valid_to)) as valid_to,
    coalesce(tier_spans.tier, 'unknown') as tier,
    coalesce(nullif(trim(tier_spans.region), ''), nullif(customers.region_now, 'unknown'), 'unknown') as region,
    tier_spans.tier_basis,
    manager_spans.account_manager_id
from tier_spans
left join customers on tier_spans.customer_key = customers.customer_key
left join manager_spans
    on tier_spans.customer_key = manager_spans.customer_key and manager_spans.valid_from < tier_spans.valid_to
    and tier_spans.valid_from < manager_spans.valid_to
