-- What the exports said of a customer over time: at each data_through at which it changed, what was believed then.
-- grain: customer_key, valid_from
-- A source that only sends the present value tells a history all the same: each export says what held at its
-- data_through. told_ is NULL where nobody said anything.
with
exported as (select * from raw.customers),
sources as (select * from raw.sources),
run as (select * from raw.run),
customer_ids as (select * from core.dim_customer_ids),

-- Complete exports of a feed, numbered; a load before the first one has number 0.
loads as (
    select
        all_loads.load_id, all_loads.source, all_loads.feed, all_loads.load_seq, all_loads.data_through,
        sum(case when all_loads.is_full then 1 else 0 end) over (
            partition by all_loads.source, all_loads.feed order by all_loads.load_seq
            rows between unbounded preceding and current row
        ) as export_no
    from raw.loads as all_loads
    cross join run
    where all_loads.data_through <= run.as_of
),

export_ends as (
    select source, feed, export_no, max(data_through) as data_through
    from loads
    group by source, feed, export_no
),

-- Of two complete exports that reach equally far the later one corrects the earlier, which then never was.
standing_exports as (
    select *
    from export_ends
    qualify row_number() over (
        partition by source, feed, data_through, export_no > 0 order by export_no desc
    ) = 1
),

exports as (
    select
        *, lead(data_through) over (partition by source, feed order by export_no) as next_data_through
    from standing_exports
),

-- Of several versions in exports that reach equally far the newest one held.
statements as (
    select
        sources.customer_namespace || ':' || exported.customer_id as record_key,
        exported.source, coalesce(sources.customer_precedence, 100) as precedence,
        loads.data_through as valid_from, exports.next_data_through, exported.version_key,
        -- A tombstone says that there is nothing to say any more.
        coalesce(exported.is_gone, false) as is_gone,
        case when not coalesce(exported.is_gone, false) then exported.tier end as tier,
        case when not coalesce(exported.is_gone, false) then exported.region end as region,
        case when not coalesce(exported.is_gone, false) then exported.account_manager_id end as account_manager_id
    from exported
    inner join sources on exported.source = sources.source
    inner join loads on exported.load_id = loads.load_id
    inner join exports
        on loads.source = exports.source and loads.feed = exports.feed and loads.export_no = exports.export_no
    qualify row_number() over (
        partition by exported.source, exported.customer_id, loads.data_through
        order by exported.version_key desc, exported.load_seq desc, exported.source_row desc
    ) = 1
),

looked_around as (
    select
        *,
        max(version_key) over (
            partition by record_key, source order by valid_from rows between unbounded preceding and 1 preceding
        ) as newest_before,
        lead(valid_from) over (partition by record_key, source order by valid_from) as next_valid_from
    from statements
),

-- A late row, older than what an earlier export brought, changes nothing; one that says nothing at all neither.
told as (
    select
        record_key, source, precedence, valid_from, version_key, tier, nullif(trim(region), '') as region,
        account_manager_id
    from looked_around
    where (version_key = '' or newest_before is null or version_key >= newest_before)
        and (is_gone or tier is not null or region is not null or account_manager_id is not null)
    union all
    -- The first complete export that no longer names a customer says that it is gone.
    select
        record_key, source, precedence, next_data_through, version_key,
        cast(null as varchar), cast(null as varchar), cast(null as varchar)
    from looked_around
    where next_data_through is not null and (next_valid_from is null or next_valid_from > next_data_through)
),

-- Among sources of equal precedence the newest version is believed, so there a version matters that says the same.
rivals as (
    select record_key, precedence from told group by record_key, precedence having min(source) <> max(source)
),

compared as (
    select
        *,
        lag(version_key) over (partition by record_key, source order by valid_from) as version_before,
        row_number() over (partition by record_key, source order by valid_from) as statement_no,
        lag(tier) over (partition by record_key, source order by valid_from) as tier_before,
        lag(region) over (partition by record_key, source order by valid_from) as region_before,
        lag(account_manager_id) over (partition by record_key, source order by valid_from) as manager_before
    from told
),

-- Only what changed: a year of nightly exports says the same hundreds of times.
changes as (
    select
        coalesce(customer_ids.customer_key, compared.record_key) as customer_key, compared.*,
        lead(compared.valid_from) over (
            partition by compared.record_key, compared.source order by compared.valid_from
        ) as valid_to
    from compared
    left join customer_ids on compared.record_key = customer_ids.named_key
    left join rivals on compared.record_key = rivals.record_key and compared.precedence = rivals.precedence
    where compared.statement_no = 1 or compared.tier is distinct from compared.tier_before
        or compared.region is distinct from compared.region_before
        or compared.account_manager_id is distinct from compared.manager_before
        or (rivals.record_key is not null and compared.version_key is distinct from compared.version_before)
),

moments as (select distinct customer_key, valid_from from changes),

-- What each source last said, at each moment at which any of them said something else: believed in the order of
-- core.dim_customer_records.
standing as (
    select
        moments.customer_key, moments.valid_from, changes.tier, changes.region, changes.account_manager_id,
        row_number() over (
            partition by moments.customer_key, moments.valid_from
            order by
                changes.precedence, case when changes.record_key = changes.customer_key then 0 else 1 end,
                changes.record_key,
                coalesce(nullif(changes.version_key, ''), cast(changes.valid_from as varchar)) desc,
                changes.valid_from desc, changes.source
        ) as belief_no
    from moments
    inner join changes
        on moments.customer_key = changes.customer_key and moments.valid_from >= changes.valid_from
        and moments.valid_from < coalesce(changes.valid_to, cast('9999-12-31 00:00:00' as timestamp))
)

select
    customer_key,
    valid_from,
    min_by(tier, belief_no) filter (where tier is not null) as told_tier,
    min_by(region, belief_no) filter (where region is not null) as told_region,
    min_by(account_manager_id, belief_no) filter (where account_manager_id is not null) as told_account_manager_id
from standing
group by customer_key, valid_from
