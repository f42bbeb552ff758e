-- Tier and region of each customer over time: from the exported history, else from the exports themselves.
-- grain: customer_key, valid_from
-- valid_to is exclusive. The first known tier reaches back to 1900 with tier_basis = assumed: a guess, shown as one.
with
history as (select * from staging.stg_customer_tier_history),
customer_ids as (select * from core.dim_customer_ids),
customers as (select * from core.dim_customers),
exported as (select * from raw.customers),
loads as (select * from raw.loads),
sources as (select * from raw.sources),
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
    select customer_key, tier, region, valid_from, cast(1 as bigint) as said_last
    from declared_starts
    union all
    select customer_key, cast(null as varchar), region, valid_to, cast(0 as bigint)
    from declared_starts
    cross join run
    where valid_to <= run.as_of
),

declared_customers as (select distinct customer_key from declared),

-- A source that only sends the present tier: each export says what held at its data_through. Of several versions
-- in one export the newest one held.
seen as (
    select
        coalesce(customer_ids.customer_key, sources.customer_namespace || ':' || exported.customer_id) as customer_key,
        exported.tier, exported.region, loads.data_through as valid_from, exported.load_seq as said_last
    from exported
    inner join sources on exported.source = sources.source
    inner join loads on exported.load_id = loads.load_id
    cross join run
    left join customer_ids
        on sources.customer_namespace || ':' || exported.customer_id = customer_ids.named_key
    left join declared_customers
        on coalesce(customer_ids.customer_key, sources.customer_namespace || ':' || exported.customer_id)
            = declared_customers.customer_key
    where loads.data_through <= run.as_of
        and (exported.tier is not null or exported.region is not null)
        and declared_customers.customer_key is null
    qualify row_number() over (
        partition by exported.source, exported.customer_id, exported.load_id
        order by exported.version_key desc, exported.source_row desc
    ) = 1
),

points as (
    select customer_key, valid_from, tier, region
    from (select * from declared union all select * from seen) as both_kinds
    qualify row_number() over (
        partition by customer_key, valid_from order by said_last desc, tier, region
    ) = 1
),

changes as (
    select
        customer_key, valid_from, tier, region,
        row_number() over (partition by customer_key order by valid_from) as change_no,
        lag(tier) over (partition by customer_key order by valid_from) as tier_before,
        lag(region) over (partition by customer_key order by valid_from) as region_before
    from points
),

known as (
    select customer_key, valid_from, tier, region, 'known' as tier_basis
    from changes
    where change_no = 1 or tier is distinct from tier_before or region is distinct from region_before
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
)

select
    spans.customer_key, spans.valid_from,
    coalesce(
        lead(spans.valid_from) over (partition by spans.customer_key order by spans.valid_from),
        cast('9999-12-31 00:00:00' as timestamp)
    ) as valid_to,
    coalesce(spans.tier, 'unknown') as tier,
    coalesce(nullif(trim(spans.region), ''), nullif(customers.region_now, 'unknown'), 'unknown') as region,
    spans.tier_basis
from spans
left join customers on spans.customer_key = customers.customer_key
