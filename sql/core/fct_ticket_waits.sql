-- Waits of a ticket for a person: unowned (nobody has it), handoff (given to another team), escalation (handed up).
-- grain: ticket_key, wait_kind, wait_no
-- keep: view
-- How it is found out: fct_ticket_waits_own.
with
unrolled as (
    select
        source, ticket_key, created_date, region, area, tier, is_vip, channel, customer_type, product, product_group, kind,
        category, priority, team, unnest(waits) as wait
    from core.fct_ticket_facts
)

select
    source, ticket_key, substr(ticket_key, length(source) + 2) as ticket_id, wait.wait_kind as wait_kind,
    wait.wait_no as wait_no, created_date, region, area, tier, is_vip, channel, customer_type, product, product_group,
    kind, category, priority, team, wait.from_team as from_team, wait.to_team as to_team,
    wait.started_at as started_at, wait.ended_at as ended_at, wait.is_ended as is_ended,
    wait.wait_kind = 'unowned' as is_unowned, wait.wait_kind = 'handoff' as is_handoff,
    wait.wait_kind = 'escalation' as is_escalation,
    cast(date_diff('second', wait.started_at, wait.ended_at) as bigint) as calendar_seconds,
    wait.business_seconds as business_seconds
from unrolled
