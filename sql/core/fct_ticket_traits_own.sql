-- What else is known of each ticket: its coding, links to other systems, flow, and how those waiting fared.
-- grain: ticket_key
-- keep: build
-- by: ticket_key
-- via: core.fct_tickets_own.ticket_key = core.fct_tickets_own.merged_into_key
-- via: core.dim_customers.customer_key = core.fct_tickets_own.customer_key
-- via: staging.stg_assets.asset_key = core.fct_tickets_own.asset_key
-- via: staging.stg_orders.order_key = core.fct_tickets_own.order_key
-- shared: progress_sources, expected_flows
-- moves: is_consult_maturing or (first_contact_at is null and contact_seconds is not null)
-- Every ticket, also the merged and cancelled ones, which no other ticket KPI counts. The pairs is_..._due and
-- is_..._waiting follow fct_tickets: answered or past its time is due, unanswered within it is waiting. A record,
-- event or flow that a source never exports is not missing: such sources take no part (is_..._told).
with
run as (select as_of from raw.run),
records as (
    select ticket_key, flow_id, coalesce(is_deleted, false) or coalesce(is_spam, false) as is_discarded
    from staging.stg_tickets
),
responses as (select ticket_key, is_response_expected as is_answer_owed from core.fct_ticket_responses),
outcomes as (select * from core.fct_ticket_outcomes_own),
ratings as (select ticket_key, score from core.fct_survey_answers where is_rating and ticket_key is not null),
customers as (select customer_key from core.dim_customers),
assets as (select asset_key from staging.stg_assets),
orders as (select order_key from staging.stg_orders),
channels as (
    select channel, lower(is_online) = 'true' as is_online
    from raw.channels
    where channel not in ('unknown', 'other')
),
days as (select cast(date as date) as date, kind from raw.calendar_days where calendar_id = 'office'),

informed as (select source, ticket_key from core.fct_ticket_histories where is_informed),
progress_sources as (select distinct source from informed),
flow_sources as (select source from core.dim_datasets where dataset = 'flows'),

flows as (
    select
        nullif(customer_type, '') as customer_type, nullif(tier, '') as tier, nullif(scene, '') as scene, flow_id
    from raw.flows
),

-- Blank fits any, and the row that names most conditions holds.
expected_flows as (
    select kinds.customer_type, kinds.tier, kinds.scene, flows.flow_id as expected_flow_id
    from (select distinct customer_type, tier, scene from core.fct_tickets_own) as kinds
    cross join flows
    where (flows.customer_type is null or flows.customer_type = kinds.customer_type)
        and (flows.tier is null or flows.tier = kinds.tier)
        and (flows.scene is null or flows.scene = kinds.scene)
    qualify row_number() over (
        partition by kinds.customer_type, kinds.tier, kinds.scene
        order by
            case when flows.customer_type is null then 0 else 1 end + case when flows.tier is null then 0 else 1 end
            + case when flows.scene is null then 0 else 1 end desc,
            flows.flow_id
    ) = 1
),

first_arrivals as (
    select visits.ticket_key, min(visits.arrived_at) as first_arrived_at
    from staging.stg_visits as visits
    inner join core.fct_tickets_own as tickets
        on visits.ticket_key = tickets.ticket_key and visits.arrived_at >= tickets.response_start_at
    group by visits.ticket_key
),

-- Time in which the ticket waited for its customer: the customer does not wait for us then.
asked_back as (
    select ticket_key, cast(sum(calendar_seconds) as bigint) as asked_back_seconds
    from core.fct_status_spans_own
    where status = 'pending'
    group by ticket_key
),

