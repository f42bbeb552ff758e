-- Which customer ids are one person: id -> master id, which a source may say is another namespace's.
-- grain: customer_key
-- by: split_part(customer_key, ':', 2)
-- key: raw.customer_links = split_part(customer_id, ':', 1)
-- moves: instants of raw.customer_links
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

versions as (
    select
        customer_links.*, run.as_of, sources.customer_namespace, sources.master_namespace,
        loads.data_through, loads.feed,
        loads.load_seq as export_seq,
        coalesce(nullif(customer_links.version_key, ''), cast(loads.data_through as varchar), '') as version_order
    from raw.customer_links as customer_links
    cross join run
    inner join sources on customer_links.source = sources.source
    left join loads on customer_links.load_id = loads.load_id
),

newest as (
    select
        *,
        max(export_seq) over (partition by customer_namespace, customer_id) as last_export_seq
    from versions
    qualify row_number() over (
        partition by customer_namespace, customer_id
        order by version_order desc, data_through desc, load_seq desc, source_row desc
    ) = 1
)

select
    newest.source,
    newest.customer_namespace || ':' || newest.customer_id as customer_key,
    coalesce(newest.master_namespace, newest.customer_namespace) || ':' || newest.master_customer_id
        as master_customer_key
from newest
left join complete_feeds on newest.source = complete_feeds.source and newest.feed = complete_feeds.feed
where (complete_feeds.newest_load_seq is null or newest.last_export_seq >= complete_feeds.newest_load_seq)
    and not coalesce(newest.is_gone, false)
