-- Orders of every source, newest version.
-- grain: order_key
-- by: order_key
-- key: raw.orders = source || ':' || order_id
-- moves: instants of raw.orders
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
    select hash(source, order_id) as key_hash
    from raw.orders
    group by hash(source, order_id)
    having count(*) > 1
),

-- Read twice, which is cheaper than putting it by.
versions as not materialized (
    select
        orders.*, run.as_of, sources.customer_namespace, loads.data_through, loads.feed,
        loads.load_seq as export_seq, repeated.key_hash is not null as is_repeated,
        coalesce(nullif(orders.version_key, ''), cast(loads.data_through as varchar), '') as version_order,
        coalesce(orders.updated_at > run.as_of, false) as is_later
    from raw.orders as orders
    cross join run
    inner join sources on orders.source = sources.source
    left join loads on orders.load_id = loads.load_id
    left join repeated on hash(orders.source, orders.order_id) = repeated.key_hash
    where orders.ordered_at <= run.as_of or orders.is_gone
),

newest as (
    select *, export_seq as last_export_seq
    from versions
    where not is_repeated
    union all
    select
        *,
        max(export_seq) over (partition by source, order_id) as last_export_seq
    from versions
    where is_repeated
    qualify row_number() over (
        partition by source, order_id
        order by
            is_later, case when not is_later then version_order end desc, case when is_later then version_order end,
            data_through desc, load_seq desc, source_row desc
    ) = 1
)

select
    newest.source,
    newest.source || ':' || newest.order_id as order_key,
    newest.order_id,
    newest.customer_namespace || ':' || newest.customer_id as customer_key,
    newest.ordered_at,
    case when newest.paid_at <= newest.as_of then newest.paid_at end as paid_at,
    newest.amount,
    newest.currency,
    newest.order_kind,
    case when newest.paid_at > newest.as_of and newest.status in ('paid', 'partly_refunded', 'refunded')
        then 'open' else newest.status end as status,
    newest.source || ':' || newest.product_id as product_key,
    newest.channel,
    newest.region
from newest
left join complete_feeds on newest.source = complete_feeds.source and newest.feed = complete_feeds.feed
where (complete_feeds.newest_load_seq is null or newest.last_export_seq >= complete_feeds.newest_load_seq)
    and not coalesce(newest.is_gone, false)
