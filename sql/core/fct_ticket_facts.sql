-- Every ticket with what other models find out about it, so that slices, keys and times are stored once for all of them.
-- grain: ticket_key
-- by: ticket_key
-- Each model named ..._own is one row a ticket and says only what fct_tickets_own does not; the views of the same name
-- without it are those rows as readers know them. NULL: the model has no row for the ticket.
with
-- Of what a ticket has several of, a list: key and slices are not repeated. Sorted, so that every build tells the same.
statuses as (
    select
        ticket_key,
        list_sort(list({
            'event_seq': event_seq, 'stay_no': stay_no, 'status': status, 'entered_date': entered_date,
            'left_date': left_date, 'calendar_seconds': calendar_seconds
        })) as statuses
    from (
        select *, cast(row_number() over (partition by ticket_key, event_seq order by entered_at) as integer) as stay_no
        from core.fct_status_spans_own
    ) as numbered
    group by ticket_key
),

waits as (
    select
        ticket_key,
        list_sort(list({
            'wait_kind': wait_kind, 'wait_no': wait_no, 'from_team': from_team, 'to_team': to_team,
            'started_at': started_at, 'ended_at': ended_at, 'is_ended': is_ended, 'business_seconds': business_seconds
        })) as waits
    from core.fct_ticket_waits_own
    group by ticket_key
),

open_days as (select ticket_key, list_sort(list(date)) as open_dates from core.fct_open_days_own group by ticket_key),

stages as (
    select
        ticket_key,
        list_sort(list({
            'stage_no': stage_no, 'stage': stage, 'clock': clock, 'limit_seconds': limit_seconds,
            'stage_seconds': stage_seconds, 'is_done': is_done, 'is_timed': is_timed, 'is_due': is_due,
            'is_within': is_within
        })) as stages
    from core.fct_repair_stages_own
    group by ticket_key
)

