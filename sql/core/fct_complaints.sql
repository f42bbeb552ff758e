-- Complaints: graded as received, settled or not, repeated or not, within their limits or not.
-- grain: complaint_key
-- The same customer on the same matter within 24 h of an earlier complaint is that complaint said twice
-- (is_counted = false). Settled (化解): outcome settled within 30 d, confirmed by the customer or met by 7 d of silence
-- (is_settled_by_silence), and not raised again in the 30 d after. Withdrawn complaints stay in the denominator.
with
complaints as (select * from staging.stg_complaints),
tickets as (select * from core.fct_ticket_profiles),
customer_ids as (select * from core.dim_customer_ids),
customers as (select * from core.dim_customers),
tier_spans as (select * from core.dim_tier_spans),
regions as (select * from core.dim_regions),
tiers as (select tier, lower(is_vip) = 'true' as is_vip from raw.tiers),
sla as (select * from core.dim_sla_targets),
run as (select * from raw.run),

keyed as (
    select
        complaints.*,
        coalesce(customer_ids.customer_key, complaints.customer_key, tickets.customer_key) as person_key,
        coalesce(complaints.matter, complaints.reason, tickets.category) as matter_key,
        nullif(tickets.region, 'unknown') as ticket_region, tickets.channel, tickets.product, tickets.product_group,
        tickets.category, tickets.priority, tickets.kind, tickets.team_now as team
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

timed as (
    select
        *,
        resolved_at is null as is_open,
        cast(date_diff('second', received_at, as_of) as bigint) as age_seconds,
        case when coalesce(resolved_at, as_of) >= received_at
            then cast(date_diff('second', received_at, coalesce(resolved_at, as_of)) as bigint) end as cycle_seconds,
        case when plan_fed_back_at >= received_at
            then cast(date_diff('second', received_at, plan_fed_back_at) as bigint) end as plan_wait_seconds
    from promised
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
            and not is_raised_again as is_settled_for_good
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
    end as due_at
from judged
left join regions on judged.known_region = regions.region
left join tiers on judged.tier = tiers.tier
