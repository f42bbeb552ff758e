-- Complaints: graded as received, settled or not, repeated or not, within their limits or not.
-- grain: complaint_key
-- The same customer on the same matter within 24 h of an earlier complaint is that complaint said twice (is_counted =
-- false). Settled (化解): outcome settled within 30 d, confirmed by the customer or met by 7 d of silence
-- (is_settled_by_silence), and not raised again in the 30 d after. Withdrawn complaints stay in the denominator. The
-- answer runs on the clock of its promise, grading on the office's: what comes in at night can be met when the office
-- opens. Where its ticket was merged into another, it was answered there. A grade without a time is neither late nor
-- in time. The first owner kept the complaint if he is accountable at the end or the one who solved its ticket.
with
complaints as (select * from staging.stg_complaints),
tickets as (select * from core.fct_ticket_profiles),
customer_ids as (select * from core.dim_customer_ids),
customers as (select * from core.dim_customers),
tier_spans as (select * from core.dim_tier_spans),
regions as (select * from core.dim_regions),
tiers as (select tier, lower(is_vip) = 'true' as is_vip from raw.tiers),
sla as (select * from core.dim_sla_targets),
responses as (select * from core.fct_ticket_responses),
datasets as (select * from core.dim_datasets),
clock as (select * from core.dim_clock),
run as (select * from raw.run),

keyed as (
    select
        complaints.*,
        coalesce(customer_ids.customer_key, complaints.customer_key, tickets.customer_key) as person_key,
        coalesce(complaints.matter, complaints.reason, tickets.category) as matter_key,
        nullif(tickets.region, 'unknown') as ticket_region, tickets.channel, tickets.product, tickets.product_group,
        tickets.category, tickets.priority, tickets.kind, tickets.team_now as team,
        coalesce(tickets.merged_into_key, complaints.ticket_key) as answered_key
    from complaints
    left join customer_ids on complaints.customer_key = customer_ids.named_key
    left join tickets on complaints.ticket_key = tickets.ticket_key
),

neighbours as (
    select
        *,
        lag(received_at) over (partition by person_key, matter_key order by received_at, complaint_key) as received_before
    from keyed
),

counted as (
    select
        *,
        not (
            person_key is not null and matter_key is not null and received_before is not null
            and date_diff('second', received_before, received_at) <= 24 * 3600
        ) as is_counted
    from neighbours
),

raised_again as (
    select distinct counted.complaint_key
    from counted
    inner join counted as later
        on counted.person_key = later.person_key and counted.matter_key = later.matter_key
        and counted.complaint_key <> later.complaint_key
        -- Said again within 24 h it is no new complaint, but after the solution it says that nothing was solved.
        and later.received_at > counted.resolved_at
    where date_diff('second', counted.resolved_at, later.received_at) <= 30 * 86400
),

sliced as (
    select
        counted.*, run.as_of, run.business_timezone,
        cast(counted.received_at at time zone 'UTC' at time zone run.business_timezone as date) as received_date,
        raised_again.complaint_key is not null as is_raised_again,
        coalesce(counted.ticket_region, tier_spans.region, 'unknown') as known_region,
        coalesce(tier_spans.tier, 'unknown') as tier,
        coalesce(customers.customer_type, 'unknown') as customer_type,
        coalesce(counted.grade_at_receipt, 'unknown') as grade_received
    from counted
    cross join run
    left join raised_again on counted.complaint_key = raised_again.complaint_key
    left join customers on counted.person_key = customers.customer_key
    left join tier_spans
        on counted.person_key = tier_spans.customer_key
        and counted.received_at >= tier_spans.valid_from and counted.received_at < tier_spans.valid_to
),

