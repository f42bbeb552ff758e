-- Each stage of each repair that has begun, against its own promise in policies/sla.csv.
-- grain: ticket_key, stage
-- keep: view
-- How it is found out: fct_repair_stages_own.
with
unrolled as (
    select
        source, ticket_key, created_date, region, area, tier, is_vip, channel, customer_type, product, product_group,
        category, priority, team, unnest(stages) as step
    from core.fct_ticket_facts
)

select
    source, ticket_key, step.stage as stage, step.stage_no as stage_no, created_date, region, area, tier, is_vip,
    channel, customer_type, product, product_group, category, priority, team, step.clock as clock,
    step.limit_seconds as limit_seconds, step.stage_seconds as stage_seconds, step.is_done as is_done,
    step.is_timed as is_timed, step.is_due as is_due, step.is_within as is_within
from unrolled
