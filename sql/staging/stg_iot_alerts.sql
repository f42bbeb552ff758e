-- Alerts raised by connected devices, newest version.
-- grain: alert_key
-- by: alert_key
-- key: raw.iot_alerts = source || ':' || alert_id
-- moves: instants of raw.iot_alerts
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
    select hash(source, alert_id) as key_hash
    from raw.iot_alerts
    group by hash(source, alert_id)
    having count(*) > 1
),

-- Read twice, which is cheaper than putting it by.
versions as not materialized (
    select
        iot_alerts.*, run.as_of, sources.customer_namespace, loads.data_through, loads.feed,
        loads.load_seq as export_seq, repeated.key_hash is not null as is_repeated,
        coalesce(nullif(iot_alerts.version_key, ''), cast(loads.data_through as varchar), '') as version_order
    from raw.iot_alerts as iot_alerts
    cross join run
    inner join sources on iot_alerts.source = sources.source
    left join loads on iot_alerts.load_id = loads.load_id
    left join repeated on hash(iot_alerts.source, iot_alerts.alert_id) = repeated.key_hash
    where iot_alerts.raised_at <= run.as_of or iot_alerts.is_gone
),

newest as (
    select *, export_seq as last_export_seq
    from versions
    where not is_repeated
    union all
    select
        *,
        max(export_seq) over (partition by source, alert_id) as last_export_seq
    from versions
    where is_repeated
    qualify row_number() over (
        partition by source, alert_id
        order by version_order desc, data_through desc, load_seq desc, source_row desc
    ) = 1
)

select
    newest.source,
    newest.source || ':' || newest.alert_id as alert_key,
    newest.alert_id,
    newest.source || ':' || newest.asset_id as asset_key,
    newest.raised_at,
    newest.kind,
    newest.is_false,
    newest.source || ':' || newest.ticket_id as ticket_key
from newest
left join complete_feeds on newest.source = complete_feeds.source and newest.feed = complete_feeds.feed
where (complete_feeds.newest_load_seq is null or newest.last_export_seq >= complete_feeds.newest_load_seq)
    and not coalesce(newest.is_gone, false)
