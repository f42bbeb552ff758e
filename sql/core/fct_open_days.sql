-- Each ticket on each local day at whose end it was open.
-- grain: ticket_key, date
-- keep: view
-- How it is found out: fct_open_days_own.
with
unrolled as (
    select
        source, ticket_key, created_at, created_date, region, area, tier, is_vip, channel, customer_type, product,
        product_group, category, priority, team, unnest(open_dates) as date
    from core.fct_ticket_facts
)

select
    date, source, ticket_key, substr(ticket_key, length(source) + 2) as ticket_id, created_at, created_date, region,
    area, tier, is_vip, channel, customer_type, product, product_group, category, priority, team
from unrolled
