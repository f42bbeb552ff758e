-- Each ticket on each local day at whose end it was open.
-- grain: ticket_key, date
-- keep: build
-- by: ticket_key
-- moves: in core.fct_open_spans: ended_at is null
-- From the history, not from a snapshot: a day long past reads today as it read then. Ends with the last complete day.
with
open_spans as (select * from core.fct_open_spans),
tickets as (select ticket_key from core.fct_tickets_own where is_counted),
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
),

-- Unrolled by itself: Spark takes no function around it.
unrolled as (
    select
        ticket_key,
        unnest(generate_series(
            cast(opened_date as timestamp), cast(ended_date as timestamp) - interval '1 day', interval '1 day'
        )) as midnight
    from local_spans
    where ended_date > opened_date
),

open_days as (
    select distinct ticket_key, cast(midnight as date) as date
    from unrolled
)

select open_days.ticket_key, open_days.date
from open_days
inner join tickets on open_days.ticket_key = tickets.ticket_key