select
    tickets.source, tickets.ticket_key, tickets.customer_key, tickets.asset_key, tickets.order_key, tickets.created_at,
    tickets.created_date, tickets.created_local, tickets.region, tickets.area, tickets.tier, tickets.tier_basis,
    tickets.is_vip, tickets.channel, tickets.customer_type, tickets.product, tickets.product_group, tickets.scene,
    tickets.kind, tickets.category, tickets.priority, tickets.priority_last, tickets.team, tickets.agent_id,
    tickets.status, tickets.is_counted, tickets.reopen_count, tickets.reassign_count, tickets.source_sla_met,
    tickets.resolved_at_reported, tickets.closed_at, tickets.merged_into_key, tickets.response_start_at,
    tickets.first_response_at, tickets.is_response_expected, tickets.is_responded, tickets.is_out_of_hours,
    tickets.response_business_seconds, tickets.response_calendar_seconds, tickets.response_limit_seconds,
    tickets.response_policy_seconds, tickets.response_state, tickets.is_open, tickets.first_solved_at,
    tickets.reopened_at, tickets.resolved_at, tickets.is_resolved, tickets.is_resolution_expected,
    tickets.resolution_business_seconds, tickets.resolution_calendar_seconds, tickets.resolution_limit_seconds,
    tickets.resolution_policy_seconds, tickets.resolution_clock, tickets.resolution_pauses_on,
    tickets.resolution_state, tickets.has_visit, tickets.has_messages, tickets.agent_turn_count,
    tickets.is_first_solved, tickets.is_reopen_matured, tickets.is_reopened_within_7d,

    outcomes.is_solved_matured, outcomes.is_solve_maturing, outcomes.is_reopened, outcomes.is_solved_remotely,
    outcomes.is_contact_matured, outcomes.is_contact_maturing, outcomes.is_first_contact_resolved,
    outcomes.is_24h_matured, outcomes.is_24h_maturing, outcomes.is_solved_within_24h, outcomes.is_repeated_within_7d,

    traits.day_kind, traits.is_channel_registered, traits.is_online, traits.is_merged,
    traits.is_merged_across_channels, traits.is_received, traits.is_customer_known, traits.is_service,
    traits.is_purchase_known, traits.is_progress_told, traits.is_informed, traits.flow_id, traits.expected_flow_id,
    traits.is_flow_mapped, traits.is_flow_fit, traits.is_chat_asked, traits.is_chat_due, traits.is_chat_waiting,
    traits.is_chat_in_time, traits.is_contact_expected, traits.first_contact_at, traits.is_contacted,
    traits.contact_seconds, traits.is_contact_due, traits.is_contact_waiting, traits.is_contacted_within_24h,
    traits.is_consult, traits.is_consult_matured, traits.is_consult_maturing, traits.is_consult_resolved, traits.score,
    traits.is_rated, traits.is_dissatisfied, traits.customer_wait_seconds,

    rules.is_left_out, rules.zendesk_response_seconds, rules.freshdesk_response_seconds,
    rules.dbt_zendesk_response_seconds, rules.zendesk_is_one_touch, rules.freshdesk_is_one_touch,
    rules.dbt_zendesk_is_one_touch, rules.zendesk_is_reopened, rules.freshdesk_is_reopened,
    rules.dbt_zendesk_is_reopened, rules.dbt_zendesk_resolution_seconds,

    handling.is_team_known, handling.team_change_count, handling.is_one_stop_known, handling.is_one_stop,
    handling.is_owner_known, handling.unowned_seconds, handling.is_unowned_ended, handling.is_steps_known,
    handling.step_count, handling.is_escalation_known, handling.is_escalated,

    ratings.solved_date, ratings.speed, ratings.outcome, ratings.survey_key, ratings.is_rated as ratings_is_rated,
    ratings.is_satisfied, ratings.is_coverage_due, ratings.is_coverage_waiting, ratings.is_surveyed,
    ratings.is_poll_due, ratings.is_on_time, ratings.is_speed_compared,

    signs.agent, signs.is_solve_over_1h, signs.is_reopened_within_1h,
    signs.is_solved_remotely as signs_is_solved_remotely, signs.is_without_reply, signs.is_near_due, signs.is_parked,
    signs.is_just_under, signs.is_just_over, signs.is_survey_expected, signs.is_surveyed as signs_is_surveyed,
    signs.is_troubled,

    devices.opened_by, devices.reported_at, devices.first_alert_at, devices.warranty_end_at, devices.is_connected,
    devices.is_connected_repair, devices.is_proactive, devices.is_alert_first, devices.lead_seconds,
    devices.has_warranty, devices.is_in_warranty,

    consults.assigned_at, consults.followed_up_at, consults.is_assigned, consults.is_followed_up,
    consults.is_chain_closed, consults.is_chain_matured, consults.is_chain_maturing, consults.is_chain_complete,
    consults.routing_seconds, consults.answering_seconds, consults.solving_seconds, consults.following_seconds,

    agents.staff_key, agents.solved_date as credited_date, agents.role, agents.outlet, agents.article_key,
    agents.is_reviewed, agents.rated_date,

    staffs.staff_key as staffs_staff_key, staffs.role as staffs_role, staffs.outlet as staffs_outlet,
    staffs.is_response_due, staffs.is_resolution_due, staffs.is_resolved_for_good,

    contacts.is_issue_matured, contacts.is_issue_maturing, contacts.is_self_solved,

    statuses.statuses, waits.waits, open_days.open_dates, stages.stages
from core.fct_tickets_own as tickets
left join core.fct_ticket_outcomes_own as outcomes on tickets.ticket_key = outcomes.ticket_key
left join core.fct_ticket_traits_own as traits on tickets.ticket_key = traits.ticket_key
left join core.fct_ticket_rules_own as rules on tickets.ticket_key = rules.ticket_key
left join core.fct_ticket_handling_own as handling on tickets.ticket_key = handling.ticket_key
left join core.fct_ticket_ratings_own as ratings on tickets.ticket_key = ratings.ticket_key
left join core.fct_ticket_signs_own as signs on tickets.ticket_key = signs.ticket_key
left join core.fct_device_tickets_own as devices on tickets.ticket_key = devices.ticket_key
left join core.fct_consult_chains_own as consults on tickets.ticket_key = consults.ticket_key
left join core.fct_agent_tickets_own as agents on tickets.ticket_key = agents.ticket_key
left join core.fct_staff_tickets_own as staffs on tickets.ticket_key = staffs.ticket_key
left join core.fct_ticket_contacts_own as contacts on tickets.ticket_key = contacts.ticket_key
left join statuses on tickets.ticket_key = statuses.ticket_key
left join waits on tickets.ticket_key = waits.ticket_key
left join open_days on tickets.ticket_key = open_days.ticket_key
left join stages on tickets.ticket_key = stages.ticket_key