promised as (
    select
        sliced.*,
        resolution_sla.limit_seconds as resolution_seconds, plan_sla.limit_seconds as plan_seconds
    from sliced
    left join sla as resolution_sla
        on resolution_sla.metric = 'complaint_resolution'
        and coalesce(sliced.channel, 'unknown') = resolution_sla.channel
        and coalesce(sliced.kind, 'unknown') = resolution_sla.kind
        and coalesce(sliced.priority, 'unknown') = resolution_sla.priority
        and sliced.tier = resolution_sla.tier
        and sliced.received_date >= resolution_sla.valid_from and sliced.received_date < resolution_sla.valid_to
    left join sla as plan_sla
        on plan_sla.metric = 'complaint_plan'
        and coalesce(sliced.channel, 'unknown') = plan_sla.channel
        and coalesce(sliced.kind, 'unknown') = plan_sla.kind
        and coalesce(sliced.priority, 'unknown') = plan_sla.priority
        and sliced.tier = plan_sla.tier
        and sliced.received_date >= plan_sla.valid_from and sliced.received_date < plan_sla.valid_to
),

grading_sources as (select distinct source from datasets where dataset = 'graded_complaints'),

-- Answers, solver and assignments on the complaint's ticket, from its receipt on. Few tickets have a complaint: of the
-- events of all others nothing is read.
answering as (
    select complaint_key, received_at, ticket_key from keyed
    union
    select complaint_key, received_at, answered_key from keyed
),

events as (
    select all_events.*
    from staging.stg_ticket_events as all_events
    where all_events.ticket_key in (select ticket_key from answering)
),

answers as (
    select answering.complaint_key, min(events.occurred_at) as replied_at
    from answering
    inner join events on answering.ticket_key = events.ticket_key and events.occurred_at >= answering.received_at
    where events.event_type in ('message', 'call') and events.actor_role = 'agent' and coalesce(events.is_public, true)
    group by answering.complaint_key
),

told_by_messages as (select distinct ticket_key from events where event_type in ('message', 'call')),

solvers as (
    select complaints.complaint_key, events.agent_id as solver_id
    from complaints
    inner join events on complaints.ticket_key = events.ticket_key and events.occurred_at >= complaints.received_at
    where events.event_type = 'status' and events.status in ('solved', 'closed') and events.actor_role = 'agent'
        and events.agent_id is not null
    qualify row_number() over (
        partition by complaints.complaint_key
        order by case when events.status = 'solved' then 0 else 1 end, events.event_seq desc, events.occurred_at desc
    ) = 1
),

assignments as (
    select
        complaints.complaint_key, events.agent_id,
        coalesce(
            lag(events.agent_id) over (
                partition by complaints.complaint_key order by events.event_seq, events.occurred_at
            ),
            complaints.first_owner_id
        ) as owner_before
    from complaints
    cross join run
    inner join events on complaints.ticket_key = events.ticket_key and events.occurred_at >= complaints.received_at
    where events.event_type = 'assigned' and events.agent_id is not null
        and events.occurred_at <= coalesce(complaints.resolved_at, run.as_of)
),

owner_changes as (
    select complaint_key, count(*) filter (where agent_id <> owner_before) as change_count
    from assignments
    group by complaint_key
),

handled as (
    select
        promised.*,
        response_sla.limit_seconds as response_limit_seconds,
        response_sla.clock as response_clock, coalesce(response_sla.calendar_id, 'office') as response_calendar_id,
        case when told_by_messages.ticket_key is not null then answers.replied_at
            when responses.first_response_at >= promised.received_at then responses.first_response_at end as replied_at,
        -- An answer that the ticket itself dates before the complaint says nothing about the complaint.
        coalesce(responses.is_response_expected, false)
            and (told_by_messages.ticket_key is not null or responses.first_response_at is null
                or responses.first_response_at >= promised.received_at) as is_reply_known,
        grading_sources.source is not null and (promised.graded_at is not null or promised.grade is null)
            as is_grading_known,
        solvers.solver_id,
        greatest(
            coalesce(owner_changes.change_count, 0),
            case when promised.owner_id <> promised.first_owner_id then 1 else 0 end
        ) as owner_change_count
    from promised
    left join responses on promised.answered_key = responses.ticket_key
    left join answers on promised.complaint_key = answers.complaint_key
    left join told_by_messages on promised.answered_key = told_by_messages.ticket_key
    left join grading_sources on promised.source = grading_sources.source
    left join solvers on promised.complaint_key = solvers.complaint_key
    left join owner_changes on promised.complaint_key = owner_changes.complaint_key
    left join sla as response_sla
        on response_sla.metric = 'complaint_response'
        and coalesce(promised.channel, 'unknown') = response_sla.channel
        and coalesce(promised.kind, 'unknown') = response_sla.kind
        and coalesce(promised.priority, 'unknown') = response_sla.priority
        and promised.tier = response_sla.tier
        and promised.received_date >= response_sla.valid_from and promised.received_date < response_sla.valid_to
),

