-- Alerts raised by connected devices, newest version.
-- grain: alert_key
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
        iot_alerts.*, run.as_of, sources.customer_namespace, loads.data_through, loads.feed,
        loads.load_seq as export_seq,
        coalesce(nullif(iot_alerts.version_key, ''), cast(loads.data_through as varchar), '') as version_order
    from raw.iot_alerts as iot_alerts
    cross join run
    inner join sources on iot_alerts.source = sources.source
    left join loads on iot_alerts.load_id = loads.load_id
    where iot_alerts.raised_at <= run.as_of or iot_alerts.is_gone
),

newest as (
    select
        *,
        max(export_seq) over (partition by source, alert_id) as last_export_seq
    from versions
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
