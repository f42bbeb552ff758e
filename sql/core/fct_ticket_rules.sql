-- The same tickets under four sets of rules: ours, and those of Zendesk, Freshdesk and dbt_zendesk as they publish them.
-- grain: ticket_key
-- keep: view
-- How it is found out: fct_ticket_rules_own.
select
    source, ticket_key, substr(ticket_key, length(source) + 2) as ticket_id, created_date, region, area, tier, is_vip,
    channel, customer_type, product, product_group, category, priority, team, is_responded,
    response_start_at <> created_at as is_other_start, is_left_out, is_resolved,
    case when is_response_expected then response_calendar_seconds end as ours_response_seconds,
    zendesk_response_seconds, freshdesk_response_seconds, dbt_zendesk_response_seconds,
    case when is_contact_matured then is_first_contact_resolved end as ours_is_one_touch, zendesk_is_one_touch,
    freshdesk_is_one_touch, dbt_zendesk_is_one_touch,
    case when is_solved_matured then is_reopened end as ours_is_reopened, zendesk_is_reopened, freshdesk_is_reopened,
    dbt_zendesk_is_reopened,
    case when is_resolution_expected then resolution_calendar_seconds end as ours_resolution_seconds,
    case when status in ('solved', 'closed') then dbt_zendesk_resolution_seconds end as zendesk_resolution_seconds,
    case when is_counted and status in ('solved', 'closed') then dbt_zendesk_resolution_seconds end
        as freshdesk_resolution_seconds,
    dbt_zendesk_resolution_seconds
from core.fct_ticket_facts
where is_left_out is not null
