-- How long each ticket stayed in each status, from its status events.
-- grain: ticket_key, event_seq, stay_no
-- keep: view
-- How it is found out: fct_status_spans_own.
with
unrolled as (
    select
        source, ticket_key, region, area, tier, is_vip, channel, customer_type, product, product_group, kind, category,
        priority, team, is_counted, unnest(statuses) as stay
    from core.fct_ticket_facts
)

select
    source, ticket_key, stay.event_seq as event_seq, stay.stay_no as stay_no, stay.status as status,
    stay.entered_date as entered_date, stay.left_date as left_date, region, area, tier, is_vip, channel, customer_type,
    product, product_group, kind, category, priority, team, is_counted, stay.calendar_seconds as calendar_seconds
from unrolled