points as (
    select complaint_key, 'reply_start' as point, response_calendar_id as calendar_id,
        received_at at time zone 'UTC' at time zone business_timezone as at_local
    from handled
    union all
    select complaint_key, 'replied', response_calendar_id,
        coalesce(replied_at, as_of) at time zone 'UTC' at time zone business_timezone
    from handled
    union all
    select complaint_key, 'grading_start', 'office', received_at at time zone 'UTC' at time zone business_timezone
    from handled
    union all
    select complaint_key, 'graded', 'office',
        coalesce(graded_at, as_of) at time zone 'UTC' at time zone business_timezone
    from handled
),

clocked as (
    select
        points.complaint_key, points.point,
        clock.seconds_before + case when clock.is_open then
            date_diff('second', cast(cast(points.at_local as date) as timestamp), points.at_local) - clock.from_second
            else 0 end as open_seconds
    from points
    inner join clock
        on points.calendar_id = clock.calendar_id and cast(points.at_local as date) = clock.date
        and date_diff('second', cast(cast(points.at_local as date) as timestamp), points.at_local) >= clock.from_second
        and date_diff('second', cast(cast(points.at_local as date) as timestamp), points.at_local) < clock.to_second
),

open_waits as (
    select
        complaint_key,
        max(case when point = 'replied' then open_seconds end)
            - max(case when point = 'reply_start' then open_seconds end) as reply_seconds,
        max(case when point = 'graded' then open_seconds end)
            - max(case when point = 'grading_start' then open_seconds end) as grading_seconds
    from clocked
    group by complaint_key
),

timed as (
    select
        handled.*,
        cast(case when response_clock = 'calendar'
            then date_diff('second', received_at, coalesce(replied_at, as_of))
            else open_waits.reply_seconds end as bigint) as reply_seconds,
        cast(open_waits.grading_seconds as bigint) as grading_seconds,
        resolved_at is null as is_open,
        cast(date_diff('second', received_at, as_of) as bigint) as age_seconds,
        case when coalesce(resolved_at, as_of) >= received_at
            then cast(date_diff('second', received_at, coalesce(resolved_at, as_of)) as bigint) end as cycle_seconds,
        case when plan_fed_back_at >= received_at
            then cast(date_diff('second', received_at, plan_fed_back_at) as bigint) end as plan_wait_seconds
    from handled
    left join open_waits on handled.complaint_key = open_waits.complaint_key
),

judged as (
    select
        *,
        is_counted and age_seconds >= 60 * 86400 as is_closure_matured,
        is_counted and age_seconds < 60 * 86400 as is_closure_maturing,
        outcome = 'settled' and customer_confirmed_at is null and resolved_at is not null
            and date_diff('second', resolved_at, as_of) >= 7 * 86400 as is_settled_by_silence,
        outcome = 'settled' and resolved_at is not null and cycle_seconds <= 30 * 86400
            and (customer_confirmed_at is not null or date_diff('second', resolved_at, as_of) >= 7 * 86400)
            and not is_raised_again as is_settled_for_good,
        is_counted and is_reply_known and response_limit_seconds is not null
            and (replied_at is not null or reply_seconds > response_limit_seconds) as is_reply_due,
        is_counted and is_grading_known and (graded_at is not null or grading_seconds > 3600) as is_grading_due,
        is_counted and not is_open and first_owner_id is not null
            and (owner_id is not null or solver_id is not null) as is_owner_known,
        coalesce(reason, nullif(category, 'unknown'), 'unknown') as topic
    from timed
)

