-- Tickets about a known device: was it under warranty, did it report its fault itself, and before its owner did?
-- grain: ticket_key
-- keep: build
-- by: ticket_key
-- via: staging.stg_iot_alerts.asset_key = core.fct_tickets_own.asset_key
-- via: staging.stg_assets.asset_key = core.fct_tickets_own.asset_key
-- near: core.fct_tickets_own.asset_key
-- Proactive: an alert opened the ticket, before any message of the customer and with no ticket of his on the same device
-- still open. An alert came first where a true one was raised in the 30 d before the customer reported (or before the
-- ticket that it opened) and since the last repair ticket of the device; its lead runs from the earliest such alert.
with
tickets as (select * from core.fct_tickets_own where is_counted and asset_key is not null),
ticket_records as (select ticket_key, opened_by from staging.stg_tickets),
assets as (select * from staging.stg_assets),
alerts as (select * from staging.stg_iot_alerts where not coalesce(is_false, false)),
histories as (select ticket_key, first_customer_at from core.fct_ticket_histories),
run as (select * from raw.run),

joined as (
    select
        tickets.*,
        coalesce(assets.is_connected, false) as is_connected, assets.warranty_end_at, assets.sold_at,
        coalesce(ticket_records.opened_by, 'customer') as opened_by,
        case when coalesce(ticket_records.opened_by, 'customer') = 'customer' then tickets.created_at
            else histories.first_customer_at end as reported_at
    from tickets
    inner join assets on tickets.asset_key = assets.asset_key
    left join ticket_records on tickets.ticket_key = ticket_records.ticket_key
    left join histories on tickets.ticket_key = histories.ticket_key
),

alert_tickets as (
    select distinct joined.ticket_key
    from joined
    inner join alerts on joined.ticket_key = alerts.ticket_key and alerts.raised_at <= joined.created_at
),

repairs as (
    select
        ticket_key, asset_key, created_at,
        lag(created_at) over (partition by asset_key order by created_at, ticket_key) as repair_before_at
    from joined
    where kind = 'repair' and is_connected
),

warned as (
    select repairs.ticket_key, min(alerts.raised_at) as first_alert_at
    from repairs
    inner join alerts on repairs.asset_key = alerts.asset_key and alerts.raised_at <= repairs.created_at
    where date_diff('second', alerts.raised_at, repairs.created_at) <= 30 * 86400
        and coalesce(alerts.raised_at > repairs.repair_before_at, true)
    group by repairs.ticket_key
),

-- The customer had told of this device already, and that ticket was not settled yet.
told_before as (
    select distinct joined.ticket_key
    from joined
    inner join joined as earlier
        on joined.asset_key = earlier.asset_key and joined.ticket_key <> earlier.ticket_key
        and earlier.opened_by = 'customer' and earlier.created_at <= joined.created_at
    where joined.opened_by <> 'customer' and coalesce(earlier.resolved_at > joined.created_at, true)
),

judged as (
    select
        joined.*, warned.first_alert_at,
        joined.kind = 'repair' and joined.is_connected as is_connected_repair,
        (joined.opened_by = 'alert' or alert_tickets.ticket_key is not null) and joined.opened_by <> 'customer'
            and coalesce(joined.reported_at > joined.created_at, true) and told_before.ticket_key is null
            as is_alert_opened,
        told_before.ticket_key is not null as is_told_before
    from joined
    left join warned on joined.ticket_key = warned.ticket_key
    left join alert_tickets on joined.ticket_key = alert_tickets.ticket_key
    left join told_before on joined.ticket_key = told_before.ticket_key
)

select
    ticket_key, opened_by, reported_at, first_alert_at, warranty_end_at, is_connected, is_connected_repair,
    is_connected_repair and is_alert_opened as is_proactive,
    is_connected_repair and not is_told_before
        and (is_alert_opened or coalesce(first_alert_at < reported_at, first_alert_at is not null)) as is_alert_first,
    case when is_connected_repair and not is_told_before and first_alert_at < reported_at
        then cast(date_diff('second', first_alert_at, reported_at) as bigint) end as lead_seconds,
    warranty_end_at is not null as has_warranty,
    warranty_end_at is not null and created_at <= warranty_end_at as is_in_warranty
from judged