joined as (
    select
        tickets.*, run.as_of,
        records.flow_id, records.is_discarded, expected_flows.expected_flow_id,
        tickets.kind = 'consult' or (tickets.kind = 'unknown' and tickets.scene = 'consult') as is_consult,
        tickets.scene = 'service' or (tickets.scene = 'unknown' and tickets.kind in ('repair', 'return')) as is_service,
        channels.channel is not null as is_channel_registered,
        coalesce(channels.is_online, false) as is_online,
        merged_into.channel as main_channel,
        customers.customer_key is not null as is_customer_known,
        assets.asset_key is not null or orders.order_key is not null as is_purchase_known,
        flow_sources.source is not null as is_flow_told,
        progress_sources.source is not null as is_progress_told,
        informed.ticket_key is not null as is_informed,
        days.kind as day_kind,
        ratings.score,
        responses.is_answer_owed,
        outcomes.is_repeated_within_7d,
        asked_back.asked_back_seconds,
        -- An answer noted before the wait began contradicts itself, and only a visit can end that wait.
        case
            when tickets.first_response_at >= tickets.response_start_at
                and (first_arrivals.first_arrived_at is null
                    or tickets.first_response_at <= first_arrivals.first_arrived_at)
                then tickets.first_response_at
            else first_arrivals.first_arrived_at
        end as first_contact_at
    from core.fct_tickets_own as tickets
    cross join run
    inner join records on tickets.ticket_key = records.ticket_key
    inner join responses on tickets.ticket_key = responses.ticket_key
    inner join outcomes on tickets.ticket_key = outcomes.ticket_key
    left join expected_flows
        on tickets.customer_type = expected_flows.customer_type
        and tickets.tier = expected_flows.tier and tickets.scene = expected_flows.scene
    left join channels on tickets.channel = channels.channel
    left join core.fct_tickets_own as merged_into on tickets.merged_into_key = merged_into.ticket_key
    left join customers on tickets.customer_key = customers.customer_key
    left join assets on tickets.asset_key = assets.asset_key
    left join orders on tickets.order_key = orders.order_key
    left join flow_sources on tickets.source = flow_sources.source
    left join progress_sources on tickets.source = progress_sources.source
    left join informed on tickets.ticket_key = informed.ticket_key
    left join days on tickets.created_date = days.date
    left join ratings on tickets.ticket_key = ratings.ticket_key
    left join first_arrivals on tickets.ticket_key = first_arrivals.ticket_key
    left join asked_back on tickets.ticket_key = asked_back.ticket_key
),

judged as (
    select
        *,
        -- A live chat is asked for in open hours; whoever leaves it unanswered was not helped.
        channel = 'chat' and coalesce(not is_out_of_hours, false) and is_answer_owed
            and (is_counted or (status = 'cancelled' and not is_discarded and merged_into_key is null
                and first_response_at is null)) as is_chat_asked,
        -- 7 d to be solved and 7 d to stay so have passed for all alike: counted sooner, the unsolved would come first.
        is_consult and is_resolution_expected and date_diff('second', created_at, as_of) >= 14 * 86400
            as is_consult_matured,
        kind = 'repair' and is_response_expected as is_contact_expected,
        cast(case
            when first_contact_at is not null then date_diff('second', response_start_at, first_contact_at)
            when first_response_at is null then date_diff('second', response_start_at, as_of)
        end as bigint) as contact_seconds
    from joined
)

select
    ticket_key, day_kind, is_channel_registered, is_online,
    merged_into_key is not null and not is_discarded as is_merged,
    coalesce(merged_into_key is not null and not is_discarded and main_channel <> channel, false)
        as is_merged_across_channels,
    is_counted or (merged_into_key is not null and not is_discarded) as is_received,
    is_customer_known, is_service, is_purchase_known, is_progress_told, is_informed, flow_id, expected_flow_id,
    is_counted and is_flow_told and expected_flow_id is not null as is_flow_mapped,
    coalesce(flow_id = expected_flow_id, false) as is_flow_fit,
    is_chat_asked,
    is_chat_asked and (status = 'cancelled' or response_calendar_seconds > 180
        or (is_responded and response_calendar_seconds is not null)) as is_chat_due,
    is_chat_asked and status <> 'cancelled' and not is_responded and response_calendar_seconds <= 180
        as is_chat_waiting,
    is_chat_asked and is_responded and coalesce(response_calendar_seconds <= 180, false) as is_chat_in_time,
    is_contact_expected, first_contact_at,
    first_contact_at is not null as is_contacted,
    contact_seconds,
    is_contact_expected and coalesce(first_contact_at is not null or contact_seconds > 86400, false) as is_contact_due,
    is_contact_expected and first_contact_at is null and coalesce(contact_seconds <= 86400, false)
        as is_contact_waiting,
    first_contact_at is not null and coalesce(contact_seconds <= 86400, false) as is_contacted_within_24h,
    is_consult, is_consult_matured,
    is_consult and is_resolution_expected and not is_consult_matured as is_consult_maturing,
    is_consult_matured and is_first_solved and date_diff('second', created_at, first_solved_at) <= 7 * 86400
        and not is_reopened_within_7d and not is_repeated_within_7d as is_consult_resolved,
    score,
    score is not null as is_rated,
    coalesce(score <= 2, false) as is_dissatisfied,
    -- What the customer went through: creation to the final solve, less the time we waited for the customer.
    case when resolution_calendar_seconds is not null
        then cast(greatest(0, resolution_calendar_seconds - coalesce(asked_back_seconds, 0)) as bigint)
    end as customer_wait_seconds
from judged
