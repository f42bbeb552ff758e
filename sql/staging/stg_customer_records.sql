-- What each source says of each customer it knows: its newest version. Sources that share a namespace share its ids.
-- grain: customer_key, source
-- by: customer_id
-- moves: instants of raw.customers
-- Instants are UTC. What lies after as_of has not happened yet: such rows are left out, such instants are NULL.
-- A version from after as_of speaks only where there is no earlier one, as it stood at as_of.
with
run as (select * from raw.run),
sources as (select * from raw.sources),
loads as (select * from raw.loads),

-- Of a feed whose files are complete, what the newest file no longer names is gone.
complete_feeds as (
    select source, feed, max(load_seq) as newest_load_seq
    from loads
    where is_full
    group by source, feed
),

-- Nearly every key has one version: only those with more are put in order. Keys that share a hash by chance are so too,
-- each by itself.
repeated as materialized (
    select hash(source, customer_id) as key_hash
    from raw.customers
    group by hash(source, customer_id)
    having count(*) > 1
),

-- Read twice, which is cheaper than putting it by.
versions as not materialized (
    select
        customers.*, run.as_of, sources.customer_namespace, loads.data_through, loads.feed,
        loads.load_seq as export_seq, repeated.key_hash is not null as is_repeated,
        coalesce(sources.customer_precedence, 100) as precedence,
        coalesce(nullif(customers.version_key, ''), cast(loads.data_through as varchar), '') as version_order,
        coalesce(customers.updated_at > run.as_of, false) as is_later
    from raw.customers as customers
    cross join run
    inner join sources on customers.source = sources.source
    left join loads on customers.load_id = loads.load_id
    left join repeated on hash(customers.source, customers.customer_id) = repeated.key_hash
    where customers.signup_at is null or customers.signup_at <= run.as_of or customers.is_gone
),

newest as (
    select *, export_seq as last_export_seq
    from versions
    where not is_repeated
    union all
    select
        *,
        max(export_seq) over (partition by source, customer_id) as last_export_seq
    from versions
    where is_repeated
    qualify row_number() over (
        partition by source, customer_id
        order by
            is_later, case when not is_later then version_order end desc, case when is_later then version_order end,
            data_through desc, load_seq desc, source_row desc
    ) = 1
)

select
    newest.source,
    newest.customer_namespace || ':' || newest.customer_id as customer_key,
    newest.customer_id,
    newest.name,
    newest.customer_type,
    newest.tier,
    newest.is_core,
    newest.segment,
    newest.region,
    newest.city,
    newest.account_manager_id,
    newest.signup_at,
    case when newest.churned_at <= newest.as_of then newest.churned_at end as churned_at,
    newest.birthday,
    newest.referred_by,
    newest.phone,
    newest.email,
    newest.address,
    -- Whether, not which: beyond staging nobody needs the number.
    newest.phone is not null as has_phone,
    newest.precedence,
    newest.is_later,
    -- 1 is believed first: the lower customer_precedence, among equals what is newest, whichever came in first.
    row_number() over (
        partition by newest.customer_namespace, newest.customer_id
        order by
            newest.is_later, newest.precedence, newest.version_order desc, newest.data_through desc, newest.source
    ) as belief_no
from newest
left join complete_feeds on newest.source = complete_feeds.source and newest.feed = complete_feeds.feed
where (complete_feeds.newest_load_seq is null or newest.last_export_seq >= complete_feeds.newest_load_seq)
    and not coalesce(newest.is_gone, false)
