-- What each source brings: rows by dataset, and what only some sources say within a dataset.
-- grain: dataset, source
-- `replies` counts tickets or events that tell when an agent answered; `status_history` events that carry
-- a status; `ratings` scores, in surveys or on the tickets themselves.
with
tickets as (select * from staging.stg_tickets),
ticket_events as (select * from staging.stg_ticket_events),

reply_sources as (
    select source, count(*) as row_count
    from ticket_events
    where event_type in ('message', 'call') and actor_role = 'agent'
    group by source
    union all
    select source, count(*) as row_count
    from tickets
    where first_response_at is not null
    group by source
),

counted as (
    select 'customers' as dataset, source, count(*) as row_count from staging.stg_customer_records group by source
    union all
    select 'customer_tier_history', source, count(*) from staging.stg_customer_tier_history group by source
    union all
    select 'customer_links', source, count(*) from staging.stg_customer_links group by source
    union all
    select 'products', source, count(*) from staging.stg_products group by source
    union all
    select 'assets', source, count(*) from staging.stg_assets group by source
    union all
    select 'orders', source, count(*) from staging.stg_orders group by source
    union all
    select 'order_items', source, count(*) from staging.stg_order_items group by source
    union all
    select 'tickets', source, count(*) from tickets group by source
    union all
    select 'ticket_events', source, count(*) from ticket_events group by source
    union all
    select 'complaints', source, count(*) from staging.stg_complaints group by source
    union all
    select 'surveys', source, count(*) from staging.stg_surveys group by source
    union all
    select 'survey_answers', source, count(*) from staging.stg_survey_answers group by source
    union all
    select 'visits', source, count(*) from staging.stg_visits group by source
    union all
    select 'outlets', source, count(*) from staging.stg_outlets group by source
    union all
    select 'replies', source, sum(row_count) from reply_sources group by source
    union all
    select 'status_history', source, count(*) from ticket_events where status is not null group by source
    union all
    select 'ratings', source, sum(row_count)
    from (
        select source, count(*) as row_count from staging.stg_survey_answers group by source
        union all
        select source, count(*) as row_count from tickets where csat_score is not null group by source
    ) as scores
    group by source
)

select dataset, source, cast(row_count as bigint) as row_count
from counted
