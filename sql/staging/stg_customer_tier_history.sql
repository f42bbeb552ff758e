-- Tier and region of a customer over time, where a source exports that history.
-- grain: customer_key, valid_from
-- by: split_part(customer_key, ':', 2)
-- key: raw.customer_tier_history = split_part(customer_id, ':', 1)
-- moves: instants of raw.customer_tier_history
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

-- Nearly every key has one version: only those with more are put in order, whichever source they are of.
repeated as (
    select customer_id, valid_from
    from raw.customer_tier_history
    group by customer_id, valid_from
    having count(*) > 1
),

versions as (
    select
        customer_tier_history.*, run.as_of, sources.customer_namespace, loads.data_through, loads.feed,
        loads.load_seq as export_seq, repeated.customer_id is not null as is_repeated,
        coalesce(nullif(customer_tier_history.version_key, ''), cast(loads.data_through as varchar), '') as version_order
    from raw.customer_tier_history as customer_tier_history
    cross join run
    inner join sources on customer_tier_history.source = sources.source
    left join loads on customer_tier_history.load_id = loads.load_id
    left join repeated
        on customer_tier_history.customer_id = repeated.customer_id
        and customer_tier_history.valid_from = repeated.valid_from
    where customer_tier_history.valid_from <= run.as_of or customer_tier_history.is_gone
),

newest as (
    select *, export_seq as last_export_seq
    from versions
    where not is_repeated
    union all
    select
        *,
        max(export_seq) over (partition by customer_namespace, customer_id, valid_from) as last_export_seq
    from versions
    where is_repeated
    qualify row_number() over (
        partition by customer_namespace, customer_id, valid_from
        order by version_order desc, data_through desc, load_seq desc, source_row desc
    ) = 1
)

select
    newest.source,
    newest.customer_namespace || ':' || newest.customer_id as customer_key,
    newest.tier,
    newest.region,
    newest.valid_from,
    newest.valid_to
from newest
left join complete_feeds on newest.source = complete_feeds.source and newest.feed = complete_feeds.feed
where (complete_feeds.newest_load_seq is null or newest.last_export_seq >= complete_feeds.newest_load_seq)
    and not coalesce(newest.is_gone, false)