select
    judged.source, judged.complaint_key, judged.complaint_id, judged.ticket_key, judged.person_key as customer_key,
    judged.received_at, judged.received_date,
    judged.known_region as region, coalesce(regions.area, 'unknown') as area,
    judged.tier, coalesce(tiers.is_vip, false) as is_vip, coalesce(judged.channel, 'unknown') as channel,
    judged.customer_type, coalesce(judged.product, 'unknown') as product,
    coalesce(judged.product_group, 'unknown') as product_group, coalesce(judged.category, 'unknown') as category,
    coalesce(judged.priority, 'unknown') as priority, coalesce(judged.team, 'unknown') as team,
    judged.grade_received as grade, coalesce(judged.reason, 'unknown') as reason, judged.matter_key as matter,
    judged.first_owner_id, judged.owner_id, judged.plan_fed_back_at, judged.resolved_at, judged.outcome,
    judged.customer_confirmed_at,
    judged.is_counted, judged.is_open and judged.is_counted as is_open,
    judged.cycle_seconds, not judged.is_open as is_resolved, judged.is_raised_again,
    judged.is_counted and outcome = 'withdrawn' as is_withdrawn,
    judged.is_closure_matured, judged.is_closure_maturing, judged.is_settled_by_silence,
    judged.is_closure_matured and coalesce(judged.is_settled_for_good, false) as is_settled,
    judged.is_counted and judged.age_seconds >= 30 * 86400 as is_closed_matured,
    judged.is_counted and judged.age_seconds < 30 * 86400 as is_closed_maturing,
    judged.is_counted and judged.age_seconds >= 30 * 86400 and coalesce(judged.cycle_seconds <= 30 * 86400, false)
        and not judged.is_open as is_closed,
    judged.is_counted and judged.grade_received = 'general'
        and judged.age_seconds >= judged.resolution_seconds as is_24h_due,
    judged.is_counted and judged.grade_received = 'general'
        and judged.age_seconds < judged.resolution_seconds as is_24h_waiting,
    judged.is_counted and judged.grade_received = 'general' and judged.age_seconds >= judged.resolution_seconds
        and not judged.is_open and coalesce(judged.cycle_seconds <= judged.resolution_seconds, false) as is_within_24h,
    judged.is_counted and judged.grade_received = 'major' and judged.age_seconds >= judged.plan_seconds as is_plan_due,
    judged.is_counted and judged.grade_received = 'major' and judged.age_seconds < judged.plan_seconds
        as is_plan_waiting,
    judged.is_counted and judged.grade_received = 'major' and judged.age_seconds >= judged.plan_seconds
        and coalesce(judged.plan_wait_seconds <= judged.plan_seconds, false) as is_plan_within_48h,
    case
        when judged.grade_received = 'general' then judged.received_at + interval '1 second' * judged.resolution_seconds
        when judged.grade_received = 'major' then judged.received_at + interval '1 second' * judged.plan_seconds
    end as due_at,

    judged.solver_id, judged.is_owner_known,
    judged.is_owner_known and (
        coalesce(judged.owner_id = judged.first_owner_id, false)
        or coalesce(judged.solver_id = judged.first_owner_id, false)
    ) as is_first_owner_kept,
    cast(case when judged.is_owner_known then judged.owner_change_count else 0 end as bigint) as owner_change_count,

    judged.graded_at, coalesce(judged.grade, 'unknown') as grade_last,
    judged.is_counted and judged.grade is not null as is_graded,
    judged.is_grading_due,
    judged.is_counted and judged.is_grading_known and not judged.is_grading_due as is_grading_waiting,
    judged.is_grading_due and judged.graded_at is not null and judged.grading_seconds <= 3600 as is_graded_within_1h,

    judged.replied_at, judged.reply_seconds, judged.is_reply_due,
    judged.is_counted and judged.is_reply_known and judged.response_limit_seconds is not null
        and not judged.is_reply_due as is_reply_waiting,
    judged.is_reply_due and judged.replied_at is not null and judged.reply_seconds <= judged.response_limit_seconds
        as is_replied_within_1h,

    judged.is_counted and not judged.is_open as is_ended,
    judged.is_counted and not judged.is_open and judged.reason is not null and judged.grade is not null
        and coalesce(judged.owner_id, judged.first_owner_id) is not null and judged.outcome is not null
        as is_record_complete,

    judged.topic,
    min(judged.received_date) over (partition by judged.topic) as topic_first_date
from judged
left join regions on judged.known_region = regions.region
left join tiers on judged.tier = tiers.tier
