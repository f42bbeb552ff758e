-- Each ticket on each local day at whose end it was open.
-- grain: ticket_key, date
-- From the history, not from a snapshot: a day long past reads today as it read then. Ends with the last complete day.
with
open_spans as (select * from core.fct_open_spans),
tickets as (select * from core.fct_tickets where is_counted),
days as (select distinct date from core.dim_clock),
run as (select * from raw.run),

local_spans as (
    select
        open_spans.ticket_key,
        cast(open_spans.opened_at at time zone 'UTC' at time zone run.business_timezone as date) as opened_date,
        -- A ticket ended today was not open at today's end; one still open was so up to yesterday's end.
        cast(coalesce(open_spans.ended_at, run.as_of) at time zone 'UTC' at time zone run.business_timezone as date)
            as ended_date
    from open_spans
    cross join run
)

select distinct
    days.date,
    tickets.source, tickets.ticket_key, tickets.ticket_id, tickets.created_at, tickets.created_date,
    tickets.region, tickets.area, tickets.tier, tickets.is_vip, tickets.channel, tickets.customer_type,
    tickets.product, tickets.product_group, tickets.category, tickets.priority, tickets.team
from local_spans
inner join tickets on local_spans.ticket_key = tickets.ticket_key
inner join days on days.date >= local_spans.opened_date and days.date < local_spans.ended_date
