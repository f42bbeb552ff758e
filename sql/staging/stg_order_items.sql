-- Lines of orders, newest version.
-- grain: order_key, line_no
-- by: order_key
-- key: raw.order_items = source || ':' || order_id
-- moves: instants of raw.order_items
-- Instants are UTC. What lies after as_of has not happened yet: such rows are left out, such instants are NULL.
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
    select hash(source, order_id, line_no) as key_hash
    from raw.order_items
    group by hash(source, order_id, line_no)
    having count(*) > 1
),

-- Read twice, which is cheaper than putting it by.
versions as not materialized (
    select
        order_items.*, run.as_of, sources.customer_namespace, loads.data_through, loads.feed,
        loads.load_seq as export_seq, repeated.key_hash is not null as is_repeated,
        coalesce(nullif(order_items.version_key, ''), cast(loads.data_through as varchar), '') as version_order
    from raw.order_items as order_items
    cross join run
    inner join sources on order_items.source = sources.source
    left join loads on order_items.load_id = loads.load_id
    left join repeated on hash(order_items.source, order_items.order_id, order_items.line_no) = repeated.key_hash
),

newest as (
    select *, export_seq as last_export_seq
    from versions
    where not is_repeated
    union all
    select
        *,
        max(export_seq) over (partition by source, order_id, line_no) as last_export_seq
    from versions
    where is_repeated
    qualify row_number() over (
        partition by source, order_id, line_no
        order by version_order desc, data_through desc, load_seq desc, source_row desc
    ) = 1
)

select
    newest.source,
    newest.source || ':' || newest.order_id as order_key,
    newest.line_no,
    newest.source || ':' || newest.product_id as product_key,
    newest.quantity,
    newest.amount,
    newest.discount
from newest
left join complete_feeds on newest.source = complete_feeds.source and newest.feed = complete_feeds.feed
where (complete_feeds.newest_load_seq is null or newest.last_export_seq >= complete_feeds.newest_load_seq)
    and not coalesce(newest.is_gone, false)
